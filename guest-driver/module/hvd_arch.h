/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the module needs of an architecture. Nothing else in here knows how one calls the hypervisor, what a
 * register is called, or which interrupt is which: arch/NAME/ does, for the NAME that Linux has for it.
 * (hvd_arch_..., because arch_... is Linux's own.)
 *
 * Inline, since hot, in headers of that folder:
 *
 *   call.h   hvd_call(function, a1, a2, a3, a4, out): a hypercall. Returns its ord_status, and values 1
 *            to 3 in out[], which may be NULL.
 *   clock.h  hvd_arch_counter(): the system counter, as programs and the hypervisor read it;
 *            hvd_arch_frequency(): its ticks per second;
 *            hvd_arch_is_counter(clocksource): is this Linux's clock source for it?
 *   regs.h   hvd_arch_pc(regs);
 *            hvd_arch_call_again(frame): a call that was interrupted is made again, on the core;
 *            hvd_arch_note(frame, event, entry): what the event was about, as pc, number and address;
 *            hvd_arch_unseen(): may the hypervisor serve calls of current, or does somebody want to see them?
 *   entry.h  hvd_arch_is_membarrier(regs), hvd_arch_is_seccomp(regs): of a call of current's;
 *            hvd_arch_arguments(regs, over, argument): its first two, at its beginning or end;
 *            hvd_arch_in_call(regs): is that task in a system call?
 *            hvd_arch_mark(task), hvd_arch_unmark(task), hvd_arch_is_marked(task): the end of its calls is
 *            to be seen, so they take Linux's slow path.
 */
#ifndef HVDETACH_ARCH_H
#define HVDETACH_ARCH_H

#include <linux/interrupt.h>
#include <linux/types.h>

#include <call.h>
#include <clock.h>
#include <entry.h>
#include <regs.h>

struct hvd_thread;
struct mm_struct;
struct ord_frame;
struct ord_trace_entry;
struct platform_device;
struct pt_regs;
struct task_struct;

/* find.c: 0 if a hypercall may be tried; says in the log why not. */
int hvd_arch_find(void);

/* regs.c: of current's user mode, between Linux and the frame. @event: of the frame. */
void hvd_arch_save(struct hvd_thread *t, struct pt_regs *regs);
void hvd_arch_load(struct hvd_thread *t, struct pt_regs *regs, u32 event);
/* Can a task be detached, by what it is; and as it is now (current, or stopped on this CPU by an interrupt)?
 */
bool hvd_arch_detachable(struct task_struct *task);
bool hvd_arch_watched(struct task_struct *task);
bool hvd_arch_eligible(struct task_struct *task);

/* fp.c */
void hvd_arch_fp_save(struct ord_frame *frame);
void hvd_arch_fp_load(const struct ord_frame *frame);

/* space.c */
int hvd_arch_space_enter(struct hvd_thread *t);
struct mm_struct *hvd_arch_space_leave(struct hvd_thread *t);

/* fault.c */
struct hvd_fault {
	u64 address;
	bool exec, write;
};

/* What the frame's event FAULT asks for; false if that is not an ordinary fault at an ordinary address. */
bool hvd_arch_fault(const struct ord_frame *frame, struct hvd_fault *fault);

/* entry.c: names of Linux's functions to hook. */
extern char hvd_arch_call_end[]; /* where the slow path out of a call ends */
extern char hvd_arch_membarrier[];
extern char hvd_arch_seccomp[]; /* not in every kernel */

/* event.c: the virtual exception */
int hvd_arch_event_init(struct platform_device *pdev, irq_handler_t handler);
void hvd_arch_event_exit(void);
extern u32 hvd_arch_event_vcpu[]; /* by Linux's number of a CPU: the hypervisor's; set when it is enabled
				     there */
void hvd_arch_event_enable(void); /* on this CPU */
void hvd_arch_event_disable(void);

/* irq.c: the hypervisor's number of an interrupt, or -EINVAL if it has none. */
int hvd_arch_irq_id(unsigned int irq);

#endif
