// SPDX-License-Identifier: GPL-2.0-only
/* What an open /dev/hvdetach keeps: the last records of threads that were detached through it. */
#include <linux/err.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "thread.h"

/* An open file; outlives it as long as a thread that was detached through it. */
struct hvd_file {
	refcount_t refs;
	raw_spinlock_t lock;  /* the rest */
	u32 capacity;         /* of records, a ring */
	u64 ended, kept_from; /* numbers of threads: how many have ended; the first whose record is here */
	struct ord_ioc_thread *record;
	struct ord_ioc_thread last; /* the ring of a file that detaches one thread */
};

/* Both take NULL. */
struct hvd_file *hvd_file_get(struct hvd_file *file)
{
	if (file)
		refcount_inc(&file->refs);
	return file;
}

void hvd_file_put(struct hvd_file *file)
{
	if (!file || !refcount_dec_and_test(&file->refs))
		return;
	if (file->record != &file->last)
		kfree(file->record);
	kfree(file);
}

/**
 * hvd_file_new() - for an open file, with a reference; NULL without memory. May sleep.
 */
struct hvd_file *hvd_file_new(void)
{
	struct hvd_file *file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);

	if (!file)
		return NULL;
	refcount_set(&file->refs, 1);
	raw_spin_lock_init(&file->lock);
	file->record = &file->last;
	file->capacity = 1;
	return file;
}

/**
 * hvd_file_grow() - records of many threads are to be kept: 0 or -ENOMEM. May sleep.
 */
int hvd_file_grow(struct hvd_file *file)
{
	struct ord_ioc_thread *record = kcalloc(ORD_CONTEXT_MAX, sizeof(*record), GFP_KERNEL_ACCOUNT);
	unsigned long irq_flags;

	if (!record)
		return -ENOMEM;
	raw_spin_lock_irqsave(&file->lock, irq_flags);
	if (file->capacity == 1) {
		/* Of those that ended before only the last one is there. */
		if (file->ended)
			record[(file->ended - 1) % ORD_CONTEXT_MAX] = file->last;
		file->kept_from = file->ended ? file->ended - 1 : 0;
		file->record = record;
		file->capacity = ORD_CONTEXT_MAX;
		record = NULL;
	}
	raw_spin_unlock_irqrestore(&file->lock, irq_flags);
	kfree(record);
	return 0;
}

/**
 * hvd_file_store() - keep the record of a thread that ends. Any context.
 * @file: through which it was detached, or NULL
 * @record: its last one
 */
void hvd_file_store(struct hvd_file *file, const struct ord_ioc_thread *record)
{
	unsigned long irq_flags;

	if (!file)
		return;
	raw_spin_lock_irqsave(&file->lock, irq_flags);
	file->record[file->ended % file->capacity] = *record;
	file->ended++;
	if (file->ended - file->kept_from > file->capacity)
		file->kept_from = file->ended - file->capacity;
	raw_spin_unlock_irqrestore(&file->lock, irq_flags);
}

/**
 * hvd_file_record() - a record that is kept
 * @file: through which the thread was detached
 * @at: the first one from the thread with this number on, of those that have ended
 * @record: result
 *
 * Return: its thread's number, or -1 if there is none.
 */
s64 hvd_file_record(struct hvd_file *file, u64 at, struct ord_ioc_thread *record)
{
	unsigned long irq_flags;
	s64 found = -1;

	raw_spin_lock_irqsave(&file->lock, irq_flags);
	at = max(at, file->kept_from);
	if (at < file->ended) {
		*record = file->record[at % file->capacity];
		found = at;
	}
	raw_spin_unlock_irqrestore(&file->lock, irq_flags);
	return found;
}

/**
 * hvd_file_last() - the record of the thread that ended last; false if none has
 */
bool hvd_file_last(struct hvd_file *file, struct ord_ioc_thread *record)
{
	unsigned long irq_flags;
	bool found;

	raw_spin_lock_irqsave(&file->lock, irq_flags);
	found = file->ended > 0;
	if (found)
		*record = file->record[(file->ended - 1) % file->capacity];
	raw_spin_unlock_irqrestore(&file->lock, irq_flags);
	return found;
}
