/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCH_VCPU_IMPL_H
#define ARCH_VCPU_IMPL_H

#include "atomic.h"
#include "types.h"
#include <arch_irq.h>

struct arch_vcpu {
    bool inside; /* arch_vcpu_enter() without _leave() yet */
    bool irq_pending;
    uint64_t timer_pending; /* which interrupt of its timer */
    uint32_t enters, leaves, resets;
    uint64_t pending[16];
};

/* Makes one pending. Any core. */
static inline void arch_vcpu_set_pending(struct arch_vcpu *a, uint32_t line)
{
    atomic_or(&a->pending[line / 64], BIT(line % 64));
}

static inline bool arch_vcpu_is_pending(const struct arch_vcpu *a, uint32_t line)
{
    return READ_ONCE(a->pending[line / 64]) & BIT(line % 64);
}

static inline uint32_t arch_vcpu_pending_count(const struct arch_vcpu *a)
{
    uint32_t count = 0;

    for (size_t w = 0; w < ARRAY_SIZE(a->pending); w++)
        for (uint64_t lines = READ_ONCE(a->pending[w]); lines; lines &= lines - 1)
            count++;
    return count;
}

#endif
