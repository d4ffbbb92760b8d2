/* SPDX-License-Identifier: BSD-2-Clause */
#include "wait.h"

#include "atomic.h"
#include "core.h"
#include "notify.h"
#include "virq.h"
#include "vm.h"
#include <arch/thread.h>
#include <arch/timer.h>
#include <outrider/hostcall.h>

#define NEAR_NS    (1ull << 29) /* a timebase older than this is moved on first */
#define FAR_NS     (1ull << 31) /* a wait longer than this is done in steps */
#define READ_TRIES 100          /* of a timebase that the guest is just writing */

/*
 * The clock's rate may change while a thread sleeps, by NTP at most 500 ppm without notice (ORD_HC_TIME). So
 * it is computed again when all but the 1,024th part of a wait is over, unless that is short anyway.
 */
#define LOOK_SHIFT 10
#define LOOK_HZ    1000 /* the longest wait without */

/* False: the guest is just writing it. */
static ALWAYS_INLINE bool try_timebase(const struct ord_timebase *from, struct ord_timebase *to)
{
    uint32_t seq = atomic_load(&from->seq);

    if (UNLIKELY(seq & 1))
        return false;
    to->mult = READ_ONCE(from->mult);
    to->shift = READ_ONCE(from->shift);
    to->cycle_last = READ_ONCE(from->cycle_last);
    to->fraction = READ_ONCE(from->fraction);
    to->base = READ_ONCE(from->base);
    smp_mb();
    return LIKELY(READ_ONCE(from->seq) == seq);
}

static ALWAYS_INLINE bool is_usable(const struct ord_timebase *t)
{
    return t->mult && t->shift <= ORD_TIMEBASE_SHIFT_MAX;
}

static bool read_timebase(const struct ord_timebase *from, struct ord_timebase *to)
{
    for (int i = 0; i < READ_TRIES; i++) {
        if (try_timebase(from, to))
            return is_usable(to);
        cpu_relax();
    }
    return false;
}

/* The guest has not updated it for long: it idles, or is no more. */
static void move_on(struct ord_timebase *t, uint64_t now)
{
    uint64_t cycles = (int64_t)(now - t->cycle_last) > 0 ? now - t->cycle_last : 0;
    unsigned __int128 sum = (unsigned __int128)cycles * t->mult + t->fraction;
    uint64_t ns = (uint64_t)(sum >> t->shift);

    if (ns < NEAR_NS)
        return;
    t->base += ns;
    t->fraction = (uint64_t)sum & (BIT(t->shift) - 1);
    t->cycle_last = now;
}

bool wait_clock_counter(const struct ord_timebase *timebase, int64_t ns, uint64_t now, uint64_t *counter)
{
    struct ord_timebase t;

    if (!read_timebase(timebase, &t))
        return false;
    move_on(&t, now);
    int64_t ahead = (int64_t)((uint64_t)ns - t.base);
    if (ahead < 0) {
        /* Before its last update: when that was matters to nobody but statistics. */
        uint64_t behind = MIN((uint64_t)-ahead, FAR_NS) << t.shift;
        *counter = t.cycle_last - MIN(t.cycle_last, behind / t.mult);
        return true;
    }
    if (ahead > (int64_t)FAR_NS)
        ahead = FAR_NS;
    uint64_t goal = (uint64_t)ahead << t.shift; /* at most 2^63 */
    *counter = t.cycle_last + (goal > t.fraction ? (goal - t.fraction + t.mult - 1) / t.mult : 0);
    return true;
}

void wait_begin(struct context *c, enum context_wait wait, uint64_t deadline)
{
    c->deadline = deadline;
    c->stats.waiting = 1;
    WRITE_ONCE(c->wait, wait);
}

static ALWAYS_INLINE void complete(struct context *c, uint64_t due)
{
    WRITE_ONCE(c->wait, WAIT_NONE);
    c->stats.waiting = 0;
    c->stats.sleeps++;
    c->stats.sleep_end = due;
}

/* Arms the timer, or ends the wait. False: the clock has gone. */
static bool arm(struct context *c)
{
    uint64_t due = c->deadline, now = arch_counter(), step = arch_counter_hz() / LOOK_HZ;

    if (c->wait == WAIT_CLOCK) {
        struct ord_event_page *page = READ_ONCE(c->vm->event_page);
        if (!page || !wait_clock_counter(&page->timebase, (int64_t)c->deadline, now, &due))
            return false;
    }
    if (due <= now) {
        /* One that is over when it begins has found its thread ready. */
        complete(c, c->thread.state == THREAD_READY ? 0 : due);
        return true;
    }
    uint64_t at = due;
    if (c->wait == WAIT_CLOCK && due - now > step)
        at -= (due - now) >> LOOK_SHIFT;
    c->due = due;
    timer_start(&c->timer, at);
    return true;
}

/*
 * The timer has fired: is the wait over? As wait_clock_counter() would say, without a division; false also
 * if that is to be asked.
 */
static ALWAYS_INLINE bool is_over(const struct context *c, uint32_t wait)
{
    uint64_t now = arch_counter();
    struct ord_timebase t;

    if (wait == WAIT_COUNTER)
        return c->deadline <= now;
    struct ord_event_page *page = READ_ONCE(c->vm->event_page);
    if (!page || !try_timebase(&page->timebase, &t) || !is_usable(&t) || (now - t.cycle_last) >> 31)
        return false;
    uint64_t ns = t.base + (((now - t.cycle_last) * t.mult + t.fraction) >> t.shift);
    return (int64_t)(ns - c->deadline) >= 0;
}

/* A wait of a blocked thread is over. */
static ALWAYS_INLINE void wake(struct context *c)
{
    uint64_t sleeps = c->stats.sleeps, end = c->stats.sleep_end;

    arch_context_result(c, 0);
    /* What has changed: this is what a wake-up waits for. */
    c->frame->stats.sleeps = sleeps;
    c->frame->stats.sleep_end = end;
    c->frame->stats.waiting = 0;
    thread_wake(&c->thread);
}

/* The wait goes on or is over: then the thread runs. */
static enum wait_state look(struct context *c)
{
    if (is_over(c, c->wait)) {
        complete(c, c->due);
        wake(c);
        return WAIT_OVER;
    }
    if (!arm(c))
        return WAIT_CLOCK_GONE;
    if (c->wait)
        return WAIT_GOES_ON;
    wake(c);
    return WAIT_OVER;
}

void wait_finish(struct context *c, uint64_t result)
{
    wait_cancel(c);
    arch_context_result(c, result);
    context_publish(c);
    thread_wake(&c->thread);
}

void wait_block(struct context *c)
{
    if (c->deadline)
        timer_start(&c->timer, c->deadline);
    thread_block(&c->thread);
}

bool wait_is_over(struct context *c)
{
    const uint32_t wait = c->wait;

    if (UNLIKELY(wait > WAIT_CLOCK || !is_over(c, wait)))
        return false;
    complete(c, c->due);
    wake(c);
    return true;
}

enum wait_state wait_expired(struct context *c)
{
    if (c->wait != WAIT_NOTIFY)
        return look(c);
    wait_finish(c, notify_take(c->notify, false));
    return WAIT_OVER;
}

bool wait_counter(struct context *c, uint64_t deadline)
{
    wait_begin(c, WAIT_COUNTER, deadline);
    if (!arm(c) || !c->wait)
        return false;
    thread_block(&c->thread);
    return true;
}

bool wait_clock(struct context *c, int64_t deadline)
{
    wait_begin(c, WAIT_CLOCK, (uint64_t)deadline);
    if (!arm(c)) {
        wait_cancel(c);
        return false;
    }
    if (c->wait)
        thread_block(&c->thread);
    return true;
}

bool wait_notify(struct context *c, struct notify *n, uint64_t deadline, uint64_t *result)
{
    if (!atomic_cas(&n->waiter, (struct thread *)NULL, &c->thread)) {
        *result = (uint64_t)-ORD_HOSTCALL_EBUSY;
        return false;
    }
    c->notify = n;
    wait_begin(c, WAIT_NOTIFY, deadline);
    /* Who signals from now on posts to this core. */
    smp_mb();
    *result = notify_take(n, false);
    if (*result || (deadline && deadline <= arch_counter())) {
        wait_cancel(c);
        return false;
    }
    wait_block(c);
    return true;
}

void wait_notified(struct context *c)
{
    uint64_t count = notify_take(c->notify, false);

    if (count)
        wait_finish(c, count);
}

/* What is signalled from now on, or was and nobody has taken it, is for Linux to know. */
static void leave(struct notify *n)
{
    atomic_store(&n->waiter, (struct thread *)NULL);
    smp_mb();
    if (notify_take(n, true) && atomic_load(&n->irq))
        virq_raise(n->irq);
}

enum wait_state wait_again(struct context *c)
{
    timer_stop(&c->timer);
    return look(c);
}

void wait_cancel(struct context *c)
{
    if (!c->wait)
        return;
    timer_stop(&c->timer);
    if (c->wait == WAIT_NOTIFY)
        leave(c->notify);
    WRITE_ONCE(c->wait, WAIT_NONE);
    c->stats.waiting = 0;
}
