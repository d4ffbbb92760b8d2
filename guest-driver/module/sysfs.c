// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/outrider: for scripts. As L4Linux had it in /sys/kernel/l4/detach, with one folder per thread:
 *
 *   version
 *   detach/detach        write a thread's id: it is detached, onto any free host core
 *   detach/attach        write a thread's id: it is an ordinary one again
 *   detach/TID/cpu       its host core; write another one to move it
 *   detach/TID/prio      its priority, likewise
 *   detach/TID/...       state, comm, forwards and a counter for each cause
 *
 * Folders come and go by a work, since threads do so where nothing can be allocated.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/kobject.h>
#include <linux/kstrtox.h>
#include <linux/list.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>

#include "hypercall.h"
#include "thread.h"

struct hvd_folder {
	struct kobject kobj;
	struct list_head node;
	pid_t tid; /* in the first pid namespace */
};

static struct kobject *sysfs_top, *sysfs_detach;
static LIST_HEAD(folders); /* the work's alone */

/* The thread of a folder, with a reference, or NULL. */
static struct hvd_thread *folder_thread(pid_t tid)
{
	struct hvd_thread *t = NULL;
	u32 id;

	rcu_read_lock();
	for (id = 0; id < ORD_CONTEXT_MAX; id++) {
		t = rcu_dereference(hvd_contexts[id]);
		if (t && task_pid_nr(t->task) == tid && !test_bit(HVD_ENDED, &t->flags) &&
		    refcount_inc_not_zero(&t->refs))
			break;
		t = NULL;
	}
	rcu_read_unlock();
	return t;
}

/* ---- the files of a thread ---- */

struct folder_attribute {
	struct attribute attr;
	ssize_t (*show)(const struct ord_ioc_thread *record, char *buf);
	int (*store)(struct hvd_thread *t, u32 value);
};

static ssize_t cpu_show(const struct ord_ioc_thread *record, char *buf)
{
	return sysfs_emit(buf, "%u\n", record->core);
}

static int cpu_store(struct hvd_thread *t, u32 value)
{
	return value == ORD_CORE_ANY ? -EINVAL : hvd_access_core(value) ?: hvd_thread_move(t, value, 0);
}

static ssize_t prio_show(const struct ord_ioc_thread *record, char *buf)
{
	return sysfs_emit(buf, "%u\n", record->prio);
}

static int prio_store(struct hvd_thread *t, u32 value)
{
	return value < ORD_PRIO_MIN || value > ORD_PRIO_MAX ? -EINVAL
							    : hvd_thread_move(t, ORD_CORE_ANY, value);
}

static ssize_t state_show(const struct ord_ioc_thread *record, char *buf)
{
	return sysfs_emit(buf, "%s\n", record->state == ORD_THREAD_DETACHED ? "detached" : "attached");
}

static ssize_t comm_show(const struct ord_ioc_thread *record, char *buf)
{
	return sysfs_emit(buf, "%s\n", record->comm);
}

static struct folder_attribute cpu_attribute = { { "cpu", 0644 }, cpu_show, cpu_store };
static struct folder_attribute prio_attribute = { { "prio", 0644 }, prio_show, prio_store };
static struct folder_attribute state_attribute = { { "state", 0444 }, state_show, NULL };
static struct folder_attribute comm_attribute = { { "comm", 0444 }, comm_show, NULL };

#define FOLDER_COUNTER(name, value)                                                \
	static ssize_t name##_show(const struct ord_ioc_thread *record, char *buf) \
	{                                                                          \
		return sysfs_emit(buf, "%llu\n", (unsigned long long)(value));     \
	}                                                                          \
	static struct folder_attribute name##_attribute = { { #name, 0444 }, name##_show, NULL }

FOLDER_COUNTER(forwards, record->forwards);
FOLDER_COUNTER(recaptures, record->recaptures);
FOLDER_COUNTER(syscalls, record->cause_count[ORD_CAUSE_SYSCALL]);
FOLDER_COUNTER(faults, record->cause_count[ORD_CAUSE_FAULT] + record->cause_count[ORD_CAUSE_NATIVE]);
FOLDER_COUNTER(exceptions, record->cause_count[ORD_CAUSE_EXCEPTION]);
FOLDER_COUNTER(signals, record->cause_count[ORD_CAUSE_SIGNAL]);
FOLDER_COUNTER(debugs, record->cause_count[ORD_CAUSE_DEBUG]);
FOLDER_COUNTER(runs, record->stats.runs);
FOLDER_COUNTER(interrupts, record->stats.irqs);
FOLDER_COUNTER(exits, record->stats.exits);

static struct attribute *folder_attrs[] = {
	&cpu_attribute.attr,        &prio_attribute.attr,     &state_attribute.attr,
	&comm_attribute.attr,       &forwards_attribute.attr, &recaptures_attribute.attr,
	&syscalls_attribute.attr,   &faults_attribute.attr,   &exceptions_attribute.attr,
	&signals_attribute.attr,    &debugs_attribute.attr,   &runs_attribute.attr,
	&interrupts_attribute.attr, &exits_attribute.attr,    NULL,
};
ATTRIBUTE_GROUPS(folder);

/* The folders' names are of the first pid namespace: elsewhere they say nothing, or something wrong. */
static bool folder_visible(void)
{
	return task_active_pid_ns(current) == &init_pid_ns;
}

static ssize_t folder_show(struct kobject *kobj, struct attribute *attr, char *buf)
{
	struct folder_attribute *file = container_of(attr, struct folder_attribute, attr);
	struct ord_ioc_thread *record;
	struct hvd_thread *t = NULL;
	ssize_t size = -ENOMEM;

	if (folder_visible())
		t = folder_thread(container_of(kobj, struct hvd_folder, kobj)->tid);
	if (!t)
		return -ESRCH;
	record = kmalloc(sizeof(*record), GFP_KERNEL);
	if (record) {
		hvd_thread_record(t, record);
		size = file->show(record, buf);
	}
	kfree(record);
	hvd_thread_put(t);
	return size;
}

static int folder_access(struct task_struct *task, struct hvd_identity *identity)
{
	return hvd_access_privileged(false) ? hvd_access_task(task, identity) : -EPERM;
}

static ssize_t folder_store(struct kobject *kobj, struct attribute *attr, const char *buf, size_t size)
{
	struct folder_attribute *file = container_of(attr, struct folder_attribute, attr);
	struct hvd_identity identity;
	struct hvd_thread *t = NULL;
	u32 value;
	int err;

	if (kstrtou32(buf, 10, &value))
		return -EINVAL;
	if (folder_visible())
		t = folder_thread(container_of(kobj, struct hvd_folder, kobj)->tid);
	if (!t)
		return -ESRCH;
	err = folder_access(t->task, &identity) ?: file->store(t, value);
	hvd_thread_put(t);
	return err ?: size;
}

static const struct sysfs_ops folder_ops = { .show = folder_show, .store = folder_store };

static void folder_release(struct kobject *kobj)
{
	kfree(container_of(kobj, struct hvd_folder, kobj));
}

static const struct kobj_type folder_type = {
	.sysfs_ops = &folder_ops,
	.release = folder_release,
	.default_groups = folder_groups,
};

/* ---- which folders there are ---- */

static bool folder_exists(pid_t tid)
{
	struct hvd_folder *folder;

	list_for_each_entry(folder, &folders, node) if (folder->tid == tid) return true;
	return false;
}

static void folder_add(pid_t tid)
{
	struct hvd_folder *folder = kzalloc(sizeof(*folder), GFP_KERNEL);

	if (!folder)
		return;
	folder->tid = tid;
	if (kobject_init_and_add(&folder->kobj, &folder_type, sysfs_detach, "%d", tid)) {
		kobject_put(&folder->kobj);
		return;
	}
	list_add(&folder->node, &folders);
}

static void folder_remove(struct hvd_folder *folder)
{
	list_del(&folder->node);
	kobject_del(&folder->kobj);
	kobject_put(&folder->kobj);
}

static void sysfs_update(struct work_struct *work)
{
	struct hvd_folder *folder, *next;
	struct hvd_thread *t;
	pid_t tid;
	u32 id;

	list_for_each_entry_safe(folder, next, &folders, node)
	{
		t = folder_thread(folder->tid);
		if (t)
			hvd_thread_put(t);
		else
			folder_remove(folder);
	}
	for (id = 0; id < ORD_CONTEXT_MAX; id++) {
		rcu_read_lock();
		t = rcu_dereference(hvd_contexts[id]);
		tid = t && !test_bit(HVD_ENDED, &t->flags) ? task_pid_nr(t->task) : 0;
		rcu_read_unlock();
		if (tid && !folder_exists(tid))
			folder_add(tid);
	}
}

static DECLARE_WORK(sysfs_work, sysfs_update);

/* ---- the files for all ---- */

static ssize_t version_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u.%u\n", hvd_abi_version >> 16, hvd_abi_version & 0xffff);
}

/* The task that is named in @buf, if current may act on it: with a reference, or an ERR_PTR(). */
static struct task_struct *sysfs_task(const char *buf, struct hvd_identity *identity)
{
	struct task_struct *task;
	pid_t tid;
	int err;

	if (kstrtoint(buf, 10, &tid) || tid <= 0)
		return ERR_PTR(-EINVAL);
	rcu_read_lock();
	task = pid_task(find_vpid(tid), PIDTYPE_PID);
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	if (!task)
		return ERR_PTR(-ESRCH);
	err = folder_access(task, identity);
	if (!err)
		return task;
	put_task_struct(task);
	return ERR_PTR(err);
}

static ssize_t detach_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf, size_t size)
{
	struct hvd_identity identity;
	struct task_struct *task = sysfs_task(buf, &identity);
	u32 core = ORD_CORE_ANY;
	int err;

	if (IS_ERR(task))
		return PTR_ERR(task);
	err = hvd_thread_start(NULL, task, &identity, &core, ORD_PRIO_DEFAULT, 0);
	put_task_struct(task);
	/* The next line of a script writes to the folder. */
	flush_work(&sysfs_work);
	return err ?: size;
}

static ssize_t attach_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf, size_t size)
{
	struct hvd_identity identity;
	struct task_struct *task = sysfs_task(buf, &identity);
	struct hvd_thread *t;
	int err = 0;

	if (IS_ERR(task))
		return PTR_ERR(task);
	t = hvd_thread_get(task);
	if (t) {
		err = hvd_thread_attach(t);
		hvd_thread_put(t);
	}
	put_task_struct(task);
	return err ?: size;
}

static struct kobj_attribute version_attribute = __ATTR_RO(version);
static struct kobj_attribute detach_attribute = __ATTR_WO(detach);
static struct kobj_attribute attach_attribute = __ATTR_WO(attach);

static struct attribute *detach_attrs[] = { &detach_attribute.attr, &attach_attribute.attr, NULL };
static const struct attribute_group detach_group = { .attrs = detach_attrs };

int hvd_sysfs_init(void)
{
	int err = -ENOMEM;

	sysfs_top = kobject_create_and_add("outrider", kernel_kobj);
	if (!sysfs_top)
		return -ENOMEM;
	sysfs_detach = kobject_create_and_add("detach", sysfs_top);
	if (sysfs_detach)
		err = sysfs_create_file(sysfs_top, &version_attribute.attr);
	hvd_thread_watch(&sysfs_work); /* before anybody can write to a file */
	if (!err)
		err = sysfs_create_group(sysfs_detach, &detach_group);
	if (err) {
		hvd_thread_watch(NULL);
		kobject_put(sysfs_detach);
		kobject_put(sysfs_top);
	}
	return err;
}

/* With no thread left. */
void hvd_sysfs_exit(void)
{
	/* First, so that nobody starts a thread in here any more. */
	sysfs_remove_group(sysfs_detach, &detach_group);
	hvd_thread_watch(NULL);
	schedule_work(&sysfs_work);
	flush_work(&sysfs_work);
	kobject_put(sysfs_detach);
	kobject_put(sysfs_top);
}
