/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's own address space and the translation set-up of a core. */
#ifndef AARCH64_MMU_H
#define AARCH64_MMU_H

#include "types.h"

/* Of a core: a page that is not mapped, which who uses too much runs into, then the stack. */
#define STACK_ORDER 2
#define STACK_SIZE  (PAGE_SIZE << STACK_ORDER)

/* MMU on with a coarse map of the image and the device tree. Boot core, MMU off. */
void mmu_early(uint64_t dtb);
/* To the real tables: image W^X, RAM, GIC, UART. Boot core. */
void mmu_init(void);
/* Stage-2 set-up of this core. */
void mmu_init_core(void);

#endif
