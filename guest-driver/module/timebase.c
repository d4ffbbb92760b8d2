// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linux's CLOCK_MONOTONIC for the hypervisor, so that it can serve sleeps until a time of that clock. Linux
 * tells whenever its timekeeping changes, which is with each tick of one CPU: what it says is what the vDSO
 * page is filled with.
 */
#include <linux/clocksource.h>
#include <linux/notifier.h>
#include <linux/pvclock_gtod.h>
#include <linux/timekeeper_internal.h>

#include "hypercall.h"
#include "thread.h"

/*
 * A change of the rate by more than its 4,096th part (244 ppm) since the hypervisor was last told is told at
 * once; it expects smaller ones.
 */
#define TIMEBASE_RATE_SHIFT 12

static struct ord_timebase *timebase;
static u32 timebase_told; /* mult */

static void timebase_store(const struct tk_read_base *tkr, u32 mult)
{
	WRITE_ONCE(timebase->seq, timebase->seq + 1);
	smp_wmb();
	WRITE_ONCE(timebase->mult, mult);
	WRITE_ONCE(timebase->shift, tkr->shift);
	WRITE_ONCE(timebase->cycle_last, tkr->cycle_last);
	WRITE_ONCE(timebase->fraction, tkr->xtime_nsec);
	WRITE_ONCE(timebase->base, ktime_to_ns(tkr->base));
	smp_wmb();
	WRITE_ONCE(timebase->seq, timebase->seq + 1);
}

/* With the timekeeper's lock held, so only once at a time. */
static int timebase_changed(struct notifier_block *block, unsigned long was_set, void *data)
{
	const struct timekeeper *tk = data;
	const struct tk_read_base *tkr = &tk->tkr_mono;
	/* Any other clock source is not what a host core can read. */
	u32 mult = hvd_arch_is_counter(tkr->clock) ? tkr->mult : 0;
	u32 change = abs((s32)(mult - timebase_told));

	timebase_store(tkr, mult);
	if (change > timebase_told >> TIMEBASE_RATE_SHIFT) {
		timebase_told = mult;
		smp_mb();
		hvd_call(ORD_HC_TIME, 0, 0, 0, 0, NULL);
	}
	return NOTIFY_OK;
}

static struct notifier_block timebase_notifier = { .notifier_call = timebase_changed };

/**
 * hvd_timebase_init() - keep the hypervisor's idea of CLOCK_MONOTONIC up to date
 * @where: in the event page
 *
 * Return: 0 or a negative errno.
 */
int hvd_timebase_init(struct ord_timebase *where)
{
	timebase = where;
	timebase_told = 0;
	if (!(hvd_features & ORD_FEATURE_SLEEP))
		return 0;
	return pvclock_gtod_register_notifier(&timebase_notifier);
}

void hvd_timebase_exit(void)
{
	if (hvd_features & ORD_FEATURE_SLEEP)
		pvclock_gtod_unregister_notifier(&timebase_notifier);
}
