// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an execve() takes from a thread: another program has not asked for any of it.
 *
 *   in any case                     interrupts and channels that it was granted for host calls
 *   the user, group or capabilities
 *   differ from those before        what was recorded so far; SIGDEBUG
 *   there are more rights than      its core: it is an ordinary thread, as perf's events end then
 *   before (set-user-id, ...)
 */
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "thread.h"

static void exec_thread(struct hvd_thread *t)
{
	enum hvd_change change = hvd_identity_change(&t->identity);
	unsigned long irq_flags;

	if (change == HVD_CHANGE_MORE) {
		hvd_thread_end(t);
		return;
	}
	raw_spin_lock_irqsave(&t->lock, irq_flags);
	if (!test_bit(HVD_ENDED, &t->flags)) {
		t->frame->channels = 0;
		hvd_irq_drop(t);
	}
	raw_spin_unlock_irqrestore(&t->lock, irq_flags);
	if (change == HVD_CHANGE_OTHER) {
		WRITE_ONCE(t->user_flags, t->user_flags & ~ORD_DETACH_SIGDEBUG);
		hvd_trace_forget(t);
	}
	hvd_thread_changed(); /* one that did not lead its process has another id now */
}

/**
 * hvd_exec() - current has executed a program. Atomic context.
 */
void hvd_exec(void)
{
	struct hvd_thread *t;

	smp_mb();        /* exec_id before hash: pairs with hvd_thread_start() */
	rcu_read_lock(); /* somebody else may end it */
	t = hvd_thread_find(current);
	if (t)
		exec_thread(t);
	rcu_read_unlock();
	hvd_group_exec();
}
