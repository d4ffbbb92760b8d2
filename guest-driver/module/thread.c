// SPDX-License-Identifier: GPL-2.0-only
/* Life of a detached thread: from ioctl(DETACH) to its exit, and its lookup by task and by context. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/compat.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/perf_event.h>
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
struct workqueue_struct *hvd_release_wq;
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

#ifdef CONFIG_HAVE_HW_BREAKPOINT
/* One that a debugger has deleted stays allocated, disabled, until the thread ends or executes a program. */
static bool thread_any_enabled(struct perf_event *const *events, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		const struct perf_event *event = READ_ONCE(events[i]);

		if (event && !event->attr.disabled)
			return true;
	}
	return false;
}
#endif

static bool thread_has_breakpoints(struct task_struct *task)
{
#ifdef CONFIG_HAVE_HW_BREAKPOINT
	struct debug_info *debug = &task->thread.debug;

	return thread_any_enabled(debug->hbp_break, ARM_MAX_BRP) ||
	       thread_any_enabled(debug->hbp_watch, ARM_MAX_WRP);
#else
	return false;
#endif
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

/**
 * hvd_thread_get() - the detached thread of a task, with a reference
 * @task: any, held by the caller
 *
 * Return: NULL if there is none.
 */
struct hvd_thread *hvd_thread_get(struct task_struct *task)
{
	struct hvd_thread *t;

	rcu_read_lock();
	t = hvd_thread_find(task);
	if (t && !refcount_inc_not_zero(&t->refs))
		t = NULL;
	rcu_read_unlock();
	return t;
}

/**
 * hvd_thread_put() - drop a reference
 * @t: may be freed after an RCU grace period. Any context.
 */
void hvd_thread_put(struct hvd_thread *t)
{
	if (refcount_dec_and_test(&t->refs))
		queue_rcu_work(hvd_release_wq, &t->release);
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
 * sys_exit hook, or at the latest by the re-capture timer.
 */
static int thread_publish(struct hvd_thread *t)
{
	unsigned long irq_flags;
	int err = 0;

	raw_spin_lock_irqsave(&hash_lock, irq_flags);
	if (hvd_thread_find(t->task)) {
		err = -EBUSY; /* somebody else was faster */
	} else {
		/* Under the lock: who finds it can end it, and then must find it in both. */
		rcu_assign_pointer(hvd_contexts[t->context], t);
		hash_add_rcu(hash, &t->node, (unsigned long)t->task);
	}
	raw_spin_unlock_irqrestore(&hash_lock, irq_flags);
	if (err)
		return err;
	hvd_probe_mark(t->task);
	hvd_sysfs_update();
	hvd_debug_point(HVD_POINT_PUBLISH);
	return 0;
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

/*
 * A thread that is joined has told so before it gets to its exit probe, and so may still hold the core that
 * its successor wants: wait for it.
 */
static int thread_create_context_wait(struct hvd_thread *t, u32 core)
{
	int err, tries;

	for (tries = 0; tries < THREAD_EXIT_TRIES; tries++) {
		bool exits = thread_any_exits(); /* asked first, or it might be gone in between */

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
	if (task->flags & PF_KTHREAD || is_compat_thread(task_thread_info(task)))
		return -EOPNOTSUPP;
	/* Another one's may go away; the caller had better know now. */
	if (task == current && thread_has_breakpoints(task))
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
	err = thread_publish(t);
	if (!err)
		return 0;
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

/**
 * hvd_thread_record() - describe a thread for a program
 * @t: with a reference, in an RCU read-side section, or current's own
 * @record: result; tid and tgid as the thread's own pid namespace has them
 */
void hvd_thread_record(struct hvd_thread *t, struct ord_ioc_thread *record)
{
	struct pid_namespace *ns;

	memset(record, 0, sizeof(*record));
	rcu_read_lock(); /* a task that is being released drops its pid, and that its namespace */
	ns = task_active_pid_ns(t->task);
	if (ns) {
		record->tid = task_pid_nr_ns(t->task, ns);
		record->tgid = task_tgid_nr_ns(t->task, ns);
	}
	rcu_read_unlock();
	record->core = t->core;
	record->prio = t->prio;
	record->state = READ_ONCE(t->state);
	record->context = t->context;
	memcpy(record->comm, t->task->comm, sizeof(record->comm));
	record->comm[sizeof(record->comm) - 1] = 0;
	record->forwards = READ_ONCE(t->forwards);
	record->recaptures = READ_ONCE(t->recaptures);
	record->flags = t->user_flags;
	record->sigdebugs = READ_ONCE(t->trace.warnings);
	memcpy(record->cause_count, t->trace.count, sizeof(record->cause_count));
	memcpy(record->cause_ticks, t->trace.ticks, sizeof(record->cause_ticks));
	record->stats = t->frame->stats;
}

/* Once only: true for who has to finish it. With the lock held. */
static bool thread_claim(struct hvd_thread *t, bool *queued)
{
	if (test_and_set_bit(HVD_ENDED, &t->flags))
		return false;
	WRITE_ONCE(t->state, ORD_THREAD_ATTACHED);
	*queued = test_bit(HVD_QUEUED, &t->flags);
	return true;
}

static void thread_finish(struct hvd_thread *t, bool queued)
{
	struct ord_ioc_thread record;
	unsigned long irq_flags;

	hvd_debug_point(HVD_POINT_END);
	raw_spin_lock_irqsave(&hash_lock, irq_flags);
	hash_del_rcu(&t->node);
	raw_spin_unlock_irqrestore(&hash_lock, irq_flags);
	hvd_probe_unmark(t->task);

	hvd_thread_record(t, &record);
	record.state = ORD_THREAD_ENDED;
	hvd_file_store(t->file, &record);

	/* First the context, with its table base, then the TLB, then the pin that kept the ASID ours. */
	thread_destroy_context(t);
	hvd_debug_point(HVD_POINT_ENDED);
	t->mm_left = hvd_space_leave(t);
	complete_all(&t->ended);
	hvd_sysfs_update();

	/* A queued park still points here and runs before its task is gone: it drops the reference then. */
	if (!queued)
		hvd_thread_put(t);
	/* Not when it is released, a while later: who has seen the last thread end may unload the module. */
	module_put(THIS_MODULE);
}

/**
 * hvd_thread_end() - make a thread an ordinary one again, unless that has been done
 * @t: current's, from a system call or its exit; or one that exits. It does not run on its host core.
 *
 * Atomic context allowed (the exit probe). The context is free and the record readable on return, so that
 * whoever waits for this thread's end can use its core at once; memory follows later.
 */
void hvd_thread_end(struct hvd_thread *t)
{
	unsigned long irq_flags;
	bool queued, mine;

	raw_spin_lock_irqsave(&t->lock, irq_flags);
	mine = thread_claim(t, &queued);
	raw_spin_unlock_irqrestore(&t->lock, irq_flags);
	if (mine)
		thread_finish(t, queued);
}

/* Its kernel side sleeps for it, or looks at the flags before it does. */
static void thread_wake(struct hvd_thread *t)
{
	struct hvd_core core;

	smp_mb(); /* flags before wait word: pairs with park_wait() */
	if (READ_ONCE(t->frame->wait))
		wake_up_process(t->task);
	/*
	 * On a core that it shares with a CPU of Linux, its kernel side may be waiting for that very CPU,
	 * which waits for it. An event that nobody has asked for any more does no harm.
	 */
	if (!hvd_core_info(t->core, &core) && (core.flags & ORD_CORE_GUEST))
		hvd_call_recall(t->context);
}

/**
 * hvd_thread_attach() - make a thread an ordinary one again, from outside
 * @t: the caller holds a reference
 *
 * Return: 0 when it is, or -ERESTARTSYS.
 */
int hvd_thread_attach(struct hvd_thread *t)
{
	bool queued, mine = false;

	raw_spin_lock_irq(&t->lock);
	set_bit(HVD_LEAVE, &t->flags);
	if (!test_bit(HVD_PARKING, &t->flags))
		mine = thread_claim(t, &queued);
	raw_spin_unlock_irq(&t->lock);
	if (mine) {
		thread_finish(t, queued);
		return 0;
	}
	thread_wake(t);
	return wait_for_completion_killable(&t->ended);
}

/* With the lock held; the thread does not run. */
static void thread_move_apply(struct hvd_thread *t)
{
	u32 prio = t->move_prio ?: t->prio;

	t->move_error = hvd_status_errno(hvd_call_set(t->context, t->move_core, prio));
	if (t->move_error)
		return;
	if (t->move_core != ORD_CORE_ANY)
		t->core = t->move_core;
	t->prio = prio;
}

static bool thread_move_answer(struct hvd_thread *t)
{
	if (!test_and_clear_bit(HVD_MOVE, &t->flags))
		return false;
	thread_move_apply(t);
	complete(&t->moved);
	return true;
}

/**
 * hvd_thread_move_now() - do what somebody waits for in hvd_thread_move()
 * @t: current's, in park() and not running
 *
 * Return: true if there was something to do.
 */
bool hvd_thread_move_now(struct hvd_thread *t)
{
	bool moved;

	raw_spin_lock_irq(&t->lock);
	moved = thread_move_answer(t);
	raw_spin_unlock_irq(&t->lock);
	return moved;
}

/**
 * hvd_thread_move() - give a thread another core or priority
 * @t: the caller holds a reference, or it is current's
 * @core: which one, or ORD_CORE_ANY to stay
 * @prio: or 0 to keep it
 *
 * Return: 0, -ESRCH if it has ended, -ERESTARTSYS, or what the hypervisor says.
 */
int hvd_thread_move(struct hvd_thread *t, u32 core, u32 prio)
{
	bool asked = false;
	int err = 0;

	if (mutex_lock_killable(&t->move_mutex))
		return -ERESTARTSYS;
	raw_spin_lock_irq(&t->lock);
	t->move_core = core;
	t->move_prio = prio;
	if (test_bit(HVD_ENDED, &t->flags)) {
		err = -ESRCH;
	} else if (!test_bit(HVD_PARKING, &t->flags)) {
		thread_move_apply(t);
		err = t->move_error;
	} else {
		reinit_completion(&t->moved);
		set_bit(HVD_MOVE, &t->flags);
		asked = true;
	}
	raw_spin_unlock_irq(&t->lock);
	if (asked) {
		thread_wake(t);
		err = wait_for_completion_killable(&t->moved);
		raw_spin_lock_irq(&t->lock);
		if (!test_and_clear_bit(HVD_MOVE, &t->flags))
			err = t->move_error; /* done, killed or not */
		raw_spin_unlock_irq(&t->lock);
	}
	mutex_unlock(&t->move_mutex);
	return err;
}

/**
 * hvd_thread_park_end() - current is about to leave park()
 * @t: current's
 */
void hvd_thread_park_end(struct hvd_thread *t)
{
	bool queued, mine;

	raw_spin_lock_irq(&t->lock);
	thread_move_answer(t);
	clear_bit(HVD_PARKING, &t->flags);
	mine = test_bit(HVD_LEAVE, &t->flags) && thread_claim(t, &queued);
	raw_spin_unlock_irq(&t->lock);
	if (mine)
		thread_finish(t, queued);
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
 * hvd_thread_check_group() - the detached threads of current's process come back, to see what has changed
 *
 * On return none of them runs by what was before. Any context.
 */
void hvd_thread_check_group(void)
{
	u64 end =
		get_cycles() + arch_timer_get_cntfrq() / 100; /* the hypervisor answers within microseconds */
	struct hvd_thread *t;
	u32 id;

	rcu_read_lock();
	for (id = 0; id < ORD_CONTEXT_MAX; id++) {
		t = rcu_dereference(hvd_contexts[id]);
		if (!t || !same_thread_group(t->task, current))
			continue;
		set_bit(HVD_CHECK, &t->flags);
		smp_mb__after_atomic(); /* pairs with park() */
		hvd_call_recall(t->context);
		while (t != hvd_thread_find(current) && READ_ONCE(t->frame->event) == ORD_EVENT_RUNNING &&
		       get_cycles() < end)
			cpu_relax();
	}
	rcu_read_unlock();
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
	hvd_release_wq = alloc_workqueue("hvdetach", WQ_UNBOUND, 0);
	return hvd_release_wq ? 0 : -ENOMEM;
}

/* Waits for threads that have ended to be released; none is left otherwise, nor can one start. */
void hvd_thread_drain(void)
{
	wait_var_event(&thread_count, !atomic_read(&thread_count));
}

/* After hvd_thread_drain(). */
void hvd_thread_exit(void)
{
	destroy_workqueue(hvd_release_wq);
}
