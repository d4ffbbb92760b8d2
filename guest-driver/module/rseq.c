// SPDX-License-Identifier: GPL-2.0-only
/*
 * Restartable sequences: glibc registers them for every thread. While detached, a thread must not look
 * as if it ran on a Linux CPU: its sequences would act on that CPU's data without being restarted.
 */
#include <linux/rseq.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "thread.h"

/**
 * hvd_rseq_hide() - take current's CPU number away
 * @t: current's
 * @pc: where it is in user mode
 *
 * Return: false if it is inside of a restartable sequence, which must end natively.
 */
bool hvd_rseq_hide(struct hvd_thread *t, u64 pc)
{
	struct rseq __user *area = hvd_rseq_area();
	struct rseq_cs cs;
	u64 cs_address;

	t->rseq_hidden = false;
	if (!area)
		return true;
	/* A bad area is Linux's to punish, on the next native return. */
	if (copy_from_user(&cs_address, &area->rseq_cs, sizeof(cs_address)))
		return false;
	if (cs_address) {
		/* May be left over from a sequence that has ended: user mode clears it lazily. */
		if (copy_from_user(&cs, (void __user *)cs_address, sizeof(cs)))
			return false;
		if (pc - cs.start_ip < cs.post_commit_offset)
			return false;
	}
	if (get_user(t->rseq_cpu_id, &area->cpu_id) || put_user(RSEQ_CPU_ID_UNINITIALIZED, &area->cpu_id))
		return false;
	t->rseq_hidden = true;
	return true;
}

/**
 * hvd_rseq_show() - give it back
 * @t: current's
 *
 * Before anything of Linux looks at the area: since 6.19 it remembers what it has written last, and kills a
 * task that has registered for that (version 2, which glibc does) if the area says something else. Nothing
 * looks while the thread is parked; the works of a task come before its rseq is handled.
 *
 * Linux then writes the number of the CPU that it is on now. Until 6.18 it also restarts the sequence that
 * the thread may be in. Newer ones do that only for a thread which an interrupt has taken out of user mode;
 * one that comes from a host core goes on inside of its sequence. That is harmless: a sequence compares
 * cpu_id first of all, and one that did so while detached has not passed, since no CPU is -1. What has not
 * got that far compares now, on the CPU it is on.
 */
void hvd_rseq_show(struct hvd_thread *t)
{
	struct rseq __user *area = hvd_rseq_area();

	if (t->rseq_hidden && area && put_user(t->rseq_cpu_id, &area->cpu_id))
		return; /* unmapped meanwhile: see above */
	t->rseq_hidden = false;
}
