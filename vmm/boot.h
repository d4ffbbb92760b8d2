/* SPDX-License-Identifier: BSD-2-Clause */
/* From boot information to a VM that is ready to run, in steps; each prints what is wrong and returns false.
 */
#ifndef VMM_BOOT_H
#define VMM_BOOT_H

#include "arch/image.h"
#include "arch/machine.h"
#include "vm.h"

struct boot {
    const struct ord_bootinfo *info;
    const struct ord_module *linux_module, *ramdisk, *config;
    struct image image;
    struct machine_boot start;
    struct range_list reserved;             /* not ours to write to: firmware's, or a device's */
    struct machine_description description; /* for the guest */
    struct vm vm;
};

/* Checks the machine, modules and configuration; maps the task's memory. */
bool boot_prepare(struct boot *boot, const struct ord_bootinfo *info);

/* Makes the VM, its memory, devices and vCPUs, and what describes them to the guest. */
bool boot_make_vm(struct boot *boot);

/* Puts the kernel and what it is told where the guest starts with them. */
bool boot_load(struct boot *boot);

/* Starts vCPU 0. */
void boot_start(struct boot *boot);

/*
 * Places for the kernel and the description, beside the initrd and what is reserved; false if memory does not
 * suffice.
 */
bool boot_place(const struct boot *boot, uint64_t *kernel, uint64_t *description);

#endif
