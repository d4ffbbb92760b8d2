/* SPDX-License-Identifier: BSD-2-Clause */
/* Cores of the fake are threads of a test program. */
#ifndef ARCH_CPU_IMPL_H
#define ARCH_CPU_IMPL_H

struct core;

extern _Thread_local struct core *fake_core;

/* Places where a test may let another core go on (fake.h). */
void fake_relax(void);
void fake_point(void);

static inline void cpu_relax(void)
{
    fake_relax();
}

static inline void smp_mb(void)
{
    fake_point();
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    fake_point();
}

/* Wakes cores that wait in arch_core_poll(). */
void cpu_send_event(void);

static inline struct core *core_self(void)
{
    return fake_core;
}

#endif
