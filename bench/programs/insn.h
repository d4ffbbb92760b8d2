/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Markers for bench/insn: unallocated hints, which hardware executes as no-ops. They are not counted.
 * Between insn_begin() and insn_end() lies what is measured; neither touches a register.
 */
#ifndef BENCH_INSN_H
#define BENCH_INSN_H

#define INSN_BEGIN      96
#define INSN_END        97
#define INSN_LABEL      98
#define INSN_HIST_START 99
#define INSN_HIST_STOP  100
#define INSN_EVENT      101 /* a point in time, between begin and end */

#ifndef __ASSEMBLER__

#define INSN_MARK_(number) __asm__ volatile("hint #" #number ::: "memory")
#define INSN_MARK(number)  INSN_MARK_(number)

static inline void insn_begin(void)
{
    INSN_MARK(96);
}

static inline void insn_end(void)
{
    INSN_MARK(97);
}

/* Names what follows; up to 63 characters, in memory that is present. */
static inline void insn_label(const char *text)
{
    register const char *x0 __asm__("x0") = text;

    __asm__ volatile("hint #98" ::"r"(x0) : "memory");
}

static inline void insn_hist_start(void)
{
    INSN_MARK(99);
}

static inline void insn_hist_stop(void)
{
    INSN_MARK(100);
}

static inline void insn_event(void)
{
    INSN_MARK(101);
}

#endif
#endif
