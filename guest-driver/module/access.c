// SPDX-License-Identifier: GPL-2.0-only
/* Who may do what, and as whom a program runs. */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/ptrace.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/user_namespace.h>

#include "compat.h"
#include "hypercall.h"
#include "thread.h"

/**
 * hvd_access_privileged() - may current take host cores at all?
 * @writable: it came through a file that is open for writing
 */
bool hvd_access_privileged(bool writable)
{
	return writable || capable(CAP_SYS_NICE);
}

/**
 * hvd_access_core() - may current have threads on a core?
 * @core: which one, or ORD_CORE_ANY
 *
 * A thread on a core that Linux runs on, too, takes time from everybody's programs there, as much as the
 * configuration lets it: for that the device file is not enough.
 *
 * Return: 0 or -EPERM. A core that does not exist is for others to complain about.
 */
int hvd_access_core(u32 core)
{
	struct hvd_core info;

	if (core == ORD_CORE_ANY || hvd_core_info(core, &info))
		return 0;
	if (!(info.flags & ORD_CORE_GUEST) || !(info.flags & ORD_CORE_HOST) || capable(CAP_SYS_NICE))
		return 0;
	return -EPERM;
}

/* Over all processes, wherever they are. One that has no mm is exiting, or the kernel's own. */
static bool access_capable(struct task_struct *task)
{
	bool allowed = capable(CAP_SYS_PTRACE);

	task_lock(task);
	if (allowed && task->mm)
		allowed = ns_capable(hvd_exec_user_ns(task), CAP_SYS_PTRACE);
	task_unlock(task);
	return allowed;
}

static bool access_traced(struct task_struct *task)
{
	struct task_struct *tracer;
	bool mine;

	rcu_read_lock();
	tracer = ptrace_parent(task);
	mine = tracer && same_thread_group(tracer, current);
	rcu_read_unlock();
	return mine;
}

static void access_identify(struct task_struct *task, struct hvd_identity *identity)
{
	const struct cred *cred;

	rcu_read_lock();
	cred = __task_cred(task);
	identity->uid = cred->euid;
	identity->gid = cred->egid;
	identity->permitted = cred->cap_permitted;
	identity->user_ns = cred->user_ns;
	rcu_read_unlock();
	identity->exec_id = READ_ONCE(task->self_exec_id);
}

/**
 * hvd_access_task() - may current act on a task?
 * @task: held by the caller
 * @identity: result: as whom it runs
 *
 * Its own process may, who traces it, and who may trace everything. What ptrace(2) asks modules cannot ask,
 * least of all the security modules; so whoever has no such capability traces the task while it acts on it
 * (PTRACE_SEIZE, which stops nothing). As at ptrace(2) and perf_event_open(2), the task executes no other
 * program in between; if it does so later, hvd_exec() sees that by @identity.
 *
 * Return: 0, -EPERM, or -EINTR.
 */
int hvd_access_task(struct task_struct *task, struct hvd_identity *identity)
{
	int err;

	/* Before one of them executes a program, all others of its process have gone. */
	if (same_thread_group(task, current)) {
		access_identify(task, identity);
		return 0;
	}
	err = down_read_killable(&task->signal->exec_update_lock);
	if (err)
		return err;
	access_identify(task, identity);
	if (!access_traced(task) && !access_capable(task))
		err = -EPERM;
	up_read(&task->signal->exec_update_lock);
	return err;
}

/**
 * hvd_identity_change() - what has an execve() made of current?
 * @identity: as whom it ran before; as whom it runs now on return
 */
enum hvd_change hvd_identity_change(struct hvd_identity *identity)
{
	const struct cred *cred = current_cred();
	struct hvd_identity before = *identity;

	access_identify(current, identity);
	/*
	 * What the kernel itself goes by, when it ends performance monitoring at execve(). With the sysctl
	 * fs.suid_dumpable = 1 it does not say so for set-user-id programs.
	 */
	if (!hvd_exec_dumpable(current) || !uid_eq(cred->euid, cred->uid) || !gid_eq(cred->egid, cred->gid))
		return HVD_CHANGE_MORE;
	/* execve() stays in its user namespace; capabilities of another one are no more than what its owner
	 * has. */
	if (before.user_ns != identity->user_ns)
		return HVD_CHANGE_OTHER;
	if (!cap_issubset(identity->permitted, before.permitted))
		return HVD_CHANGE_MORE;
	if (!uid_eq(before.uid, identity->uid) || !gid_eq(before.gid, identity->gid) ||
	    !cap_issubset(before.permitted, identity->permitted))
		return HVD_CHANGE_OTHER;
	return HVD_CHANGE_NONE;
}
