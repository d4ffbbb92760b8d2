/* SPDX-License-Identifier: BSD-2-Clause */
#include "body.h"

#include "atomic.h"
#include "context.h"
#include "core.h"
#include "notify.h"
#include "vcpu.h"

static NOINLINE void handle_context(struct context *c, uint32_t ops)
{
    /* RUN first: a RECALL that was meant for it must not get lost; one for the run before is void. */
    if (ops & THREAD_OP_RUN)
        context_handle_run(c);
    if (ops & THREAD_OP_RECALL)
        context_handle_recall(c);
    if (ops & THREAD_OP_STOP)
        context_handle_stop(c);
    if (ops & THREAD_OP_TIME)
        context_handle_time(c);
    if (ops & THREAD_OP_NOTIFY)
        context_handle_notify(c);
}

static NOINLINE void handle_host(struct thread *t, uint32_t ops)
{
    if (ops & THREAD_OP_STOP) {
        if (t->state == THREAD_READY)
            thread_block(t);
        t->state = THREAD_DEAD;
        return;
    }
    if (ops & THREAD_OP_WAKE)
        thread_wake(t);
    if (ops & THREAD_OP_NOTIFY)
        notify_complete(t);
    if (ops & THREAD_OP_IRQ)
        vcpu_handle_irq(t->vcpu);
    if (ops & THREAD_OP_KICK)
        vcpu_handle_kick(t->vcpu);
}

NOINLINE void body_handle(struct core *c, struct thread *t, uint32_t ops)
{
    if (UNLIKELY(t->core != c)) {
        /* It was moved between a sender's look at its core and the request. RUN and RECALL cannot be among
         * them: a context that runs is not moved. */
        thread_post(t, ops);
        return;
    }
    if (t->state == THREAD_DEAD)
        return;
    if (t->context)
        handle_context(t->context, ops);
    else if (ops == THREAD_OP_IRQ)
        vcpu_handle_irq(t->vcpu);
    else
        handle_host(t, ops);
}

void body_resume(struct thread *t)
{
    if (!t->in_guest)
        return;
    vcpu_resume(t->vcpu);
    vcpu_watch(t->vcpu);
}

void body_preempted(struct thread *t)
{
    if (t->context && t->context != t->core->budget.held)
        context_preempted(t->context);
    if (t->in_guest)
        WRITE_ONCE(t->vcpu->preempted, true);
}

void body_throttled(struct thread *t)
{
    context_throttled(t->context);
}
