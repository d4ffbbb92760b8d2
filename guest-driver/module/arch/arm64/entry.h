/* SPDX-License-Identifier: GPL-2.0-only */
/* System calls as Linux sees them. Inline: each call of a detached thread comes here. */
#ifndef HVDETACH_ARCH_ENTRY_H
#define HVDETACH_ARCH_ENTRY_H

#include <linux/compat.h>
#include <linux/sched.h>
#include <asm/ptrace.h>
#include <asm/syscall.h>
#include <asm/unistd.h>

#define HVD_COMPAT_NR_MEMBARRIER 389 /* arch/arm64/include/asm/unistd32.h, which modules cannot include */

static inline bool hvd_arch_is_membarrier(const struct pt_regs *regs)
{
	return unlikely(regs->syscallno == (is_compat_task() ? HVD_COMPAT_NR_MEMBARRIER : __NR_membarrier));
}

static inline bool hvd_arch_is_seccomp(const struct pt_regs *regs)
{
	return unlikely(regs->syscallno == __NR_seccomp) && !is_compat_task();
}

/* The first two of current's call. Where it is over, its result is where the first one was. */
static inline void hvd_arch_arguments(const struct pt_regs *regs, bool over, u64 argument[2])
{
	argument[0] = over ? regs->orig_x0 : regs->regs[0];
	argument[1] = regs->regs[1];
}

/* Also of another task, which may leave it right now. */
static inline bool hvd_arch_in_call(const struct pt_regs *regs)
{
	return READ_ONCE(regs->syscallno) != NO_SYSCALL;
}

static inline void hvd_arch_mark(struct task_struct *task)
{
	set_tsk_thread_flag(task, TIF_SYSCALL_TRACEPOINT);
}

static inline void hvd_arch_unmark(struct task_struct *task)
{
	clear_tsk_thread_flag(task, TIF_SYSCALL_TRACEPOINT);
}

static inline bool hvd_arch_is_marked(struct task_struct *task)
{
	return test_tsk_thread_flag(task, TIF_SYSCALL_TRACEPOINT);
}

#endif
