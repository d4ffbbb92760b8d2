/* SPDX-License-Identifier: BSD-2-Clause */
/* Notifications: a word of bits and one waiter. */
#ifndef HV_NOTIFY_H
#define HV_NOTIFY_H

#include "thread.h"
#include "types.h"

struct notify {
    uint64_t bits;
    struct thread *waiter;
};

/* Sets bits and wakes the waiter. Any core. */
void notify_signal(struct notify *n, uint64_t bits);

/* Takes the bits into the calling thread's result, or blocks it until there are some. BUSY: another thread
 * waits already. */
status_t notify_wait(struct notify *n, struct thread *t) MUST_CHECK;

/* On the waiter's core, THREAD_OP_NOTIFY: hands over the bits. */
void notify_complete(struct thread *t);

#endif
