/* SPDX-License-Identifier: BSD-2-Clause */
#include "inject.h"

#include "sysreg.h"

#define PSTATE_PAN  BIT(22)
#define PSTATE_KEEP (0xf0000000ull | BIT(24)) /* NZCV, DIT */
#define SCTLR_SPAN  BIT(23)

static void take(struct vcpu *v, uint64_t esr)
{
    struct ord_vcpu_state *s = v->state;
    uint64_t old = s->pstate, offset;

    switch (old & PSTATE_MODE) {
    case PSTATE_MODE_EL1t:
        offset = 0x0;
        break;
    case PSTATE_MODE_EL1h:
        offset = 0x200;
        break;
    default:
        offset = old & BIT(4) ? 0x600 : 0x400;
    }
    sysreg_write(esr_el1, esr);
    sysreg_write(elr_el1, s->pc);
    sysreg_write(spsr_el1, old);
    uint64_t pstate = PSTATE_MODE_EL1h | PSTATE_DAIF | (old & PSTATE_KEEP) | (old & PSTATE_PAN);
    if (!(sysreg_read(sctlr_el1) & SCTLR_SPAN))
        pstate |= PSTATE_PAN;
    s->pstate = pstate;
    s->pc = sysreg_read(vbar_el1) + offset;
}

void inject_undefined(struct vcpu *v)
{
    take(v, (uint64_t)EC_UNKNOWN << 26 | ESR_IL);
}

void inject_abort(struct vcpu *v, uint64_t esr, uint64_t far)
{
    bool from_el0 = (v->state->pstate & (PSTATE_MODE & ~BIT(4))) == 0 || (v->state->pstate & BIT(4));
    uint64_t ec = ESR_EC(esr) & ~1ull; /* from a lower level */

    sysreg_write(far_el1, far);
    take(v, (ec | !from_el0) << 26 | ESR_IL | (esr & ISS_WNR) | FSC_EXTERNAL);
}
