/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCH_CPU_IMPL_H
#define ARCH_CPU_IMPL_H

struct core;

extern struct core *model_core;

static inline void cpu_relax(void) {}

static inline void smp_mb(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void cpu_send_event(void) {}

static inline struct core *core_self(void)
{
    return model_core;
}

#endif
