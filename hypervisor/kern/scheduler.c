/* SPDX-License-Identifier: BSD-2-Clause */
#include "scheduler.h"

#include "atomic.h"
#include "body.h"
#include "budget.h"
#include "timer.h"
#include <arch/irqchip.h>
#include <arch/thread.h>
#include <arch/timer.h>

/*
 * How often an idle core that detached threads are bound to looks at its mailbox before it sleeps: waking
 * it is then cheaper for the sender, and its system calls are short. Others sleep at once, as their guest
 * asked.
 */
#define IDLE_POLLS 64

/*
 * Other cores may ask for things faster than this one does them. So a pass over the mailbox ends after some,
 * and so does the way out after some passes: what is left is done after an interrupt that the core sends
 * itself, and behind those that wait already (a timer's, a device's).
 */
#define DRAIN_MAX  16
#define ROUNDS_MAX 4

/* Of t, which is in its core's queue: behind the only one and before it is the head. */
static bool has_peers(const struct thread *t)
{
    return t->ready.next != t->ready.prev;
}

static void slice_stop(struct core *c)
{
    if (!c->slice_armed)
        return;
    c->slice_armed = false;
    timer_stop(&c->slice);
}

/* t runs instead of the one that ran, or others of its priority are or were ready. */
static NOINLINE void turn(struct core *c, struct thread *t)
{
    struct thread *old = c->running;
    bool peers = has_peers(t);

    if (old && old != t) {
        if (c->slice_armed) {
            uint64_t now = arch_counter();
            old->slice_left = c->slice.expires > now ? c->slice.expires - now : 1;
        }
        body_preempted(old);
        thread_end(c);
    }
    if (old != t || !peers)
        slice_stop(c);
    if (peers && !c->slice_armed) {
        uint64_t ticks = t->slice_left ? t->slice_left : arch_counter_hz() * CORE_SLICE_MS / 1000;
        c->slice_armed = true;
        timer_start(&c->slice, arch_counter() + ticks);
    }
}

static bool has_work(const struct core *c)
{
    return READ_ONCE(c->mail) || READ_ONCE(c->asked);
}

NOINLINE void scheduler_drain(struct core *c)
{
    if (UNLIKELY(READ_ONCE(c->asked)))
        core_answer(c);
    struct thread *t = atomic_exchange(&c->mail, (struct thread *)NULL);
    for (int i = 0; t && i < DRAIN_MAX; i++) {
        struct thread *next = t->mail_next;
        atomic_store(&c->handling, t);
        body_handle(c, t, atomic_exchange(&t->ops, 0u));
        atomic_store(&c->handling, (struct thread *)NULL);
        t = next;
    }
    if (t)
        core_mail_back(c, t);
}

static NOINLINE void idle(struct core *c)
{
    slice_stop(c);
    c->mode = CORE_POLL;
    smp_mb();
    for (int i = READ_ONCE(c->contexts) ? IDLE_POLLS : 0; i && !has_work(c) && !arch_core_irq_pending(); i--)
        arch_core_poll(c);
    if (!has_work(c)) {
        c->mode = CORE_SLEEP;
        smp_mb();
        if (!has_work(c))
            arch_core_sleep(c);
    }
    atomic_store(&c->mode, (uint32_t)CORE_HYP);
    arch_core_irqs(c);
}

bool scheduler_stay(struct core *c)
{
    c->mode = CORE_USER;
    smp_mb();
    if (!has_work(c)) {
        c->runs++;
        return true;
    }
    c->mode = CORE_HYP;
    return false;
}

/* t, or what the budget says. */
static struct thread *choose(struct core *c, struct thread *t)
{
    const struct context *held = c->budget.held;

    struct thread *chosen = budget_choose(c, t);
    if (c->budget.held && c->budget.held != held)
        body_throttled(t);
    return chosen;
}

/* Back to t, although there is work left: for as long as it takes the interrupt to come. */
static NOINLINE struct thread *leave_anyway(struct core *c, struct thread *t)
{
    c->mode = CORE_USER;
    smp_mb();
    arch_core_kick(c);
    c->runs++;
    return t;
}

/* Chooses what runs next, waits if there is nothing (*round is 0 then: that takes interrupts), and makes the
 * hardware ready for it. */
static ALWAYS_INLINE struct thread *load_next(struct core *c, int *round)
{
    struct thread *t;

    for (;; *round = 0) {
        if (has_work(c))
            scheduler_drain(c);
        t = core_pick(c);
        if (c->budget.limit)
            t = choose(c, t);
        if (t)
            break;
        idle(c);
    }
    const struct thread *old = c->running;
    if (UNLIKELY(c->slice_armed || has_peers(t) || (old && old != t)))
        turn(c, t);
    if (old != t)
        thread_begin(c, t);
    body_resume(t);
    arch_thread_load(c, t);
    c->current = t;
    return t;
}

/* Somebody has asked the core for something while it made ready. */
static NOINLINE struct thread *leave_again(struct core *c)
{
    for (int round = 1;; round++) {
        struct thread *t = load_next(c, &round);
        if (scheduler_stay(c))
            return t;
        if (round == ROUNDS_MAX)
            return leave_anyway(c, t);
    }
}

struct thread *scheduler_leave(struct core *c)
{
    int round = 0;
    struct thread *t = load_next(c, &round);

    return LIKELY(scheduler_stay(c)) ? t : leave_again(c);
}
