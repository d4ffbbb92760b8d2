// SPDX-License-Identifier: GPL-2.0-only
/*
 * What only a kernel can measure: hypercalls, accesses to emulated devices, interrupts, WFI. Each is done
 * with markers of bench/insn around it; interrupts are off except where one is meant. A device for programs,
 * since they decide when, on which CPU, and how often.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/arm-smccc.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/io.h>
#include <linux/irqflags.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <outrider/detach.h>

#include "compat.h"
#include "hvbench.h"
#include "insn.h"

#define TIMER_NS 200000

static void __iomem *gicd;
static bool outrider;

/* Jumps over what is not to be executed, so that the number makes no other difference. */
static noinline void disturb(unsigned long count)
{
	unsigned long skip = (HVBENCH_DISTURB_MAX - count) * 4;

	asm volatile("adr	x9, 1f\n"
		     "add	x9, x9, %0\n"
		     "br	x9\n"
		     "1: .rept	1000\n"
		     "nop\n"
		     ".endr\n" ::"r"(skip)
		     : "x9");
}

static void hypercalls(unsigned int count)
{
	struct arm_smccc_res res;
	u64 info = ORD_HC_INFO, stats = ORD_HC_CORE_STATS, bad = ORD_HC_RECALL, psci = 0x84000000, zero = 0;
	u64 version = ORD_ABI_VERSION, no_context = ORD_CONTEXT_MAX;
	unsigned int i;

	insn_label("hvbench//hypercall-info");
	for (i = 0; i < count; i++) {
		insn_begin();
		arm_smccc_1_1_hvc(info, version, zero, zero, zero, zero, &res);
		insn_end();
	}
	insn_hist_start();
	for (i = 0; i < count; i++)
		arm_smccc_1_1_hvc(info, version, zero, zero, zero, zero, &res);
	insn_hist_stop();
	insn_label("hvbench//hypercall-core-stats");
	for (i = 0; i < count; i++) {
		insn_begin();
		arm_smccc_1_1_hvc(stats, zero, zero, zero, zero, zero, &res);
		insn_end();
	}
	insn_label("hvbench//hypercall-refused");
	for (i = 0; i < count; i++) {
		insn_begin();
		arm_smccc_1_1_hvc(bad, no_context, zero, zero, zero, zero, &res);
		insn_end();
	}
	insn_label("hvbench//call-to-vmm");
	for (i = 0; i < count; i++) {
		insn_begin();
		arm_smccc_1_1_hvc(psci, zero, zero, zero, zero, zero, &res);
		insn_end();
	}
}

static void registers(unsigned int count)
{
	unsigned int i;
	u64 value;

	insn_label("hvbench//trapped-register");
	for (i = 0; i < count; i++) {
		insn_begin();
		asm volatile("mrs %0, id_aa64isar0_el1" : "=r"(value));
		insn_end();
	}
	insn_label("hvbench//mmio-read");
	for (i = 0; i < count; i++) {
		insn_begin();
		readl_relaxed(gicd + 4); /* GICD_TYPER */
		insn_end();
	}
	insn_hist_start();
	for (i = 0; i < count; i++)
		readl_relaxed(gicd + 4);
	insn_hist_stop();
}

static enum hrtimer_restart timer_fired(struct hrtimer *timer);

static struct bench_timer {
	struct hrtimer timer;
	bool fired;
} bench_timer;

static enum hrtimer_restart timer_fired(struct hrtimer *timer)
{
	WRITE_ONCE(bench_timer.fired, true);
	return HRTIMER_NORESTART;
}

/* A timer interrupt while the guest computes, and one out of WFI. */
static void timers(unsigned int count, bool wait)
{
	unsigned int i;

	insn_label(wait ? "hvbench//timer-wfi" : "hvbench//timer");
	for (i = 0; i < count; i++) {
		local_irq_disable();
		WRITE_ONCE(bench_timer.fired, false);
		hrtimer_start(&bench_timer.timer, ns_to_ktime(TIMER_NS), HRTIMER_MODE_REL_PINNED_HARD);
		if (wait) {
			insn_begin();
			dsb(sy);
			asm volatile("wfi" ::: "memory");
			insn_end();
			local_irq_enable();
		} else {
			insn_begin();
			local_irq_enable();
		}
		while (!READ_ONCE(bench_timer.fired))
			barrier();
		if (!wait)
			insn_end();
		hrtimer_cancel(&bench_timer.timer);
	}
}

static void micro(unsigned int count)
{
	preempt_disable();
	local_irq_disable();
	if (outrider)
		hypercalls(count);
	registers(count);
	local_irq_enable();
	timers(count, false);
	timers(count, true);
	insn_label("hvbench//end");
	preempt_enable();
}

static void ipi_arrived(void *data)
{
	insn_event();
}

static int ipis(unsigned int cpu, unsigned int count)
{
	unsigned int i;
	int err = 0;

	if (!cpu_online(cpu))
		return -EINVAL;
	for (i = 0; i < count && !err; i++) {
		preempt_disable();
		insn_begin();
		err = smp_call_function_single(cpu, ipi_arrived, NULL, 1);
		insn_end();
		preempt_enable();
	}
	return err;
}

static long bench_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	switch (command) {
	case HVBENCH_DISTURB:
		if (arg > HVBENCH_DISTURB_MAX)
			return -EINVAL;
		disturb(arg);
		return 0;
	case HVBENCH_MICRO:
		micro(arg);
		return 0;
	case HVBENCH_IPI:
		return ipis(arg >> 16 & 0xffff, arg & 0xffff);
	}
	return -ENOTTY;
}

static const struct file_operations bench_operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = bench_ioctl,
};

static struct miscdevice bench_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hvbench",
	.fops = &bench_operations,
	.mode = 0600,
};

static int __init bench_init(void)
{
	struct device_node *node = of_find_compatible_node(NULL, NULL, "arm,gic-v3");
	int err;

	if (!node)
		return -ENODEV;
	gicd = of_iomap(node, 0);
	of_node_put(node);
	if (!gicd)
		return -ENOMEM;
	node = of_find_compatible_node(NULL, NULL, "outrider,detach-1.0");
	outrider = node;
	of_node_put(node);
	hvd_hrtimer_setup(&bench_timer.timer, timer_fired, HRTIMER_MODE_REL_PINNED_HARD);
	err = misc_register(&bench_device);
	if (err)
		iounmap(gicd);
	return err;
}

static void __exit bench_exit(void)
{
	misc_deregister(&bench_device);
	iounmap(gicd);
}

module_init(bench_init);
module_exit(bench_exit);

MODULE_DESCRIPTION("Micro-benchmarks of Outrider's hypervisor");
MODULE_LICENSE("GPL");
