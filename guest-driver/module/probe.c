// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracepoint probes: the end of a system call, which is where a thread is captured again, and the exit of a
 * task. sys_exit costs every call of every task some hundred instructions, so it is registered only while
 * there is a detached thread, and a moment longer, because patching the kernel is not cheap either.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/compat.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/tracepoint.h>
#include <asm/syscall.h>
#include <asm/unistd.h>

#include "hypercall.h"
#include "thread.h"

#define PROBE_LINGER         HZ
#define COMPAT_NR_MEMBARRIER 389 /* arch/arm64/include/asm/unistd32.h, which modules cannot include */

static struct tracepoint *sys_exit_tracepoint, *exit_tracepoint;
static DEFINE_MUTEX(probe_lock); /* users, registered */
static unsigned int probe_users;
static bool probe_registered;

/* In any task, with preemption disabled. Not called for calls that another tracer skipped, among others. */
static void probe_sys_exit(void *data, struct pt_regs *regs, long result)
{
	struct hvd_thread *t;

	/*
	 * membarrier() takes a thread that is not on a CPU for one that has passed a barrier. Before it
	 * returns, whoever called it, those on host cores must have passed one too.
	 */
	if (unlikely(regs->syscallno == (is_compat_task() ? COMPAT_NR_MEMBARRIER : __NR_membarrier)))
		hvd_call_barrier();

	/* The result is no filter: for rt_sigreturn and execve it is just some register. */
	t = hvd_thread_find(current);
	if (t && !test_bit(HVD_REJECTED, &t->flags))
		hvd_park_queue(t);
}

/* In the exiting task, after it has left its mm; before its last works run. */
static void probe_exit(void *data, struct task_struct *task)
{
	struct hvd_thread *t = hvd_thread_find(task);

	if (t)
		hvd_thread_end(t);
}

static void probe_unregister(struct work_struct *work)
{
	mutex_lock(&probe_lock);
	if (probe_registered && !probe_users) {
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
	if (!probe_registered) {
		err = tracepoint_probe_register(sys_exit_tracepoint, probe_sys_exit, NULL);
		probe_registered = !err;
	}
	if (!err)
		probe_users++;
	mutex_unlock(&probe_lock);
	return err;
}

/**
 * hvd_probe_put() - undo hvd_probe_get(). May sleep.
 */
void hvd_probe_put(void)
{
	mutex_lock(&probe_lock);
	if (!--probe_users)
		mod_delayed_work(system_wq, &probe_unregister_work, PROBE_LINGER);
	mutex_unlock(&probe_lock);
}

/* These tracepoints are not exported by name, but can be walked over. */
static void probe_find(struct tracepoint *tracepoint, void *data)
{
	if (!strcmp(tracepoint->name, "sys_exit"))
		sys_exit_tracepoint = tracepoint;
	else if (!strcmp(tracepoint->name, "sched_process_exit"))
		exit_tracepoint = tracepoint;
}

int hvd_probe_init(void)
{
	for_each_kernel_tracepoint(probe_find, NULL);
	if (!sys_exit_tracepoint || !exit_tracepoint) {
		pr_err("this kernel has no tracepoints sys_exit and sched_process_exit\n");
		return -EOPNOTSUPP;
	}
	return tracepoint_probe_register(exit_tracepoint, probe_exit, NULL);
}

/* Only with no thread left. No probe runs any more on return. */
void hvd_probe_exit(void)
{
	cancel_delayed_work_sync(&probe_unregister_work);
	probe_unregister(NULL);
	tracepoint_probe_unregister(exit_tracepoint, probe_exit, NULL);
	tracepoint_synchronize_unregister();
}
