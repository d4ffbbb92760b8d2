/* SPDX-License-Identifier: BSD-2-Clause */
/* Contract: registers for people to look at. */
#ifndef HV_ARCH_REGISTERS_H
#define HV_ARCH_REGISTERS_H

#include <types.h>

struct core;

struct arch_register {
    const char *name;
    uint64_t value;
};
#define ARCH_REGISTERS_MAX 48

/* Of what was interrupted on this core c, if there is something, and of what the hardware holds below the
 * hypervisor. Returns how many. */
uint32_t arch_core_registers(struct core *c, struct arch_register r[ARCH_REGISTERS_MAX]);

#endif
