// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why a thread is not on its core: an episode begins with what it left its core for and ends when it runs
 * there again. Episodes are counted by cause, their time is summed up, and they are kept in a ring once
 * somebody has asked for that.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <hvd_arch.h>
#include "thread.h"

#define TRACE_ENTRIES 1024 /* a power of two */

/* Around changes of what goes on and the end of the ring; `changes` is odd in between. */
static void trace_change(struct hvd_trace *trace)
{
	WRITE_ONCE(trace->changes, trace->changes + 1);
	smp_wmb();
}

static void trace_changed(struct hvd_trace *trace)
{
	smp_wmb(); /* pairs with trace_now() */
	WRITE_ONCE(trace->changes, trace->changes + 1);
}

/**
 * hvd_trace_begin() - a thread has left its core, or could not go back to it
 * @t: current's
 * @entry: cause, number, pc, address and time; an episode with the same cause goes on
 */
void hvd_trace_begin(struct hvd_thread *t, const struct ord_trace_entry *entry)
{
	struct hvd_trace *trace = &t->trace;

	if (trace->now.cause == entry->cause)
		return;
	hvd_trace_end(t, entry->time);
	trace_change(trace);
	trace->now = *entry;
	trace_changed(trace);
	WRITE_ONCE(trace->count[entry->cause], trace->count[entry->cause] + 1);
}

/**
 * hvd_trace_refuse() - a thread could not go back to its core
 * @t: current's
 * @cause: ORD_CAUSE_DEBUG or ORD_CAUSE_OTHER
 * @pc: where it is in user mode
 */
void hvd_trace_refuse(struct hvd_thread *t, u32 cause, u64 pc)
{
	struct ord_trace_entry entry = { .time = hvd_arch_counter(), .pc = pc, .cause = cause };

	hvd_trace_begin(t, &entry);
}

/**
 * hvd_trace_end() - it is about to run on its core
 * @t: current's
 * @time: now, in ticks of the system counter
 */
void hvd_trace_end(struct hvd_thread *t, u64 time)
{
	struct hvd_trace *trace = &t->trace;
	struct ord_trace_entry *ring = smp_load_acquire(&trace->ring);
	u32 cause = trace->now.cause;

	if (cause == ORD_CAUSE_NONE)
		return;
	trace_change(trace);
	trace->now.cost = time - trace->now.time;
	WRITE_ONCE(trace->ticks[cause], trace->ticks[cause] + trace->now.cost);
	if (ring) {
		ring[trace->head % TRACE_ENTRIES] = trace->now;
		smp_store_release(&trace->head, trace->head + 1);
	}
	trace->now.cause = ORD_CAUSE_NONE;
	trace_changed(trace);
}

/**
 * hvd_trace_start() - record from now on. May sleep.
 * @t: the caller's own, or with a reference
 *
 * Return: 0 or -ENOMEM.
 */
int hvd_trace_start(struct hvd_thread *t)
{
	struct ord_trace_entry *ring;

	if (READ_ONCE(t->trace.ring))
		return 0;
	ring = kvcalloc(TRACE_ENTRIES, sizeof(*ring), GFP_KERNEL_ACCOUNT);
	if (!ring)
		return -ENOMEM;
	if (cmpxchg(&t->trace.ring, NULL, ring))
		kvfree(ring); /* somebody else was faster */
	return 0;
}

/* The first entry that is not about to be overwritten while the ring has @head entries behind it. */
static u64 trace_first(const struct hvd_trace *trace, u64 head)
{
	u64 base = READ_ONCE(trace->base);

	return head >= TRACE_ENTRIES ? max(base, head - TRACE_ENTRIES + 1) : base;
}

/*
 * The episode that goes on, which is the one behind @head entries; false if there is none, or if it ends
 * right now: nobody waits for the thread, the next call sees it in the ring.
 */
static bool trace_now(const struct hvd_trace *trace, u64 head, struct ord_trace_entry *entry)
{
	u32 changes = READ_ONCE(trace->changes);

	smp_rmb();
	*entry = trace->now;
	entry->cost = 0;
	smp_rmb(); /* pairs with trace_change() */
	return !(changes & 1) && READ_ONCE(trace->changes) == changes && READ_ONCE(trace->head) == head &&
	       entry->cause != ORD_CAUSE_NONE;
}

/**
 * hvd_trace_read() - entries from a position on
 * @t: the caller holds a reference
 * @arg: .position in; all but .head and .tid out
 *
 * Return: 0 or -ENOMEM. May sleep.
 */
int hvd_trace_read(struct hvd_thread *t, struct ord_ioc_trace *arg)
{
	struct ord_trace_entry *ring;
	u64 head, first, at;
	int err = hvd_trace_start(t);

	if (err)
		return err;
	ring = smp_load_acquire(&t->trace.ring);
	head = smp_load_acquire(&t->trace.head);
	arg->lost = 0;
	if (arg->position > head)
		arg->position = head;
	at = max(arg->position, trace_first(&t->trace, head));
	for (arg->count = 0; at + arg->count < head && arg->count < ORD_TRACE_BATCH; arg->count++)
		arg->entry[arg->count] = ring[(at + arg->count) % TRACE_ENTRIES];
	/* What the thread may have overwritten meanwhile is not worth anything. */
	smp_rmb();
	first = trace_first(&t->trace, READ_ONCE(t->trace.head));
	if (first > at) {
		u64 bad = min_t(u64, first - at, arg->count);

		arg->count -= bad;
		memmove(arg->entry, arg->entry + bad, arg->count * sizeof(arg->entry[0]));
		at += bad;
	}
	arg->lost = at - arg->position;
	arg->position = at + arg->count;
	/* Counted as read, though it is read once more when its cost is known by whoever steps back. */
	if (arg->position == head && arg->count < ORD_TRACE_BATCH &&
	    trace_now(&t->trace, head, &arg->entry[arg->count])) {
		arg->count++;
		arg->position++;
	}
	return 0;
}

/**
 * hvd_trace_forget() - what was recorded so far is not to be read any more. Atomic context.
 * @t: current's
 */
void hvd_trace_forget(struct hvd_thread *t)
{
	struct hvd_trace *trace = &t->trace;

	trace_change(trace);
	WRITE_ONCE(trace->base, trace->head);
	trace->now.cause = ORD_CAUSE_NONE;
	trace->warn = ORD_CAUSE_NONE;
	trace_changed(trace);
}

/**
 * hvd_trace_free() - nobody looks any more. May sleep.
 * @t: with no reference left
 */
void hvd_trace_free(struct hvd_thread *t)
{
	kvfree(t->trace.ring);
}

/* The signal that current is most likely recalled for; 0 if it is something else, such as the freezer. */
u32 hvd_trace_signal(void)
{
	unsigned long pending = READ_ONCE(current->pending.signal.sig[0]) |
				READ_ONCE(current->signal->shared_pending.signal.sig[0]);

	pending &= ~READ_ONCE(current->blocked.sig[0]);
	return pending ? __ffs(pending) + 1 : 0;
}

/* Does current want SIGXCPU? Only with a handler, and not in that handler. */
static bool trace_wants_signal(struct hvd_thread *t)
{
	__sighandler_t handler = READ_ONCE(current->sighand->action[SIGXCPU - 1].sa.sa_handler);

	return t->user_flags & ORD_DETACH_SIGDEBUG && handler != SIG_DFL && handler != SIG_IGN &&
	       !sigismember(&current->blocked, SIGXCPU);
}

/**
 * hvd_trace_warn() - remember to tell current that it has left its core, if it wants to know
 * @t: current's
 * @cause: enum ord_cause
 *
 * Told later, behind what it left for: in front of a system call it would never get to that call.
 */
void hvd_trace_warn(struct hvd_thread *t, u32 cause)
{
	if (unlikely(t->user_flags & ORD_DETACH_SIGDEBUG) && trace_wants_signal(t))
		t->trace.warn = cause;
}

/**
 * hvd_trace_tell() - send what hvd_trace_warn() has remembered. May sleep.
 * @t: current's
 *
 * Return: true if there is a signal now.
 */
bool hvd_trace_tell(struct hvd_thread *t)
{
	struct kernel_siginfo info;
	u32 cause = t->trace.warn;

	if (likely(!cause))
		return false;
	t->trace.warn = ORD_CAUSE_NONE;
	if (!trace_wants_signal(t))
		return false;
	clear_siginfo(&info);
	info.si_signo = SIGXCPU;
	info.si_code = SI_QUEUE;
	info.si_pid = task_tgid_vnr(current);
	info.si_uid = from_kuid_munged(current_user_ns(), current_uid());
	info.si_int = ORD_SIGDEBUG_MARKER | cause;
	if (send_sig_info(SIGXCPU, &info, current))
		return false;
	t->trace.warnings++;
	return true;
}
