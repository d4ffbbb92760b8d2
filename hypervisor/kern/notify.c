/* SPDX-License-Identifier: BSD-2-Clause */
#include "notify.h"

#include "atomic.h"
#include "virq.h"
#include <arch/thread.h>
#include <arch/timer.h>

void notify_signal(struct notify *n, uint64_t bits)
{
    atomic_add(&n->count, 1ull);
    atomic_or(&n->bits, bits);
    smp_mb();
    struct thread *t = atomic_load(&n->waiter);
    if (t)
        thread_post(t, THREAD_OP_NOTIFY);
    /* Linux hears of it if no thread takes it. */
    struct irq *i = t ? NULL : atomic_load(&n->irq);
    if (i)
        virq_raise(i);
}

/* The thread sleeps, or waits for a notification. One that was stopped meanwhile stays that. */
static void ring(struct timer *timer)
{
    struct thread *t = CONTAINER_OF(timer, struct thread, alarm);
    bool waits = t->waits;

    if (t->state != THREAD_BLOCKED)
        return;
    if (waits)
        notify_cancel(t);
    arch_thread_result(t, waits ? ORD_TIMED_OUT : ORD_OK, 0);
    thread_wake(t);
}

/* Wakes a blocked host thread of this core at that time, unless it is woken before. */
static void alarm(struct thread *t, uint64_t at)
{
    t->alarm.fire = ring;
    t->alarmed = true;
    timer_start(&t->alarm, at);
}

status_t notify_wait(struct notify *n, struct thread *t, uint64_t deadline)
{
    if (deadline > ORD_TIME_MAX)
        return ORD_BAD_PARAM;
    if (!atomic_cas(&n->waiter, (struct thread *)NULL, t))
        return ORD_BUSY;
    t->waits = n;
    thread_block(t);
    smp_mb();
    notify_complete(t);
    if (deadline && t->state == THREAD_BLOCKED)
        alarm(t, deadline);
    return ORD_OK;
}

status_t notify_sleep(struct thread *t, uint64_t until)
{
    if (until > ORD_TIME_MAX)
        return ORD_BAD_PARAM;
    if (until <= arch_counter()) {
        arch_thread_result(t, ORD_OK, 0);
        return ORD_OK;
    }
    thread_block(t);
    alarm(t, until);
    return ORD_OK;
}

uint64_t notify_take(struct notify *n, bool peek)
{
    return peek ? atomic_load(&n->count) : atomic_exchange(&n->count, 0ull);
}

void notify_complete(struct thread *t)
{
    struct notify *n = t->waits;

    if (!n || t->state != THREAD_BLOCKED)
        return;
    uint64_t bits = atomic_exchange(&n->bits, 0ull);
    if (!bits)
        return;
    notify_cancel(t);
    arch_thread_result(t, ORD_OK, bits);
    thread_wake(t);
}

void notify_cancel(struct thread *t)
{
    struct notify *n = t->waits;

    t->waits = NULL;
    atomic_store(&n->waiter, (struct thread *)NULL);
}
