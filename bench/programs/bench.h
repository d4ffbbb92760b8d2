/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the programs of bench/ share. Each measures intervals between markers of bench/insn (insn.h), and
 * prints what the system counter says, for machines without the plugin: there the figures are ticks.
 */
#ifndef BENCH_H
#define BENCH_H

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "../../tests/guest/common.h"
#include "hvbench.h"
#include "insn.h"

struct bench {
    const char *config; /* what the results are to be called: attached, detached, … */
    uint32_t core;      /* to detach to; ORD_CORE_ANY: stay attached */
    uint64_t count;
    int cpu;      /* of Linux to stay on; -1: any */
    bool disturb; /* a self-test: measure with a known disturbance inside, and without */
    uint64_t gap; /* rounds of a loop between two measurements, so that all others come to rest */
};

/* Options --config NAME, --core N, --count N, --cpu N, --gap N, --disturb; prints the usage and exits with 2
 * if they are wrong.
 */
void bench_options(struct bench *b, int argc, char **argv);

/* Pins the caller to a CPU of Linux. */
void bench_pin(int cpu);

/* Names for the self-test's intervals: "NAME+0", "NAME+1000". */
void bench_label_disturbed(const struct bench *b, const char *name, bool more);

/* Detaches the caller if the options say so, and waits until it is. */
void bench_detach(const struct bench *b);

/* Computes for the gap, without any call. */
void bench_gap(const struct bench *b);

/*
 * A system call of the module hvbench that executes HVBENCH_DISTURB_MAX instructions more, or none more, and
 * differs in nothing else.
 */
struct disturbance {
    long fd, request, count;
};
struct disturbance bench_disturbance(bool more);

/*
 * Of programs whose interval has no system call of Linux: a loop of so many rounds of two instructions at its
 * end. With BENCH_ROUNDS_MORE they are HVBENCH_DISTURB_MAX instructions more than with BENCH_ROUNDS, exactly.
 */
#define BENCH_ROUNDS      1
#define BENCH_ROUNDS_MORE (BENCH_ROUNDS + HVBENCH_DISTURB_MAX / 2)
static inline void bench_more(uint64_t rounds)
{
    __asm__ volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(rounds)::"cc");
}

/* Names the intervals that follow: "PROGRAM/CONFIG/NAME". */
void bench_label(const struct bench *b, const char *name);

/* Counter ticks of the intervals, kept until bench_report() prints their median and maximum. */
void bench_ticks(uint64_t ticks);
void bench_report(const char *name);

static inline long call4(long number, long a, long b, long c, long d)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;

    __asm__ volatile("hint #96\n\tsvc #0\n\thint #97"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3)
                     : "memory", "cc");
    return x0;
}

/* The same, followed by a disturbance. */
static inline long call4_disturbed(long number, long a, long b, long c, long d,
                                   const struct disturbance *more)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    long result;

    __asm__ volatile("hint #96\n\tsvc #0\n\t"
                     "mov %[result], x0\n\tmov x8, %[ioctl]\n\tldp x0, x1, [%[more]]\n\tldr x2, [%[more], "
                     "#16]\n\tsvc #0\n\t"
                     "hint #97"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x8), [result] "=&r"(result)
                     : "r"(x3), [more] "r"(more), [ioctl] "i"(29)
                     : "memory", "cc");
    return result;
}

/* The same without markers, for histograms. */
static inline long call4_plain(long number, long a, long b, long c, long d)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;

    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory", "cc");
    return x0;
}

#endif
