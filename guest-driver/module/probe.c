// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where Linux tells us about system calls: their end, which is where a thread is captured again;
 * membarrier(); seccomp().
 *
 * The end of a system call must cost other tasks nothing. The tracepoint sys_exit does: while it is on, every
 * task takes the slow path out of every call. So the slow path is asked for by the detached threads alone,
 * with a mark (on arm64 the flag TIF_SYSCALL_TRACEPOINT), and hooked by ftrace where it ends. On a
 * kernel without ftrace, the tracepoint has to do; it is then registered only while there is a detached
 * thread, and a moment longer, because patching the kernel is not cheap either.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/sched/task_stack.h>
#include <linux/tracepoint.h>

#include "hypercall.h"
#include "thread.h"

#define PROBE_LINGER HZ

static bool use_tracepoint;
module_param(use_tracepoint, bool, 0444);
MODULE_PARM_DESC(use_tracepoint, "see system calls end by the tracepoint, which slows every task's down");

static struct tracepoint *sys_enter_tracepoint, *sys_exit_tracepoint;
static bool probe_hooked;        /* by ftrace: nothing to register with each thread */
static DEFINE_MUTEX(probe_lock); /* registered */
static atomic_t probe_users = ATOMIC_INIT(0);
static bool probe_registered;

/* In any task, at the end of a system call. */
static void probe_call(struct pt_regs *regs)
{
	struct hvd_thread *t;

	/*
	 * membarrier() takes a thread that is not on a CPU for one that has passed a barrier. Before it
	 * returns, whoever called it, those on host cores must have passed one too. At its beginning, and at
	 * its end if that is seen.
	 */
	if (hvd_arch_is_membarrier(regs))
		hvd_call_barrier();

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
		if (!t && probe_hooked)
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
	probe_call(task_pt_regs(current));
}

/* In any task, at the beginning of membarrier() or seccomp(). */
static void probe_ftrace_begin(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
			       struct ftrace_regs *regs)
{
	if (hvd_arch_is_membarrier(task_pt_regs(current)))
		hvd_call_barrier();
	else
		hvd_probe_mark(current);
}

/* PERMANENT: the sysctl kernel.ftrace_enabled must not switch it off under running threads. */
static struct ftrace_ops probe_ops = { .func = probe_ftrace, .flags = FTRACE_OPS_FL_PERMANENT };
static struct ftrace_ops begin_ops = { .func = probe_ftrace_begin, .flags = FTRACE_OPS_FL_PERMANENT };

static bool probe_hook(void)
{
	if (use_tracepoint)
		return false;
	if (ftrace_set_filter(&probe_ops, hvd_arch_call_end, strlen(hvd_arch_call_end), 1) ||
	    ftrace_set_filter(&begin_ops, hvd_arch_membarrier, strlen(hvd_arch_membarrier), 1))
		goto failed;
	ftrace_set_filter(&begin_ops, hvd_arch_seccomp, strlen(hvd_arch_seccomp), 0);
	if (register_ftrace_function(&probe_ops))
		goto failed;
	if (!register_ftrace_function(&begin_ops))
		return true;
	unregister_ftrace_function(&probe_ops);
failed:
	ftrace_free_filter(&probe_ops);
	ftrace_free_filter(&begin_ops);
	pr_info("ftrace is not to be had: system calls of all tasks are slower while a thread is detached\n");
	return false;
}

static void probe_unhook(void)
{
	unregister_ftrace_function(&begin_ops);
	unregister_ftrace_function(&probe_ops);
	ftrace_free_filter(&begin_ops);
	ftrace_free_filter(&probe_ops);
}
#else
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
	if (probe_registered && !atomic_read(&probe_users)) {
		tracepoint_probe_unregister(sys_exit_tracepoint, probe_sys_exit, NULL);
		probe_registered = false;
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
	if (!probe_registered && !probe_hooked) {
		err = tracepoint_probe_register(sys_exit_tracepoint, probe_sys_exit, NULL);
		probe_registered = !err;
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
	if (atomic_dec_and_test(&probe_users) && !probe_hooked)
		schedule_delayed_work(&probe_unregister_work, PROBE_LINGER);
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
	probe_hooked = probe_hook();
	return 0;
}

/* Only with no thread left. No probe runs any more on return. */
void hvd_probe_exit(void)
{
	if (probe_hooked)
		probe_unhook();
	cancel_delayed_work_sync(&probe_unregister_work);
	probe_unregister(NULL);
	tracepoint_synchronize_unregister();
}
