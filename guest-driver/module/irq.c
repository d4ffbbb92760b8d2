// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of devices that detached threads handle themselves. hvdetach_uio has the devices; here they are
 * granted.
 */
#include <linux/file.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include "hypercall.h"
#include "irq.h"
#include "thread.h"

static DEFINE_MUTEX(irq_lock); /* from the look-up of a device to the grant of its interrupt */
static hvd_irq_lookup *irq_lookup;

/* What the hypervisor has granted, and hvd_thread.irqs; inside of hvd_thread.lock. */
static DEFINE_RAW_SPINLOCK(irq_grant_lock);

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

/* With irq_grant_lock held. */
static void irq_take(u32 id)
{
	hvd_call(ORD_HC_IRQ_REVOKE, id, 0, 0, 0, NULL);
}

/**
 * hvd_irq_revoke() - an interrupt is Linux's again, whoever has it
 * @irq: Linux's number
 */
void hvd_irq_revoke(unsigned int irq)
{
	struct hvd_thread *t;
	int id = hvd_arch_irq_id(irq);
	u32 context;

	if (id < 0 || id >= HVD_IRQS)
		return;
	/* Whoever has looked its device up has finished, and no other finds it any more. */
	mutex_lock(&irq_lock);
	raw_spin_lock_irq(&irq_grant_lock);
	irq_take(id);
	rcu_read_lock();
	for (context = 0; context < ORD_CONTEXT_MAX; context++) {
		t = rcu_dereference(hvd_contexts[context]);
		if (t)
			clear_bit(id, t->irqs);
	}
	rcu_read_unlock();
	raw_spin_unlock_irq(&irq_grant_lock);
	mutex_unlock(&irq_lock);
}
EXPORT_SYMBOL_GPL(hvd_irq_revoke);

/**
 * hvd_irq_drop() - a thread has no interrupt any more. Any context.
 * @t: not ended, with its lock held. When it ends, the hypervisor does this by itself.
 */
void hvd_irq_drop(struct hvd_thread *t)
{
	unsigned long irq_flags;
	unsigned int id;

	raw_spin_lock_irqsave(&irq_grant_lock, irq_flags);
	for_each_set_bit(id, t->irqs, HVD_IRQS)
	{
		irq_take(id);
		clear_bit(id, t->irqs);
	}
	raw_spin_unlock_irqrestore(&irq_grant_lock, irq_flags);
}

/* Others may end the thread at any time, and then its context is another one's: asked under the lock. */
static int irq_give(struct hvd_thread *t, u32 id)
{
	int err = -EINVAL;

	raw_spin_lock_irq(&t->lock);
	if (!test_bit(HVD_ENDED, &t->flags)) {
		raw_spin_lock(&irq_grant_lock);
		err = hvd_status_errno(hvd_call(ORD_HC_IRQ_GRANT, t->context, id, 0, 0, NULL));
		if (!err)
			set_bit(id, t->irqs);
		raw_spin_unlock(&irq_grant_lock);
	}
	raw_spin_unlock_irq(&t->lock);
	return err;
}

/**
 * hvd_irq_grant() - give the interrupt of a UIO device to a thread
 * @t: current's, with a reference
 * @fd: current's, of the device
 * @id: result
 *
 * Return: 0, -EBADF if it is no such device, open for writing, -EINVAL if the thread has ended or the
 * interrupt is not the hypervisor's, or what the hypervisor says.
 */
int hvd_irq_grant(struct hvd_thread *t, int fd, u32 *id)
{
	struct file *file;
	int irq = -EBADF, err;

	if (!(hvd_features & ORD_FEATURE_IRQ))
		return -EOPNOTSUPP;
	file = fget(fd);
	if (!file)
		return -EBADF;
	mutex_lock(&irq_lock);
	if (irq_lookup && file->f_mode & FMODE_WRITE)
		irq = irq_lookup(file);
	err = irq < 0 ? irq : hvd_arch_irq_id(irq);
	if (err >= HVD_IRQS)
		err = -EINVAL;
	if (err >= 0) {
		*id = err;
		err = irq_give(t, *id);
	}
	/*
	 * A handler that runs in Linux has told the program then. Not synchronize_irq(): that asks the
	 * distributor whether the interrupt is active, which it is until the thread acknowledges it, if the
	 * next has come already.
	 */
	if (!err)
		synchronize_hardirq(irq);
	mutex_unlock(&irq_lock);
	fput(file);
	return err;
}
