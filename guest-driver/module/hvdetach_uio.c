// SPDX-License-Identifier: GPL-2.0-only
/*
 * UIO for any device with registers and one interrupt, by driver_override: what uio_pdrv_genirq does, for
 * AMBA devices too, and with an interrupt that a detached thread may have for itself (irq.c).
 *
 *   echo outrider-uio >/sys/bus/amba/devices/DEVICE/driver_override
 *   echo DEVICE >/sys/bus/amba/drivers_probe
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/amba/bus.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uio_driver.h>

#include "compat.h"
#include "irq.h"

#define UIO_NAME "outrider-uio"

/* One for each time that a device was opened: a device's number says little, it is used again. */
struct uio_opened {
	struct list_head list;
	struct inode *inode; /* as long as it is open */
};

struct uio_one {
	struct list_head list;
	struct list_head opened;
	struct uio_info info;
	spinlock_t lock;
	bool masked;
};

static LIST_HEAD(uio_list);
static DEFINE_MUTEX(uio_lock);

/* The device goes on asking until the program has been there: masked until it writes 1. */
static irqreturn_t uio_interrupt(int irq, struct uio_info *info)
{
	struct uio_one *one = info->priv;

	spin_lock(&one->lock);
	if (!one->masked)
		disable_irq_nosync(irq);
	one->masked = true;
	spin_unlock(&one->lock);
	return IRQ_HANDLED;
}

static int uio_control(struct uio_info *info, s32 on)
{
	struct uio_one *one = info->priv;
	unsigned long flags;

	spin_lock_irqsave(&one->lock, flags);
	if (on && one->masked)
		enable_irq(info->irq);
	else if (!on && !one->masked)
		disable_irq_nosync(info->irq);
	one->masked = !on;
	spin_unlock_irqrestore(&one->lock, flags);
	return 0;
}

static int uio_open(struct uio_info *info, struct inode *inode)
{
	struct uio_one *one = info->priv;
	struct uio_opened *opened = kmalloc(sizeof(*opened), GFP_KERNEL_ACCOUNT);

	if (!opened)
		return -ENOMEM;
	opened->inode = inode;
	mutex_lock(&uio_lock);
	list_add(&opened->list, &one->opened);
	mutex_unlock(&uio_lock);
	return 0;
}

/* With the lock held. */
static struct uio_opened *uio_find(struct uio_one *one, const struct inode *inode)
{
	struct uio_opened *opened;

	list_for_each_entry(opened, &one->opened, list)
	{
		if (opened->inode == inode)
			return opened;
	}
	return NULL;
}

/* Not called for what is still open when the device goes. */
static int uio_release(struct uio_info *info, struct inode *inode)
{
	struct uio_opened *opened;

	mutex_lock(&uio_lock);
	opened = uio_find(info->priv, inode);
	if (opened)
		list_del(&opened->list);
	mutex_unlock(&uio_lock);
	kfree(opened);
	return 0;
}

static int uio_lookup(struct file *file)
{
	struct uio_one *one;
	int irq = -EBADF;

	mutex_lock(&uio_lock);
	list_for_each_entry(one, &uio_list, list)
	{
		if (uio_find(one, file_inode(file)))
			irq = one->info.irq;
	}
	mutex_unlock(&uio_lock);
	return irq;
}

/*
 * A mapping is whole pages, of 4, 16 or 64 KiB: whether another device's registers are in them, which the
 * program must not get. The device tree tells; devices without a driver are in no list of resources.
 */
static bool uio_shares(const struct device *dev, u64 start, u64 end)
{
	struct device_node *node;
	struct resource other;
	int i;

	for_each_node_with_property(node, "reg") {
		if (node == dev->of_node)
			continue;
		for (i = 0; !of_address_to_resource(node, i, &other); i++) {
			if (resource_type(&other) != IORESOURCE_MEM || other.start >= end ||
			    other.end < start)
				continue;
			dev_notice(dev, "shares a page of %lu KiB with %pOF\n", PAGE_SIZE / 1024, node);
			of_node_put(node);
			return true;
		}
	}
	return false;
}

static int uio_add(struct device *dev, const struct resource *res, int irq)
{
	struct uio_one *one;
	int err;

	if (!res || irq <= 0)
		return -ENXIO;
	if (uio_shares(dev, res->start & PAGE_MASK, PAGE_ALIGN(res->end + 1)))
		return -ENODEV;
	one = devm_kzalloc(dev, sizeof(*one), GFP_KERNEL);
	if (!one)
		return -ENOMEM;
	spin_lock_init(&one->lock);
	INIT_LIST_HEAD(&one->opened);
	one->info.name = UIO_NAME;
	one->info.version = "1";
	one->info.priv = one;
	one->info.irq = irq;
	one->info.handler = uio_interrupt;
	one->info.irqcontrol = uio_control;
	one->info.open = uio_open;
	one->info.release = uio_release;
	/*
	 * Mask at once, as uio_pdrv_genirq does. Otherwise a level that is still there comes a second time;
	 * if the program has been quicker by then and has unmasked it, that is an interrupt that nobody has
	 * asked for.
	 */
	if (irq_get_trigger_type(irq) & IRQ_TYPE_LEVEL_MASK)
		irq_set_status_flags(irq, IRQ_DISABLE_UNLAZY);
	one->info.mem[0].name = "registers";
	one->info.mem[0].memtype = UIO_MEM_PHYS;
	one->info.mem[0].addr = res->start & PAGE_MASK;
	one->info.mem[0].offs = res->start & ~PAGE_MASK;
	one->info.mem[0].size = PAGE_ALIGN(res->end + 1) - one->info.mem[0].addr;
	err = uio_register_device(dev, &one->info);
	if (err)
		return err;
	dev_set_drvdata(dev, one);
	mutex_lock(&uio_lock);
	list_add(&one->list, &uio_list);
	mutex_unlock(&uio_lock);
	return 0;
}

static void uio_del(struct device *dev)
{
	struct uio_one *one = dev_get_drvdata(dev);
	struct uio_opened *opened, *next;

	mutex_lock(&uio_lock);
	list_del(&one->list);
	mutex_unlock(&uio_lock);
	hvd_irq_revoke(one->info.irq);
	uio_unregister_device(&one->info); /* none is opened or released any more */
	list_for_each_entry_safe(opened, next, &one->opened, list) kfree(opened);
}

static int uio_amba_probe(struct amba_device *adev, const struct amba_id *id)
{
	return uio_add(&adev->dev, &adev->res, adev->irq[0]);
}

static void uio_amba_remove(struct amba_device *adev)
{
	uio_del(&adev->dev);
}

static const struct amba_id uio_amba_ids[] = { {} };

static struct amba_driver uio_amba = {
	.drv = { .name = UIO_NAME },
	.id_table = uio_amba_ids, /* none: by driver_override alone */
	.probe = uio_amba_probe,
	.remove = uio_amba_remove,
};

static int uio_platform_probe(struct platform_device *pdev)
{
	return uio_add(&pdev->dev, platform_get_resource(pdev, IORESOURCE_MEM, 0), platform_get_irq(pdev, 0));
}

static HVD_REMOVE_TYPE uio_platform_remove(struct platform_device *pdev)
{
	uio_del(&pdev->dev);
	HVD_REMOVE_RETURN;
}

static struct platform_driver uio_platform = {
	.driver = { .name = UIO_NAME },
	.probe = uio_platform_probe,
	.remove = uio_platform_remove,
};

static int __init uio_init(void)
{
	int err = amba_driver_register(&uio_amba);

	if (err)
		return err;
	err = platform_driver_register(&uio_platform);
	if (err)
		amba_driver_unregister(&uio_amba);
	else
		hvd_irq_provide(uio_lookup);
	return err;
}
module_init(uio_init);

static void __exit uio_exit(void)
{
	hvd_irq_provide(NULL);
	platform_driver_unregister(&uio_platform);
	amba_driver_unregister(&uio_amba);
}
module_exit(uio_exit);

MODULE_DESCRIPTION("Outrider: devices for programs, with interrupts for detached threads");
MODULE_AUTHOR("Outrider");
MODULE_LICENSE("GPL");
MODULE_VERSION("1.0");
