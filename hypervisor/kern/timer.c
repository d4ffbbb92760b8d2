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

static void program(struct timer_queue *q)
{
    const struct list *l = q->head.next;

    if (l != &q->head)
        arch_timer_set(CONTAINER_OF(l, struct timer, link)->expires);
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
    bool was_first = q->head.next == &t->link;

    list_remove(&t->link);
    if (was_first)
        program(q);
}

void timer_expire(void)
{
    struct timer_queue *q = &core_self()->timers;
    /* Of this moment: a timer that starts itself again for a moment that soon comes is the next interrupt's.
     */
    const uint64_t now = arch_counter();
    struct list *l;

    while ((l = q->head.next) != &q->head) {
        struct timer *t = CONTAINER_OF(l, struct timer, link);
        if (t->expires > now) {
            arch_timer_set(t->expires);
            return;
        }
        list_remove(l);
        t->fire(t);
    }
    arch_timer_off();
}
