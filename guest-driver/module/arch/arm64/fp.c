// SPDX-License-Identifier: GPL-2.0-only
/* FP/SIMD registers of current, through exported means only. */
#include <linux/compiler.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <asm/fpsimd.h>

#include <hvd_arch.h>
#include "compat.h"
#include "thread.h"

/**
 * hvd_arch_fp_save() - current's FP/SIMD registers into a frame
 * @frame: current's
 *
 * From here until it returns to user mode its registers are in thread_struct, marked as foreign to every CPU.
 * Without fpsimd_cpu being invalid, a migration while parked would find the stale registers of a CPU that
 * it ran on before, and take them for valid.
 */
void hvd_arch_fp_save(struct ord_frame *frame)
{
	struct user_fpsimd_state *state = &current->thread.uw.fpsimd_state;

	current->thread.fpsimd_cpu = NR_CPUS;
	barrier();
	hvd_neon_flush();

	BUILD_BUG_ON(sizeof(frame->v) != sizeof(state->vregs));
	memcpy(frame->v, state->vregs, sizeof(frame->v));
	frame->fpsr = state->fpsr;
	frame->fpcr = state->fpcr;
}

/**
 * hvd_arch_fp_load() - a frame's FP/SIMD registers become current's
 * @frame: current's, saved by hvd_arch_fp_save() since it last left user mode
 */
void hvd_arch_fp_load(const struct ord_frame *frame)
{
	struct user_fpsimd_state *state = &current->thread.uw.fpsimd_state;

	WARN_ON_ONCE(!test_thread_flag(TIF_FOREIGN_FPSTATE));
	memcpy(state->vregs, frame->v, sizeof(frame->v));
	state->fpsr = frame->fpsr;
	state->fpcr = frame->fpcr;
	current->thread.fp_type = FP_STATE_FPSIMD;
}
