/* SPDX-License-Identifier: BSD-2-Clause */
/* Atomic operations and locks. */
#ifndef HV_ATOMIC_H
#define HV_ATOMIC_H

#include "types.h"
#include <arch/cpu.h>

#define atomic_load(p)        __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define atomic_store(p, v)    __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define atomic_or(p, v)       __atomic_fetch_or(p, v, __ATOMIC_ACQ_REL)
#define atomic_and(p, v)      __atomic_fetch_and(p, v, __ATOMIC_ACQ_REL)
#define atomic_add(p, v)      __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL)
#define atomic_exchange(p, v) __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL)

/* Replaces *p by new if it is old; says whether it was. */
#define atomic_cas(p, old, new)                                                                              \
    ({                                                                                                       \
        __typeof__(*(p)) expected_ = (old);                                                                  \
        __atomic_compare_exchange_n(p, &expected_, new, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);          \
    })

/* The same, tried once: it may fail although *p is old. For memory that a guest may keep changing, where a
 * loop of exclusives (LDXR, STXR) need not end. */
#define atomic_cas_once(p, old, new)                                                                         \
    ({                                                                                                       \
        __typeof__(*(p)) expected_ = (old);                                                                  \
        __atomic_compare_exchange_n(p, &expected_, new, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);           \
    })

/*
 * Spin locks protect creation and configuration, never a hot path. All hypervisor code runs with interrupts
 * masked. Order: vm->lock -> vm_irq_lock, the cores' lock (vm.c), a table's, a task's -> pool locks -> the
 * console's.
 */
struct spinlock {
    uint32_t next, owner;
};

static inline void spin_lock(struct spinlock *l)
{
    uint32_t ticket = atomic_add(&l->next, 1u);
    while (atomic_load(&l->owner) != ticket)
        cpu_relax();
}

static inline void spin_unlock(struct spinlock *l)
{
    atomic_store(&l->owner, l->owner + 1);
}

#endif
