// SPDX-License-Identifier: GPL-2.0-only
/* The virtual exception is a PPI: one interrupt number, private to each CPU. */
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/percpu.h>
#include <linux/platform_device.h>

#include <hvd_arch.h>

static DEFINE_PER_CPU(int, event_cookie); /* request_percpu_irq() wants a per-CPU variable */
static int event_irq;

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
	return request_percpu_irq(event_irq, handler, "hvdetach", &event_cookie);
}

void hvd_arch_event_exit(void)
{
	free_percpu_irq(event_irq, &event_cookie);
}

void hvd_arch_event_enable(void)
{
	enable_percpu_irq(event_irq, irq_get_trigger_type(event_irq));
}

void hvd_arch_event_disable(void)
{
	disable_percpu_irq(event_irq);
}
