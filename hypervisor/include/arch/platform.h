/* SPDX-License-Identifier: BSD-2-Clause */
/* Contract: the architecture's part of starting up and of VMs. */
#ifndef HV_ARCH_PLATFORM_H
#define HV_ARCH_PLATFORM_H

#include <types.h>
#include <outrider/task.h>

struct vm;

/* Bits of a space's addresses that this machine's cores translate. */
unsigned arch_space_bits(void);
/* What every VM's table holds besides its memory (the stub of detached contexts). NO_MEMORY. */
status_t arch_vm_init(struct vm *vm) MUST_CHECK;

/* Whether the firmware's calls `first` to `last` are such that a VM may be given them. */
bool arch_firmware_valid(uint64_t first, uint64_t last);

/* Image and pool of the hypervisor. */
uint64_t arch_image_base(void);
uint64_t arch_image_size(void); /* with the pool, as declared to the boot loader */
uint64_t arch_pool_base(void);  /* the pool starts here */

/* Fills in the architecture's fields. */
void arch_bootinfo(struct ord_bootinfo *info);

/* Cleans memory to the point of coherency, instruction caches invalidated. */
void arch_mem_sync(void *start, uint64_t size);

#endif
