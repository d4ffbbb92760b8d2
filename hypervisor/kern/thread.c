/* SPDX-License-Identifier: BSD-2-Clause */
#include "thread.h"

#include "atomic.h"
#include "console.h"
#include "core.h"
#include "notify.h"
#include "task.h"
#include <arch/thread.h>
#include <arch/timer.h>

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

void thread_init(struct thread *t, struct task *task, struct core *core, uint8_t prio)
{
    list_init(&t->ready);
    timer_init(&t->alarm, ring);
    t->core = core;
    t->task = task;
    t->prio = prio;
    t->state = THREAD_BLOCKED;
}

void thread_alarm(struct thread *t, uint64_t at)
{
    t->alarmed = true;
    timer_start(&t->alarm, at);
}

status_t thread_sleep(struct thread *t, uint64_t until)
{
    if (until > ORD_TIME_MAX)
        return ORD_BAD_PARAM;
    if (until <= arch_counter()) {
        arch_thread_result(t, ORD_OK, 0);
        return ORD_OK;
    }
    thread_block(t);
    thread_alarm(t, until);
    return ORD_OK;
}

void thread_wake(struct thread *t)
{
    if (t->state != THREAD_BLOCKED)
        return;
    if (t->alarmed) {
        t->alarmed = false;
        timer_stop(&t->alarm);
    }
    t->state = THREAD_READY;
    core_enqueue(t->core, t);
}

void thread_block(struct thread *t)
{
    if (t->state != THREAD_READY)
        return;
    t->state = THREAD_BLOCKED;
    core_dequeue(t->core, t);
    t->slice_left = 0;
    if (t->core->running == t)
        t->core->running = NULL;
}

void thread_set_prio(struct thread *t, uint8_t prio)
{
    if (t->prio == prio)
        return;
    if (t->state == THREAD_READY)
        core_dequeue(t->core, t);
    t->prio = prio;
    if (t->state == THREAD_READY)
        core_enqueue(t->core, t);
}

void thread_post(struct thread *t, uint32_t ops)
{
    struct core *c = t->core;

    /* Who sets the first bit puts the thread into the mailbox; the owner takes it out before it clears.
     * Nobody else may clear a bit: the thread would be put in twice. */
    if (atomic_or(&t->ops, ops) == 0) {
        struct thread *head = READ_ONCE(c->mail);
        do {
            t->mail_next = head;
        } while (!__atomic_compare_exchange_n(&c->mail, &head, t, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    }
    if (c != core_self())
        core_notify(c);
}

void thread_end(struct thread *t)
{
    thread_block(t);
    t->state = THREAD_DEAD;
    if (atomic_add(&t->task->thread_count, (uint32_t)-1) == 1)
        task_kill(t->task);
}

void thread_kill(struct thread *t, const char *reason)
{
    print("thread of task '%s' on core %u: %s", t->task->name, t->core->index, reason);
    thread_block(t);
    t->state = THREAD_DEAD;
    task_kill(t->task);
}
