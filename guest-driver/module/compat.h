/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All differences between kernels (stock Debian 6.1, 6.12 and 7.3, their rt and 16k variants). They are found
 * by what a kernel has, not by its number, which says little where a vendor takes changes over into an older
 * one: by types and __has_include here, by compile probes (HVD_HAVE_…) in Kbuild.
 */
#ifndef HVDETACH_COMPAT_H
#define HVDETACH_COMPAT_H

#include <linux/cgroup.h>
#include <linux/hrtimer.h>
#include <linux/mm_types.h>
#include <linux/platform_device.h>
#include <linux/posix-timers.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/coredump.h>
#include <linux/sched/task.h>
#include <asm/memory.h>
#include <asm/neon.h>
#if __has_include(<linux/sched/exec_state.h>)
#include <linux/sched/exec_state.h>
#define HVD_HAVE_EXEC_STATE
#endif

/* The youngest of what cannot be done without: which registers thread_struct holds. */
#ifndef HVD_HAVE_FP_TYPE
#error "hvdetach needs Linux 6.1 or newer"
#endif

/* platform_driver.remove returns nothing since 6.11. */
#define HVD_REMOVE_TYPE   typeof(((struct platform_driver *)NULL)->remove(NULL))
#define HVD_REMOVE_RETURN return (HVD_REMOVE_TYPE)0

/* vhost's threads have it since 6.4, and io_uring's beside PF_IO_WORKER. */
#ifdef PF_USER_WORKER
#define HVD_PF_USER_WORKER PF_USER_WORKER
#else
#define HVD_PF_USER_WORKER 0
#endif

/* hrtimer_setup() replaces hrtimer_init() and the store to .function since 6.13. */
static inline void hvd_hrtimer_setup(struct hrtimer *timer,
				     enum hrtimer_restart (*function)(struct hrtimer *),
				     enum hrtimer_mode mode)
{
#ifdef HVD_HAVE_HRTIMER_SETUP
	hrtimer_setup(timer, function, CLOCK_MONOTONIC, mode);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, mode);
	timer->function = function;
#endif
}

/*
 * Stores the FP/SIMD registers of current into its thread_struct and marks them as foreign, so that the
 * return to user mode loads them from there. Kernel-mode NEON does this as a side effect. Since 6.19 it wants
 * a buffer for its own registers, which stay unused here.
 */
static inline void hvd_neon_flush(void)
{
#ifdef HVD_HAVE_NEON_STATE
	struct user_fpsimd_state scratch;

	kernel_neon_begin(&scratch);
	kernel_neon_end(&scratch);
#else
	kernel_neon_begin();
	kernel_neon_end();
#endif
}

/* The pointer moved into a structure of its own, with a header of its own, in 6.19. */
static inline struct rseq __user *hvd_rseq_area(void)
{
#if !IS_ENABLED(CONFIG_RSEQ)
	return NULL;
#elif __has_include(<linux/rseq_types.h>)
	return current->rseq.usrptr;
#else
	return current->rseq;
#endif
}

/*
 * What execve() has made of a task: whether its user may look into it (not after it has changed its user),
 * and the user namespace that has rights over it. Of the mm until 7.1, of the task's own state since.
 * Callers: the task is current, or its exec_update_lock is held; it has an mm (task_lock()).
 */
#ifdef HVD_HAVE_EXEC_STATE
static inline bool hvd_exec_dumpable(struct task_struct *task)
{
	return READ_ONCE(rcu_dereference_protected(task->exec_state, true)->dumpable) == TASK_DUMPABLE_OWNER;
}

static inline struct user_namespace *hvd_exec_user_ns(struct task_struct *task)
{
	return rcu_dereference_protected(task->exec_state, true)->user_ns;
}
#else
static inline bool hvd_exec_dumpable(struct task_struct *task)
{
	return get_dumpable(task->mm) == SUID_DUMP_USER;
}

static inline struct user_namespace *hvd_exec_user_ns(struct task_struct *task)
{
	return task->mm->user_ns;
}
#endif

/*
 * Is a task asleep and off its CPU, so that it stays so while its pi_lock is held, as it is? As
 * try_to_wake_up() asks. 6.12: who sleeps may stay in its run queue for a while, marked.
 */
static inline bool hvd_task_is_blocked(struct task_struct *task)
{
	if (READ_ONCE(task->__state) == TASK_RUNNING)
		return false;
	if (READ_ONCE(task->on_rq)) {
#ifdef HVD_HAVE_SCHED_DELAYED
		if (!READ_ONCE(task->se.sched_delayed))
#endif
			return false;
	}
	smp_rmb();
	return !smp_load_acquire(&task->on_cpu);
}

#ifdef CONFIG_CGROUPS
/* What a cgroup has used on this CPU. 6.16: has a structure of its own. */
static inline struct cgroup_base_stat *hvd_cgroup_stat(struct cgroup *cgroup)
{
#ifdef HVD_HAVE_RSTAT_BASE
	return &this_cpu_ptr(cgroup->rstat_base_cpu)->bstat;
#else
	return &this_cpu_ptr(cgroup->rstat_cpu)->bstat;
#endif
}
#endif

/*
 * Looks for timers of current's CPU time, and of its process's, that are due, and sends their signals: what
 * the tick makes a task do on its way to user mode. False: that has been asked for, and not been done yet.
 */
static inline bool hvd_cpu_timers_run(void)
{
#ifdef CONFIG_POSIX_CPU_TIMERS_TASK_WORK
	struct posix_cputimers_work *work = &current->posix_cputimers_work;
	bool queued;

	local_irq_disable(); /* the tick queues it */
	queued = work->scheduled;
	work->scheduled = true;
	local_irq_enable();
	if (queued)
		return false;
	work->work.func(&work->work);
#endif
	return true;
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
