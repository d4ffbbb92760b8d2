/* SPDX-License-Identifier: GPL-2.0-only */
/* What hvdetach offers to hvdetach_uio. */
#ifndef HVDETACH_IRQ_H
#define HVDETACH_IRQ_H

#include <linux/types.h>

struct file;

/**
 * typedef hvd_irq_lookup - whose interrupt is it?
 * @file: open for writing
 *
 * Return: Linux's number of the interrupt of that UIO device, or -EBADF.
 */
typedef int hvd_irq_lookup(struct file *file);

void hvd_irq_provide(hvd_irq_lookup *lookup);
void hvd_irq_revoke(unsigned int irq);

#endif
