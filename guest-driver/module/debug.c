// SPDX-License-Identifier: GPL-2.0-only
/* Delays at the points of debug.h, and how often each point was met since they were switched on. */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "debug.h"

/* The longest delay in atomic context; and where sleeping is allowed. */
#define DEBUG_BUSY_US  150
#define DEBUG_SLEEP_US 2000

DEFINE_STATIC_KEY_FALSE(hvd_debug_key);

static u64 debug_seed; /* 0: off */
static atomic64_t debug_steps;
static atomic_t debug_met[HVD_POINT_COUNT];

#define DEBUG_NAME(name, text) text,
static const char *const debug_names[HVD_POINT_COUNT] = { HVD_POINTS(DEBUG_NAME) };

/* splitmix64: the n-th delay depends on the seed and n alone. */
static u64 debug_random(void)
{
	u64 x = READ_ONCE(debug_seed) + atomic64_inc_return(&debug_steps) * 0x9e3779b97f4a7c15ull;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

/**
 * hvd_debug_delay() - hold the caller up for a random time, often none
 * @point: where it is
 * @may_sleep: in task context, TASK_RUNNING, no lock held
 */
void hvd_debug_delay(enum hvd_point point, bool may_sleep)
{
	u64 random = debug_random();
	unsigned int kind = random & 15, us = (random >> 8) % DEBUG_BUSY_US;

	atomic_inc(&debug_met[point]);
	if (kind < 8)
		return;
	if (kind == 15 && may_sleep)
		usleep_range(us, (random >> 32) % DEBUG_SLEEP_US + us);
	else
		udelay(kind < 12 ? us / 8 : us);
}

static int debug_seed_set(const char *text, const struct kernel_param *param)
{
	u64 seed;
	int i, err = kstrtou64(text, 0, &seed);

	if (err)
		return err;
	WRITE_ONCE(debug_seed, seed);
	if (!seed) {
		static_branch_disable(&hvd_debug_key);
		return 0;
	}
	atomic64_set(&debug_steps, 0);
	for (i = 0; i < HVD_POINT_COUNT; i++)
		atomic_set(&debug_met[i], 0);
	static_branch_enable(&hvd_debug_key);
	return 0;
}

static int debug_seed_get(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%llu\n", READ_ONCE(debug_seed));
}

static const struct kernel_param_ops debug_seed_ops = {
	.set = debug_seed_set,
	.get = debug_seed_get,
};
module_param_cb(debug_races, &debug_seed_ops, NULL, 0600);
MODULE_PARM_DESC(debug_races, "seed of random delays that make races likely, for tests; 0: none");

static int debug_met_get(char *buffer, const struct kernel_param *param)
{
	int i, length = 0;

	for (i = 0; i < HVD_POINT_COUNT; i++)
		length += sysfs_emit_at(buffer, length, "%s %u\n", debug_names[i],
					(unsigned int)atomic_read(&debug_met[i]));
	return length;
}

static const struct kernel_param_ops debug_met_ops = { .get = debug_met_get };
module_param_cb(debug_met, &debug_met_ops, NULL, 0400);
MODULE_PARM_DESC(debug_met, "how often each delay point was met since debug_races was set");
