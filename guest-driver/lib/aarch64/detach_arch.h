/* SPDX-License-Identifier: BSD-2-Clause */
/* What libdetach knows of its architecture: how a host call is made. */
#ifndef DETACH_ARCH_H
#define DETACH_ARCH_H

#include <stdint.h>

/* A system call of a number that Linux does not have; the first result is returned, the other three are in
 * `result`. */
static inline long host_call(uint64_t number, uint64_t argument, uint64_t argument2, uint64_t result[3])
{
    register uint64_t x8 __asm__("x8") = number;
    register uint64_t x0 __asm__("x0") = argument;
    register uint64_t x1 __asm__("x1") = argument2;
    register uint64_t x2 __asm__("x2") = 0;
    register uint64_t x3 __asm__("x3") = 0;

    __asm__ volatile("svc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : "r"(x8) : "memory", "cc");
    result[0] = x1;
    result[1] = x2;
    result[2] = x3;
    return (long)x0;
}

#endif
