/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCH_VCPU_IMPL_H
#define ARCH_VCPU_IMPL_H

#include "atomic.h"
#include "timer.h"
#include <arch_irq.h>
#include <arch_thread.h>

/* Breakpoints and watchpoints: value and control. */
struct debug {
    uint64_t bvr[16], bcr[16], wvr[16], wcr[16];
    bool os_lock;
};

struct arch_vcpu {
    struct world world;
    struct el1 el1;
    struct fpsimd fp;
    struct debug debug;
    struct timer vtimer;         /* armed while the virtual timer is not in the hardware */
    uint64_t vtimer_count;       /* its interrupts that were put into list registers */
    uint64_t exit_esr, exit_far; /* of the exit that the VMM handles; 0: it needs no answer */
    /* Interrupts to be put into list registers: set by any core, taken by the vCPU's. */
    uint32_t pending_private;
    uint32_t pending_words; /* which of these may not be 0 */
    uint64_t pending_spi[16];
};

/* Makes one pending. Any core. */
static inline void arch_vcpu_set_pending(struct arch_vcpu *a, uint32_t line)
{
    if (line < ARCH_LINE_FIRST) {
        atomic_or(&a->pending_private, (uint32_t)BIT(line));
        return;
    }
    atomic_or(&a->pending_spi[line / 64], BIT(line % 64));
    smp_mb();
    atomic_or(&a->pending_words, (uint32_t)BIT(line / 64));
}

static inline bool arch_vcpu_is_pending(const struct arch_vcpu *a, uint32_t line)
{
    return READ_ONCE(a->pending_spi[line / 64]) & BIT(line % 64);
}

static inline uint32_t arch_vcpu_pending_count(const struct arch_vcpu *a)
{
    uint32_t count = 0;

    for (uint32_t own = READ_ONCE(a->pending_private); own; own &= own - 1)
        count++;
    for (size_t w = 0; w < ARRAY_SIZE(a->pending_spi); w++)
        for (uint64_t lines = READ_ONCE(a->pending_spi[w]); lines; lines &= lines - 1)
            count++;
    return count;
}

#endif
