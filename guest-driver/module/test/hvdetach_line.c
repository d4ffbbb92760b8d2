// SPDX-License-Identifier: GPL-2.0-only
/*
 * For tests only: a device for hvdetach_uio whose interrupt is a line of a controller of its own, as that of
 * a GPIO expander, whose number is also that of somebody else's line at the distributor.
 *
 *   modprobe hvdetach_uio; modprobe hvdetach_line hwirq=34
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/module.h>
#include <linux/platform_device.h>

static unsigned int hwirq = 34;
module_param(hwirq, uint, 0444);
MODULE_PARM_DESC(hwirq, "the line's number");

static struct irq_domain *domain;
static struct platform_device *device;

static int line_map(struct irq_domain *d, unsigned int irq, irq_hw_number_t number)
{
	irq_set_chip_and_handler(irq, &dummy_irq_chip, handle_simple_irq);
	return 0;
}

static const struct irq_domain_ops line_ops = { .map = line_map };

static int __init line_init(void)
{
	/* Registers where the machine has nothing. */
	struct resource resources[] = { DEFINE_RES_MEM(0x0b000000, PAGE_SIZE), DEFINE_RES_IRQ(0) };
	unsigned int irq;

	domain = irq_domain_create_linear(NULL, hwirq + 1, &line_ops, NULL);
	if (!domain)
		return -ENOMEM;
	irq = irq_create_mapping(domain, hwirq);
	if (!irq) {
		irq_domain_remove(domain);
		return -ENOMEM;
	}
	resources[1].start = resources[1].end = irq;
	device = platform_device_register_simple("outrider-uio", PLATFORM_DEVID_AUTO, resources,
						 ARRAY_SIZE(resources));
	if (!IS_ERR(device))
		return 0;
	irq_dispose_mapping(irq);
	irq_domain_remove(domain);
	return PTR_ERR(device);
}
module_init(line_init);

static void __exit line_exit(void)
{
	unsigned int irq = platform_get_irq(device, 0);

	platform_device_unregister(device);
	irq_dispose_mapping(irq);
	irq_domain_remove(domain);
}
module_exit(line_exit);

MODULE_DESCRIPTION("Outrider: an interrupt of another controller, for tests");
MODULE_AUTHOR("Outrider");
MODULE_LICENSE("GPL");
