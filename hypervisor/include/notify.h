/* SPDX-License-Identifier: BSD-2-Clause */
/* Notifications: a word of bits, one waiter, and an interrupt of a VM that is raised when there are bits. */
#ifndef HV_NOTIFY_H
#define HV_NOTIFY_H

#include "thread.h"
#include "types.h"

struct irq;

struct notify {
    uint64_t bits;
    uint64_t count; /* signals since the last notify_take() */
    struct thread *waiter;
    struct irq *irq; /* virtual; or NULL */
};

/* Sets bits and wakes the waiter. Any core. */
void notify_signal(struct notify *n, uint64_t bits);

/* Takes the bits into the calling thread's result, or blocks it until there are some; with a deadline (ticks;
 * 0: none) it gets TIMED_OUT then. BUSY: another thread waits already. BAD_PARAM: the deadline can never
 * come. */
status_t notify_wait(struct notify *n, struct thread *t, uint64_t deadline) MUST_CHECK;

/* Blocks the calling host thread until then; its call returns OK. BAD_PARAM: the time can never come. */
status_t notify_sleep(struct thread *t, uint64_t until) MUST_CHECK;

/* Takes, or only tells, the number of signals. Any core. Who waits takes bits instead: nobody does both. */
uint64_t notify_take(struct notify *n, bool peek);

/* On the waiter's core, THREAD_OP_NOTIFY: hands over the bits. */
void notify_complete(struct thread *t);

/* The waiter (this core's) waits no more; its result is the caller's business. */
void notify_cancel(struct thread *t);

#endif
