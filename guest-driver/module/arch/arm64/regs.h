/* SPDX-License-Identifier: GPL-2.0-only */
/* What generic code asks of registers on hot paths; the rest is in regs.c. */
#ifndef HVDETACH_ARCH_REGS_H
#define HVDETACH_ARCH_REGS_H

#include <linux/sched.h>
#include <linux/string.h>
#include <asm/ptrace.h>
#include <outrider/detach.h>
#include <outrider/ioctl.h>

static inline u64 hvd_arch_pc(const struct pt_regs *regs)
{
	return regs->pc;
}

/* Its pc is behind the SVC. */
static inline void hvd_arch_call_again(struct ord_frame *frame)
{
	frame->pc -= 4;
}

static inline void hvd_arch_note(const struct ord_frame *frame, u32 event, struct ord_trace_entry *entry)
{
	bool call = event == ORD_EVENT_SYSCALL;

	entry->pc = frame->pc;
	entry->number = call ? frame->x[8] : frame->code;
	entry->address = call ? frame->x[0] : frame->address;
	if (call)
		memcpy(entry->argument, &frame->x[1], sizeof(entry->argument));
}

/*
 * What the hypervisor serves is not seen by ptrace, seccomp and audit. A tracer's request stops the thread,
 * and so does seccomp() for a whole process (probe.c): this is asked again then.
 */
static inline bool hvd_arch_unseen(void)
{
	unsigned long flags = read_thread_flags();

	return !(flags & (_TIF_SYSCALL_TRACE | _TIF_SYSCALL_EMU | _TIF_SYSCALL_AUDIT | _TIF_SECCOMP));
}

#endif
