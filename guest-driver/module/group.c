// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups: processes whose new threads are detached as they start, each onto the next core of a list. Kept by
 * the signal_struct, which execve() keeps and all threads of a process share.
 *
 * Threads are made where nothing can be allocated, so each group has some in stock. One that finds none runs
 * in Linux: more than GROUP_STOCK would have to start before a work gets to run.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "hypercall.h"
#include "thread.h"

#define GROUP_STOCK 64

struct hvd_group {
	struct list_head node;
	struct work_struct fill, free;
	struct hlist_head stock;
	unsigned int stock_count;
	bool gone;
	struct signal_struct *signal;
	struct hvd_file *file;
	struct hvd_identity identity;
	u32 flags, prio;
	u32 core_count, next;
	u32 core[ORD_GROUP_CORES_MAX];
};

static LIST_HEAD(groups);
static DEFINE_RAW_SPINLOCK(group_lock); /* the list and what is in it; outside of all others */

/* With the lock held. */
static struct hvd_group *group_find(struct signal_struct *signal)
{
	struct hvd_group *group;

	list_for_each_entry(group, &groups, node) if (group->signal == signal) return group;
	return NULL;
}

/* With the lock held, for a group or NULL. */
static void group_remove(struct hvd_group *group)
{
	if (!group)
		return;
	if (!list_empty(&group->node))
		list_del_init(&group->node);
	group->gone = true;
	queue_work(hvd_release_wq, &group->free);
}

/* Adds one to the stock; true if there is room for another. */
static bool group_add(struct hvd_group *group)
{
	struct hvd_thread *t = hvd_thread_alloc();
	bool more;

	if (!t)
		return false;
	if (group->flags & ORD_DETACH_TRACE && hvd_trace_start(t)) {
		hvd_thread_free(t);
		return false;
	}
	raw_spin_lock_irq(&group_lock);
	hlist_add_head(&t->node, &group->stock);
	more = ++group->stock_count < GROUP_STOCK && !group->gone;
	raw_spin_unlock_irq(&group_lock);
	return more;
}

static void group_fill(struct work_struct *work)
{
	struct hvd_group *group = container_of(work, struct hvd_group, fill);

	while (READ_ONCE(group->stock_count) < GROUP_STOCK && group_add(group))
		;
}

static void group_free(struct work_struct *work)
{
	struct hvd_group *group = container_of(work, struct hvd_group, free);
	struct hlist_node *next;
	struct hvd_thread *t;

	cancel_work_sync(&group->fill); /* nobody queues it any more */
	hlist_for_each_entry_safe(t, next, &group->stock, node) hvd_thread_free(t);
	hvd_file_put(group->file);
	kfree(group);
	hvd_probe_put();
	/* The work queue is destroyed before the module is gone, so this function's own end is safe too. */
	module_put(THIS_MODULE);
}

static int group_check(const struct ord_ioc_group *arg)
{
	struct hvd_core info;
	u32 i;
	int err;

	if (arg->core_count > ORD_GROUP_CORES_MAX || arg->flags & ~ORD_DETACH_FLAGS)
		return -EINVAL;
	if (arg->core_count && (arg->prio < ORD_PRIO_MIN || arg->prio > ORD_PRIO_MAX))
		return -EINVAL;
	for (i = 0; i < arg->core_count; i++) {
		err = hvd_core_info(arg->core[i], &info);
		if (err)
			return err;
		if (!(info.flags & ORD_CORE_HOST))
			return info.flags & ORD_CORE_GUEST ? -EPERM : -ENODEV;
		err = hvd_access_core(arg->core[i]);
		if (err)
			return err;
	}
	return 0;
}

static struct hvd_group *group_new(struct hvd_file *file, struct task_struct *leader,
				   const struct hvd_identity *identity, const struct ord_ioc_group *arg)
{
	struct hvd_group *group = kzalloc(sizeof(*group), GFP_KERNEL_ACCOUNT);
	int err;

	if (!group)
		return ERR_PTR(-ENOMEM);
	err = hvd_probe_get();
	if (err) {
		kfree(group);
		return ERR_PTR(err);
	}
	__module_get(THIS_MODULE);
	INIT_LIST_HEAD(&group->node);
	INIT_WORK(&group->fill, group_fill);
	INIT_WORK(&group->free, group_free);
	group->signal = leader->signal;
	group->file = hvd_file_get(file);
	group->identity = *identity;
	group->flags = arg->flags;
	group->prio = arg->prio;
	group->core_count = arg->core_count;
	memcpy(group->core, arg->core, sizeof(group->core));
	while (group_add(group))
		;
	return group;
}

/**
 * hvd_group_set() - detach the threads that a process will make
 * @file: keeps their records
 * @leader: a task of the process, held by the caller
 * @identity: of hvd_access_task()
 * @arg: contents are checked here
 *
 * Return: 0, or a negative errno as documented at struct ord_ioc_group. May sleep.
 */
int hvd_group_set(struct hvd_file *file, struct task_struct *leader, const struct hvd_identity *identity,
		  const struct ord_ioc_group *arg)
{
	struct hvd_group *group = NULL;
	int err = group_check(arg);

	if (!err && arg->core_count) {
		group = group_new(file, leader, identity, arg);
		err = PTR_ERR_OR_ZERO(group);
	}
	if (err)
		return err;
	raw_spin_lock_irq(&group_lock);
	group_remove(group_find(leader->signal));
	if (group) {
		list_add(&group->node, &groups);
		/*
		 * Its last thread counts itself out, which is a full barrier, and then looks at the list, at
		 * first without the lock: it sees this one, or is seen here. And so does who executes a
		 * program.
		 */
		smp_mb();
		if (!atomic_read(&leader->signal->live) ||
		    READ_ONCE(leader->self_exec_id) != identity->exec_id) {
			group_remove(group);
			err = -ESRCH;
		}
	}
	raw_spin_unlock_irq(&group_lock);
	return err;
}

/* With the lock held. */
static int group_start(struct hvd_group *group, struct task_struct *child, u32 core)
{
	struct hvd_thread *t;
	int err;

	if (hlist_empty(&group->stock))
		return -ENOMEM;
	t = hlist_entry(group->stock.first, struct hvd_thread, node);
	hlist_del_init(&t->node);
	err = hvd_thread_start_new(t, group->file, child, &group->identity, core, group->prio, group->flags);
	if (err)
		hlist_add_head(&t->node, &group->stock);
	else
		group->stock_count--;
	return err;
}

/**
 * hvd_group_fork() - a task has been made
 * @parent: current
 * @child: not woken up yet. Atomic context.
 */
void hvd_group_fork(struct task_struct *parent, struct task_struct *child)
{
	struct hvd_group *group;
	unsigned long irq_flags;
	u32 core = 0;
	int err = 0;

	if (likely(list_empty(&groups)) || child->signal != parent->signal)
		return;
	raw_spin_lock_irqsave(&group_lock, irq_flags);
	group = group_find(child->signal);
	if (group) {
		core = group->core[group->next++ % group->core_count];
		err = group_start(group, child, core);
		queue_work(hvd_release_wq, &group->fill);
	}
	raw_spin_unlock_irqrestore(&group_lock, irq_flags);
	if (err)
		pr_warn_ratelimited(
			"a new thread of %s[%d] runs in Linux: cannot be detached to core %u (%d)\n",
			parent->comm, task_tgid_nr(parent), core, err);
}

/**
 * hvd_group_exec() - current has executed a program: exec.c says what that means. Atomic context.
 */
void hvd_group_exec(void)
{
	struct hvd_group *group;
	unsigned long irq_flags;
	enum hvd_change change;

	if (likely(list_empty(&groups)))
		return;
	raw_spin_lock_irqsave(&group_lock, irq_flags);
	group = group_find(current->signal);
	change = group ? hvd_identity_change(&group->identity) : HVD_CHANGE_NONE;
	if (change == HVD_CHANGE_MORE)
		group_remove(group);
	else if (change == HVD_CHANGE_OTHER)
		WRITE_ONCE(group->flags, group->flags & ~ORD_DETACH_SIGDEBUG);
	raw_spin_unlock_irqrestore(&group_lock, irq_flags);
}

/**
 * hvd_group_exit() - a task exits
 * @task: current, counted out of its process. Atomic context.
 */
void hvd_group_exit(struct task_struct *task)
{
	unsigned long irq_flags;

	if (atomic_read(&task->signal->live))
		return;
	smp_mb(); /* pairs with hvd_group_set() */
	if (likely(list_empty(&groups)))
		return;
	raw_spin_lock_irqsave(&group_lock, irq_flags);
	group_remove(group_find(task->signal));
	raw_spin_unlock_irqrestore(&group_lock, irq_flags);
}
