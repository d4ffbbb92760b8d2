/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include "console.h"
#include "debug.h"
#include "gich.h"
#include "ptab.h"
#include "sysreg.h"
#include "vcpu.h"

bool world_has_pauth;
struct el1 world_nobody = {.tcr = TCR_EPD0 | TCR_EPD1};

uint64_t world_vttbr(const struct ptab *space)
{
    return (uint64_t)space->space << 48 | ptr_pa(space->root).v;
}

static void set_cptr(struct core *c, const struct world *w)
{
    sysreg_write(cptr_el2, c->arch.fp_owner == w ? CPTR_BASE : CPTR_BASE | CPTR_TFP);
}

void world_save_fp(struct world *w)
{
    fpsimd_save(w->fp->v);
    w->fp->fpsr = (uint32_t)sysreg_read(S3_3_C4_C4_1);
    w->fp->fpcr = (uint32_t)sysreg_read(S3_3_C4_C4_0);
}

void world_take_fp(struct core *c, struct world *w)
{
    sysreg_write(cptr_el2, CPTR_BASE);
    isb();
    struct world *old = c->arch.fp_owner;
    if (old)
        world_save_fp(old);
    fpsimd_load(w->fp->v);
    sysreg_write(S3_3_C4_C4_1, w->fp->fpsr);
    sysreg_write(S3_3_C4_C4_0, w->fp->fpcr);
    c->arch.fp_owner = w;
    if (c->arch.world && c->arch.world != w)
        set_cptr(c, c->arch.world);
}

static void pauth_save(uint64_t k[10])
{
    k[0] = sysreg_read(S3_0_C2_C1_0);
    k[1] = sysreg_read(S3_0_C2_C1_1);
    k[2] = sysreg_read(S3_0_C2_C1_2);
    k[3] = sysreg_read(S3_0_C2_C1_3);
    k[4] = sysreg_read(S3_0_C2_C2_0);
    k[5] = sysreg_read(S3_0_C2_C2_1);
    k[6] = sysreg_read(S3_0_C2_C2_2);
    k[7] = sysreg_read(S3_0_C2_C2_3);
    k[8] = sysreg_read(S3_0_C2_C3_0);
    k[9] = sysreg_read(S3_0_C2_C3_1);
}

static void pauth_load(const uint64_t k[10])
{
    sysreg_write(S3_0_C2_C1_0, k[0]);
    sysreg_write(S3_0_C2_C1_1, k[1]);
    sysreg_write(S3_0_C2_C1_2, k[2]);
    sysreg_write(S3_0_C2_C1_3, k[3]);
    sysreg_write(S3_0_C2_C2_0, k[4]);
    sysreg_write(S3_0_C2_C2_1, k[5]);
    sysreg_write(S3_0_C2_C2_2, k[6]);
    sysreg_write(S3_0_C2_C2_3, k[7]);
    sysreg_write(S3_0_C2_C3_0, k[8]);
    sysreg_write(S3_0_C2_C3_1, k[9]);
}

/*
 * While another guest body has the hardware, the virtual timer of a vCPU that idles goes on in software: it
 * is to be woken. One that only waits for its core has it back in the hardware before it can notice anything.
 */
static void vtimer_save(struct el1 *e)
{
    struct vcpu *v = CONTAINER_OF(e, struct vcpu, arch.el1);

    e->cntv_ctl = sysreg_read(cntv_ctl_el0);
    e->cntv_cval = sysreg_read(cntv_cval_el0);
    sysreg_write(cntv_ctl_el0, 0);
    if ((e->cntv_ctl & (CNT_ENABLE | CNT_IMASK)) == CNT_ENABLE && v->thread->idle_guest)
        timer_start(&v->arch.vtimer, e->cntv_cval);
}

static void vtimer_load(struct el1 *e)
{
    timer_stop(&CONTAINER_OF(e, struct vcpu, arch.el1)->arch.vtimer);
    sysreg_write(cntv_cval_el0, e->cntv_cval);
    sysreg_write(cntv_ctl_el0, e->cntv_ctl);
}

/*
 * Asynchronous errors (ARM ARM D1.14). EL2 runs with SErrors masked. One that a guest has caused may be still
 * on its way when the guest's core turns to somebody else, who would be the one that it hits. So who leaves
 * is made to wait for its accesses to end, and an error that is pending then is let in here and is a guest's
 * own. Where the same guest goes on there is no need: it is pending, and hits the right one. What a host
 * thread has caused is not looked for.
 */
uint64_t serror_take(void); /* vectors.S: lets it in; its ESR_EL2, or 0 */

uint64_t world_serror(uint64_t esr)
{
    if (!FIELD(sysreg_read(id_aa64pfr0_el1), 31, 28))
        return HCR_VSE;
    if (!(esr & ISS_IDS) && ISS_FSC(esr) == ISS_SERROR_FSC &&
        (ISS_AET(esr) == AET_CORRECTED || ISS_AET(esr) == AET_RESTARTABLE))
        return 0;
    sysreg_write(S3_4_C5_C2_3, esr & ISS_SERROR); /* VSESR_EL2; that of the last one counts */
    return HCR_VSE;
}

static NOINLINE uint64_t take_serror(void)
{
    uint64_t esr = serror_take();

    return esr ? world_serror(esr) : 0;
}

uint64_t world_late_serror(void)
{
    dsb(sy);
    isb();
    return sysreg_read(isr_el1) & ISR_A ? take_serror() : 0;
}

/* A detached context changes none of its EL1 registers: only a vCPU's are saved. */
static ALWAYS_INLINE void el1_save(struct el1 *e)
{
    if (!e->is_vcpu)
        return;
    e->ttbr0 = sysreg_read(ttbr0_el1);
    e->ttbr1 = sysreg_read(ttbr1_el1);
    e->tcr = sysreg_read(tcr_el1);
    e->mair = sysreg_read(mair_el1);
    e->amair = sysreg_read(amair_el1);
    e->vbar = sysreg_read(vbar_el1);
    e->contextidr = sysreg_read(contextidr_el1);
    e->esr = sysreg_read(esr_el1);
    e->far = sysreg_read(far_el1);
    e->afsr0 = sysreg_read(afsr0_el1);
    e->afsr1 = sysreg_read(afsr1_el1);
    e->elr = sysreg_read(elr_el1);
    e->spsr = sysreg_read(spsr_el1);
    e->sp_el1 = sysreg_read(sp_el1);
    e->tpidr_el1 = sysreg_read(tpidr_el1);
    e->tpidrro_el0 = sysreg_read(tpidrro_el0);
    e->par = sysreg_read(par_el1);
    e->csselr = sysreg_read(csselr_el1);
    if (world_has_pauth)
        pauth_save(e->pauth);
    vtimer_save(e);
    gich_save(&e->gich);
}

/*
 * TTBRs, TCR, VTTBR and SCTLR cannot change at once, and although the EL1&0 regime is out of context in EL2,
 * a walk of its tables must never see some of the old ones and some of the new ones. So they are closed
 * first, by TCR_EL1, and opened by it last, behind an ISB (as KVM does it: arch/arm64/kvm/hyp,
 * "SPECULATIVE_AT"); and they are closed when their owner has stopped. While the VMM runs, they stay:
 * HCR_EL2.TGE switches stage 1 off, and without an AT instruction at EL2 (user.c) nothing walks them.
 */
void world_close_tables(void)
{
    sysreg_write(tcr_el1, TCR_EPD0 | TCR_EPD1);
    isb();
}

static void el1_load(struct core *c, struct el1 *e)
{
    sysreg_write(ttbr0_el1, e->ttbr0);
    sysreg_write(ttbr1_el1, e->ttbr1);
    sysreg_write(mair_el1, e->mair);
    sysreg_write(amair_el1, e->amair);
    sysreg_write(vbar_el1, e->vbar);
    sysreg_write(contextidr_el1, e->contextidr);
    sysreg_write(tpidrro_el0, e->tpidrro_el0);
    if (world_has_pauth)
        pauth_load(e->pauth);
    if (!e->is_vcpu)
        return;
    sysreg_write(esr_el1, e->esr);
    sysreg_write(far_el1, e->far);
    sysreg_write(afsr0_el1, e->afsr0);
    sysreg_write(afsr1_el1, e->afsr1);
    sysreg_write(elr_el1, e->elr);
    sysreg_write(spsr_el1, e->spsr);
    sysreg_write(sp_el1, e->sp_el1);
    sysreg_write(tpidr_el1, e->tpidr_el1);
    sysreg_write(par_el1, e->par);
    sysreg_write(csselr_el1, e->csselr);
    sysreg_write(vmpidr_el2, e->vmpidr);
    vtimer_load(e);
    gich_load(&e->gich);
    struct debug *d = &CONTAINER_OF(e, struct vcpu, arch.el1)->arch.debug;
    if (c->arch.debug != d)
        debug_load(c, d);
}

static ALWAYS_INLINE void el1_switch(struct core *c, struct world *w)
{
    struct el1 *old = c->arch.el1, *e = w->el1;
    const bool is_vcpu = e->is_vcpu;

    /* Without an owner they are closed already. */
    if (old) {
        el1_save(old);
        world_close_tables();
    }
    el1_load(c, e);
    sysreg_write(hcr_el2, w->hcr);
    sysreg_write(vttbr_el2, w->vttbr);
    sysreg_write(sctlr_el1, w->sctlr);
    c->arch.el1 = e;
    /* A vCPU and a detached context have one VMID and one ASID, but different tables for the upper half:
     * cached walks must not mix (as KVM does for vCPUs of one VM on a core). What ran last on a core that
     * only runs detached contexts is one of them. */
    isb();
    if (is_vcpu != c->arch.ran_vcpu) {
        c->arch.ran_vcpu = is_vcpu;
        tlbi(vmalle1);
        ic(iallu);
        dsb(nsh);
        isb();
    }
    sysreg_write(tcr_el1, e->tcr); /* small_load() ends with an ISB */
}

/* Saves what is in the hardware. False: an SError of its guest is pending. */
static ALWAYS_INLINE bool small_save(struct world *w)
{
    w->tpidr_el0 = sysreg_read(tpidr_el0);
    if (!w->el1)
        return true;
    w->hcr = sysreg_read(hcr_el2); /* VSE goes when the guest takes it */
    w->sctlr = sysreg_read(sctlr_el1);
    w->cpacr = sysreg_read(cpacr_el1);
    w->cntkctl = sysreg_read(cntkctl_el1);
    w->mdscr = sysreg_read(mdscr_el1);
    dsb(sy);
    isb();
    return !(sysreg_read(isr_el1) & ISR_A);
}

static ALWAYS_INLINE void small_load(struct core *c, struct world *w)
{
    sysreg_write(cpacr_el1, w->cpacr);
    sysreg_write(tpidr_el0, w->tpidr_el0);
    sysreg_write(cntkctl_el1, w->cntkctl);
    sysreg_write(mdscr_el1, w->mdscr);
    set_cptr(c, w);
    isb();
    c->arch.world = w;
}

/* What is seldom needed is called last, so that the frequent way needs no stack. */

static NOINLINE void load_with_el1(struct core *c, struct world *w)
{
    el1_switch(c, w);
    small_load(c, w);
}

static ALWAYS_INLINE void load(struct core *c, struct world *w)
{
    if (w->el1 && c->arch.el1 != w->el1) {
        load_with_el1(c, w);
        return;
    }
    sysreg_write(hcr_el2, w->hcr);
    sysreg_write(vttbr_el2, w->vttbr);
    sysreg_write(sctlr_el1, w->sctlr);
    small_load(c, w);
}

static NOINLINE void load_after_serror(struct core *c, struct world *w)
{
    uint64_t virtual = take_serror();

    if (c->arch.world->el1 == &world_nobody)
        print("an SError that a host task has caused");
    else
        c->arch.world->hcr |= virtual;
    load(c, w);
}

void world_load(struct core *c, struct world *w)
{
    if (c->arch.world && !small_save(c->arch.world)) {
        load_after_serror(c, w);
        return;
    }
    load(c, w);
}

void world_forget(struct core *c, struct world *w)
{
    if (c->arch.world == w)
        c->arch.world = NULL;
    if (w->el1 && c->arch.el1 == w->el1) {
        world_close_tables();
        c->arch.el1 = NULL;
    }
    if (c->arch.fp_owner == w)
        c->arch.fp_owner = NULL;
    if (c->arch.world)
        set_cptr(c, c->arch.world);
}
