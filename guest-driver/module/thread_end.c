// SPDX-License-Identifier: GPL-2.0-only
/* The end of a detached thread: by itself, from outside, with the machine. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "debug.h"
#include "hypercall.h"
#include "thread.h"

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

	hvd_debug_point(HVD_POINT_END);
	hvd_thread_unpublish(t);
	hvd_probe_unmark(t->task);

	hvd_thread_record(t, &record);
	record.state = ORD_THREAD_ENDED;
	hvd_file_store(t->file, &record);

	/* First the context, with its table base, then the TLB, then the pin that kept the ASID ours. */
	thread_destroy_context(t);
	hvd_debug_point(HVD_POINT_ENDED);
	t->mm_left = hvd_arch_space_leave(t);
	complete_all(&t->ended);
	hvd_thread_changed();

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
	hvd_thread_wake(t);
	return wait_for_completion_killable(&t->ended);
}

/**
 * hvd_thread_park_end() - current is about to leave park()
 * @t: current's
 */
void hvd_thread_park_end(struct hvd_thread *t)
{
	bool queued, mine;

	raw_spin_lock_irq(&t->lock);
	hvd_thread_move_answer(t);
	clear_bit(HVD_PARKING, &t->flags);
	mine = test_bit(HVD_LEAVE, &t->flags) && thread_claim(t, &queued);
	raw_spin_unlock_irq(&t->lock);
	if (mine)
		thread_finish(t, queued);
}

static bool thread_is_detached(const struct hvd_thread *t)
{
	return READ_ONCE(t->state) == ORD_THREAD_DETACHED;
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

	for (tries = 0; tries < 200 && hvd_thread_any(thread_is_detached); tries++) {
		rcu_read_lock();
		for (id = 0; id < ORD_CONTEXT_MAX; id++) {
			t = rcu_dereference(hvd_contexts[id]);
			if (!t || !thread_is_detached(t))
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
