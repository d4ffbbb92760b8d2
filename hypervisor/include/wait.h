/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Detached threads that wait for a time in the hypervisor. Nobody is asked and nothing runs until then: the
 * thread is blocked, its core idle or another thread's.
 *
 * All of this on the context's core.
 */
#ifndef HV_WAIT_H
#define HV_WAIT_H

#include "context.h"
#include "types.h"

enum wait_state {
    WAIT_GOES_ON,
    WAIT_OVER,       /* the thread is ready */
    WAIT_CLOCK_GONE, /* there is no timebase any more: the caller ends it */
};

/* Until the counter has reached `deadline`. False: it has already. True: c is blocked. */
bool wait_counter(struct context *c, uint64_t deadline);

/*
 * Until the clock of the VM's timebase (outrider/detach.h) has reached `deadline`, in ns. False: there is no
 * timebase, nothing has changed. True: c is blocked, or goes on at once (c->wait tells).
 */
bool wait_clock(struct context *c, int64_t deadline);

/*
 * Until n is signalled, or the counter has reached `deadline` (0: never). True: c is blocked. False: *result
 * is the number of signals (0: the deadline is past), or a negative errno.
 */
bool wait_notify(struct context *c, struct notify *n, uint64_t deadline, uint64_t *result);

/* It waits for a notification, which may have been signalled. */
void wait_notified(struct context *c);

/* For a kind of wait that others end: begins it, so that they see c->wait. It may be cancelled still. */
void wait_begin(struct context *c, enum context_wait wait, uint64_t deadline);
/* Blocks it until wait_finish(), or the counter has reached the deadline (0: never). */
void wait_block(struct context *c);

/* The wait is over: with that result the thread runs. */
void wait_finish(struct context *c, uint64_t result);

/* Its timer has fired: a wait for nothing but a time is over, and the thread runs. False: nothing is done,
 * and wait_expired(), or for WAIT_IRQ grant_expired(), is to be called. */
bool wait_is_over(struct context *c) MUST_CHECK;

/* Its timer has fired; not for WAIT_IRQ (grant.h). */
enum wait_state wait_expired(struct context *c) MUST_CHECK;

/* The timebase has changed. */
enum wait_state wait_again(struct context *c) MUST_CHECK;

/* Ends it, with nothing else. */
void wait_cancel(struct context *c);

/*
 * The first counter at which the timebase's clock shows at least ns; one that is too early, but later than
 * `now`, if ns is more than a second away; about the counter at which it did if that was long ago. False:
 * there is no usable timebase.
 */
bool wait_clock_counter(const struct ord_timebase *timebase, int64_t ns, uint64_t now, uint64_t *counter);

#endif
