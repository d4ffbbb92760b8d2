// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of devices that detached threads handle themselves. hvdetach_uio has the devices; here they are
 * granted.
 */
#include <linux/file.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/module.h>
#include <linux/mutex.h>

#include "hypercall.h"
#include "irq.h"
#include "thread.h"

static DEFINE_MUTEX(irq_lock);
static hvd_irq_lookup *irq_lookup;

/**
 * hvd_irq_provide() - there are UIO devices from now on
 * @lookup: NULL: no more; it is not running on return
 */
void hvd_irq_provide(hvd_irq_lookup *lookup)
{
	mutex_lock(&irq_lock);
	irq_lookup = lookup;
	mutex_unlock(&irq_lock);
}
EXPORT_SYMBOL_GPL(hvd_irq_provide);

/* The distributor's number. */
static u32 irq_intid(unsigned int irq)
{
	const struct irq_data *data = irq_get_irq_data(irq);

	while (data && data->parent_data)
		data = data->parent_data;
	return data ? data->hwirq : 0;
}

/**
 * hvd_irq_revoke() - an interrupt is Linux's again, whoever has it
 * @irq: Linux's number
 */
void hvd_irq_revoke(unsigned int irq)
{
	struct arm_smccc_res res;

	hvd_call(ORD_HC_IRQ_REVOKE, irq_intid(irq), 0, 0, 0, &res);
}
EXPORT_SYMBOL_GPL(hvd_irq_revoke);

/**
 * hvd_irq_grant() - give the interrupt of a UIO device to a thread
 * @t: current's
 * @fd: current's, of the device
 * @intid: result
 *
 * Return: 0, -EBADF if it is no such device, open for writing, or what the hypervisor says.
 */
int hvd_irq_grant(struct hvd_thread *t, int fd, u32 *intid)
{
	struct arm_smccc_res res;
	struct file *file;
	int irq = -EBADF, linux_irq = 0;

	if (!(hvd_features & ORD_FEATURE_IRQ))
		return -EOPNOTSUPP;
	file = fget(fd);
	if (!file)
		return -EBADF;
	mutex_lock(&irq_lock);
	if (irq_lookup && file->f_mode & FMODE_WRITE)
		irq = irq_lookup(file);
	if (irq >= 0) {
		*intid = irq_intid(irq);
		linux_irq = irq;
		irq = hvd_status_errno(hvd_call(ORD_HC_IRQ_GRANT, t->context, *intid, 0, 0, &res));
	}
	/*
	 * A handler that runs in Linux has told the program then. Not synchronize_irq(): that asks the
	 * distributor whether the interrupt is active, which it is until the thread acknowledges it, if the
	 * next has come already.
	 */
	if (!irq)
		synchronize_hardirq(linux_irq);
	mutex_unlock(&irq_lock);
	fput(file);
	return irq;
}
