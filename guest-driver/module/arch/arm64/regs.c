// SPDX-License-Identifier: GPL-2.0-only
/* General and system registers of current, from Linux into the frame and back. */
#include <linux/compat.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/uprobes.h>
#include <asm/pointer_auth.h>
#include <asm/ptrace.h>
#include <asm/sysreg.h>

#include <hvd_arch.h>
#include "thread.h"

#define CPACR_FPEN (3ul << 20) /* FP/SIMD at EL0 and EL1; ZEN, SMEN and TTA stay 0 */

static void regs_save_pauth(struct ord_frame *frame)
{
#ifdef CONFIG_ARM64_PTR_AUTH
	struct ptrauth_keys_user *keys = &current->thread.keys_user; /* zero without FEAT_PAuth */

	frame->pauth[0] = keys->apia.lo;
	frame->pauth[1] = keys->apia.hi;
	frame->pauth[2] = keys->apib.lo;
	frame->pauth[3] = keys->apib.hi;
	frame->pauth[4] = keys->apda.lo;
	frame->pauth[5] = keys->apda.hi;
	frame->pauth[6] = keys->apdb.lo;
	frame->pauth[7] = keys->apdb.hi;
	frame->pauth[8] = keys->apga.lo;
	frame->pauth[9] = keys->apga.hi;
#endif
}

/**
 * hvd_arch_save() - registers of current's user mode into its frame
 * @t: its address space is in the frame already (hvd_arch_space_enter())
 * @regs: of current's user mode
 */
void hvd_arch_save(struct hvd_thread *t, struct pt_regs *regs)
{
	struct ord_frame *frame = t->frame;

	memcpy(frame->x, regs->regs, sizeof(frame->x));
	frame->sp = regs->sp;
	frame->pc = regs->pc;
	frame->pstate = regs->pstate & ORD_PSTATE_MASK;

	frame->tpidr_el0 = read_sysreg(tpidr_el0);
	frame->tpidrro_el0 = 0; /* what 64-bit tasks read, with and without KPTI */
	frame->tcr_el1 = read_sysreg(tcr_el1);
	frame->mair_el1 = read_sysreg(mair_el1);
	/* The live bits of SCTLR_USER_MASK may be the kernel's: EnIA is, for one. */
	frame->sctlr_el1 = (read_sysreg(sctlr_el1) & ~SCTLR_USER_MASK) | current->thread.sctlr_user;
	frame->cntkctl_el1 = read_sysreg(cntkctl_el1);
	frame->cpacr_el1 = CPACR_FPEN;
	regs_save_pauth(frame);
	/* The call that brought it here is over: whoever looks at the parked thread is not to take it for
	 * hung. */
	regs->syscallno = NO_SYSCALL;
}

/**
 * hvd_arch_load() - registers out of the frame, for current to go on natively
 * @t: not running
 * @regs: of current's user mode
 * @event: of the frame. SYSCALL: its pc is behind an SVC, which is to be executed by Linux. INTERRUPTED: it
 * is in the middle of a call that sleeps, and which a signal ends, or which is made again.
 */
void hvd_arch_load(struct hvd_thread *t, struct pt_regs *regs, u32 event)
{
	struct ord_frame *frame = t->frame;

	memcpy(regs->regs, frame->x, sizeof(frame->x));
	regs->sp = frame->sp;
	regs->pc = frame->pc - (event == ORD_EVENT_SYSCALL ? 4 : 0);
	/* Mode and masks are Linux's business: EL0t, 64-bit, nothing masked. */
	regs->pstate = PSR_MODE_EL0t | (frame->pstate & ORD_PSTATE_MASK);
	/* Whatever call Linux saw last is over: a signal must not restart it. */
	regs->syscallno = NO_SYSCALL;
	if (event == ORD_EVENT_INTERRUPTED) {
		/* As it would be inside of Linux: do_signal() then does what is right, and must be called. */
		regs->syscallno = (s32)regs->regs[8];
		regs->orig_x0 = regs->regs[0];
		regs->regs[0] = -ERESTARTNOHAND;
		set_thread_flag(TIF_SIGPENDING);
	}
	write_sysreg(frame->tpidr_el0, tpidr_el0);
}

#ifdef CONFIG_HAVE_HW_BREAKPOINT
/* One that a debugger has deleted stays allocated, disabled, until the thread ends or executes a program. */
static bool regs_any_enabled(struct perf_event *const *events, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		const struct perf_event *event = READ_ONCE(events[i]);

		if (event && !event->attr.disabled)
			return true;
	}
	return false;
}
#endif

/**
 * hvd_arch_watched() - has a task hardware breakpoints or watchpoints?
 * @task: any
 */
bool hvd_arch_watched(struct task_struct *task)
{
#ifdef CONFIG_HAVE_HW_BREAKPOINT
	struct debug_info *debug = &task->thread.debug;

	return regs_any_enabled(debug->hbp_break, ARM_MAX_BRP) ||
	       regs_any_enabled(debug->hbp_watch, ARM_MAX_WRP);
#else
	return false;
#endif
}

static bool regs_is_stepped(struct task_struct *task)
{
#ifdef CONFIG_UPROBES
	if (task->utask && task->utask->active_uprobe)
		return true;
#endif
	return test_tsk_thread_flag(task, TIF_SINGLESTEP);
}

/**
 * hvd_arch_detachable() - can this task ever leave Linux?
 * @task: any
 */
bool hvd_arch_detachable(struct task_struct *task)
{
	return !is_compat_thread(task_thread_info(task));
}

/**
 * hvd_arch_eligible() - may this task leave Linux as it is now?
 * @task: current, or the task that an interrupt has just stopped on this CPU
 *
 * Return: false for what a detached context cannot carry: a 32-bit task, hardware breakpoints, single
 * step, a probe being stepped over, SVE registers.
 */
bool hvd_arch_eligible(struct task_struct *task)
{
	return hvd_arch_detachable(task) && !hvd_arch_watched(task) && !regs_is_stepped(task) &&
	       !test_tsk_thread_flag(task, TIF_SVE);
}
