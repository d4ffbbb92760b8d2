// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels to host tasks: /dev/outrider/NAME for each node "outrider,channel-1.0" of the device tree.
 *
 *   mmap   its memory, shared and cacheable; lseek() to the end says how much
 *   read   8 bytes: how often the task has signalled since somebody last read that; waits until it is not 0
 *   write  8 bytes, not 0: signals the task, once
 *   poll   readable if a read would not wait
 *   ioctl  ORD_IOC_CHANNEL: the detached thread may do the same by host calls, without Linux
 *
 * The hypervisor counts the signals, until somebody takes them: a reader here, or a detached thread there.
 * The interrupt only says that there may be some.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/device.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/poll.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "compat.h"
#include "hypercall.h"
#include "thread.h"

#define CHANNEL_COMPATIBLE "outrider,channel-1.0"

/* Open files hold the module, and the device cannot be unbound: it outlives them. */
struct channel {
	struct miscdevice misc;
	u32 id;
	phys_addr_t memory;
	resource_size_t size;
	wait_queue_head_t wait;
};

/* How often the task has signalled since somebody took that. One of several readers gets it. */
static u64 channel_take(struct channel *c, u64 flags)
{
	u64 out[3];

	return hvd_call(ORD_HC_NOTIFY_TAKE, c->id, flags, 0, 0, out) == ORD_OK ? out[0] : 0;
}

static irqreturn_t channel_interrupt(int irq, void *data)
{
	struct channel *c = data;

	wake_up_interruptible_poll(&c->wait, EPOLLIN | EPOLLRDNORM);
	return IRQ_HANDLED;
}

static struct channel *channel_of(struct file *file)
{
	return container_of(file->private_data, struct channel, misc);
}

static ssize_t channel_read(struct file *file, char __user *buffer, size_t size, loff_t *offset)
{
	struct channel *c = channel_of(file);
	u64 count;
	int err;

	if (size < sizeof(count))
		return -EINVAL;
	count = channel_take(c, 0);
	if (!count) {
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(c->wait, (count = channel_take(c, 0)));
		if (err)
			return err;
	}
	return copy_to_user(buffer, &count, sizeof(count)) ? -EFAULT : sizeof(count);
}

static ssize_t channel_write(struct file *file, const char __user *buffer, size_t size, loff_t *offset)
{
	struct channel *c = channel_of(file);
	u64 value;
	long status;

	if (size != sizeof(value))
		return -EINVAL;
	if (copy_from_user(&value, buffer, sizeof(value)))
		return -EFAULT;
	if (!value)
		return -EINVAL;
	/* What was written to the memory comes first. */
	mb();
	status = hvd_call(ORD_HC_NOTIFY_SIGNAL, c->id, 0, 0, 0, NULL);
	return status == ORD_OK ? (ssize_t)size : hvd_status_errno(status);
}

static __poll_t channel_poll(struct file *file, poll_table *table)
{
	struct channel *c = channel_of(file);

	poll_wait(file, &c->wait, table);
	return EPOLLOUT | EPOLLWRNORM | (channel_take(c, ORD_TAKE_PEEK) ? EPOLLIN | EPOLLRDNORM : 0);
}

static int channel_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct channel *c = channel_of(file);

	/* A private copy would not be shared with anybody. */
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	return vm_iomap_memory(vma, c->memory, c->size);
}

static loff_t channel_llseek(struct file *file, loff_t offset, int whence)
{
	return fixed_size_llseek(file, offset, whence, channel_of(file)->size);
}

/*
 * The right is in the frame, which belongs to the module while the thread is here. It ends with the thread,
 * which others may attach meanwhile: asked under the lock.
 */
static long channel_grant(struct channel *c, struct hvd_thread *t)
{
	long result = -EINVAL;

	raw_spin_lock_irq(&t->lock);
	if (!test_bit(HVD_ENDED, &t->flags)) {
		t->frame->channels |= BIT_ULL(c->id);
		result = c->id;
	}
	raw_spin_unlock_irq(&t->lock);
	return result;
}

static long channel_ioctl(struct file *file, unsigned int request, unsigned long arg)
{
	struct hvd_thread *t;
	long result;

	if (request != ORD_IOC_CHANNEL)
		return -ENOTTY;
	if ((file->f_mode & (FMODE_READ | FMODE_WRITE)) != (FMODE_READ | FMODE_WRITE))
		return -EINVAL;
	t = hvd_thread_get(current);
	if (!t)
		return -EINVAL;
	result = channel_grant(channel_of(file), t);
	hvd_thread_put(t);
	return result;
}

static const struct file_operations channel_fops = {
	.owner = THIS_MODULE,
	.read = channel_read,
	.write = channel_write,
	.poll = channel_poll,
	.mmap = channel_mmap,
	.unlocked_ioctl = channel_ioctl,
	.llseek = channel_llseek,
};

static int channel_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct resource *memory = platform_get_resource(pdev, IORESOURCE_MEM, 0);
	struct channel *c = devm_kzalloc(dev, sizeof(*c), GFP_KERNEL);
	const char *label;
	int irq, err;

	if (!c)
		return -ENOMEM;
	if (!(hvd_features & ORD_FEATURE_NOTIFY) || !memory || !PAGE_ALIGNED(memory->start) ||
	    !PAGE_ALIGNED(resource_size(memory)) || of_property_read_u32(dev->of_node, "channel", &c->id) ||
	    of_property_read_string(dev->of_node, "label", &label))
		return dev_err_probe(dev, -EINVAL, "the node of this channel lacks something\n");
	irq = platform_get_irq(pdev, 0);
	if (irq < 0)
		return irq;
	c->memory = memory->start;
	c->size = resource_size(memory);
	init_waitqueue_head(&c->wait);
	c->misc.minor = MISC_DYNAMIC_MINOR;
	c->misc.name = devm_kasprintf(dev, GFP_KERNEL, "outrider-%s", label);
	c->misc.nodename = devm_kasprintf(dev, GFP_KERNEL, "outrider/%s", label);
	c->misc.fops = &channel_fops;
	c->misc.parent = dev;
	c->misc.mode = 0660;
	if (!c->misc.name || !c->misc.nodename)
		return -ENOMEM;
	err = devm_request_irq(dev, irq, channel_interrupt, 0, c->misc.name, c);
	if (err)
		return err;
	err = misc_register(&c->misc);
	if (err)
		return err;
	platform_set_drvdata(pdev, c);
	return 0;
}

static HVD_REMOVE_TYPE channel_remove(struct platform_device *pdev)
{
	struct channel *c = platform_get_drvdata(pdev);

	misc_deregister(&c->misc);
	HVD_REMOVE_RETURN;
}

static const struct of_device_id channel_match[] = { { .compatible = CHANNEL_COMPATIBLE }, {} };

static struct platform_driver channel_driver = {
	.probe = channel_probe,
	.remove = channel_remove,
	.driver = {
		.name = "hvdetach-channel",
		.of_match_table = channel_match,
		.suppress_bind_attrs = true,
	},
};

int hvd_channel_init(void)
{
	return platform_driver_register(&channel_driver);
}

void hvd_channel_exit(void)
{
	platform_driver_unregister(&channel_driver);
}
