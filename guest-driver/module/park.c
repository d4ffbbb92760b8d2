// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parking: the thread's kernel side waits here, in a task_work, while its user side runs on a host core.
 *
 *   sys_exit probe, re-capture timer --> task_work --> capture --> RUN --> spin, sleep --> event
 *                                            |                      ^                      |
 *                              not now: drop, arm timer             `---- fault resolved --+
 *                                                                                          v
 *                              user mode, at the instruction to execute natively <-- registers back
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>

#include "debug.h"
#include "hypercall.h"
#include "thread.h"

/* Waits of other works before this one, in one task_work_run(): that loop ends only with an empty list. */
#define PARK_REQUEUE_MAX 8
/* Runs refused in a row before a thread is left in Linux for good. */
#define PARK_FAILURES_MAX 100
/* More than this only burns a CPU. */
#define PARK_SPIN_US_MAX 10000
/* How long to wait for the answer to a recall before sleeping for it, and for complaining. */
#define PARK_RECALL_SPIN_US 100
#define PARK_RECALL_SECONDS 5

static unsigned int spin_us = 10;

static int spin_us_set(const char *text, const struct kernel_param *param)
{
	return param_set_uint_minmax(text, param, 0, PARK_SPIN_US_MAX);
}

static const struct kernel_param_ops spin_us_ops = { .set = spin_us_set, .get = param_get_uint };
module_param_cb(spin_us, &spin_us_ops, &spin_us, 0644);
MODULE_PARM_DESC(spin_us, "longest time to spin for a thread's next event before its kernel side sleeps");

static u64 park_ticks(unsigned int us)
{
	return div_u64((u64)us * hvd_arch_frequency(), USEC_PER_SEC);
}

static u32 park_event(struct hvd_thread *t)
{
	return smp_load_acquire(&t->frame->event);
}

static void park_work(struct callback_head *head);

void hvd_park_init(struct hvd_thread *t)
{
	init_task_work(&t->work, park_work);
	t->spin = park_ticks(spin_us);
}

/*
 * Works also run inside of ptrace_notify(), get_signal() and while exiting, where parking would be wrong.
 * Only resume_user_mode_work() has just cleared this flag, which hvd_park_queue() set.
 */
static bool park_permitted(void)
{
	return !test_thread_flag(TIF_NOTIFY_RESUME) && !signal_pending(current) &&
	       !(current->flags & PF_EXITING) && !READ_ONCE(hvd_stopping);
}

/* Somebody wants the thread out of its core. */
static bool park_wanted(struct hvd_thread *t)
{
	return signal_pending(current) || READ_ONCE(hvd_stopping) ||
	       READ_ONCE(t->flags) & (BIT(HVD_LEAVE) | BIT(HVD_MOVE) | BIT(HVD_CHECK));
}

static void park_drop(struct hvd_thread *t, u64 pc)
{
	clear_bit(HVD_TIMER, &t->flags);
	set_bit(HVD_DROPPED, &t->flags);
	hvd_recapture_arm(t, true, pc);
}

/* Starts the user side. On failure nothing has changed and the thread's registers are still in pt_regs. */
static bool park_run(struct hvd_thread *t)
{
	long status;

	WRITE_ONCE(t->state, ORD_THREAD_DETACHED);
	smp_mb(); /* pairs with hvd_thread_stop_all(), cputime_expired() */
	hvd_cputime_watch();
	if (READ_ONCE(t->flags) & BIT(HVD_MOVE))
		hvd_thread_move_now(t);
	if (park_wanted(t))
		return false;

	hvd_debug_point_sleep(HVD_POINT_RUN);
	hvd_trace_end(t, hvd_arch_counter());
	hvd_cputime_begin(t);
	/* Written here as well: the hypervisor takes the frame over on another core, a moment later. */
	WRITE_ONCE(t->frame->event, ORD_EVENT_RUNNING);
	status = hvd_call_run(t->context);
	hvd_debug_point_sleep(HVD_POINT_RAN);
	if (status == ORD_OK)
		return true;

	WRITE_ONCE(t->frame->event, ORD_EVENT_NONE);
	if (++t->failures == PARK_FAILURES_MAX) {
		set_bit(HVD_REJECTED, &t->flags);
		pr_err("%s[%d] stays in Linux: the hypervisor does not run it (%ld)\n", current->comm,
		       task_pid_nr(current), status);
	}
	return false;
}

/* The answer comes soon, unless the hypervisor is broken: without the registers there is no way on. */
static void park_recall(struct hvd_thread *t)
{
	u64 end = hvd_arch_counter() + park_ticks(PARK_RECALL_SPIN_US);
	unsigned int waits = 0;

	hvd_debug_point_sleep(HVD_POINT_RECALL);
	hvd_call_recall(t->context);
	while (park_event(t) == ORD_EVENT_RUNNING && hvd_arch_counter() < end)
		cpu_relax();

	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		hvd_event_wait_prepare(t->frame);
		smp_mb(); /* as in park_wait() */
		if (park_event(t) != ORD_EVENT_RUNNING)
			break;
		schedule_timeout(HZ / 10);
		if (park_event(t) != ORD_EVENT_RUNNING)
			break;
		if (++waits == PARK_RECALL_SECONDS * 10)
			pr_err("core %u does not answer the recall of %s[%d]\n", t->core, current->comm,
			       task_pid_nr(current));
		hvd_call_recall(t->context);
	}
	__set_current_state(TASK_RUNNING);
	hvd_event_wait_finish(t->frame);
}

/*
 * Waits for the event. A short run is likely to be followed by another one, so spin for it: sleeping costs
 * some 3,500 instructions, seeing it while spinning some 500.
 */
static void park_wait(struct hvd_thread *t)
{
	u64 start = hvd_arch_counter(), limit = park_ticks(spin_us), spin = min(t->spin, limit);
	bool recall = false;

	while (park_event(t) == ORD_EVENT_RUNNING) {
		if (park_wanted(t)) {
			recall = true;
			goto out;
		}
		if (need_resched() || hvd_arch_counter() - start >= spin)
			goto sleep;
		cpu_relax();
	}
	t->spin = limit;
	return;

sleep:
	for (;;) {
		hvd_cputime_note(t);
		/*
		 * Plain TASK_INTERRUPTIBLE: a freezable sleep would be frozen without being woken. Before the
		 * wait word: a CPU that goes offline wakes those which wait for it, and that must not be in
		 * vain.
		 */
		set_current_state(TASK_INTERRUPTIBLE);
		hvd_event_wait_prepare(t->frame);
		smp_mb(); /* wait word before event word and flags */
		hvd_debug_point(HVD_POINT_WAIT);
		if (park_event(t) != ORD_EVENT_RUNNING)
			break;
		if (park_wanted(t)) {
			recall = true;
			break;
		}
		hvd_debug_point(HVD_POINT_SLEEP);
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	hvd_event_wait_finish(t->frame);
	t->spin = hvd_arch_counter() - start <= limit ? limit : t->spin / 2;
out:
	if (recall)
		park_recall(t);
}

/*
 * Registers back, so that the instruction which needs Linux is executed natively. Whatever the event is:
 * one that raced with a recall is as good as an answer to it, and is not lost, because native execution
 * repeats it.
 */
static void park_return(struct hvd_thread *t, struct pt_regs *regs, u32 event)
{
	hvd_capture_load(t, regs, event);
	hvd_rseq_show(t);
	hvd_probe_mark(current);
	t->forwards++;
	clear_bit(HVD_DROPPED, &t->flags);
	hvd_debug_point_sleep(HVD_POINT_RETURN);

	switch (event) {
	case ORD_EVENT_SYSCALL:
		/* The sys_exit probe brings it back; the timer only if a signal gets in between. */
		hvd_recapture_arm(t, signal_pending(current), 0);
		break;
	case ORD_EVENT_RECALLED:
	case ORD_EVENT_INTERRUPTED:
		hvd_recapture_arm(t, true, 0);
		break;
	default:
		hvd_recapture_arm(t, true, hvd_arch_pc(regs));
	}
}

/* What the event says, for the trace. */
static void park_note(struct hvd_thread *t, u32 event, u64 time, bool resolved)
{
	struct ord_trace_entry entry = { .time = time };

	hvd_arch_note(t->frame, event, &entry);
	switch (event) {
	case ORD_EVENT_SYSCALL:
		entry.cause = ORD_CAUSE_SYSCALL;
		break;
	case ORD_EVENT_FAULT:
		entry.cause = resolved ? ORD_CAUSE_FAULT : ORD_CAUSE_NATIVE;
		break;
	case ORD_EVENT_RECALLED:
	case ORD_EVENT_INTERRUPTED:
		entry.cause = ORD_CAUSE_SIGNAL;
		entry.number = hvd_trace_signal();
		entry.address = 0;
		break;
	default:
		entry.cause = ORD_CAUSE_EXCEPTION;
	}
	hvd_trace_begin(t, &entry);
	if (entry.cause != ORD_CAUSE_SIGNAL)
		hvd_trace_warn(t, entry.cause);
}

/* Current leaves Linux, and comes back in here with its registers in @regs. */
static void park(struct hvd_thread *t)
{
	struct pt_regs *regs = task_pt_regs(current);
	bool ran = false, again, recalled;
	u64 time;
	u32 event = ORD_EVENT_NONE;

	if (hvd_trace_tell(t)) {
		park_drop(t, 0);
		return;
	}
	if (!hvd_arch_eligible(current)) {
		hvd_trace_refuse(t, ORD_CAUSE_DEBUG, hvd_arch_pc(regs));
		park_drop(t, 0);
		return;
	}
	if (hvd_arch_space_enter(t) || !hvd_rseq_hide(t, hvd_arch_pc(regs))) {
		hvd_trace_refuse(t, ORD_CAUSE_OTHER, hvd_arch_pc(regs));
		park_drop(t, 0);
		return;
	}
	clear_bit(HVD_CHECK, &t->flags);
	smp_mb__after_atomic(); /* before looking at what it was set for */
	hvd_capture_save(t, regs);
	hvd_fault_forget(t);
	if (test_and_clear_bit(HVD_TIMER, &t->flags))
		t->recaptures++;

	hvd_debug_point_sleep(HVD_POINT_CAPTURED);
	do {
		again = false;
		if (!park_run(t))
			break;
		ran = true;
		park_wait(t);
		event = park_event(t);
		time = hvd_arch_counter();
		hvd_cputime_end(t);
		recalled = event == ORD_EVENT_RECALLED || event == ORD_EVENT_INTERRUPTED;
		hvd_debug_point_sleep(HVD_POINT_EVENT);
		if (event == ORD_EVENT_FAULT)
			again = hvd_fault_resolve(t);
		else
			hvd_fault_forget(t);
		if (recalled) {
			again = hvd_thread_move_now(t) && !park_wanted(t);
			if (again && event == ORD_EVENT_INTERRUPTED)
				hvd_arch_call_again(t->frame);
		}
		if (!recalled || !again)
			park_note(t, event, time, again);
		if (again)
			hvd_trace_tell(t); /* a signal then ends this loop */
	} while (again);
	WRITE_ONCE(t->state, ORD_THREAD_ATTACHED);

	if (ran && event != ORD_EVENT_REJECTED) {
		t->failures = 0;
		park_return(t, regs, event);
		return;
	}
	/* It has not run: pt_regs and the FP registers in thread_struct are what they were. */
	if (event == ORD_EVENT_REJECTED) {
		set_bit(HVD_REJECTED, &t->flags);
		pr_err("%s[%d] stays in Linux: the hypervisor rejects its frame (%lld)\n", current->comm,
		       task_pid_nr(current), (long long)t->frame->code);
	}
	hvd_rseq_show(t);
	park_drop(t, 0);
}

/* What a work does: decided under the lock, against one who ends the thread from outside. */
enum park_step { PARK_PUT, PARK_AGAIN, PARK_DROP, PARK_GO };

static enum park_step park_step(struct hvd_thread *t, bool others)
{
	clear_bit(HVD_QUEUED, &t->flags);
	if (test_bit(HVD_ENDED, &t->flags))
		return PARK_PUT;
	/*
	 * Newest first is the order of works: those that were queued before, such as the delayed close of a
	 * pipe, would otherwise wait until this thread needs Linux again.
	 */
	if (others && park_permitted() && t->requeues++ < PARK_REQUEUE_MAX) {
		set_bit(HVD_QUEUED, &t->flags);
		if (!task_work_add(current, &t->work, TWA_NONE))
			return PARK_AGAIN;
		clear_bit(HVD_QUEUED, &t->flags);
	}
	set_bit(HVD_PARKING, &t->flags);
	return others || !park_permitted() ? PARK_DROP : PARK_GO;
}

static void park_work(struct callback_head *head)
{
	struct hvd_thread *t = container_of(head, struct hvd_thread, work);
	bool others = head->next || task_work_pending(current);
	enum park_step step;

	hvd_debug_point_sleep(HVD_POINT_WORK);
	raw_spin_lock_irq(&t->lock);
	step = park_step(t, others);
	raw_spin_unlock_irq(&t->lock);
	switch (step) {
	case PARK_PUT:
		hvd_thread_put(t);
		return;
	case PARK_AGAIN:
		return;
	case PARK_DROP:
		park_drop(t, 0);
		break;
	case PARK_GO:
		park(t);
	}
	hvd_thread_park_end(t);
}
