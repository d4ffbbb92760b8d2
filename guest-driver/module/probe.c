// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where Linux tells us something: the end of a system call, which is where a thread is captured again;
 * membarrier(); a new task; the exit of one.
 *
 * The end of a system call must cost other tasks nothing. The tracepoint sys_exit does: while it is on, every
 * task takes the slow path out of every call. So the slow path is asked for by the detached threads alone,
 * with their flag TIF_SYSCALL_TRACEPOINT, and hooked by ftrace where it ends, in syscall_trace_exit(). On a
 * kernel without ftrace, the tracepoint has to do; it is then registered only while there is a detached
 * thread, and a moment longer, because patching the kernel is not cheap either.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/compat.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/sched/task_stack.h>
#include <linux/tracepoint.h>
#include <asm/syscall.h>
#include <asm/unistd.h>

#include "hypercall.h"
#include "thread.h"

#define PROBE_LINGER         HZ
#define COMPAT_NR_MEMBARRIER 389 /* arch/arm64/include/asm/unistd32.h, which modules cannot include */

static bool use_tracepoint;
module_param(use_tracepoint, bool, 0444);
MODULE_PARM_DESC(use_tracepoint, "see system calls end by the tracepoint, which slows every task's down");

static struct tracepoint *sys_enter_tracepoint, *sys_exit_tracepoint, *fork_tracepoint, *exec_tracepoint,
	*exit_tracepoint;
static bool probe_hooked;        /* by ftrace: nothing to register with each thread */
static DEFINE_MUTEX(probe_lock); /* registered */
static atomic_t probe_users = ATOMIC_INIT(0);
static bool probe_registered;

/*
 * membarrier() takes a thread that is not on a CPU for one that has passed a barrier. Before it returns,
 * whoever called it, those on host cores must have passed one too. At its beginning, and at its end if that
 * is seen.
 */
static bool probe_is_membarrier(const struct pt_regs *regs)
{
	return unlikely(regs->syscallno == (is_compat_task() ? COMPAT_NR_MEMBARRIER : __NR_membarrier));
}

/*
 * seccomp() may put a filter on all threads of a process, which then must see the calls that the hypervisor
 * has served until now. At its end, which is seen because the caller is marked at its beginning.
 */
static bool probe_is_seccomp(const struct pt_regs *regs)
{
	return unlikely(regs->syscallno == __NR_seccomp) && !is_compat_task();
}

/* In any task, at the end of a system call. */
static void probe_call(struct pt_regs *regs)
{
	struct hvd_thread *t;

	if (probe_is_membarrier(regs))
		hvd_call_barrier();

	/* The result is no filter: for rt_sigreturn and execve it is just some register. */
	rcu_read_lock(); /* somebody else may end it, and ftrace does not hold this for us */
	t = hvd_thread_find(current);
	if (probe_is_seccomp(regs)) {
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
	if (probe_is_membarrier(task_pt_regs(current)))
		hvd_call_barrier();
	else
		hvd_probe_mark(current);
}

/* PERMANENT: the sysctl kernel.ftrace_enabled must not switch it off under running threads. */
static struct ftrace_ops probe_ops = { .func = probe_ftrace, .flags = FTRACE_OPS_FL_PERMANENT };
static struct ftrace_ops begin_ops = { .func = probe_ftrace_begin, .flags = FTRACE_OPS_FL_PERMANENT };

static bool probe_hook(void)
{
	static char call_end[] = "syscall_trace_exit", membarrier[] = "__arm64_sys_membarrier";
	static char seccomp[] = "__arm64_sys_seccomp"; /* not in every kernel */

	if (use_tracepoint)
		return false;
	if (ftrace_set_filter(&probe_ops, call_end, strlen(call_end), 1) ||
	    ftrace_set_filter(&begin_ops, membarrier, strlen(membarrier), 1))
		goto failed;
	ftrace_set_filter(&begin_ops, seccomp, strlen(seccomp), 0);
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
	if (!test_tsk_thread_flag(task, TIF_SYSCALL_TRACEPOINT))
		set_tsk_thread_flag(task, TIF_SYSCALL_TRACEPOINT);
}

/**
 * hvd_probe_unmark() - undo hvd_probe_mark(), unless Linux traces system calls itself
 * @task: the same
 */
void hvd_probe_unmark(struct task_struct *task)
{
	if (probe_traced())
		return;
	clear_tsk_thread_flag(task, TIF_SYSCALL_TRACEPOINT);
	smp_mb();
	if (probe_traced())
		set_tsk_thread_flag(task, TIF_SYSCALL_TRACEPOINT);
}

/* In the parent, with preemption disabled, before the child is woken up. */
static void probe_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	/* It has inherited the mark. */
	if (test_tsk_thread_flag(child, TIF_SYSCALL_TRACEPOINT))
		hvd_probe_unmark(child);
	hvd_group_fork(parent, child);
}

/* In the task that executes a program, which is in place, with its credentials. */
static void probe_exec(void *data, struct task_struct *task, pid_t old_tid, struct linux_binprm *bprm)
{
	hvd_exec();
}

/* In the exiting task, after it has left its mm; before its last works run. */
static void probe_exit(void *data, struct task_struct *task)
{
	struct hvd_thread *t;

	smp_mb(); /* PF_EXITING before hash: pairs with hvd_thread_start() */
	t = hvd_thread_find(task);
	if (t)
		hvd_thread_end(t);
	hvd_group_exit(task);
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
		mod_delayed_work(system_wq, &probe_unregister_work, PROBE_LINGER);
}

/* These tracepoints are not exported by name, but can be walked over. */
static void probe_find(struct tracepoint *tracepoint, void *data)
{
	if (!strcmp(tracepoint->name, "sys_enter"))
		sys_enter_tracepoint = tracepoint;
	else if (!strcmp(tracepoint->name, "sys_exit"))
		sys_exit_tracepoint = tracepoint;
	else if (!strcmp(tracepoint->name, "sched_process_fork"))
		fork_tracepoint = tracepoint;
	else if (!strcmp(tracepoint->name, "sched_process_exec"))
		exec_tracepoint = tracepoint;
	else if (!strcmp(tracepoint->name, "sched_process_exit"))
		exit_tracepoint = tracepoint;
}

int hvd_probe_init(void)
{
	int err;

	for_each_kernel_tracepoint(probe_find, NULL);
	if (!sys_enter_tracepoint || !sys_exit_tracepoint || !fork_tracepoint || !exec_tracepoint ||
	    !exit_tracepoint) {
		pr_err("this kernel has no tracepoints sys_enter, sys_exit, sched_process_fork, sched_process_exec and sched_process_exit\n");
		return -EOPNOTSUPP;
	}
	err = tracepoint_probe_register(exit_tracepoint, probe_exit, NULL);
	if (err)
		return err;
	err = tracepoint_probe_register(exec_tracepoint, probe_exec, NULL);
	if (err)
		goto unregister_exit;
	err = tracepoint_probe_register(fork_tracepoint, probe_fork, NULL);
	if (err)
		goto unregister_exec;
	probe_hooked = probe_hook();
	return 0;

unregister_exec:
	tracepoint_probe_unregister(exec_tracepoint, probe_exec, NULL);
unregister_exit:
	tracepoint_probe_unregister(exit_tracepoint, probe_exit, NULL);
	tracepoint_synchronize_unregister();
	return err;
}

/* Only with no thread left. No probe runs any more on return. */
void hvd_probe_exit(void)
{
	if (probe_hooked)
		probe_unhook();
	cancel_delayed_work_sync(&probe_unregister_work);
	probe_unregister(NULL);
	tracepoint_probe_unregister(fork_tracepoint, probe_fork, NULL);
	tracepoint_probe_unregister(exec_tracepoint, probe_exec, NULL);
	tracepoint_probe_unregister(exit_tracepoint, probe_exit, NULL);
	tracepoint_synchronize_unregister();
}
