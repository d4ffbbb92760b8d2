/* SPDX-License-Identifier: BSD-2-Clause */
/* Offsets for assembly: the build turns each "->NAME VALUE" of this file's assembly into a #define. */
#include "context.h"
#include "core.h"
#include "sysreg.h"
#include "vcpu.h"

#define OFFSET(name, value) __asm__ volatile("\n.ascii \"->" #name " %0\"" ::"i"(value))

void offsets(void);
void offsets(void)
{
    OFFSET(CORE_STACK_TOP, offsetof(struct core, stack_top));
    OFFSET(PSTATE_A, PSTATE_A);
    OFFSET(ESR_HVC64_0, (uint64_t)EC_HVC64 << 26 | BIT(25) /* IL */);
}

ORD_ASSERT(offsetof(struct ord_vcpu_state, x) == 0);
ORD_ASSERT(offsetof(struct ord_vcpu_state, pstate) == offsetof(struct regs, pstate));
ORD_ASSERT(offsetof(struct ord_frame, pstate) - offsetof(struct ord_frame, x) ==
           offsetof(struct regs, pstate));
ORD_ASSERT(offsetof(struct ord_frame, x) % 16 == 0);
ORD_ASSERT(sizeof(struct regs) == 272);
ORD_ASSERT(sizeof(((struct ord_frame *)0)->v) == sizeof(((struct fpsimd *)0)->v));
ORD_ASSERT(offsetof(struct ord_frame, v) - offsetof(struct ord_frame, fpsr) == offsetof(struct fpsimd, v));
ORD_ASSERT(offsetof(struct ord_frame, fpcr) - offsetof(struct ord_frame, fpsr) ==
           offsetof(struct fpsimd, fpcr));
