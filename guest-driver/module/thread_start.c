// SPDX-License-Identifier: GPL-2.0-only
/* The beginning of a detached thread, by an ioctl or as it is made; and the release of what it has held. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "compat.h"
#include "debug.h"
#include "hypercall.h"
#include "thread.h"

/* Jiffies to wait for the cores of threads that are exiting. */
#define THREAD_EXIT_TRIES HZ

static atomic_t thread_count = ATOMIC_INIT(0); /* started and not yet released */

static void thread_release(struct work_struct *work)
{
	struct hvd_thread *t = container_of(to_rcu_work(work), struct hvd_thread, release);

	hvd_debug_point_sleep(HVD_POINT_RELEASE);
	hvd_recapture_cancel(t);
	hvd_trace_free(t);
	if (t->mm_left)
		mmdrop(t->mm_left);
	hvd_file_put(t->file);
	put_task_struct(t->task);
	/* A context that could not be destroyed keeps its page: the hypervisor may still write to it. */
	if (!test_bit(HVD_LEAKED, &t->flags))
		free_page((unsigned long)t->frame);
	kfree(t);
	hvd_probe_put();
	/* hvd_thread_exit() flushes the work queue, so this function's own end is safe too. */
	if (atomic_dec_and_test(&thread_count))
		wake_up_var(&thread_count);
}

static int thread_create_context(struct hvd_thread *t, u32 core)
{
	int err;

	t->core = core;
	err = hvd_context_create(virt_to_phys(t->frame), &t->core, t->prio, t->user_flags & ORD_DETACH_SHARED,
				 &t->context);
	if (!err && t->context >= ORD_CONTEXT_MAX) {
		hvd_call_destroy(t->context);
		err = -EIO;
	}
	return err;
}

/* Its core will be free in a moment. */
static bool thread_exits(const struct hvd_thread *t)
{
	return READ_ONCE(t->task->flags) & PF_EXITING;
}

/*
 * A thread that is joined has told so before it gets to its exit probe, and so may still hold the core that
 * its successor wants: wait for it.
 */
static int thread_create_context_wait(struct hvd_thread *t, u32 core)
{
	int err, tries;

	for (tries = 0; tries < THREAD_EXIT_TRIES; tries++) {
		bool exits = hvd_thread_any(thread_exits); /* asked first, or it might be gone in between */

		err = thread_create_context(t, core);
		if ((err != -EBUSY && err != -ENOSPC) || !exits || fatal_signal_pending(current))
			break;
		schedule_timeout_killable(1);
	}
	return err;
}

/**
 * hvd_thread_alloc() - memory for a thread
 *
 * Return: for hvd_thread_start_new() or hvd_thread_free(); NULL if there is none. May sleep.
 */
struct hvd_thread *hvd_thread_alloc(void)
{
	struct hvd_thread *t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);

	if (!t)
		return NULL;
	t->frame = (struct ord_frame *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!t->frame) {
		kfree(t);
		return NULL;
	}
	t->frame->magic = ORD_FRAME_MAGIC;
	t->frame->version = ORD_ABI_VERSION;
	refcount_set(&t->refs, 1);
	INIT_RCU_WORK(&t->release, thread_release);
	raw_spin_lock_init(&t->lock);
	mutex_init(&t->move_mutex);
	init_completion(&t->moved);
	init_completion(&t->ended);
	hvd_recapture_init(t);
	hvd_park_init(t);
	hvd_cputime_thread_init(t);
	hvd_fault_forget(t);
	return t;
}

/**
 * hvd_thread_free() - undo hvd_thread_alloc(). May sleep.
 * @t: not started
 */
void hvd_thread_free(struct hvd_thread *t)
{
	hvd_trace_free(t);
	free_page((unsigned long)t->frame);
	kfree(t);
}

static void thread_fill(struct hvd_thread *t, struct task_struct *task, const struct hvd_identity *identity,
			u32 prio, u32 flags)
{
	t->task = task;
	t->identity = *identity;
	t->prio = prio;
	t->user_flags = flags;
}

static int thread_check(struct task_struct *task, u32 prio, u32 flags)
{
	if (prio < ORD_PRIO_MIN || prio > ORD_PRIO_MAX || flags & ~ORD_DETACH_FLAGS)
		return -EINVAL;
	/* Workers of io_uring and vhost belong to a process and never leave the kernel. */
	if (task->flags & (PF_KTHREAD | PF_IO_WORKER | HVD_PF_USER_WORKER) || !hvd_arch_detachable(task))
		return -EOPNOTSUPP;
	/* Another one's may go away; the caller had better know now. */
	if (task == current && hvd_arch_watched(task))
		return -EOPNOTSUPP;
	if (hvd_thread_find(task))
		return -EBUSY;
	if (READ_ONCE(hvd_stopping))
		return -ESHUTDOWN;
	return 0;
}

/* With a context. What it holds from here on, thread_release() and thread_finish() give back. */
static int thread_begin(struct hvd_thread *t, struct hvd_file *file)
{
	int err;

	__module_get(THIS_MODULE);
	atomic_inc(&thread_count);
	get_task_struct(t->task);
	t->file = hvd_file_get(file);
	err = hvd_thread_publish(t);
	if (!err) {
		hvd_probe_mark(t->task);
		hvd_thread_changed();
		hvd_debug_point(HVD_POINT_PUBLISH);
		return 0;
	}
	hvd_call_destroy(t->context);
	hvd_file_put(t->file);
	put_task_struct(t->task);
	atomic_dec(&thread_count);
	module_put(THIS_MODULE);
	return err;
}

/**
 * hvd_thread_start() - detach a thread, from its next return to user mode on
 * @file: keeps the record of the thread after its end; may be NULL
 * @task: current, or any task that the caller holds a reference to
 * @identity: of hvd_access_task()
 * @core: which one, or ORD_CORE_ANY; the one taken is stored here
 * @prio: ORD_PRIO_MIN..ORD_PRIO_MAX
 * @flags: ORD_DETACH_*
 *
 * Return: 0, or a negative errno as documented at struct ord_ioc_detach. May sleep.
 */
int hvd_thread_start(struct hvd_file *file, struct task_struct *task, const struct hvd_identity *identity,
		     u32 *core, u32 prio, u32 flags)
{
	struct hvd_thread *t;
	int err;

	err = thread_check(task, prio, flags) ?: hvd_access_core(*core);
	if (err)
		return err;
	t = hvd_thread_alloc();
	if (!t)
		return -ENOMEM;
	thread_fill(t, task, identity, prio, flags);
	err = flags & ORD_DETACH_TRACE ? hvd_trace_start(t) : 0;
	if (err)
		goto free_thread;
	err = hvd_probe_get();
	if (err)
		goto free_thread;
	err = thread_create_context_wait(t, *core);
	if (err)
		goto put_probe;
	*core = t->core;
	refcount_inc(&t->refs); /* ours: from here on it may end at any time, if it is not current's */
	err = thread_begin(t, file);
	if (err)
		goto put_probe;
	hvd_recapture_arm(t, true, 0);
	smp_mb(); /* hash before flags and exec_id: pairs with the exit and exec probes */
	if (READ_ONCE(task->flags) & PF_EXITING || READ_ONCE(task->self_exec_id) != identity->exec_id) {
		hvd_thread_end(t);
		err = -ESRCH;
	}
	hvd_thread_put(t);
	return err;

put_probe:
	hvd_probe_put();
free_thread:
	hvd_thread_free(t);
	return err;
}

/**
 * hvd_thread_start_new() - detach a thread that has not run yet, before its first instruction
 * @t: from hvd_thread_alloc(); taken over only on success
 * @file: as hvd_thread_start()
 * @child: made by current, which has not woken it up yet
 * @identity: of its process
 * @core: which one
 * @prio: ORD_PRIO_MIN..ORD_PRIO_MAX
 * @flags: ORD_DETACH_*
 *
 * Atomic context, also on PREEMPT_RT. The caller has called hvd_probe_get(), and not yet hvd_probe_put().
 *
 * Return: 0 or a negative errno.
 */
int hvd_thread_start_new(struct hvd_thread *t, struct hvd_file *file, struct task_struct *child,
			 const struct hvd_identity *identity, u32 core, u32 prio, u32 flags)
{
	int err;

	err = thread_check(child, prio, flags);
	if (err)
		return err;
	thread_fill(t, child, identity, prio, flags);
	err = thread_create_context(t, core);
	if (err)
		return err;
	err = thread_begin(t, file);
	if (err)
		return err;
	hvd_probe_get_again();
	hvd_park_queue(t);
	return 0;
}

/* Waits for threads that have ended to be released; none is left otherwise, nor can one start. */
void hvd_thread_drain(void)
{
	wait_var_event(&thread_count, !atomic_read(&thread_count));
}
