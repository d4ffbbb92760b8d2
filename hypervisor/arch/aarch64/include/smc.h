/* SPDX-License-Identifier: BSD-2-Clause */
/* The one instruction that enters EL3. Unit tests have their own. */
#ifndef AARCH64_SMC_H
#define AARCH64_SMC_H

#include "types.h"

/* x0 to x17 are arguments and results, all others are preserved (SMCCC 1.2, 2.6). */
#define SMC_REGISTERS 18

static inline void smc_call(uint64_t x[SMC_REGISTERS])
{
    register uint64_t *at __asm__("x19") = x;

    __asm__ volatile("ldp x0, x1, [%0]\n\tldp x2, x3, [%0, #16]\n\tldp x4, x5, [%0, #32]\n\t"
                     "ldp x6, x7, [%0, #48]\n\tldp x8, x9, [%0, #64]\n\tldp x10, x11, [%0, #80]\n\t"
                     "ldp x12, x13, [%0, #96]\n\tldp x14, x15, [%0, #112]\n\tldp x16, x17, [%0, #128]\n\t"
                     "smc #0\n\t"
                     "stp x0, x1, [%0]\n\tstp x2, x3, [%0, #16]\n\tstp x4, x5, [%0, #32]\n\t"
                     "stp x6, x7, [%0, #48]\n\tstp x8, x9, [%0, #64]\n\tstp x10, x11, [%0, #80]\n\t"
                     "stp x12, x13, [%0, #96]\n\tstp x14, x15, [%0, #112]\n\tstp x16, x17, [%0, #128]"
                     :
                     : "r"(at)
                     : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
                       "x14", "x15", "x16", "x17", "memory", "cc");
}

#endif
