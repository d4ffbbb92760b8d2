/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the programs of tests/guest share. Each of them is an ordinary Linux program: it prints one last line
 * "PASS: …" or "FAIL: …" and returns 0 or 1 (2: wrong usage), detached or not.
 */
#ifndef TESTS_GUEST_COMMON_H
#define TESTS_GUEST_COMMON_H

#include <stdbool.h>
#include <stdint.h>

#include "outrider/hostcall.h"
#include "outrider/ioctl.h"

/* Prints "FAIL: program: reason" and ends the process with 1. Callable from signal handlers and any thread.
 */
_Noreturn void test_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints "PASS: program: text"; returns 0 for main(). */
int test_pass(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Fails with the condition's text and errno. */
#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            test_fail("%s:%d: %s (errno %d)", __func__, __LINE__, #condition, errno);                        \
    } while (0)

/* Decimal or 0x number of an argument; prints the usage and exits with 2 if it is none. */
uint64_t arg_number(const char *text, const char *usage);

static inline uint64_t counter(void)
{
    uint64_t value;

    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(value)::"memory");
    return value;
}

static inline uint64_t counter_hz(void)
{
    uint64_t value;

    __asm__("mrs %0, cntfrq_el0" : "=r"(value));
    return value;
}

/* xorshift64*: the same sequence for the same seed; the state is never 0. */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dull;
}

/* A system call with all of its registers: number in x8, arguments and results in x[0..7]. */
static inline void raw_call(uint64_t number, uint64_t x[8])
{
    register uint64_t x8 __asm__("x8") = number;
    register uint64_t x0 __asm__("x0") = x[0];
    register uint64_t x1 __asm__("x1") = x[1];
    register uint64_t x2 __asm__("x2") = x[2];
    register uint64_t x3 __asm__("x3") = x[3];
    register uint64_t x4 __asm__("x4") = x[4];
    register uint64_t x5 __asm__("x5") = x[5];
    register uint64_t x6 __asm__("x6") = x[6];
    register uint64_t x7 __asm__("x7") = x[7];

    __asm__ volatile("svc #0"
                     : "+r"(x8), "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "+r"(x6),
                       "+r"(x7)
                     :
                     : "memory", "cc");
    x[0] = x0;
    x[1] = x1;
    x[2] = x2;
    x[3] = x3;
    x[4] = x4;
    x[5] = x5;
    x[6] = x6;
    x[7] = x7;
}

/* Whether the hypervisor answers host calls of the calling thread now. */
static inline bool is_detached(void)
{
    uint64_t x[8] = {0};

    raw_call(ORD_HOSTCALL_INFO, x);
    return x[0] == ORD_ABI_VERSION;
}

/*
 * is_detached(), with patience: the module may let a thread run in Linux for a moment (after a signal, say),
 * but never for good. Gives up after a number of calls, not after a time.
 */
bool becomes_detached(void);

/* The open device, -1 if it cannot be opened: one file for all that follows. */
int thread_device(void);

/* ioctl DETACH of the calling thread; 0 or -errno. core may be ORD_CORE_ANY. */
int detach_self(uint32_t core, uint32_t prio) __asm__("test_detach_self"); /* libdetach has one, too */

/* ioctl ATTACH of the calling thread; 0 or -errno. */
int attach_self(void);

/* ioctl STAT of a thread; 0 or -errno. */
int thread_stat(int tid, struct ord_ioc_thread *thread);

/* The same of the caller, which is detached. */
struct ord_ioc_thread stat_self(void);

/*
 * A page in memory for others to look at, present from the start: of this file, or if that is NULL of nobody
 * else's.
 */
void *page_map(const char *file);

/* The physical address of a byte that is present; 0 without CAP_SYS_ADMIN. */
uint64_t physical_address(const void *address);

/* How many interrupts Linux has had, on all CPUs, of whoever has this name in /proc/interrupts. */
uint64_t interrupts_count(const char *name);

/* One line about a thread: state, core and its counters. */
void print_stats(const char *name, const struct ord_ioc_thread *thread);

#endif
