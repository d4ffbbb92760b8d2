// SPDX-License-Identifier: GPL-2.0-only
/* The address space of a detached thread: its table base, and an ASID that stays its own. */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <asm/mmu_context.h>
#include <asm/pgtable.h>

#include "hypercall.h"
#include "thread.h"

/**
 * hvd_arch_space_enter() - current's address space into its frame
 * @t: current's; may still hold the one from before an execve()
 *
 * Return: 0, or -ENOSPC if no more ASIDs can be pinned.
 */
int hvd_arch_space_enter(struct hvd_thread *t)
{
	struct mm_struct *mm = current->mm, *old;

	if (t->mm == mm) /* not another one at the same place: it is grabbed */
		return 0;
	old = hvd_arch_space_leave(t);
	if (old)
		mmdrop(old);
	/* Counts per mm, and includes the bit that tells user from kernel under KPTI. */
	t->asid = arm64_mm_context_get(mm);
	if (!t->asid)
		return -ENOSPC;
	mmgrab(mm);
	t->mm = mm;
	t->frame->asid = t->asid;
	t->frame->ttbr0_el1 = phys_to_ttbr(virt_to_phys(mm->pgd));
	return 0;
}

/**
 * hvd_arch_space_leave() - let go of the address space
 * @t: current's, not running. Atomic context allowed.
 *
 * The order matters: translations on host cores go before the ASID may be given to another process.
 *
 * Return: the mm for the caller to mmdrop(), which may sleep; NULL if there was none.
 */
struct mm_struct *hvd_arch_space_leave(struct hvd_thread *t)
{
	struct mm_struct *mm = t->mm;
	unsigned long irq_flags;

	if (!mm)
		return NULL;
	hvd_call_flush(t->asid, ORD_FLUSH_ALL, 0);
	arm64_mm_context_put(mm);
	raw_spin_lock_irqsave(&t->lock,
			      irq_flags); /* somebody may be looking into it: probe_is_registered() */
	t->mm = NULL;
	raw_spin_unlock_irqrestore(&t->lock, irq_flags);
	return mm;
}
