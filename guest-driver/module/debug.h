/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Races made likely: named points in the module's code where a thread, or an interrupt, is held up for a
 * random time, so that what may happen in between does. Off by default, and then a point is one no-op: a
 * static key. On with the module parameter debug_races=SEED (at any time, by root); tests/e2e/test_races.py.
 */
#ifndef HVDETACH_DEBUG_H
#define HVDETACH_DEBUG_H

#include <linux/jump_label.h>
#include <linux/types.h>

/* In the order in which a thread meets them, with the names that tests know. */
#define HVD_POINTS(X)                                                                                    \
	X(PUBLISH, "publish")   /* a new thread can be found, its timer is not armed */                  \
	X(QUEUE, "queue")       /* about to queue the work */                                            \
	X(WORK, "work")         /* the work runs, QUEUED is still set */                                 \
	X(CAPTURED, "captured") /* registers are in the frame, state is not set */                       \
	X(RUN, "run")           /* state is set, signals were looked at; RUN was not called */           \
	X(RAN, "ran")           /* RUN was called, the event word was not looked at */                   \
	X(WAIT, "wait")         /* wait word and task state are set, the event word was not looked at */ \
	X(SLEEP, "sleep")       /* nothing was there: going to sleep */                                  \
	X(RECALL, "recall")     /* a signal was seen, RECALL was not called */                           \
	X(EVENT, "event")       /* the event was seen, registers are not back */                         \
	X(RETURN, "return")     /* registers are back, the timer is not armed */                         \
	X(ARM, "arm")           /* state was set, not looked whether the timer is armed */               \
	X(TIMER, "timer")       /* the re-capture timer has expired, has not taken the lock */           \
	X(CHASE, "chase")       /* the chase has come, has not taken the lock */                         \
	X(IRQ, "irq")           /* an event's bit was taken, its thread was not found */                 \
	X(END, "end")           /* ENDED is set, the context is there */                                 \
	X(ENDED, "ended")       /* the context is destroyed, the ASID is pinned */                       \
	X(RELEASE, "release")   /* no reference is left */

#define HVD_POINT_ENUM(name, text) HVD_POINT_##name,
enum hvd_point { HVD_POINTS(HVD_POINT_ENUM) HVD_POINT_COUNT };

DECLARE_STATIC_KEY_FALSE(hvd_debug_key);
void hvd_debug_delay(enum hvd_point point, bool may_sleep);

/* In any context. */
static __always_inline void hvd_debug_point(enum hvd_point point)
{
	if (static_branch_unlikely(&hvd_debug_key))
		hvd_debug_delay(point, false);
}

/* Where the thread may sleep: others get its CPU, too. */
static __always_inline void hvd_debug_point_sleep(enum hvd_point point)
{
	if (static_branch_unlikely(&hvd_debug_key))
		hvd_debug_delay(point, true);
}

#endif
