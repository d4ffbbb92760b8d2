// SPDX-License-Identifier: GPL-2.0-only
/* Life of a detached thread: from ioctl(DETACH) to its exit, and its lookup by task and by context. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/compat.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uprobes.h>
#include <linux/wait_bit.h>

#include "debug.h"
#include "hypercall.h"
#include "thread.h"

/* Jiffies to wait for the cores of threads that are exiting. */
#define THREAD_EXIT_TRIES HZ

bool hvd_stopping;
struct hvd_thread __rcu *hvd_contexts[ORD_CONTEXT_MAX];

/* By task, not by tid: execve() in a thread that does not lead its group changes tids. */
static DEFINE_HASHTABLE(hash, 8);
static DEFINE_RAW_SPINLOCK(hash_lock);
static struct workqueue_struct *release_wq;
static atomic_t thread_count = ATOMIC_INIT(0); /* started and not yet released */

/**
 * hvd_thread_find() - the detached thread of a task
 * @task: current, or any task in an RCU read-side section
 *
 * Return: NULL if there is none. Valid as long as the task is current or the RCU section lasts.
 */
struct hvd_thread *hvd_thread_find(struct task_struct *task)
{
	struct hvd_thread *t, *found = NULL;

	rcu_read_lock();
	hash_for_each_possible_rcu(hash, t, node, (unsigned long)task) {
		if (t->task == task) {
			found = t;
			break;
		}
	}
	rcu_read_unlock();
	return found;
}

static bool thread_has_breakpoints(struct task_struct *task)
{
#ifdef CONFIG_HAVE_HW_BREAKPOINT
	struct debug_info *debug = &task->thread.debug;
	int i;

	for (i = 0; i < ARM_MAX_BRP; i++)
		if (debug->hbp_break[i])
			return true;
	for (i = 0; i < ARM_MAX_WRP; i++)
		if (debug->hbp_watch[i])
			return true;
#endif
	return false;
}

static bool thread_is_stepped(struct task_struct *task)
{
#ifdef CONFIG_UPROBES
	if (task->utask && task->utask->active_uprobe)
		return true;
#endif
	return test_tsk_thread_flag(task, TIF_SINGLESTEP);
}

/**
 * hvd_thread_eligible() - may this task leave Linux as it is now?
 * @task: current, or the task that an interrupt has just stopped on this CPU
 *
 * Return: false for what a detached context cannot carry: a 32-bit task, hardware breakpoints, single
 * step, a probe being stepped over, SVE registers.
 */
bool hvd_thread_eligible(struct task_struct *task)
{
	return !is_compat_thread(task_thread_info(task)) && !thread_has_breakpoints(task) &&
	       !thread_is_stepped(task) && !test_tsk_thread_flag(task, TIF_SVE);
}

static void thread_release(struct work_struct *work)
{
	struct hvd_thread *t = container_of(to_rcu_work(work), struct hvd_thread, release);

	hvd_debug_point_sleep(HVD_POINT_RELEASE);
	hvd_recapture_cancel(t);
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

/**
 * hvd_thread_put() - drop a reference
 * @t: may be freed after an RCU grace period. Any context.
 */
void hvd_thread_put(struct hvd_thread *t)
{
	if (refcount_dec_and_test(&t->refs))
		queue_rcu_work(release_wq, &t->release);
}

static void thread_destroy_context(struct hvd_thread *t)
{
	long status;

	if (test_and_set_bit(HVD_DESTROYED, &t->flags))
		return;
	/* Before the hypervisor may give the id, and with it the slot, to another thread. */
	RCU_INIT_POINTER(hvd_contexts[t->context], NULL);
	status = hvd_call_destroy(t->context);
	if (status != ORD_OK) {
		set_bit(HVD_LEAKED, &t->flags);
		pr_err("context %u cannot be destroyed (%ld)\n", t->context, status);
	}
}

/*
 * A thread is detached for good from here on: capture happens on its way out of the ioctl, by the
 * sys_exit probe, or at the latest by the re-capture timer.
 */
static void thread_publish(struct hvd_thread *t)
{
	unsigned long irq_flags;

	rcu_assign_pointer(hvd_contexts[t->context], t);
	raw_spin_lock_irqsave(&hash_lock, irq_flags);
	hash_add_rcu(hash, &t->node, (unsigned long)t->task);
	raw_spin_unlock_irqrestore(&hash_lock, irq_flags);
	hvd_debug_point(HVD_POINT_PUBLISH);
	hvd_recapture_arm(t, true, 0);
}

static bool thread_any_exits(void)
{
	struct hvd_thread *t;
	bool any = false;
	u32 id;

	rcu_read_lock();
	for (id = 0; id < ORD_CONTEXT_MAX && !any; id++) {
		t = rcu_dereference(hvd_contexts[id]);
		any = t && (READ_ONCE(t->task->flags) & PF_EXITING);
	}
	rcu_read_unlock();
	return any;
}

/*
 * A thread that is joined has told so before it gets to its exit probe, and so may still hold the core that
 * its successor wants: wait for it.
 */
static int thread_create_context(struct hvd_thread *t, u32 core)
{
	int err, tries;

	for (tries = 0; tries < THREAD_EXIT_TRIES; tries++) {
		bool exits = thread_any_exits(); /* asked first, or it might be gone in between */

		t->core = core;
		err = hvd_context_create(virt_to_phys(t->frame), &t->core, t->prio, &t->context);
		if ((err != -EBUSY && err != -ENOSPC) || !exits || fatal_signal_pending(current))
			break;
		schedule_timeout_killable(1);
	}
	return err;
}

/**
 * hvd_thread_start() - detach current, from its next return to user mode on
 * @file: keeps the record of the thread after its end
 * @arg: checked by the caller but for its contents; .core is updated
 *
 * Return: 0, or a negative errno as documented at struct ord_ioc_detach.
 */
int hvd_thread_start(struct hvd_file *file, struct ord_ioc_detach *arg)
{
	struct hvd_thread *t;
	int err;

	if (arg->prio < ORD_PRIO_MIN || arg->prio > ORD_PRIO_MAX || arg->flags || arg->tid)
		return -EINVAL;
	if (is_compat_task() || thread_has_breakpoints(current))
		return -EOPNOTSUPP;
	if (hvd_thread_find(current))
		return -EBUSY;
	if (READ_ONCE(hvd_stopping))
		return -ESHUTDOWN;

	t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);
	if (!t)
		return -ENOMEM;
	t->frame = (struct ord_frame *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!t->frame) {
		err = -ENOMEM;
		goto free_thread;
	}
	t->frame->magic = ORD_FRAME_MAGIC;
	t->frame->version = ORD_ABI_VERSION;
	t->prio = arg->prio;
	err = hvd_probe_get();
	if (err)
		goto free_frame;
	err = thread_create_context(t, arg->core);
	if (err)
		goto put_probe;
	if (t->context >= ORD_CONTEXT_MAX) {
		hvd_call_destroy(t->context);
		err = -EIO;
		goto put_probe;
	}

	__module_get(THIS_MODULE);
	atomic_inc(&thread_count);
	t->task = get_task_struct(current);
	t->file = hvd_file_get(file);
	refcount_set(&t->refs, 1);
	INIT_RCU_WORK(&t->release, thread_release);
	raw_spin_lock_init(&t->lock);
	hvd_recapture_init(t);
	hvd_park_init(t);
	hvd_fault_forget(t);
	arg->core = t->core;
	thread_publish(t);
	return 0;

put_probe:
	hvd_probe_put();
free_frame:
	free_page((unsigned long)t->frame);
free_thread:
	kfree(t);
	return err;
}

/**
 * hvd_thread_record() - describe a thread for a program
 * @t: in an RCU read-side section, or current's own
 * @record: result; tid and tgid as the thread's own pid namespace has them
 */
void hvd_thread_record(struct hvd_thread *t, struct ord_ioc_thread *record)
{
	struct pid_namespace *ns = task_active_pid_ns(t->task);

	memset(record, 0, sizeof(*record));
	if (ns) {
		record->tid = task_pid_nr_ns(t->task, ns);
		record->tgid = task_tgid_nr_ns(t->task, ns);
	}
	record->core = t->core;
	record->prio = t->prio;
	record->state = READ_ONCE(t->state);
	record->context = t->context;
	memcpy(record->comm, t->task->comm, sizeof(record->comm));
	record->comm[sizeof(record->comm) - 1] = 0;
	record->forwards = READ_ONCE(t->forwards);
	record->recaptures = READ_ONCE(t->recaptures);
	record->stats = t->frame->stats;
}

/**
 * hvd_thread_end() - make current an ordinary thread again
 * @t: current's. It does not run on its host core, since current runs here.
 *
 * Atomic context allowed (the exit probe). The context is free and the record readable on return, so that
 * whoever waits for this thread's end can use its core at once; memory follows later.
 */
void hvd_thread_end(struct hvd_thread *t)
{
	struct ord_ioc_thread record;
	unsigned long irq_flags;

	hvd_recapture_stop(t);
	hvd_debug_point(HVD_POINT_END);
	raw_spin_lock_irqsave(&hash_lock, irq_flags);
	hash_del_rcu(&t->node);
	raw_spin_unlock_irqrestore(&hash_lock, irq_flags);

	hvd_thread_record(t, &record);
	record.state = ORD_THREAD_ENDED;
	hvd_file_store(t->file, &record);

	/* First the context, with its table base, then the TLB, then the pin that kept the ASID ours. */
	thread_destroy_context(t);
	hvd_debug_point(HVD_POINT_ENDED);
	t->mm_left = hvd_space_leave(t);

	/* A queued park still points here and runs before current is gone: it drops the reference then. */
	if (!test_bit(HVD_QUEUED, &t->flags))
		hvd_thread_put(t);
	/* Not when it is released, a while later: who has seen the last thread end may unload the module. */
	module_put(THIS_MODULE);
}

static bool thread_any_detached(void)
{
	struct hvd_thread *t;
	bool any = false;
	u32 id;

	rcu_read_lock();
	for (id = 0; id < ORD_CONTEXT_MAX && !any; id++) {
		t = rcu_dereference(hvd_contexts[id]);
		any = t && READ_ONCE(t->state) == ORD_THREAD_DETACHED;
	}
	rcu_read_unlock();
	return any;
}

/**
 * hvd_thread_stop_all() - no thread runs outside of Linux any more, nor will
 *
 * For reboot and kexec: the next kernel will use the memory of this one.
 */
void hvd_thread_stop_all(void)
{
	struct hvd_thread *t;
	int tries;
	u32 id;

	WRITE_ONCE(hvd_stopping, true);
	smp_mb(); /* pairs with park_run(): either it sees this, or its state is seen here */

	for (tries = 0; tries < 200 && thread_any_detached(); tries++) {
		rcu_read_lock();
		for (id = 0; id < ORD_CONTEXT_MAX; id++) {
			t = rcu_dereference(hvd_contexts[id]);
			if (!t || READ_ONCE(t->state) != ORD_THREAD_DETACHED)
				continue;
			if (tries > 100) /* its thread does not get to run: do it here */
				hvd_call_recall(t->context);
			/* One that does not sleep will look at hvd_stopping by itself. */
			if (READ_ONCE(t->frame->wait))
				wake_up_process(t->task);
		}
		rcu_read_unlock();
		msleep(5);
	}
	rcu_read_lock();
	for (id = 0; id < ORD_CONTEXT_MAX; id++) {
		t = rcu_dereference(hvd_contexts[id]);
		if (t)
			thread_destroy_context(t);
	}
	rcu_read_unlock();
}

int hvd_thread_init(void)
{
	release_wq = alloc_workqueue("hvdetach", WQ_UNBOUND, 0);
	return release_wq ? 0 : -ENOMEM;
}

/* Waits for threads that have ended to be released; none is left otherwise, nor can one start. */
void hvd_thread_drain(void)
{
	wait_var_event(&thread_count, !atomic_read(&thread_count));
}

/* After hvd_thread_drain(). */
void hvd_thread_exit(void)
{
	destroy_workqueue(release_wq);
}
