/* SPDX-License-Identifier: BSD-2-Clause */
/* Register state of host threads and vCPUs. */
#include "vcpu.h"

#include "atomic.h"
#include "context.h"
#include "errata.h"
#include "gic.h"
#include "gich.h"
#include "inject.h"
#include "irq.h"
#include "string.h"
#include "sysreg.h"
#include "vm.h"
#include "world.h"
#include <arch/hypercall.h>
#include <arch/thread.h>

#define CPACR_FPEN (3ull << 20)

void arch_thread_init(struct thread *t, const struct ptab *space, uint64_t entry, uint64_t sp, uint64_t arg)
{
    struct arch_thread *a = &t->arch;

    a->own_regs = (struct regs){.x[0] = arg, .sp = sp, .pc = entry, .pstate = PSTATE_MODE_EL0t};
    a->own_world = (struct world){
        .hcr = HCR_TASK,
        .vttbr = world_vttbr(space),
        .sctlr = SCTLR_EL1_RES1 | SCTLR_C | SCTLR_I | SCTLR_UCT | SCTLR_UCI | SCTLR_DZE | SCTLR_nTWE,
        .cpacr = CPACR_FPEN,
        .cntkctl = 3, /* EL0 may read the counters */
        .el1 = &world_nobody,
        .fp = &a->own_fp,
    };
    a->regs = &a->own_regs;
    a->world = &a->own_world;
}

void arch_thread_result(struct thread *t, int64_t status, uint64_t value)
{
    t->arch.own_regs.x[0] = (uint64_t)status;
    t->arch.own_regs.x[1] = value;
}

inline void arch_thread_load(struct core *c, struct thread *t)
{
    struct world *w = t->arch.world;

    if (c->arch.world != w)
        world_load(c, w);
    if (t->context) {
        /* A detached thread is not to be stopped by its first FP instruction. */
        if (c->arch.fp_owner != w)
            world_take_fp(c, w);
    } else if (t->in_guest && READ_ONCE(t->vcpu->pending_any)) {
        gich_flush(t->vcpu);
    }
}

static void vtimer_fire(struct timer *t)
{
    vcpu_pend(CONTAINER_OF(t, struct vcpu, arch.vtimer), INTID_VTIMER);
}

void arch_vcpu_init(struct vcpu *v, const struct ptab *space)
{
    timer_init(&v->arch.vtimer, vtimer_fire);
    v->arch.world = (struct world){
        .hcr = HCR_GUEST,
        .vttbr = world_vttbr(space),
        .el1 = &v->arch.el1,
        .fp = &v->arch.fp,
    };
    v->arch.world.sctlr = SCTLR_EL1_RES1;
    v->arch.el1 =
        (struct el1){.is_vcpu = true, .vmpidr = MPIDR_RES1 | (sysreg_read(mpidr_el1) & MPIDR_MT) | v->hwid};
    /* The guest's EL1 registers stay where they are while its VMM runs. */
    v->thread->arch.own_world.hcr = HCR_VMM;
    v->thread->arch.own_world.el1 = NULL;
    v->arch.debug = (struct debug){.os_lock = true};
    gich_reset(&v->arch.el1.gich);
}

/* Physical interrupts that wait for a list register are active: a reset vCPU would never end them. */
static void drop_pending(struct vcpu *v)
{
    uint32_t private = atomic_exchange(&v->arch.pending_private, 0u);

    if (private & BIT(INTID_VTIMER))
        gich_give_back(INTID_VTIMER);
    for (uint32_t w = 0; w < ARRAY_SIZE(v->arch.pending_spi); w++)
        for (uint64_t spi = atomic_exchange(&v->arch.pending_spi[w], 0ull); spi; spi &= spi - 1) {
            struct irq *physical = v->vm->irq[w * 64 + (uint32_t)__builtin_ctzll(spi)];
            if (physical && physical->line)
                gich_give_back(physical->line);
            else if (physical)
                virq_keep(physical);
        }
}

void arch_vcpu_reset(struct vcpu *v)
{
    struct core *c = core_self();

    if (c->arch.el1 == &v->arch.el1) {
        gich_drop(v);
        gich_off();
        sysreg_write(cntv_ctl_el0, 0);
        world_close_tables();
        c->arch.el1 = NULL;
    } else {
        /* A detached thread has run here since. */
        gich_drop_saved(v);
    }
    if (c->arch.fp_owner == &v->arch.world)
        c->arch.fp_owner = NULL;
    timer_stop(&v->arch.vtimer);
    drop_pending(v);
    if (c->arch.debug == &v->arch.debug)
        c->arch.debug = NULL;
    v->arch.exit_esr = 0;
    memset(&v->arch.fp, 0, sizeof(v->arch.fp));
    struct ptab *space = &v->vm->ptab;
    arch_vcpu_init(v, space);
}

/* Takes over the VMM's answer to the last exit. */
static void answer(struct vcpu *v)
{
    struct ord_vcpu_state *s = v->state;
    uint32_t what = READ_ONCE(s->answer);
    uint64_t esr = v->arch.exit_esr;

    s->answer = ORD_ANSWER_NONE;
    v->arch.exit_esr = 0;
    if (!esr)
        return;
    if (what == ORD_ANSWER_ABORT) {
        inject_abort(v, esr, v->arch.exit_far);
        return;
    }
    if (!(esr & ISS_ISV))
        return;
    if (!(esr & ISS_WNR)) {
        uint64_t value = READ_ONCE(s->mmio_data);
        unsigned bits = 8u << ISS_SAS(esr);
        if (bits < 64)
            value &= BIT(bits) - 1;
        if ((esr & ISS_SSE) && bits < 64 && (value & BIT(bits - 1)))
            value |= ~0ull << bits;
        if (!(esr & ISS_SF))
            value &= 0xffffffff;
        if (ISS_SRT(esr) != 31)
            s->x[ISS_SRT(esr)] = value;
    }
    s->pc += esr & ESR_IL ? 4 : 2;
}

void arch_vcpu_enter(struct vcpu *v)
{
    struct thread *t = v->thread;

    t->arch.world = &v->arch.world;
    t->arch.regs = (struct regs *)(void *)v->state;
    /* The answer may need the guest's EL1 registers: load them first. */
    world_load(core_self(), t->arch.world);
    answer(v);
    /* The VMM may have enabled what was pending and disabled. */
    if (READ_ONCE(v->arch.pending_private))
        v->pending_any = 1;
}

/* Its private interrupts, also if it waits for its core behind a detached thread. */
static void snapshot(const struct vcpu *v, uint32_t *pending, uint32_t *active)
{
    if (core_self()->arch.el1 == &v->arch.el1)
        gich_snapshot(pending, active);
    else
        gich_snapshot_saved(&v->arch.el1.gich, pending, active);
}

void arch_vcpu_leave(struct vcpu *v)
{
    struct thread *t = v->thread;

    snapshot(v, &v->state->private_pending, &v->state->private_active);
    v->state->private_pending |= READ_ONCE(v->arch.pending_private);
    t->arch.world = &t->arch.own_world;
    t->arch.regs = &t->arch.own_regs;
}

bool arch_vcpu_irq_pending(struct vcpu *v)
{
    (void)v;
    return gich_pending();
}

uint64_t arch_vcpu_progress(struct vcpu *v)
{
    uint32_t pending, active;

    snapshot(v, &pending, &active);
    /* There, or there is no list register left for it. */
    pending |= READ_ONCE(v->arch.pending_private) & READ_ONCE(v->state->private_enabled);
    if (pending & BIT(INTID_VTIMER))
        return v->arch.vtimer_count + 1;
    /* A CPU that was idle may hang with its timer off: interrupts masked, none delivered, no idling since. */
    return v->state->pstate & PSTATE_I ? BIT(63) | (v->state->injected + v->waits) : 0;
}

uint64_t arch_hypercall_features(void)
{
    return ORD_FEATURE_HW_TLB;
}

/* Runs with the calling guest's VMID in VTTBR_EL2: these reach the host cores by broadcast. */
static void flush(uint64_t asid, uint64_t address, uint64_t pages)
{
    if (address == ORD_FLUSH_ALL || pages > 64) {
        tlbi_at(aside1is, asid << 48);
    } else {
        for (uint64_t i = 0; i < pages; i++)
            tlbi_at(vae1is, asid << 48 | FIELD(address + i * PAGE_SIZE, 55, 12));
    }
    dsb(ish);
}

void arch_hypercall_flush(uint64_t asid, uint64_t address, uint64_t pages)
{
    dsb(ishst);
    flush(asid, address, pages);
    if (errata_repeat_tlbi)
        flush(asid, address, pages);
    isb();
}
