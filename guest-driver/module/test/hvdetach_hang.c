// SPDX-License-Identifier: GPL-2.0-only
/*
 * For tests only: the worst that can happen to Linux. Loading it makes all online CPUs spin for good with
 * interrupts masked, at once or after a delay. What is left then is what does not need Linux.
 *
 *   insmod hvdetach_hang.ko delay_ms=500; cat /sys/module/hvdetach_hang/parameters/counter
 *
 * `counter` is the physical address of a 32-bit word that counts the CPUs which have got there: whoever looks
 * at the machine from outside knows by it when Linux is dead.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <linux/workqueue.h>

static unsigned int delay_ms;
module_param(delay_ms, uint, 0444);
MODULE_PARM_DESC(delay_ms, "milliseconds until it happens; loading succeeds then");
static unsigned long long counter;
module_param(counter, ullong, 0444);
MODULE_PARM_DESC(counter, "out: physical address of the number of CPUs that spin");

static atomic_t *spinning;

/* In an interrupt, or with interrupts masked by on_each_cpu(). */
static void hang_here(void *unused)
{
	atomic_inc(spinning);
	for (;;)
		cpu_relax();
}

static void hang_all(struct work_struct *work)
{
	pr_emerg("%u CPUs spin from now on\n", num_online_cpus());
	on_each_cpu(hang_here, NULL, 0);
}

static DECLARE_DELAYED_WORK(hang_work, hang_all);

static int __init hang_init(void)
{
	spinning = (atomic_t *)get_zeroed_page(GFP_KERNEL);
	if (!spinning)
		return -ENOMEM;
	counter = virt_to_phys(spinning);
	if (delay_ms)
		schedule_delayed_work(&hang_work, msecs_to_jiffies(delay_ms));
	else
		hang_all(NULL);
	return 0;
}
module_init(hang_init);

/* In time only as long as the delay lasts. */
static void __exit hang_exit(void)
{
	cancel_delayed_work_sync(&hang_work);
	free_page((unsigned long)spinning);
}
module_exit(hang_exit);

MODULE_DESCRIPTION("Outrider: a Linux that hangs, for tests");
MODULE_AUTHOR("Outrider");
MODULE_LICENSE("GPL");
