/* SPDX-License-Identifier: BSD-2-Clause */
#include "thread.h"

#include "atomic.h"
#include "console.h"
#include "core.h"
#include "task.h"

void thread_wake(struct thread *t)
{
    if (t->state != THREAD_BLOCKED)
        return;
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
