// SPDX-License-Identifier: GPL-2.0-only
/* Current leaves Linux: everything of it into the frame, and back. */
#include <linux/nsproxy.h>
#include <linux/sched.h>
#include <linux/time_namespace.h>

#include <hvd_arch.h>
#include "thread.h"

static s64 capture_clock_offset(void)
{
#ifdef CONFIG_TIME_NS
	return timespec64_to_ns(&current->nsproxy->time_ns->offsets.monotonic);
#else
	return 0;
#endif
}

/**
 * hvd_capture_save() - registers of current's user mode into its frame, and what it may be served
 * @t: its address space is in the frame already (hvd_arch_space_enter())
 * @regs: of current's user mode
 */
void hvd_capture_save(struct hvd_thread *t, struct pt_regs *regs)
{
	hvd_arch_fp_save(t->frame);
	hvd_arch_save(t, regs);
	t->frame->serve = hvd_arch_unseen() ? ORD_SERVE_SLEEP : 0;
	t->frame->clock_offset = capture_clock_offset();
}

/**
 * hvd_capture_load() - registers out of the frame, for current to go on natively
 * @t: not running
 * @regs: of current's user mode
 * @event: of the frame
 */
void hvd_capture_load(struct hvd_thread *t, struct pt_regs *regs, u32 event)
{
	hvd_arch_load(t, regs, event);
	hvd_arch_fp_load(t->frame);
}
