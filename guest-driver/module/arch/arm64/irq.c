// SPDX-License-Identifier: GPL-2.0-only
/* Interrupts by their number at the distributor. */
#include <linux/errno.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/of.h>

#include <hvd_arch.h>

/*
 * The distributor's number; or -EINVAL if the interrupt is another controller's, which has numbers of its own
 * and a line at the distributor that it shares among them.
 */
int hvd_arch_irq_id(unsigned int irq)
{
	const struct irq_data *data = irq_get_irq_data(irq);
	struct device_node *node;

	while (data && data->parent_data)
		data = data->parent_data;
	node = data && data->domain ? irq_domain_get_of_node(data->domain) : NULL;
	return node && of_device_is_compatible(node, "arm,gic-v3") ? data->hwirq : -EINVAL;
}
