/* SPDX-License-Identifier: BSD-2-Clause */
#include "timer.h"

#include "atomic.h"
#include "core.h"
#include <arch/timer.h>

void timer_queue_init(struct timer_queue *q)
{
    list_init(&q->head);
}

void timer_init(struct timer *t, void (*fire)(struct timer *t))
{
    list_init(&t->link);
    t->fire = fire;
}

static struct timer *first(struct timer_queue *q)
{
    return list_empty(&q->head) ? NULL : CONTAINER_OF(q->head.next, struct timer, link);
}

static void program(struct timer_queue *q)
{
    struct timer *t = first(q);

    if (t)
        arch_timer_set(t->expires);
    else
        arch_timer_off();
}

void timer_start(struct timer *t, uint64_t expires)
{
    struct timer_queue *q = &core_self()->timers;
    struct list *at = q->head.next;

    list_remove(&t->link);
    t->expires = expires;
    for (at = q->head.next; at != &q->head; at = at->next)
        if (CONTAINER_OF(at, struct timer, link)->expires > expires)
            break;
    list_insert(at, &t->link);
    program(q);
}

void timer_stop(struct timer *t)
{
    struct timer_queue *q = &core_self()->timers;
    bool was_first = first(q) == t;

    list_remove(&t->link);
    if (was_first)
        program(q);
}

void timer_expire(void)
{
    struct timer_queue *q = &core_self()->timers;
    struct timer *t;

    while ((t = first(q)) && t->expires <= arch_counter()) {
        list_remove(&t->link);
        t->fire(t);
    }
    program(q);
}
