/* SPDX-License-Identifier: BSD-2-Clause */
/* One-shot timers on a core, in ticks of the system counter; the earliest is in the hardware. */
#ifndef HV_TIMER_H
#define HV_TIMER_H

#include "list.h"
#include "types.h"

struct timer {
    struct list link;
    uint64_t expires;
    void (*fire)(struct timer *t);
};

struct timer_queue {
    struct list head; /* ascending */
};

void timer_queue_init(struct timer_queue *q);
void timer_init(struct timer *t, void (*fire)(struct timer *t));
/* Arms t on this core; an armed one is moved. A time in the past fires at once, from the interrupt. */
void timer_start(struct timer *t, uint64_t expires);
void timer_stop(struct timer *t);
/* The hardware timer's interrupt on this core. */
void timer_expire(void);

#endif
