/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All differences between kernel versions (stock Debian 6.1, 6.12 and their rt variants; a few newer ones
 * that are already known). No other file looks at the version.
 */
#ifndef HVDETACH_COMPAT_H
#define HVDETACH_COMPAT_H

#include <linux/hrtimer.h>
#include <linux/platform_device.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/version.h>
#include <asm/memory.h>
#include <asm/neon.h>

/* 6.11: platform_driver.remove returns nothing. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define HVD_REMOVE_TYPE void
#define HVD_REMOVE_RETURN
#else
#define HVD_REMOVE_TYPE   int
#define HVD_REMOVE_RETURN return 0
#endif

/* 6.13: hrtimer_setup() replaces hrtimer_init() and the store to .function. */
static inline void hvd_hrtimer_setup(struct hrtimer *timer,
				     enum hrtimer_restart (*function)(struct hrtimer *),
				     enum hrtimer_mode mode)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, function, CLOCK_MONOTONIC, mode);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, mode);
	timer->function = function;
#endif
}

/*
 * Stores the FP/SIMD registers of current into its thread_struct and marks them as foreign, so that the
 * return to user mode loads them from there. Kernel-mode NEON does this as a side effect. 6.19: it wants a
 * buffer for its own registers, which stay unused here.
 */
static inline void hvd_neon_flush(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
	struct user_fpsimd_state scratch;

	kernel_neon_begin(&scratch);
	kernel_neon_end(&scratch);
#else
	kernel_neon_begin();
	kernel_neon_end();
#endif
}

/* 6.18: the pointer moved into a structure. */
static inline struct rseq __user *hvd_rseq_area(void)
{
#if !IS_ENABLED(CONFIG_RSEQ)
	return NULL;
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
	return current->rseq.usrptr;
#else
	return current->rseq;
#endif
}

/*
 * Waits until no task executes in module text outside of RCU: the tail of a task_work callback, which
 * only a preemptible kernel can stop there. Others do not build (nor export) tasks-RCU and need no more
 * than a normal grace period, which <linux/rcupdate.h> makes of it.
 */
static inline void hvd_text_quiesce(void)
{
	synchronize_rcu_tasks();
}

#endif
