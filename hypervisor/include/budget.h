/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The budget of a core that detached threads share with a vCPU.
 *
 * They have a higher priority than the guest, so without a budget it would run only while they leave the core
 * by themselves. With one, they may keep it waiting for `limit` of each period; then they wait until the
 * period ends. A period begins when the guest first waits after the one before. Time in which the guest has
 * nothing to do costs nothing; the timer then interrupts nobody:
 *
 *             guest waits           limit used up          period ends
 *   free ------------------> spends ------------> holds ----------------> spends, if it waits again
 *    ^                          |                   |
 *    +---- guest or threads have nothing to do -----+
 */
#ifndef HV_BUDGET_H
#define HV_BUDGET_H

#include "timer.h"
#include "types.h"

struct core;
struct thread;
struct context;

struct budget {
    uint64_t limit, period; /* in ticks; limit 0: none */
    uint64_t start;         /* of the period */
    uint64_t used;          /* of it, until `since` */
    uint64_t since;
    bool spends;          /* a detached thread runs while the guest waits */
    struct context *held; /* it would run next, were it not for the budget */
    struct timer timer;   /* the limit is used up, or the period ends */
    bool armed;
};

void budget_init(struct budget *b);
/* limit = period: none. Before anything else runs on that core. */
void budget_set(struct budget *b, uint64_t limit, uint64_t period);

/* t (or NULL: nothing) is ready to run next on c, the own core. Returns what runs instead if the budget says
 * so: the guest. */
struct thread *budget_choose(struct core *c, struct thread *t);

#endif
