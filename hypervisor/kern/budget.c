/* SPDX-License-Identifier: BSD-2-Clause */
#include "budget.h"

#include "core.h"
#include <arch/timer.h>

/* The core looks at everything anew after each interrupt; nothing to do here. */
static void expired(struct timer *timer)
{
    CONTAINER_OF(timer, struct budget, timer)->armed = false;
}

void budget_init(struct budget *b)
{
    timer_init(&b->timer, expired);
}

void budget_set(struct budget *b, uint64_t limit, uint64_t period)
{
    b->limit = limit < period ? limit : 0;
    b->period = period;
}

/* One that is early, left from a run that ended before its limit, starts the right one when it is over. */
static void arm(struct budget *b, uint64_t expires)
{
    if (b->armed && b->timer.expires <= expires)
        return;
    b->armed = true;
    timer_start(&b->timer, expires);
}

static void disarm(struct budget *b)
{
    if (!b->armed)
        return;
    b->armed = false;
    timer_stop(&b->timer);
}

/* What has been used until now, and of which period. */
static void account(struct budget *b, uint64_t now)
{
    if (b->spends) {
        if (now - b->start >= b->period) {
            /* A new one has begun while threads ran: one interrupt per period is enough. */
            b->start += b->period;
            b->used = 0;
            b->since = MAX(b->since, b->start);
        }
        b->used += now - b->since;
        b->since = now;
    }
    if (now - b->start >= b->period) {
        b->start = now;
        b->used = 0;
    }
}

NOINLINE struct thread *budget_choose(struct core *c, struct thread *t)
{
    struct budget *b = &c->budget;

    bool context = t && t->context, contended = context && !list_empty(&c->queue[THREAD_PRIO_GUEST]);
    /* While the guest runs, the timer stays: a control loop would start and stop it in each of its rounds. */
    bool stays = t && !context;
    if (!contended && !b->spends && (!b->armed || stays) && !b->held)
        return t;
    uint64_t now = arch_counter();
    account(b, now);
    b->spends = false;
    if (!contended) {
        b->held = NULL;
        if (!stays)
            disarm(b);
        return t;
    }
    if (b->used >= b->limit) {
        b->held = t->context;
        arm(b, b->start + b->period);
        return CONTAINER_OF(c->queue[THREAD_PRIO_GUEST].next, struct thread, ready);
    }
    b->held = NULL;
    b->spends = true;
    b->since = now;
    /* If this period ends before, the limit is that of the next one. */
    uint64_t end = b->start + b->period, at = now + (b->limit - b->used);
    arm(b, at <= end ? at : end + b->limit);
    return t;
}
