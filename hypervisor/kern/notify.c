/* SPDX-License-Identifier: BSD-2-Clause */
#include "notify.h"

#include "atomic.h"
#include <arch/thread.h>

void notify_signal(struct notify *n, uint64_t bits)
{
    atomic_or(&n->bits, bits);
    smp_mb();
    struct thread *t = atomic_load(&n->waiter);
    if (t)
        thread_post(t, THREAD_OP_NOTIFY);
}

status_t notify_wait(struct notify *n, struct thread *t)
{
    if (!atomic_cas(&n->waiter, (struct thread *)NULL, t))
        return ORD_BUSY;
    t->waits = n;
    thread_block(t);
    smp_mb();
    notify_complete(t);
    return ORD_OK;
}

void notify_complete(struct thread *t)
{
    struct notify *n = t->waits;

    if (!n || t->state != THREAD_BLOCKED)
        return;
    uint64_t bits = atomic_exchange(&n->bits, 0ull);
    if (!bits)
        return;
    t->waits = NULL;
    atomic_store(&n->waiter, (struct thread *)NULL);
    arch_thread_result(t, ORD_OK, bits);
    thread_wake(t);
}
