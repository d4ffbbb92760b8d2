/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The work of a fixed work quantum: 2^bits rounds of two instructions.
 */
#ifndef BENCH_QUANTUM_H
#define BENCH_QUANTUM_H

#include <stdint.h>

/* Between markers; x0 at the first one is `mark`. */
static inline void quantum_work(unsigned bits, uint64_t mark)
{
    register uint64_t x0 __asm__("x0") = mark;
    uint64_t rounds = 1ull << bits;

    __asm__ volatile("hint #96\n"
                     "1: subs %0, %0, #1\n"
                     "   b.ne 1b\n"
                     "   hint #97"
                     : "+r"(rounds)
                     : "r"(x0)
                     : "cc");
}

/* The same without markers. */
static inline void quantum_warm_up(unsigned bits)
{
    uint64_t rounds = 1ull << bits;

    __asm__ volatile("1: subs %0, %0, #1\n"
                     "   b.ne 1b"
                     : "+r"(rounds)::"cc");
}

#endif
