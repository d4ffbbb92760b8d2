/* SPDX-License-Identifier: BSD-2-Clause */
#include "thread.h"

#include "atomic.h"
#include "context.h"
#include "core.h"
#include <arch/timer.h>

void thread_init(struct thread *t, struct task *task, struct core *core, uint8_t prio)
{
    list_init(&t->ready);
    list_init(&t->alarm.link);
    t->core = core;
    t->task = task;
    t->prio = prio;
    t->state = THREAD_BLOCKED;
}

static ALWAYS_INLINE void make_ready(struct thread *t)
{
    t->state = THREAD_READY;
    core_enqueue(t->core, t);
}

static NOINLINE void wake_before_alarm(struct thread *t)
{
    t->alarmed = false;
    timer_stop(&t->alarm);
    make_ready(t);
}

void thread_wake(struct thread *t)
{
    if (t->state != THREAD_BLOCKED)
        return;
    if (t->alarmed)
        wake_before_alarm(t); /* last, so that the frequent way needs no stack */
    else
        make_ready(t);
}

/*
 * Contexts' time is one word, so that a guest that looks at it meanwhile sees all of it: it is less than the
 * counter, and what is negative lacks the counter.
 */
inline void thread_begin(struct core *c, struct thread *t)
{
    struct context *x = t->context;

    c->running = t;
    if (x)
        x->frame->stats.run_time = x->stats.run_time -= arch_counter_relaxed();
}

void thread_end(struct core *c)
{
    struct context *x = c->running->context;

    c->running = NULL;
    if (x)
        x->frame->stats.run_time = x->stats.run_time += arch_counter_relaxed();
}

inline void thread_block(struct thread *t)
{
    if (t->state != THREAD_READY)
        return;
    t->state = THREAD_BLOCKED;
    core_dequeue(t->core, t);
    t->slice_left = 0;
    if (t->core->running == t)
        thread_end(t->core);
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

struct core *thread_request(struct thread *t, uint32_t ops)
{
    struct core *c = t->core;

    /* Who sets the first bit puts the thread into the mailbox; the owner takes it out before it clears.
     * Nobody else may clear a bit: the thread would be put in twice. */
    if (atomic_or(&t->ops, ops) == 0)
        core_mail(c, t, t);
    return c;
}

void thread_post(struct thread *t, uint32_t ops)
{
    struct core *c = thread_request(t, ops);

    if (c != core_self())
        core_notify(c);
}
