// SPDX-License-Identifier: GPL-2.0-only
/* Where Linux tells us about tasks: a new one, the execution of a program, an exit. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include <hvd_arch.h>
#include "thread.h"

/* In the parent, with preemption disabled, before the child is woken up. */
static void probe_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	/* It has inherited the mark. */
	if (hvd_arch_is_marked(child))
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

static struct {
	const char *name;
	void *function;
	struct tracepoint *tracepoint;
} probes[] = {
	{ "sched_process_exit", probe_exit },
	{ "sched_process_exec", probe_exec },
	{ "sched_process_fork", probe_fork },
};

/* Not exported by name, but these can be walked over. */
static void probe_find(struct tracepoint *tracepoint, void *data)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		if (!strcmp(tracepoint->name, probes[i].name))
			probes[i].tracepoint = tracepoint;
}

static void probe_unregister(unsigned int count)
{
	while (count--)
		tracepoint_probe_unregister(probes[count].tracepoint, probes[count].function, NULL);
	tracepoint_synchronize_unregister();
}

int hvd_probe_task_init(void)
{
	unsigned int i;
	int err;

	for_each_kernel_tracepoint(probe_find, NULL);
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		if (probes[i].tracepoint)
			continue;
		pr_err("this kernel has no tracepoint %s\n", probes[i].name);
		return -EOPNOTSUPP;
	}
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		err = tracepoint_probe_register(probes[i].tracepoint, probes[i].function, NULL);
		if (!err)
			continue;
		probe_unregister(i);
		return err;
	}
	return 0;
}

/* Only with no thread left. No probe runs any more on return. */
void hvd_probe_task_exit(void)
{
	probe_unregister(ARRAY_SIZE(probes));
}
