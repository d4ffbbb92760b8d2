// SPDX-License-Identifier: GPL-2.0-only
/* Who may do what. */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/sched.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "thread.h"

/**
 * hvd_access_privileged() - may current take host cores at all?
 * @writable: it came through a file that is open for writing
 */
bool hvd_access_privileged(bool writable)
{
	return writable || capable(CAP_SYS_NICE);
}

static bool access_same_user(const struct cred *mine, const struct cred *its)
{
	return uid_eq(mine->uid, its->euid) && uid_eq(mine->uid, its->suid) && uid_eq(mine->uid, its->uid) &&
	       gid_eq(mine->gid, its->egid) && gid_eq(mine->gid, its->sgid) && gid_eq(mine->gid, its->gid);
}

static bool access_dumpable(struct task_struct *task)
{
	bool dumpable;

	task_lock(task);
	/* A process that has changed its user is not: it may hold what its user must not see. */
	dumpable = !task->mm || get_dumpable(task->mm) == SUID_DUMP_USER;
	task_unlock(task);
	return dumpable;
}

/**
 * hvd_access_task() - may current act on a task?
 * @task: held by the caller
 *
 * What ptrace(PTRACE_ATTACH) asks, which modules cannot call: kernel/ptrace.c, __ptrace_may_access(), and
 * security/commoncap.c, cap_ptrace_access_check(). Security modules are not asked.
 */
bool hvd_access_task(struct task_struct *task)
{
	const struct cred *mine = current_cred(), *its;
	bool allowed;

	if (same_thread_group(task, current))
		return true;
	rcu_read_lock();
	its = __task_cred(task);
	allowed = ns_capable(its->user_ns, CAP_SYS_PTRACE) ||
		  (access_same_user(mine, its) && mine->user_ns == its->user_ns &&
		   cap_issubset(its->cap_permitted, mine->cap_permitted) && access_dumpable(task));
	rcu_read_unlock();
	return allowed;
}
