// SPDX-License-Identifier: GPL-2.0-only
/* The table of detached threads: their lookup by task and by context, references, and what is said of one. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>

#include "debug.h"
#include "hypercall.h"
#include "thread.h"

bool hvd_stopping;
struct hvd_thread __rcu *hvd_contexts[ORD_CONTEXT_MAX];

/* By task, not by tid: execve() in a thread that does not lead its group changes tids. */
static DEFINE_HASHTABLE(hash, 8);
static DEFINE_RAW_SPINLOCK(hash_lock);
struct workqueue_struct *hvd_release_wq;
static struct work_struct *thread_watcher; /* queued when there is another thread, or one less */

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

/**
 * hvd_thread_publish() - a thread can be found from here on
 * @t: with a context
 *
 * It is detached for good from here on: capture happens on its way out of the ioctl, by the sys_exit hook, or
 * at the latest by the re-capture timer.
 *
 * Return: 0, or -EBUSY if somebody else was faster. Atomic context allowed.
 */
int hvd_thread_publish(struct hvd_thread *t)
{
	unsigned long irq_flags;
	int err = 0;

	raw_spin_lock_irqsave(&hash_lock, irq_flags);
	if (hvd_thread_find(t->task)) {
		err = -EBUSY;
	} else {
		/* Under the lock: who finds it can end it, and then must find it in both. */
		rcu_assign_pointer(hvd_contexts[t->context], t);
		hash_add_rcu(hash, &t->node, (unsigned long)t->task);
	}
	raw_spin_unlock_irqrestore(&hash_lock, irq_flags);
	return err;
}

/**
 * hvd_thread_unpublish() - it cannot be found by its task any more; by its context until that is destroyed
 * @t: published. Atomic context allowed.
 */
void hvd_thread_unpublish(struct hvd_thread *t)
{
	unsigned long irq_flags;

	raw_spin_lock_irqsave(&hash_lock, irq_flags);
	hash_del_rcu(&t->node);
	raw_spin_unlock_irqrestore(&hash_lock, irq_flags);
}

/**
 * hvd_thread_watch() - tell somebody of changes
 * @work: is queued whenever a thread has been detached, has ended, or has another id; NULL: nobody
 */
void hvd_thread_watch(struct work_struct *work)
{
	WRITE_ONCE(thread_watcher, work);
}

/**
 * hvd_thread_changed() - there is one more thread, or one less. Any context.
 */
void hvd_thread_changed(void)
{
	struct work_struct *work = READ_ONCE(thread_watcher);

	if (work)
		schedule_work(work);
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
	record->stats.run_time = hvd_cputime_total(t);
}

/**
 * hvd_thread_wake() - its kernel side looks at the flags. Any context.
 * @t: with a reference, after a flag was set. It sleeps, or looks at the flags before it does.
 */
void hvd_thread_wake(struct hvd_thread *t)
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
 * hvd_thread_check_group() - the detached threads of current's process come back, to see what has changed
 *
 * On return none of them runs by what was before. Any context.
 */
void hvd_thread_check_group(void)
{
	u64 end = hvd_arch_counter() +
		  hvd_arch_frequency() / 100; /* the hypervisor answers within microseconds */
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
		       hvd_arch_counter() < end)
			cpu_relax();
	}
	rcu_read_unlock();
}

int hvd_thread_init(void)
{
	hvd_release_wq = alloc_workqueue("hvdetach", WQ_UNBOUND, 0);
	return hvd_release_wq ? 0 : -ENOMEM;
}

/* After hvd_thread_drain(). */
void hvd_thread_exit(void)
{
	destroy_workqueue(hvd_release_wq);
}
