// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where Linux tells us about system calls: their end, which is where a thread is captured again;
 * membarrier(); seccomp().
 *
 * The end of a system call must cost other tasks nothing. The tracepoint sys_exit does: while it is on, every
 * task takes the slow path out of every call. So the slow path is asked for by the detached threads alone,
 * with a mark (on arm64 the flag TIF_SYSCALL_TRACEPOINT), and hooked by ftrace where it ends. On a kernel
 * without ftrace, the tracepoint has to do. Either is there only while there is a detached thread or a
 * group, and a moment longer, because patching the kernel is not cheap either: tasks under seccomp, audit or
 * strace take the slow path, too.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ftrace.h>
#include <linux/membarrier.h>
#include <linux/mm_types.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/tick.h>
#include <linux/tracepoint.h>

#include "hypercall.h"
#include "thread.h"

#define PROBE_LINGER HZ

static bool use_tracepoint;
module_param(use_tracepoint, bool, 0444);
MODULE_PARM_DESC(use_tracepoint, "see system calls end by the tracepoint, which slows every task's down");

static struct tracepoint *sys_enter_tracepoint, *sys_exit_tracepoint;
static DEFINE_MUTEX(probe_lock); /* how */
static atomic_t probe_users = ATOMIC_INIT(0);
static enum { PROBE_OFF, PROBE_FTRACE, PROBE_TRACEPOINT } probe_how;
static bool probe_filtered; /* ftrace knows where */

/* Has the thread's process asked for the barriers of others' MEMBARRIER_CMD_GLOBAL_EXPEDITED? */
static bool probe_is_registered(struct hvd_thread *t)
{
	bool registered = false;
#ifdef CONFIG_MEMBARRIER
	unsigned long irq_flags;

	raw_spin_lock_irqsave(&t->lock, irq_flags); /* keeps it from letting go of the mm */
	if (t->mm)
		registered = atomic_read(&t->mm->membarrier_state) & MEMBARRIER_STATE_GLOBAL_EXPEDITED;
	raw_spin_unlock_irqrestore(&t->lock, irq_flags);
#endif
	return registered;
}

/* Those whom Linux would interrupt, if a CPU of it executed them. */
static bool probe_is_meant(struct hvd_thread *t, int command)
{
	switch (command) {
	case MEMBARRIER_CMD_GLOBAL:
		return true; /* waits until all CPUs have passed one: nobody can ask for many */
	case MEMBARRIER_CMD_GLOBAL_EXPEDITED:
		return probe_is_registered(t);
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE:
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ:
		return READ_ONCE(t->mm) == current->mm;
	}
	return false; /* questions and registrations */
}

/*
 * membarrier() takes a thread that is not on a CPU for one that has passed a barrier. Before it returns,
 * whoever called it, those on host cores must have passed one too. At its beginning, and at its end if that
 * is seen.
 */
static void probe_membarrier(const u64 argument[2])
{
	int command = (int)argument[0];
	struct hvd_thread *t;
	bool meant = false;
	u32 id;

	/* Linux refuses these at once: they could be made without end. */
	if (command == MEMBARRIER_CMD_GLOBAL && (argument[1] || tick_nohz_full_enabled()))
		return;
	/* Pairs with park_run(): one that is not out of Linux yet will have passed one after this. */
	smp_mb();
	rcu_read_lock();
	for (id = 0; id < ORD_CONTEXT_MAX && !meant; id++) {
		t = rcu_dereference(hvd_contexts[id]);
		meant = t && READ_ONCE(t->state) == ORD_THREAD_DETACHED && probe_is_meant(t, command);
	}
	rcu_read_unlock();
	if (meant)
		hvd_call_barrier();
}

/* In any task, at the end of a system call. */
static void probe_call(struct pt_regs *regs)
{
	struct hvd_thread *t;
	u64 argument[2];

	if (hvd_arch_is_membarrier(regs)) {
		hvd_arch_arguments(regs, true, argument);
		probe_membarrier(argument);
	}

	/* The result is no filter: for rt_sigreturn and execve it is just some register. */
	rcu_read_lock(); /* somebody else may end it, and ftrace does not hold this for us */
	t = hvd_thread_find(current);
	/*
	 * seccomp() may put a filter on all threads of a process, which then must see the calls that the
	 * hypervisor has served until now. At its end, which is seen because the caller is marked at its
	 * beginning.
	 */
	if (hvd_arch_is_seccomp(regs)) {
		hvd_thread_check_group();
		if (!t && probe_how == PROBE_FTRACE)
			hvd_probe_unmark(current);
	}
	if (t && !test_bit(HVD_REJECTED, &t->flags))
		hvd_park_queue(t);
	rcu_read_unlock();
}

/* Not called for calls that another tracer skipped, among others. */
static void probe_sys_exit(void *data, struct pt_regs *regs, long result)
{
	probe_call(regs);
}

#ifdef CONFIG_DYNAMIC_FTRACE
static void probe_ftrace(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
			 struct ftrace_regs *regs)
{
	/* Others come by for seccomp, audit or strace. */
	if (test_thread_flag(TIF_SYSCALL_TRACEPOINT))
		probe_call(task_pt_regs(current));
}

/* In any task, at the beginning of membarrier() or seccomp(). */
static void probe_ftrace_begin(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
			       struct ftrace_regs *fregs)
{
	struct pt_regs *regs = task_pt_regs(current);
	u64 argument[2];

	/* What a tracer has made of the argument is what counts. */
	if (hvd_arch_is_membarrier(regs)) {
		hvd_arch_arguments(regs, false, argument);
		probe_membarrier(argument);
	} else if (hvd_arch_is_seccomp(regs)) {
		hvd_probe_mark(current); /* until its end: probe_call() */
	}
}

/* PERMANENT: the sysctl kernel.ftrace_enabled must not switch it off under running threads. */
static struct ftrace_ops probe_ops = { .func = probe_ftrace, .flags = FTRACE_OPS_FL_PERMANENT };
static struct ftrace_ops begin_ops = { .func = probe_ftrace_begin, .flags = FTRACE_OPS_FL_PERMANENT };

/* Once: ftrace_free_filter() leaves something that cannot be used again. */
static void probe_filter(void)
{
	if (use_tracepoint)
		return;
	probe_filtered = !ftrace_set_filter(&probe_ops, hvd_arch_call_end, strlen(hvd_arch_call_end), 1) &&
			 !ftrace_set_filter(&begin_ops, hvd_arch_membarrier, strlen(hvd_arch_membarrier), 1);
	ftrace_set_filter(&begin_ops, hvd_arch_seccomp, strlen(hvd_arch_seccomp), 0);
}

static void probe_filter_free(void)
{
	ftrace_free_filter(&probe_ops);
	ftrace_free_filter(&begin_ops);
}

static bool probe_hook(void)
{
	if (probe_filtered && !register_ftrace_function(&probe_ops)) {
		if (!register_ftrace_function(&begin_ops))
			return true;
		unregister_ftrace_function(&probe_ops);
	}
	pr_info_once("without ftrace, all tasks' system calls are slower while a thread is detached\n");
	return false;
}

static void probe_unhook(void)
{
	unregister_ftrace_function(&begin_ops);
	unregister_ftrace_function(&probe_ops);
}
#else
static void probe_filter(void)
{
}

static void probe_filter_free(void)
{
}

static bool probe_hook(void)
{
	return false;
}

static void probe_unhook(void)
{
}
#endif

static bool probe_traced(void)
{
	return static_key_enabled(&sys_enter_tracepoint->key) ||
	       static_key_enabled(&sys_exit_tracepoint->key);
}

/**
 * hvd_probe_mark() - a task's system calls are to be seen ending
 * @task: with a detached thread. Whoever ends tracing for all tasks takes the mark away, too: set it again
 *        before each call.
 */
void hvd_probe_mark(struct task_struct *task)
{
	if (!hvd_arch_is_marked(task))
		hvd_arch_mark(task);
}

/**
 * hvd_probe_unmark() - undo hvd_probe_mark(), unless Linux traces system calls itself
 * @task: the same
 */
void hvd_probe_unmark(struct task_struct *task)
{
	if (probe_traced())
		return;
	hvd_arch_unmark(task);
	smp_mb();
	if (probe_traced())
		hvd_arch_mark(task);
}

static void probe_unregister(struct work_struct *work)
{
	mutex_lock(&probe_lock);
	if (!atomic_read(&probe_users)) {
		if (probe_how == PROBE_FTRACE)
			probe_unhook();
		else if (probe_how == PROBE_TRACEPOINT)
			tracepoint_probe_unregister(sys_exit_tracepoint, probe_sys_exit, NULL);
		probe_how = PROBE_OFF;
	}
	mutex_unlock(&probe_lock);
}

static DECLARE_DELAYED_WORK(probe_unregister_work, probe_unregister);

/**
 * hvd_probe_get() - see system calls end, from now on
 *
 * Return: 0 or a negative errno. May sleep.
 */
int hvd_probe_get(void)
{
	int err = 0;

	mutex_lock(&probe_lock);
	if (probe_how == PROBE_OFF && probe_hook()) {
		probe_how = PROBE_FTRACE;
	} else if (probe_how == PROBE_OFF) {
		err = tracepoint_probe_register(sys_exit_tracepoint, probe_sys_exit, NULL);
		if (!err)
			probe_how = PROBE_TRACEPOINT;
	}
	if (!err)
		atomic_inc(&probe_users);
	mutex_unlock(&probe_lock);
	return err;
}

/**
 * hvd_probe_get_again() - once more, for someone who does not get below one meanwhile. Any context.
 */
void hvd_probe_get_again(void)
{
	atomic_inc(&probe_users);
}

/**
 * hvd_probe_put() - undo one of these. Any context.
 */
void hvd_probe_put(void)
{
	if (atomic_dec_and_test(&probe_users))
		mod_delayed_work(hvd_release_wq, &probe_unregister_work, PROBE_LINGER);
}

/* These tracepoints are not exported by name, but can be walked over. */
static void probe_find(struct tracepoint *tracepoint, void *data)
{
	if (!strcmp(tracepoint->name, "sys_enter"))
		sys_enter_tracepoint = tracepoint;
	else if (!strcmp(tracepoint->name, "sys_exit"))
		sys_exit_tracepoint = tracepoint;
}

int hvd_probe_init(void)
{
	for_each_kernel_tracepoint(probe_find, NULL);
	if (!sys_enter_tracepoint || !sys_exit_tracepoint) {
		pr_err("this kernel has no tracepoints sys_enter and sys_exit\n");
		return -EOPNOTSUPP;
	}
	probe_filter();
	return 0;
}

/* Only with no thread left. No probe runs any more on return. */
void hvd_probe_exit(void)
{
	cancel_delayed_work_sync(&probe_unregister_work);
	probe_unregister(NULL);
	tracepoint_synchronize_unregister();
	probe_filter_free();
}
