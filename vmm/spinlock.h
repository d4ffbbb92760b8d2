/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lock between the VMM's threads, which run on different cores. Order: power, irqchip, log; each may be taken
 * alone. No lock is held across vcpu_run() or notify_wait().
 */
#ifndef VMM_SPINLOCK_H
#define VMM_SPINLOCK_H

#include <stdint.h>

struct spinlock {
    uint32_t locked;
};

static inline void spinlock_lock(struct spinlock *lock)
{
    while (__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE))
        while (__atomic_load_n(&lock->locked, __ATOMIC_RELAXED))
            ;
}

static inline void spinlock_unlock(struct spinlock *lock)
{
    __atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
}

#endif
