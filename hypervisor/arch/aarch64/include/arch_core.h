/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCH_CORE_IMPL_H
#define ARCH_CORE_IMPL_H

#include "types.h"

struct world;
struct debug;
struct el1;
struct vcpu;

struct arch_core {
    struct world *world;    /* whose small part is in the hardware */
    struct el1 *el1;        /* whose EL1 registers are */
    struct world *fp_owner; /* whose FP/SIMD registers are; NULL: nobody's */
    struct debug *debug;    /* whose breakpoints are; NULL: nobody's */
    uint64_t gicr;          /* redistributor of this core */
    uint32_t ran_vcpu;      /* the last guest body here was a vCPU */
};

#endif
