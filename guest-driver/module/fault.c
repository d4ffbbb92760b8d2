// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page faults of a detached thread, resolved without going through user mode. Whatever is not an ordinary
 * fault on an ordinary mapping is left to native re-execution, which makes Linux raise the exact signal.
 */
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/sched/signal.h>
#include <linux/userfaultfd_k.h>

#include "hypercall.h"
#include "thread.h"

/* fixup_user_fault() does not look at these; with the mmap lock held. */
static bool fault_is_permitted(struct mm_struct *mm, u64 address, bool exec)
{
	struct vm_area_struct *vma = find_vma(mm, address);

	/* A stack that has to grow is below its area. */
	if (!vma || address < vma->vm_start)
		return false;
	/* Would be "resolved" as a read, again and again. */
	if (exec && !(vma->vm_flags & VM_EXEC))
		return false;
	/* Would wait for its handler deaf to signals. */
	return !userfaultfd_armed(vma);
}

/**
 * hvd_fault_forget() - the next fault is a new one
 * @t: current's
 */
void hvd_fault_forget(struct hvd_thread *t)
{
	t->fault_pc = ~0ull;
	t->fault_address = ~0ull;
}

/**
 * hvd_fault_resolve() - make the page accessible that the frame's event asks for
 * @t: current's, with ORD_EVENT_FAULT in its frame
 *
 * Return: true if the thread can go on where it is; false to let Linux handle the fault natively.
 */
bool hvd_fault_resolve(struct hvd_thread *t)
{
	struct mm_struct *mm = current->mm;
	u64 pc = t->frame->pc;
	struct hvd_fault fault;
	bool unlocked = false;
	int err = -EFAULT;

	if (!hvd_arch_fault(t->frame, &fault) || signal_pending(current))
		return false;
	if (pc == t->fault_pc && fault.address == t->fault_address)
		return false; /* what was done for it has not helped */
	t->fault_pc = pc;
	t->fault_address = fault.address;

	if (mmap_read_lock_killable(mm))
		return false;
	/* Not FAULT_FLAG_USER: only the native fault path settles a cgroup's out-of-memory state. */
	if (fault_is_permitted(mm, fault.address, fault.exec))
		err = fixup_user_fault(mm, fault.address, fault.write ? FAULT_FLAG_WRITE : 0, &unlocked);
	mmap_read_unlock(mm);
	if (err)
		return false;

	/*
	 * Linux expects a spurious fault to have cleaned up the TLB of the CPU that took it. Since 7.x it
	 * does no more for a page that has become writable, either: it invalidates on its own CPU alone, and
	 * other CPUs find out by a spurious fault (arch/arm64/mm/fault.c, __ptep_set_access_flags()). The CPU
	 * that took this one is not Linux's. In pages of the hypervisor, which are 4 KiB whatever Linux's
	 * are.
	 */
	hvd_call_flush(t->asid, fault.address & PAGE_MASK, PAGE_SIZE / 4096);
	return true;
}
