// SPDX-License-Identifier: GPL-2.0-only
/* Parking is asked for here, and done by park.c when the thread next goes to user mode. */
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/task_work.h>

#include "debug.h"
#include "thread.h"

/* hvd_park_queue() with the thread's lock held. */
bool hvd_park_queue_locked(struct hvd_thread *t)
{
	/* Whoever ends the thread leaves the last reference to a work that is queued by then. */
	if (test_bit(HVD_ENDED, &t->flags))
		return false;
	if (test_bit(HVD_QUEUED, &t->flags))
		return true;
	t->requeues = 0;
	set_bit(HVD_QUEUED, &t->flags);
	/* Only ever TWA_RESUME: a signal-like wake-up would run the work inside of get_signal(). */
	if (!task_work_add(t->task, &t->work, TWA_RESUME))
		return true;
	clear_bit(HVD_QUEUED, &t->flags);
	return false;
}

/**
 * hvd_park_queue() - park a thread when it next goes to user mode
 * @t: current's, from its own system call or from an interrupt that stopped it in user mode; or that of a
 *     new task which has not run yet
 *
 * Return: true if it is queued, now or already.
 */
bool hvd_park_queue(struct hvd_thread *t)
{
	unsigned long irq_flags;
	bool queued;

	hvd_debug_point(HVD_POINT_QUEUE);
	raw_spin_lock_irqsave(&t->lock, irq_flags);
	queued = hvd_park_queue_locked(t);
	raw_spin_unlock_irqrestore(&t->lock, irq_flags);
	return queued;
}
