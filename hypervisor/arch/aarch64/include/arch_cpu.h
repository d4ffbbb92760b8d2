/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCH_CPU_IMPL_H
#define ARCH_CPU_IMPL_H

struct core;

static inline void cpu_relax(void)
{
    __asm__ volatile("yield" ::: "memory");
}

static inline void smp_mb(void)
{
    __asm__ volatile("dmb ish" ::: "memory");
}

/* Wakes cores that wait in WFE. */
static inline void cpu_send_event(void)
{
    __asm__ volatile("dsb ish\n\tsev" ::: "memory");
}

static inline struct core *core_self(void)
{
    struct core *c;

    __asm__("mrs %0, tpidr_el2" : "=r"(c));
    return c;
}

#endif
