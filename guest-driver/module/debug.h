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

/* In the order in which a thread meets them. */
enum hvd_point {
	HVD_POINT_PUBLISH,  /* a new thread can be found, its timer is not armed */
	HVD_POINT_QUEUE,    /* about to queue the work */
	HVD_POINT_WORK,     /* the work runs, QUEUED is still set */
	HVD_POINT_CAPTURED, /* registers are in the frame, state is not set */
	HVD_POINT_RUN,      /* state is set, signals were looked at; RUN was not called */
	HVD_POINT_RAN,      /* RUN was called, the event word was not looked at */
	HVD_POINT_WAIT,     /* wait word and task state are set, the event word was not looked at */
	HVD_POINT_SLEEP,    /* nothing was there: going to sleep */
	HVD_POINT_RECALL,   /* a signal was seen, RECALL was not called */
	HVD_POINT_EVENT,    /* the event was seen, registers are not back */
	HVD_POINT_RETURN,   /* registers are back, the timer is not armed */
	HVD_POINT_ARM,      /* state was set, not looked whether the timer is armed */
	HVD_POINT_TIMER,    /* the re-capture timer has expired, has not taken the lock */
	HVD_POINT_CHASE,    /* the chase has come, has not taken the lock */
	HVD_POINT_IRQ,      /* an event's bit was taken, its thread was not found */
	HVD_POINT_END,      /* ENDED is set, the context is there */
	HVD_POINT_ENDED,    /* the context is destroyed, the ASID is pinned */
	HVD_POINT_RELEASE,  /* no reference is left */
	HVD_POINT_COUNT,
};

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
