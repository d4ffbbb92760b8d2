// SPDX-License-Identifier: GPL-2.0-only
/*
 * Re-capture: a thread that went native and is not brought back by the end of a system call is brought back
 * by a timer that finds it in user mode. No path leaves a thread attached for good.
 *
 *   armed when it goes native --> timer --> is it in user mode on this CPU? ---yes--> park
 *                                   ^         | on another CPU: interrupt that one, ask there
 *                                   `---------+ not running, or in the kernel: later
 *                                             ` asleep in a system call that sys_exit will end: never
 */
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <asm/irq_regs.h>
#include <asm/ptrace.h>

#include <hvd_arch.h>
#include "compat.h"
#include "debug.h"
#include "thread.h"

/* The first look after a fault or signal; the first one after an SVC. */
#define RECAPTURE_SOON (200 * NSEC_PER_USEC)
#define RECAPTURE_LATE (10 * NSEC_PER_MSEC)
/* The longest pause between two; and while the thread sleeps in a system call. */
#define RECAPTURE_MAX     (64 * NSEC_PER_MSEC)
#define RECAPTURE_MAX_NAP (1000 * NSEC_PER_MSEC)
/* Found as often at the instruction where it went native, it is a loop that stays there. */
#define RECAPTURE_TICKS 3

/* With the lock held. */
static void recapture_start(struct hvd_thread *t)
{
	t->armed = true;
	hrtimer_start(&t->timer, t->delay, HRTIMER_MODE_REL_PINNED_HARD);
}

/*
 * The thread is current and an interrupt has come. Returns true if it is to be asked again later. If parking
 * fails afterwards, park_drop() arms the timer itself.
 */
static bool recapture_here(struct hvd_thread *t)
{
	struct pt_regs *regs = get_irq_regs();

	if (!regs || !user_mode(regs))
		return true;
	if (!hvd_arch_eligible(current)) {
		hvd_trace_refuse(t, ORD_CAUSE_DEBUG, hvd_arch_pc(regs));
		return true;
	}
	/* The instruction that needed Linux may not have been executed yet. */
	if (hvd_arch_pc(regs) == t->native_pc && ++t->ticks < RECAPTURE_TICKS)
		return true;
	set_bit(HVD_TIMER, &t->flags);
	return !hvd_park_queue_locked(t);
}

/* Is it asleep in a system call? What pt_regs say of one that runs in user mode is old. */
static bool recapture_is_napping(struct hvd_thread *t)
{
	return (READ_ONCE(t->task->__state) & (TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE)) &&
	       hvd_arch_in_call(task_pt_regs(t->task));
}

static bool recapture_is_void(struct hvd_thread *t)
{
	return test_bit(HVD_ENDED, &t->flags) || test_bit(HVD_QUEUED, &t->flags) ||
	       test_bit(HVD_REJECTED, &t->flags) || READ_ONCE(t->state) == ORD_THREAD_DETACHED ||
	       READ_ONCE(hvd_stopping);
}

/*
 * With the lock held: true to stop. A thread that goes native right now either finds the timer not armed, in
 * hvd_recapture_arm(), or is seen here.
 */
static bool recapture_is_over(struct hvd_thread *t)
{
	if (!recapture_is_void(t))
		return false;
	WRITE_ONCE(t->armed, false);
	smp_mb();
	if (recapture_is_void(t))
		return true;
	WRITE_ONCE(t->armed, true);
	return false;
}

/*
 * With the lock held: the thread has not been caught. Returns false if it needs no further look: the end of
 * the call that it sleeps in will capture it. Not so when that has been tried for this call, and was dropped.
 */
static bool recapture_goes_on(struct hvd_thread *t)
{
	bool napping = t->task != current && recapture_is_napping(t);

	if (napping && !test_bit(HVD_DROPPED, &t->flags)) {
		t->armed = false;
		return false;
	}
	t->delay = min_t(ktime_t, t->delay * 2, napping ? RECAPTURE_MAX_NAP : RECAPTURE_MAX);
	return true;
}

/* With the lock held: sends recapture_chase() to where the thread runs. */
static bool recapture_send(struct hvd_thread *t)
{
	int cpu = task_cpu(t->task);

	if (!READ_ONCE(t->task->on_cpu) || cpu == smp_processor_id())
		return false;
	refcount_inc(&t->refs);
	if (!smp_call_function_single_async(cpu, &t->csd))
		return true;
	/* Not the last one: the thread has not ended, and the lock keeps it from doing so. */
	refcount_dec(&t->refs);
	return false;
}

static enum hrtimer_restart recapture_timer(struct hrtimer *timer)
{
	struct hvd_thread *t = container_of(timer, struct hvd_thread, timer);
	enum hrtimer_restart restart = HRTIMER_NORESTART;

	hvd_debug_point(HVD_POINT_TIMER);
	raw_spin_lock(&t->lock);
	/* Armed again while this one was waiting for the lock. */
	if (hrtimer_is_queued(timer) || recapture_is_over(t))
		goto out;
	if (t->task == current) {
		if (!recapture_here(t)) {
			t->armed = false;
			goto out;
		}
	} else if (recapture_send(t)) {
		goto out; /* still armed: recapture_chase() goes on */
	}
	if (recapture_goes_on(t)) {
		hrtimer_forward_now(timer, t->delay);
		restart = HRTIMER_RESTART;
	}
out:
	raw_spin_unlock(&t->lock);
	return restart;
}

/* On the CPU where the thread was seen, in an interrupt. */
static void recapture_chase(void *info)
{
	struct hvd_thread *t = info;
	unsigned long irq_flags;

	hvd_debug_point(HVD_POINT_CHASE);
	raw_spin_lock_irqsave(&t->lock, irq_flags);
	if (!recapture_is_over(t)) {
		if (t->task == current && !recapture_here(t))
			t->armed = false;
		else if (recapture_goes_on(t))
			recapture_start(t);
	}
	raw_spin_unlock_irqrestore(&t->lock, irq_flags);
	hvd_thread_put(t);
}

void hvd_recapture_init(struct hvd_thread *t)
{
	hvd_hrtimer_setup(&t->timer, recapture_timer, HRTIMER_MODE_REL_PINNED_HARD);
	INIT_CSD(&t->csd, recapture_chase, t);
}

/**
 * hvd_recapture_arm() - see to it that a thread is captured again
 * @t: current's, or one that has just been made
 * @soon: no end of a system call is going to do it
 * @pc: the instruction to execute natively first; 0 if any place will do
 */
void hvd_recapture_arm(struct hvd_thread *t, bool soon, u64 pc)
{
	unsigned long irq_flags;

	/* The hot path: a timer from an earlier call is still on its way, and will do. */
	if (!soon) {
		smp_mb(); /* state before armed: pairs with recapture_is_over() */
		hvd_debug_point(HVD_POINT_ARM);
		if (READ_ONCE(t->armed))
			return;
	}
	raw_spin_lock_irqsave(&t->lock, irq_flags);
	t->native_pc = pc;
	t->ticks = 0;
	if (!test_bit(HVD_ENDED, &t->flags) && !test_bit(HVD_REJECTED, &t->flags)) {
		t->delay = soon ? RECAPTURE_SOON : RECAPTURE_LATE;
		recapture_start(t);
	}
	raw_spin_unlock_irqrestore(&t->lock, irq_flags);
}

/**
 * hvd_recapture_cancel() - wait until the timer is not running. May sleep.
 * @t: ended, with no reference left
 */
void hvd_recapture_cancel(struct hvd_thread *t)
{
	hrtimer_cancel(&t->timer);
}
