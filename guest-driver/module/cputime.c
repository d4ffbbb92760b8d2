// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU time: the hypervisor counts for how long a context executes, and that becomes user time of its task,
 * its process and its cgroup, as if a CPU of Linux had executed it.
 *
 *   asleep in park() --event, or once in a while the timer--> task, process --the thread, when it is awake-->
 * cgroup
 *
 * A task's times are the scheduler's, which changes them under its run queue's lock, and only while the task
 * is on a CPU (update_curr(), the tick). That lock is out of a module's reach, but a task that is blocked
 * gets to no CPU as long as its pi_lock is held: try_to_wake_up() takes that first. So it is then, and only
 * then, that time is added. Who reads without a lock sees the old or the new value: 64 bits are loaded and
 * stored at once. A cgroup's are per CPU and belong to who is there with interrupts off; what has been added
 * is taken notice of when the scheduler next counts time of that cgroup on that CPU: so it is done by the
 * thread itself.
 *
 * Time during which the kernel side of the thread is on a CPU has been counted by Linux, and is not a second
 * time.
 */
#include <linux/cgroup.h>
#include <linux/math64.h>
#include <linux/posix-timers.h>
#include <linux/sched/cputime.h>
#include <linux/sched/signal.h>

#include <hvd_arch.h>
#include "compat.h"
#include "thread.h"

/* How old the times of a thread that does not come back may get; and its cgroup's. */
#define CPUTIME_PERIOD        (250 * NSEC_PER_MSEC)
#define CPUTIME_PERIOD_CGROUP NSEC_PER_SEC
/* What a thread may find missing when it is back in Linux, rather than sleep for having it added; in us. */
#define CPUTIME_SLACK 100
/* Until the thread has gone to sleep for that. */
#define CPUTIME_SETTLE (50 * NSEC_PER_USEC)

static struct hrtimer cputime_timer;
static DEFINE_RAW_SPINLOCK(cputime_lock); /* a leaf */
static bool cputime_armed;

/* What is new since the last time. The counters of two cores may be read in any order. */
static u64 cputime_take(struct hvd_thread *t)
{
	struct hvd_cputime *c = &t->cputime;
	s64 ran = hvd_cputime_total(t) - c->seen;

	if (ran <= 0)
		return 0;
	c->seen += ran;
	return ran;
}

/* With its pi_lock held, and blocked. */
static void cputime_add(struct hvd_thread *t)
{
	struct hvd_cputime *c = &t->cputime;
	struct task_struct *task = t->task;
	u64 ns = mul_u64_u32_div(c->owed + cputime_take(t), NSEC_PER_SEC, hvd_arch_frequency());

	c->owed = 0;
	if (!ns)
		return;
	WRITE_ONCE(task->utime, task->utime + ns);
	WRITE_ONCE(task->se.sum_exec_runtime, task->se.sum_exec_runtime + ns);
	account_group_user_time(task, ns);
	account_group_exec_runtime(task, ns);
	c->cgroup += ns;
}

/**
 * hvd_cputime_charge() - bring the times of a thread up to date that sleeps in park()
 * @t: any, in an RCU read-side section. Any context.
 *
 * Return: false if its task is not asleep: it does so itself.
 */
bool hvd_cputime_charge(struct hvd_thread *t)
{
	struct task_struct *task = t->task;
	unsigned long irq_flags;
	bool blocked;

	raw_spin_lock_irqsave(&task->pi_lock, irq_flags);
	blocked = hvd_task_is_blocked(task);
	if (blocked)
		cputime_add(t);
	raw_spin_unlock_irqrestore(&task->pi_lock, irq_flags);
	return blocked;
}

static unsigned long cputime_switches(void)
{
	return current->nvcsw + current->nivcsw;
}

/**
 * hvd_cputime_begin() - a thread is about to execute on its core
 * @t: current's
 */
void hvd_cputime_begin(struct hvd_thread *t)
{
	t->cputime.switches = cputime_switches();
}

#ifdef CONFIG_CGROUPS
static void cputime_cgroup(struct hvd_thread *t)
{
	struct hvd_cputime *c = &t->cputime;
	struct cgroup_base_stat *stat;
	struct cgroup *cgroup;
	unsigned long irq_flags;

	rcu_read_lock();
	local_irq_save(irq_flags);
	cgroup = task_dfl_cgroup(current);
	if (cgroup_parent(cgroup)) {
		stat = hvd_cgroup_stat(cgroup);
		stat->cputime.utime += c->cgroup;
		stat->cputime.sum_exec_runtime += c->cgroup;
	}
	local_irq_restore(irq_flags);
	rcu_read_unlock();
	c->cgroup = 0;
}
#else
static void cputime_cgroup(struct hvd_thread *t)
{
}
#endif

/**
 * hvd_cputime_note() - a thread's kernel side is awake, and perhaps about to go to sleep
 * @t: current's. May sleep.
 */
void hvd_cputime_note(struct hvd_thread *t)
{
	struct hvd_cputime *c = &t->cputime;
	unsigned long switches = cputime_switches();
	u64 ran = cputime_take(t);

	if (switches != c->switches) {
		c->switches = switches;
		c->owed += ran;
		if (c->cgroup)
			cputime_cgroup(t);
	}
	/* One that is queued already runs when current goes to user mode: soon. */
	if (unlikely(test_and_clear_bit(HVD_CPU_TIMERS, &t->flags)) && !hvd_cpu_timers_run())
		set_bit(HVD_CHECK, &t->flags);
}

static enum hrtimer_restart cputime_settle(struct hrtimer *timer)
{
	struct hvd_thread *t = container_of(timer, struct hvd_thread, cputime.timer);

	if (!hvd_cputime_charge(t)) {
		hrtimer_forward_now(timer, CPUTIME_SETTLE);
		return HRTIMER_RESTART;
	}
	WRITE_ONCE(t->cputime.settling, false);
	wake_up_process(t->task);
	return HRTIMER_NORESTART;
}

/**
 * hvd_cputime_end() - a thread does not execute any more: its times are right on return
 * @t: current's. May sleep.
 *
 * Mostly they are so already, by hvd_cputime_charge() of who has woken it up for the event. Not if a signal
 * did, or if it has been preempted while it was waiting.
 */
void hvd_cputime_end(struct hvd_thread *t)
{
	struct hvd_cputime *c = &t->cputime;

	hvd_cputime_note(t);
	if (likely(c->owed < (u64)CPUTIME_SLACK * hvd_arch_frequency() / USEC_PER_SEC))
		return;
	WRITE_ONCE(c->settling, true);
	hrtimer_start(&c->timer, 0, HRTIMER_MODE_REL_PINNED_HARD);
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (!READ_ONCE(c->settling))
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	hrtimer_cancel(&c->timer); /* wakes us up at its end */
	cputime_cgroup(t);
}

static u64 cputime_left(const struct posix_cputimers *timers, u64 utime, u64 stime, u64 sched)
{
	const u64 now[CPUCLOCK_MAX] = {
		[CPUCLOCK_PROF] = utime + stime, [CPUCLOCK_VIRT] = utime, [CPUCLOCK_SCHED] = sched
	};
	u64 next, left = U64_MAX;
	int i;

	for (i = 0; i < CPUCLOCK_MAX; i++) {
		next = READ_ONCE(timers->bases[i].nextevt);
		left = min(left, next > now[i] ? next - now[i] : 0);
	}
	return left;
}

/* Time until a CPU timer of a task or its process is due, RLIMIT_CPU included; the tick looks for them
 * otherwise. */
static u64 cputime_timers_left(struct task_struct *task)
{
	struct signal_struct *signal = task->signal;
	struct task_cputime_atomic *group = &signal->cputimer.cputime_atomic;
	u64 left = cputime_left(&task->posix_cputimers, READ_ONCE(task->utime), READ_ONCE(task->stime),
				READ_ONCE(task->se.sum_exec_runtime));

	if (READ_ONCE(signal->posix_cputimers.timers_active))
		left = min(left, cputime_left(&signal->posix_cputimers, atomic64_read(&group->utime),
					      atomic64_read(&group->stime),
					      atomic64_read(&group->sum_exec_runtime)));
	return left;
}

/* Returns when to look again. */
static u64 cputime_look(struct hvd_thread *t)
{
	u64 left;

	if (!hvd_cputime_charge(t))
		return CPUTIME_PERIOD;
	left = cputime_timers_left(t->task);
	if (!left)
		set_bit(HVD_CPU_TIMERS, &t->flags);
	/* It looks at the bit and its cgroup, and goes on sleeping. If it is just about to: the next time. */
	if ((!left || READ_ONCE(t->cputime.cgroup) >= CPUTIME_PERIOD_CGROUP) && READ_ONCE(t->frame->wait))
		wake_up_process(t->task);
	return clamp_t(u64, left, TICK_NSEC, CPUTIME_PERIOD);
}

/* All that are out of Linux; false if there is none. */
static bool cputime_look_all(u64 *next)
{
	struct hvd_thread *t;
	bool any = false;
	u32 id;

	*next = CPUTIME_PERIOD;
	rcu_read_lock();
	for (id = 0; id < ORD_CONTEXT_MAX; id++) {
		t = rcu_dereference(hvd_contexts[id]);
		if (!t || READ_ONCE(t->state) != ORD_THREAD_DETACHED)
			continue;
		any = true;
		*next = min(*next, cputime_look(t));
	}
	rcu_read_unlock();
	return any;
}

static enum hrtimer_restart cputime_expired(struct hrtimer *timer)
{
	u64 next;
	bool any = cputime_look_all(&next);

	if (!any) {
		raw_spin_lock(&cputime_lock);
		WRITE_ONCE(cputime_armed, false);
		smp_mb(); /* pairs with park_run(): state before armed */
		any = cputime_look_all(&next);
		if (any)
			WRITE_ONCE(cputime_armed, true);
		raw_spin_unlock(&cputime_lock);
	}
	if (!any)
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, next);
	return HRTIMER_RESTART;
}

/**
 * hvd_cputime_watch() - a thread is out of Linux: look after its time
 *
 * The caller has set its state, and executed a full barrier.
 */
void hvd_cputime_watch(void)
{
	unsigned long irq_flags;

	if (likely(READ_ONCE(cputime_armed)))
		return;
	raw_spin_lock_irqsave(&cputime_lock, irq_flags);
	if (!cputime_armed) {
		WRITE_ONCE(cputime_armed, true);
		hrtimer_start(&cputime_timer, CPUTIME_PERIOD, HRTIMER_MODE_REL_HARD);
	}
	raw_spin_unlock_irqrestore(&cputime_lock, irq_flags);
}

void hvd_cputime_thread_init(struct hvd_thread *t)
{
	hvd_hrtimer_setup(&t->cputime.timer, cputime_settle, HRTIMER_MODE_REL_PINNED_HARD);
}

void hvd_cputime_init(void)
{
	hvd_hrtimer_setup(&cputime_timer, cputime_expired, HRTIMER_MODE_REL_HARD);
}

/* With no thread left. */
void hvd_cputime_exit(void)
{
	hrtimer_cancel(&cputime_timer);
}
