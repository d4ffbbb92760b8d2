// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual exception is a PPI: one interrupt number, private to each CPU. The hypervisor knows CPUs by the
 * numbers of its vCPUs, which the node of the device tree lists by their MPIDR.
 */
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/of.h>
#include <linux/percpu.h>
#include <linux/platform_device.h>
#include <asm/cputype.h>

#include <hvd_arch.h>

static DEFINE_PER_CPU(int, event_cookie); /* request_percpu_irq() wants a per-CPU variable */
static int event_irq;
static u64 event_affinity[32]; /* of vCPU n; event_vcpus of them */
static int event_vcpus;

/* Of a CPU that has been online since the module was loaded. */
u32 hvd_arch_event_vcpu[NR_CPUS];

/**
 * hvd_arch_event_init() - take the virtual exception over
 * @pdev: the node of the device tree, with its interrupt
 * @handler: is called on the CPU where it comes, once that has been enabled
 *
 * Return: 0 or a negative errno.
 */
int hvd_arch_event_init(struct platform_device *pdev, irq_handler_t handler)
{
	event_irq = platform_get_irq(pdev, 0);
	if (event_irq < 0)
		return event_irq;
	/* Without it vCPUs have Linux's numbers. */
	event_vcpus = of_property_read_variable_u64_array(pdev->dev.of_node, "vcpus", event_affinity, 1,
							  ARRAY_SIZE(event_affinity));
	return request_percpu_irq(event_irq, handler, "hvdetach", &event_cookie);
}

void hvd_arch_event_exit(void)
{
	free_percpu_irq(event_irq, &event_cookie);
}

void hvd_arch_event_enable(void)
{
	u64 affinity = read_cpuid_mpidr() & MPIDR_HWID_BITMASK;
	int i, cpu = smp_processor_id();

	hvd_arch_event_vcpu[cpu] = cpu;
	for (i = 0; i < event_vcpus; i++)
		if (event_affinity[i] == affinity)
			hvd_arch_event_vcpu[cpu] = i;
	enable_percpu_irq(event_irq, irq_get_trigger_type(event_irq));
}

void hvd_arch_event_disable(void)
{
	disable_percpu_irq(event_irq);
}
