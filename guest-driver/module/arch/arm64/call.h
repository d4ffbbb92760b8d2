/* SPDX-License-Identifier: GPL-2.0-only */
/* Hypercalls by HVC, as the SMC Calling Convention has it (Arm DEN0028). */
#ifndef HVDETACH_ARCH_CALL_H
#define HVDETACH_ARCH_CALL_H

#include <linux/arm-smccc.h>
#include <linux/types.h>

static __always_inline long hvd_call(u32 function, u64 a1, u64 a2, u64 a3, u64 a4, u64 *out)
{
	u64 fn = function, zero = 0;
	struct arm_smccc_res res;

	arm_smccc_1_1_hvc(fn, a1, a2, a3, a4, zero, &res);
	if (out) {
		out[0] = res.a1;
		out[1] = res.a2;
		out[2] = res.a3;
	}
	return (long)res.a0;
}

#endif
