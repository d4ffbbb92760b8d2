/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A detached thread as the module sees it, and what each file offers to the others.
 *
 *   task --hash--> hvd_thread --frame--> one page shared with the hypervisor
 *                     |   |  `-- mm whose ASID is pinned (arch/)
 *                     |   `----- hvd_file: keeps the last record after the thread has ended (file.c)
 *                     `--------- slot in hvd_contexts[], by the hypervisor's context id (event.c)
 *
 * Everything in it belongs to the thread itself (it runs as `current`), except what `lock` protects and
 * what is said below. PARKING, LEAVE and ENDED change under the lock, so that exactly one ends the thread:
 * itself, or who attaches it from outside while it is not in park(). doc/detach-states.md has the states and
 * who may leave them.
 *
 * Locks, all of them innermost but in this order: hvd_thread.lock, then the timer base. hash_lock and
 * hvd_file.lock are leaves. Raw, because interrupts and tracepoint probes take them on PREEMPT_RT too.
 */
#ifndef HVDETACH_THREAD_H
#define HVDETACH_THREAD_H

#include <linux/bitmap.h>
#include <linux/capability.h>
#include <linux/completion.h>
#include <linux/hrtimer.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/task_work.h>
#include <linux/uidgid.h>
#include <linux/workqueue.h>
#include <outrider/detach.h>
#include <outrider/ioctl.h>
#include <hvd_arch.h>

#define HVD_COMPATIBLE "outrider,detach-1.0"

/* Bits of hvd_thread.flags, which are set and cleared atomically. */
enum hvd_flag {
	HVD_QUEUED,     /* the task_work is queued and has not begun */
	HVD_ENDED,      /* no longer detached; frees itself when the last reference goes */
	HVD_DESTROYED,  /* the hypervisor was told to forget the context */
	HVD_LEAKED,     /* but did not: its frame stays allocated */
	HVD_DROPPED,    /* a park was given up since the last native return: the timer must bring it back */
	HVD_TIMER,      /* the queued park comes from the re-capture timer */
	HVD_REJECTED,   /* the hypervisor does not take this thread: stays in Linux, said so in the log */
	HVD_PARKING,    /* in park(): registers may be elsewhere, only the thread itself can end this */
	HVD_LEAVE,      /* to be attached for good: it ends itself when it leaves park() */
	HVD_CHECK,      /* what it may be served has changed: it comes out of its core for that */
	HVD_CPU_TIMERS, /* a timer of its CPU time, or of its process's, is due */
	HVD_MOVE,       /* to be moved to another core or priority: it comes out of its core for that */
};

struct hvd_file;

/* access.c: as whom a program runs. Pointers are only compared. */
struct hvd_identity {
	kuid_t uid;
	kgid_t gid;
	kernel_cap_t permitted;
	struct user_namespace *user_ns;
	u64 exec_id; /* which program of the task's */
};

enum hvd_change { HVD_CHANGE_NONE, HVD_CHANGE_OTHER, HVD_CHANGE_MORE };

/* Interrupts that can be granted, by their number at the hypervisor. */
#define HVD_IRQS 1024

/* trace.c: the thread's own; others read it. */
struct hvd_trace {
	struct ord_trace_entry now; /* the episode that goes on; cause NONE: it runs on its core */
	u64 count[ORD_CAUSE_COUNT], ticks[ORD_CAUSE_COUNT];
	struct ord_trace_entry *ring; /* NULL: nobody has asked */
	u64 head;                     /* entries written, ever */
	u64 base;                     /* the first of them that may still be read */
	u32 changes;                  /* of these three; odd while one is under way */
	u32 warn;                     /* cause that it has to be told about */
	u32 warnings;
};

/* cputime.c: the thread's own while it is awake; otherwise under its task's pi_lock. */
struct hvd_cputime {
	u64 seen;               /* ticks of run_time that have been accounted for */
	u64 owed;               /* ticks of these that are still to be added */
	u64 cgroup;             /* ns that the task has and its cgroup has not */
	unsigned long switches; /* of its kernel side, when it was last awake */
	struct hrtimer timer;
	bool settling;
};

struct hvd_thread {
	struct hlist_node node; /* in the hash, by task */
	struct task_struct *task;
	struct ord_frame *frame;
	struct hvd_file *file;
	unsigned long flags;
	u32 context;
	u32 core;
	u32 prio;
	u32 user_flags; /* ORD_DETACH_* */
	u32 state;      /* enum ord_thread_state; read by others */
	u64 forwards, recaptures;
	struct hvd_trace trace;
	struct hvd_identity identity;
	DECLARE_BITMAP(irqs, HVD_IRQS); /* irq.c: granted to it */
	struct hvd_cputime cputime;

	/* park.c */
	struct callback_head work;
	unsigned int requeues; /* in one task_work_run() */
	unsigned int failures; /* runs refused in a row */
	u64 spin;              /* counter ticks to spin before sleeping */

	/* arch/: space.c */
	struct mm_struct *mm; /* mmgrab()ed, its ASID pinned; NULL if none */
	u64 asid;

	/* fault.c: the last fault that was resolved, to see one that comes back */
	u64 fault_pc, fault_address;

	/* rseq.c */
	u32 rseq_cpu_id;
	bool rseq_hidden;

	/* recapture.c; under lock */
	raw_spinlock_t lock;
	struct hrtimer timer;
	call_single_data_t csd;
	bool armed; /* the timer, or the csd that chases the thread, is on its way */
	ktime_t delay;
	u64 native_pc;      /* where it went native: capture needs progress */
	unsigned int ticks; /* that found it in user mode at native_pc */

	/* thread_move.c, thread_end.c: HVD_MOVE, its answer, and the end; waited for from outside */
	struct mutex move_mutex; /* who asks, one after the other */
	u32 move_core, move_prio;
	int move_error;
	struct completion moved, ended;

	refcount_t refs; /* the thread itself, a csd on its way, who waits from outside */
	struct rcu_work release;
	struct mm_struct *mm_left; /* to be dropped where sleeping is allowed */
};

/* thread.c */
extern struct workqueue_struct *hvd_release_wq; /* for what ends in atomic context */
extern bool hvd_stopping;                       /* the machine goes down: nobody parks any more */
extern struct hvd_thread __rcu *hvd_contexts[ORD_CONTEXT_MAX];
struct hvd_thread *hvd_thread_find(struct task_struct *task);
struct hvd_thread *hvd_thread_get(struct task_struct *task);
void hvd_thread_put(struct hvd_thread *t);
int hvd_thread_publish(struct hvd_thread *t);
void hvd_thread_unpublish(struct hvd_thread *t);
void hvd_thread_watch(struct work_struct *work);
void hvd_thread_changed(void);
void hvd_thread_wake(struct hvd_thread *t);
void hvd_thread_record(struct hvd_thread *t, struct ord_ioc_thread *record);
void hvd_thread_check_group(void);
int hvd_thread_init(void);
void hvd_thread_exit(void);

/**
 * hvd_thread_any() - is there a thread of a context that is so?
 * @is: asked in an RCU read-side section
 */
static __always_inline bool hvd_thread_any(bool (*is)(const struct hvd_thread *t))
{
	const struct hvd_thread *t;
	bool any = false;
	u32 id;

	rcu_read_lock();
	for (id = 0; id < ORD_CONTEXT_MAX && !any; id++) {
		t = rcu_dereference(hvd_contexts[id]);
		any = t && is(t);
	}
	rcu_read_unlock();
	return any;
}

/* thread_start.c */
int hvd_thread_start(struct hvd_file *file, struct task_struct *task, const struct hvd_identity *identity,
		     u32 *core, u32 prio, u32 flags);
struct hvd_thread *hvd_thread_alloc(void);
void hvd_thread_free(struct hvd_thread *t);
int hvd_thread_start_new(struct hvd_thread *t, struct hvd_file *file, struct task_struct *child,
			 const struct hvd_identity *identity, u32 core, u32 prio, u32 flags);
void hvd_thread_drain(void);

/* thread_end.c */
void hvd_thread_end(struct hvd_thread *t);
int hvd_thread_attach(struct hvd_thread *t);
void hvd_thread_park_end(struct hvd_thread *t);
void hvd_thread_stop_all(void);

/* thread_move.c */
int hvd_thread_move(struct hvd_thread *t, u32 core, u32 prio);
bool hvd_thread_move_answer(struct hvd_thread *t);
bool hvd_thread_move_now(struct hvd_thread *t);

/* park_queue.c */
bool hvd_park_queue(struct hvd_thread *t);
bool hvd_park_queue_locked(struct hvd_thread *t);

/* park.c */
void hvd_park_init(struct hvd_thread *t);

/*
 * For how long a thread has executed on host cores, in ticks: as of now, also while it executes. In an RCU
 * read-side section.
 */
static inline u64 hvd_cputime_total(struct hvd_thread *t)
{
	s64 time = READ_ONCE(t->frame->stats.run_time);

	return time < 0 ? time + hvd_arch_counter() : time;
}

/* cputime.c */
bool hvd_cputime_charge(struct hvd_thread *t);
void hvd_cputime_begin(struct hvd_thread *t);
void hvd_cputime_note(struct hvd_thread *t);
void hvd_cputime_end(struct hvd_thread *t);
void hvd_cputime_watch(void);
void hvd_cputime_thread_init(struct hvd_thread *t);
void hvd_cputime_init(void);
void hvd_cputime_exit(void);

/* capture.c */
void hvd_capture_save(struct hvd_thread *t, struct pt_regs *regs);
void hvd_capture_load(struct hvd_thread *t, struct pt_regs *regs, u32 event);

/* rseq.c */
bool hvd_rseq_hide(struct hvd_thread *t, u64 pc);
void hvd_rseq_show(struct hvd_thread *t);

/* fault.c */
bool hvd_fault_resolve(struct hvd_thread *t);
void hvd_fault_forget(struct hvd_thread *t);

/* probe.c */
void hvd_probe_mark(struct task_struct *task);
void hvd_probe_unmark(struct task_struct *task);
int hvd_probe_get(void);
void hvd_probe_get_again(void);
void hvd_probe_put(void);
int hvd_probe_init(void);
void hvd_probe_exit(void);

/* probe_task.c */
int hvd_probe_task_init(void);
void hvd_probe_task_exit(void);

/* recapture.c */
void hvd_recapture_init(struct hvd_thread *t);
void hvd_recapture_arm(struct hvd_thread *t, bool soon, u64 pc);
void hvd_recapture_cancel(struct hvd_thread *t);

/* event.c */
struct platform_device;
void hvd_event_wait_prepare(struct ord_frame *frame);
void hvd_event_wait_finish(struct ord_frame *frame);
int hvd_event_init(struct platform_device *pdev);
void hvd_event_exit(void);

/* irq.c */
int hvd_irq_grant(struct hvd_thread *t, int fd, u32 *intid);
void hvd_irq_drop(struct hvd_thread *t);

/* timebase.c */
int hvd_timebase_init(struct ord_timebase *where);
void hvd_timebase_exit(void);

/* group.c */
int hvd_group_set(struct hvd_file *file, struct task_struct *leader, const struct hvd_identity *identity,
		  const struct ord_ioc_group *arg);
void hvd_group_fork(struct task_struct *parent, struct task_struct *child);
void hvd_group_exec(void);
void hvd_group_exit(struct task_struct *task);

/* exec.c */
void hvd_exec(void);

/* trace.c */
void hvd_trace_begin(struct hvd_thread *t, const struct ord_trace_entry *entry);
void hvd_trace_refuse(struct hvd_thread *t, u32 cause, u64 pc);
void hvd_trace_end(struct hvd_thread *t, u64 time);
int hvd_trace_start(struct hvd_thread *t);
int hvd_trace_read(struct hvd_thread *t, struct ord_ioc_trace *arg);
void hvd_trace_forget(struct hvd_thread *t);
void hvd_trace_free(struct hvd_thread *t);
u32 hvd_trace_signal(void);
void hvd_trace_warn(struct hvd_thread *t, u32 cause);
bool hvd_trace_tell(struct hvd_thread *t);

/* sysfs.c */
int hvd_sysfs_init(void);
void hvd_sysfs_exit(void);

/* access.c */
bool hvd_access_privileged(bool writable);
int hvd_access_core(u32 core);
int hvd_access_task(struct task_struct *task, struct hvd_identity *identity);
enum hvd_change hvd_identity_change(struct hvd_identity *identity);

/* channel.c */
int hvd_channel_init(void);
void hvd_channel_exit(void);

/* file.c */
struct hvd_file *hvd_file_new(void);
struct hvd_file *hvd_file_get(struct hvd_file *file);
void hvd_file_put(struct hvd_file *file);
int hvd_file_grow(struct hvd_file *file);
void hvd_file_store(struct hvd_file *file, const struct ord_ioc_thread *record);
s64 hvd_file_record(struct hvd_file *file, u64 at, struct ord_ioc_thread *record);
bool hvd_file_last(struct hvd_file *file, struct ord_ioc_thread *record);

/* chardev.c */
int hvd_chardev_init(void);
void hvd_chardev_exit(void);

#endif
