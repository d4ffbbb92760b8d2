// SPDX-License-Identifier: GPL-2.0-only
/* /dev/hvdetach: the ioctls of outrider/ioctl.h. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "hypercall.h"
#include "thread.h"

/* A thread as current's pid namespace sees it; false if it does not. In an RCU read-side section. */
static bool chardev_record(struct hvd_thread *t, struct ord_ioc_thread *record)
{
	struct pid_namespace *ns = task_active_pid_ns(current);
	pid_t tid = task_pid_nr_ns(t->task, ns);

	if (!tid)
		return false;
	hvd_thread_record(t, record);
	record->tid = tid;
	record->tgid = task_tgid_nr_ns(t->task, ns);
	return true;
}

static int chardev_check_head(struct ord_ioc_head head, size_t size)
{
	if (head.version >> 16 != ORD_ABI_MAJOR)
		return -EPROTO;
	return head.size == size ? 0 : -EINVAL;
}

static u32 chardev_core_tid(u32 context)
{
	struct hvd_thread *t;
	u32 tid = 0;

	if (context >= ORD_CONTEXT_MAX)
		return 0;
	rcu_read_lock();
	t = rcu_dereference(hvd_contexts[context]);
	if (t)
		tid = task_pid_nr_ns(t->task, task_active_pid_ns(current));
	rcu_read_unlock();
	return tid;
}

static void info_fill(struct ord_ioc_info *info)
{
	struct hvd_core core;
	u32 i;

	memset(info, 0, sizeof(*info));
	info->head.size = sizeof(*info);
	info->head.version = ORD_ABI_VERSION;
	info->abi_version = hvd_abi_version;
	info->features = hvd_features;
	for (i = 0; i < ORD_POOL_COUNT; i++)
		hvd_pool_info(i, &info->pool_used[i], &info->pool_capacity[i]);
	for (i = 0; i < ORD_IOC_CORES_MAX && !hvd_core_info(i, &core); i++) {
		info->core[i].hwid = core.id;
		info->core[i].flags = core.flags;
		info->core[i].context = core.context;
		info->core[i].context_count = core.count;
		hvd_core_stats(i, &info->core[i].entries, &info->core[i].irqs, &info->core[i].runs);
	}
	info->core_count = i;
}

/*
 * Each of these questions takes a lock of the hypervisor's that CREATE, RECALL and SET of other threads need,
 * too. Whoever may not take cores gets an answer that is up to a tick old, so that asking all the time delays
 * nobody.
 */
static int info_get(struct ord_ioc_info *info, bool privileged)
{
	static DEFINE_MUTEX(mutex);
	static struct ord_ioc_info last; /* zero: there is none */
	static unsigned long last_time;

	if (privileged) {
		info_fill(info);
		return 0;
	}
	if (mutex_lock_killable(&mutex))
		return -ERESTARTSYS;
	if (!last.head.size || jiffies != last_time) {
		last_time = jiffies;
		info_fill(&last);
	}
	*info = last;
	mutex_unlock(&mutex);
	return 0;
}

static long chardev_info(void __user *user, bool privileged)
{
	struct ord_ioc_info *info;
	long err;
	u32 i;

	info = kmalloc(sizeof(*info), GFP_KERNEL);
	if (!info)
		return -ENOMEM;
	err = info_get(info, privileged);
	for (i = 0; !err && i < info->core_count; i++)
		if (info->core[i].context)
			info->core[i].tid = chardev_core_tid(info->core[i].context - 1);
	if (!err && copy_to_user(user, info, sizeof(*info)))
		err = -EFAULT;
	kfree(info);
	return err;
}

/*
 * The task that an ioctl names, if current may act on it: with a reference, or an ERR_PTR(). @identity: as
 * whom it runs.
 */
static struct task_struct *chardev_task(s32 tid, struct hvd_identity *identity)
{
	struct task_struct *task = current;
	int err;

	if (tid < 0)
		return ERR_PTR(-EINVAL);
	rcu_read_lock();
	if (tid)
		task = pid_task(find_vpid(tid), PIDTYPE_PID);
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	if (!task)
		return ERR_PTR(-ESRCH);
	err = hvd_access_task(task, identity);
	if (!err)
		return task;
	put_task_struct(task);
	return ERR_PTR(err == -EINTR ? -ERESTARTSYS : err);
}

static long chardev_detach(struct hvd_file *file, void __user *user)
{
	struct hvd_identity identity;
	struct task_struct *task;
	struct ord_ioc_detach arg;
	struct hvd_thread *t;
	long err;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	task = chardev_task(arg.tid, &identity);
	if (IS_ERR(task))
		return PTR_ERR(task);
	err = hvd_thread_start(file, task, &identity, &arg.core, arg.prio, arg.flags);
	if (!err && copy_to_user(user, &arg, sizeof(arg))) {
		t = hvd_thread_get(task);
		if (t) {
			hvd_thread_attach(t);
			hvd_thread_put(t);
		}
		err = -EFAULT;
	}
	put_task_struct(task);
	return err;
}

static long chardev_attach(void __user *user)
{
	struct hvd_identity identity;
	struct task_struct *task;
	struct ord_ioc_attach arg;
	struct hvd_thread *t;
	long err = 0;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (arg.reserved)
		return -EINVAL;
	task = chardev_task(arg.tid, &identity);
	if (IS_ERR(task))
		return PTR_ERR(task);
	t = hvd_thread_get(task);
	if (t) {
		err = hvd_thread_attach(t);
		hvd_thread_put(t);
	}
	put_task_struct(task);
	return err;
}

static long chardev_set(void __user *user)
{
	struct hvd_identity identity;
	struct task_struct *task;
	struct ord_ioc_set arg;
	struct hvd_thread *t;
	long err = -ESRCH;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (arg.reserved || arg.prio > ORD_PRIO_MAX)
		return -EINVAL;
	task = chardev_task(arg.tid, &identity);
	if (IS_ERR(task))
		return PTR_ERR(task);
	t = hvd_thread_get(task);
	if (t) {
		err = hvd_access_core(arg.core) ?: hvd_thread_move(t, arg.core, arg.prio);
		hvd_thread_put(t);
	}
	put_task_struct(task);
	return err;
}

static long chardev_group(struct hvd_file *file, void __user *user)
{
	struct hvd_identity identity;
	struct task_struct *task;
	struct ord_ioc_group arg;
	long err;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	task = chardev_task(arg.pid, &identity);
	if (IS_ERR(task))
		return PTR_ERR(task);
	if (task->flags & PF_KTHREAD)
		err = -EOPNOTSUPP;
	else
		err = hvd_file_grow(file) ?: hvd_group_set(file, task, &identity, &arg);
	put_task_struct(task);
	return err;
}

static long chardev_trace(void __user *user)
{
	struct hvd_identity identity;
	struct task_struct *task;
	struct ord_ioc_trace *arg;
	struct hvd_thread *t;
	long err = -ESRCH;

	arg = memdup_user(user, sizeof(*arg));
	if (IS_ERR(arg))
		return PTR_ERR(arg);
	task = chardev_task(arg->tid, &identity);
	if (IS_ERR(task)) {
		kfree(arg);
		return PTR_ERR(task);
	}
	t = hvd_thread_get(task);
	if (t) {
		arg->frequency = hvd_arch_frequency();
		err = hvd_trace_read(t, arg);
		hvd_thread_put(t);
	}
	put_task_struct(task);
	if (!err && copy_to_user(user, arg, sizeof(*arg)))
		err = -EFAULT;
	kfree(arg);
	return err;
}

static long chardev_log(void __user *user)
{
	struct ord_ioc_log __user *out = user;
	u64 result[3];
	u64 position;
	u32 reserved;
	long err;
	void *page;

	if (get_user(position, &out->position) || get_user(reserved, &out->reserved))
		return -EFAULT;
	if (reserved)
		return -EINVAL;
	if (!(hvd_features & ORD_FEATURE_LOG))
		return -EOPNOTSUPP;
	page = (void *)get_zeroed_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	err = hvd_status_errno(hvd_call(ORD_HC_LOG, position, virt_to_phys(page), 0, 0, result));
	if (!err && result[1] > sizeof(out->text))
		err = -EIO;
	if (!err && (put_user(result[0], &out->position) || put_user(result[2], &out->lost) ||
		     put_user((u32)result[1], &out->size) || copy_to_user(out->text, page, result[1])))
		err = -EFAULT;
	free_page((unsigned long)page);
	return err;
}

static void list_detached(struct ord_ioc_list *list)
{
	struct hvd_thread *t;
	u32 id;

	for (id = 0; id < ORD_CONTEXT_MAX; id++) {
		rcu_read_lock();
		t = rcu_dereference(hvd_contexts[id]);
		if (t && chardev_record(t, &list->thread[list->count]))
			list->count++;
		rcu_read_unlock();
	}
}

/* One after the other: all at once would keep interrupts out for too long. Others may end meanwhile. */
static void list_ended(struct hvd_file *file, struct ord_ioc_list *list)
{
	u64 lost = 0, next = 0;
	s64 found;

	while (list->count < ORD_CONTEXT_MAX) {
		found = hvd_file_record(file, next, &list->thread[list->count]);
		if (found < 0)
			break;
		lost += found - next;
		next = found + 1;
		list->count++;
	}
	list->lost = min_t(u64, lost, U32_MAX);
}

/* @file: whose ended threads; NULL: all that are detached */
static long chardev_list(struct hvd_file *file, void __user *user)
{
	struct ord_ioc_list *list = kvzalloc(sizeof(*list), GFP_KERNEL);
	long err;

	if (!list)
		return -ENOMEM;
	list->head.size = sizeof(*list);
	list->head.version = ORD_ABI_VERSION;
	if (file)
		list_ended(file, list);
	else
		list_detached(list);
	err = copy_to_user(user, list, sizeof(*list)) ? -EFAULT : 0;
	kvfree(list);
	return err;
}

static long chardev_stat(void __user *user)
{
	struct ord_ioc_stat arg;
	struct hvd_thread *t;
	long err = -ESRCH;
	s32 tid;
	u32 id;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	tid = arg.thread.tid;
	for (id = 0; id < ORD_CONTEXT_MAX && err; id++) {
		rcu_read_lock();
		t = rcu_dereference(hvd_contexts[id]);
		if (t && chardev_record(t, &arg.thread) && arg.thread.tid == tid)
			err = 0;
		rcu_read_unlock();
	}
	if (!err && copy_to_user(user, &arg, sizeof(arg)))
		err = -EFAULT;
	return err;
}

static long chardev_last(struct hvd_file *file, void __user *user)
{
	struct ord_ioc_stat arg;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (arg.thread.tid)
		return -EINVAL;
	if (!hvd_file_last(file, &arg.thread))
		return -ESRCH;
	return copy_to_user(user, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long chardev_irq(void __user *user)
{
	struct ord_ioc_irq arg;
	struct hvd_thread *t;
	long err;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	/* Its own, but others may attach it and so end it at any time. */
	t = hvd_thread_get(current);
	if (!t)
		return -EINVAL;
	err = hvd_irq_grant(t, arg.fd, &arg.intid);
	hvd_thread_put(t);
	if (err)
		return err;
	return copy_to_user(user, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static bool chardev_permits(unsigned int command, bool writable)
{
	switch (command) {
	case ORD_IOC_INFO:
	case ORD_IOC_LIST:
	case ORD_IOC_STAT:
	case ORD_IOC_LAST:
	case ORD_IOC_ENDED:
		return true;
	case ORD_IOC_LOG:
		return writable || capable(CAP_SYSLOG);
	default: /* takes cores, or acts on threads */
		return hvd_access_privileged(writable);
	}
}

static long chardev_ioctl(struct file *filp, unsigned int command, unsigned long arg)
{
	struct hvd_file *file = filp->private_data;
	void __user *user = (void __user *)arg;
	struct ord_ioc_head head;
	size_t size;
	int err;

	switch (command) {
	case ORD_IOC_INFO:
	case ORD_IOC_DETACH:
	case ORD_IOC_ATTACH:
	case ORD_IOC_STAT:
	case ORD_IOC_LAST:
	case ORD_IOC_SET:
	case ORD_IOC_GROUP:
	case ORD_IOC_TRACE:
	case ORD_IOC_LOG:
	case ORD_IOC_IRQ:
		size = _IOC_SIZE(command);
		break;
	case ORD_IOC_LIST:
	case ORD_IOC_ENDED:
		size = sizeof(struct ord_ioc_list);
		break;
	default:
		return -ENOTTY;
	}
	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	err = chardev_check_head(head, size);
	if (err)
		return err;
	if (!chardev_permits(command, filp->f_mode & FMODE_WRITE))
		return -EPERM;

	switch (command) {
	case ORD_IOC_INFO:
		return chardev_info(user, filp->f_mode & FMODE_WRITE);
	case ORD_IOC_DETACH:
		return chardev_detach(file, user);
	case ORD_IOC_ATTACH:
		return chardev_attach(user);
	case ORD_IOC_SET:
		return chardev_set(user);
	case ORD_IOC_GROUP:
		return chardev_group(file, user);
	case ORD_IOC_TRACE:
		return chardev_trace(user);
	case ORD_IOC_LOG:
		return chardev_log(user);
	case ORD_IOC_IRQ:
		return chardev_irq(user);
	case ORD_IOC_LIST:
		return chardev_list(NULL, user);
	case ORD_IOC_STAT:
		return chardev_stat(user);
	case ORD_IOC_ENDED:
		return chardev_list(file, user);
	default:
		return chardev_last(file, user);
	}
}

/* A 32-bit program cannot be detached, and has nothing to ask. */
static long chardev_compat_ioctl(struct file *filp, unsigned int command, unsigned long arg)
{
	return -EOPNOTSUPP;
}

static int chardev_open(struct inode *inode, struct file *filp)
{
	filp->private_data = hvd_file_new();
	return filp->private_data ? 0 : -ENOMEM;
}

static int chardev_release(struct inode *inode, struct file *filp)
{
	hvd_file_put(filp->private_data);
	return 0;
}

static const struct file_operations chardev_ops = {
	.owner = THIS_MODULE,
	.open = chardev_open,
	.release = chardev_release,
	.unlocked_ioctl = chardev_ioctl,
	.compat_ioctl = chardev_compat_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice chardev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hvdetach",
	.fops = &chardev_ops,
	.mode = 0664, /* a rule for udev gives it a group */
};

int hvd_chardev_init(void)
{
	return misc_register(&chardev);
}

void hvd_chardev_exit(void)
{
	misc_deregister(&chardev);
}
