// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual exception: an interrupt private to each CPU, by which the hypervisor says that a frame whose
 * thread sleeps has got an event. Frames hold the truth; a wake-up too many does no harm, any CPU may do it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/interrupt.h>
#include <linux/io.h>

#include "debug.h"
#include "hypercall.h"
#include "thread.h"

static struct ord_event_page *event_page;
static int event_hp_state;

static void event_wake(u32 context)
{
	struct hvd_thread *t;

	hvd_debug_point(HVD_POINT_IRQ);
	rcu_read_lock();
	t = rcu_dereference(hvd_contexts[context]);
	/* Only a sleeper asks: it has set the word before the hypervisor set the bit. */
	if (t && READ_ONCE(t->frame->wait)) {
		hvd_cputime_charge(t);
		wake_up_process(t->task);
	}
	rcu_read_unlock();
}

static void event_drain(void)
{
	unsigned int word;
	u64 bits, all = 0;

	if (unlikely(READ_ONCE(event_page->all)) && xchg(&event_page->all, 0))
		all = ~0ull;
	for (word = 0; word < ARRAY_SIZE(event_page->pending); word++) {
		if (!READ_ONCE(event_page->pending[word]) && !all)
			continue;
		bits = xchg(&event_page->pending[word], 0) | all;
		for (; bits; bits &= bits - 1)
			event_wake(word * 64 + __ffs64(bits));
	}
}

static irqreturn_t event_interrupt(int irq, void *data)
{
	event_drain();
	return IRQ_HANDLED;
}

/**
 * hvd_event_wait_prepare() - ask for the virtual exception before going to sleep
 * @frame: current's
 *
 * The caller has set the task's state before, and needs a full barrier after this, before it looks at the
 * event word.
 */
void hvd_event_wait_prepare(struct ord_frame *frame)
{
	int cpu;

	/* A CPU that goes offline waits for this section before it looks for those who wait for it. */
	preempt_disable();
	cpu = smp_processor_id();
	if (!cpu_active(cpu))
		cpu = cpumask_any(cpu_active_mask);
	WRITE_ONCE(frame->wait_cpu, hvd_arch_event_vcpu[cpu]);
	WRITE_ONCE(frame->wait, 1);
	preempt_enable();
}

/**
 * hvd_event_wait_finish() - no virtual exception wanted any more
 * @frame: current's
 */
void hvd_event_wait_finish(struct ord_frame *frame)
{
	WRITE_ONCE(frame->wait, 0);
}

static int event_cpu_online(unsigned int cpu)
{
	hvd_arch_event_enable();
	return 0;
}

/* On the CPU that goes away. Whoever waits for its interrupt wakes up, and waits for another one's. */
static int event_cpu_offline(unsigned int cpu)
{
	u32 id, vcpu = hvd_arch_event_vcpu[cpu];
	struct hvd_thread *t;

	hvd_arch_event_disable();
	rcu_read_lock();
	for (id = 0; id < ORD_CONTEXT_MAX; id++) {
		t = rcu_dereference(hvd_contexts[id]);
		if (t && READ_ONCE(t->frame->wait) && READ_ONCE(t->frame->wait_cpu) == vcpu)
			wake_up_process(t->task);
	}
	rcu_read_unlock();
	event_drain();
	return 0;
}

/**
 * hvd_event_init() - take the virtual exception over
 * @pdev: the node of the device tree, with its interrupt
 *
 * Return: 0 or a negative errno.
 */
int hvd_event_init(struct platform_device *pdev)
{
	long status;
	int err;

	event_page = (struct ord_event_page *)get_zeroed_page(GFP_KERNEL);
	if (!event_page)
		return -ENOMEM;
	err = hvd_arch_event_init(pdev, event_interrupt);
	if (err)
		goto free_page;
	err = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "outrider/hvdetach:online", event_cpu_online,
				event_cpu_offline);
	if (err < 0)
		goto free_irq;
	event_hp_state = err;

	status = hvd_call_setup(virt_to_phys(event_page));
	if (status == ORD_OK) {
		err = hvd_timebase_init(&event_page->timebase);
		if (!err)
			return 0;
		hvd_call_setup(ORD_SETUP_NONE);
		goto remove_state;
	}
	pr_err("the hypervisor does not take the event page (%ld)\n", status);
	err = hvd_status_errno(status);
remove_state:
	cpuhp_remove_state(event_hp_state);
free_irq:
	hvd_arch_event_exit();
free_page:
	free_page((unsigned long)event_page);
	return err;
}

/* With no context left. */
void hvd_event_exit(void)
{
	long status;

	hvd_timebase_exit();
	status = hvd_call_setup(ORD_SETUP_NONE);
	cpuhp_remove_state(event_hp_state);
	hvd_arch_event_exit();
	if (status == ORD_OK)
		free_page((unsigned long)event_page);
	else
		pr_err("the hypervisor keeps the event page (%ld)\n", status);
}
