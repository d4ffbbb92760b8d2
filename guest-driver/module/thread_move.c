// SPDX-License-Identifier: GPL-2.0-only
/* Another core or priority for a detached thread, which leaves its core for a moment. */
#include <linux/mutex.h>
#include <linux/sched.h>

#include "hypercall.h"
#include "thread.h"

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

/**
 * hvd_thread_move_answer() - hvd_thread_move_now() with the thread's lock held
 * @t: current's, not running
 */
bool hvd_thread_move_answer(struct hvd_thread *t)
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
	moved = hvd_thread_move_answer(t);
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
		hvd_thread_wake(t);
		err = wait_for_completion_killable(&t->moved);
		raw_spin_lock_irq(&t->lock);
		if (!test_and_clear_bit(HVD_MOVE, &t->flags))
			err = t->move_error; /* done, killed or not */
		raw_spin_unlock_irq(&t->lock);
	}
	mutex_unlock(&t->move_mutex);
	return err;
}
