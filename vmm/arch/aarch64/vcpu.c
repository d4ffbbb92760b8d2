/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include "arch/vcpu.h"
#include "log.h"
#include "psci.h"
#include "vcpu.h"

#define PSTATE_EL1H_MASKED 0x3c5 /* DAIF set, EL1 with SP_EL1 */

void arch_vcpu_start(struct vcpu *vcpu)
{
    struct ord_vcpu_state *s = vcpu->state;

    memset(s->x, 0, sizeof(s->x));
    s->sp_el0 = 0;
    s->x[0] = vcpu->context;
    s->pc = vcpu->entry;
    s->pstate = PSTATE_EL1H_MASKED;
}

void arch_vcpu_refuse(struct vcpu *vcpu)
{
    struct ord_vcpu_state *s = vcpu->state;

    if (s->exit == ORD_EXIT_MMIO)
        log_guest("vCPU %u: no device at 0x%lx (%s, pc 0x%lx): external abort", vcpu->index,
                  (unsigned long)s->ipa, s->mmio_write ? "write" : "read", (unsigned long)s->pc);
    else
        log_guest("vCPU %u: nothing at 0x%lx (esr 0x%lx, pc 0x%lx): external abort", vcpu->index,
                  (unsigned long)s->ipa, (unsigned long)s->esr, (unsigned long)s->pc);
    s->answer = ORD_ANSWER_ABORT;
}

enum vcpu_next arch_vcpu_exit(struct vcpu *vcpu)
{
    if (vcpu->state->exit != ORD_EXIT_CALL)
        return VCPU_CANNOT;
    return psci_call(vcpu);
}

void arch_vcpu_dump(const struct vcpu *vcpu)
{
    const struct ord_vcpu_state *s = vcpu->state;

    log_line("vCPU %u: exit %u, pc 0x%lx, pstate 0x%lx, esr 0x%lx, far 0x%lx, ipa 0x%lx", vcpu->index,
             s->exit, (unsigned long)s->pc, (unsigned long)s->pstate, (unsigned long)s->esr,
             (unsigned long)s->far, (unsigned long)s->ipa);
    for (uint32_t i = 0; i < 31; i += 3)
        log_line("  x%02u %016lx %016lx %016lx", i, (unsigned long)s->x[i],
                 i + 1 < 31 ? (unsigned long)s->x[i + 1] : (unsigned long)s->sp_el0,
                 i + 2 < 31 ? (unsigned long)s->x[i + 2] : 0);
}
