/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arch_vcpu.pending_*  --flush-->  list registers  --hardware-->  guest
 *
 * A physical interrupt is pending here while it is active in the machine's GIC; the guest's EOI of its list
 * register (HW = 1) deactivates both.
 */
#include "gich.h"

#include "atomic.h"
#include "gic.h"
#include "irq.h"
#include "sysreg.h"
#include "vm.h"
#include <arch/irqchip.h>
#include <outrider/task.h>

#define ICH_VTR_EL2   S3_4_C12_C11_1
#define ICH_HCR_EL2   S3_4_C12_C11_0
#define ICH_VMCR_EL2  S3_4_C12_C11_7
#define ICH_ELRSR_EL2 S3_4_C12_C11_5
#define ICH_HCR_EN    BIT(0)
#define ICH_HCR_UIE   BIT(1) /* underflow interrupt */

#define LR_PENDING       BIT(62)
#define LR_ACTIVE        BIT(63)
#define LR_HW            BIT(61)
#define LR_GROUP1        BIT(60)
#define LR_PRIORITY(p)   ((uint64_t)(p) << 48)
#define LR_PINTID(i)     ((uint64_t)(i) << 32)
#define LR_VINTID(lr)    ((uint32_t)(lr))
#define LR_PINTID_OF(lr) ((uint32_t)FIELD(lr, 44, 32))

static uint32_t lr_count;
static uint64_t lr_mask; /* those that there are */
static uint32_t apr_count;

#define LR_CASES(X)                                                                                          \
    X(0, S3_4_C12_C12_0)                                                                                     \
    X(1, S3_4_C12_C12_1)                                                                                     \
    X(2, S3_4_C12_C12_2)                                                                                     \
    X(3, S3_4_C12_C12_3)                                                                                     \
    X(4, S3_4_C12_C12_4)                                                                                     \
    X(5, S3_4_C12_C12_5)                                                                                     \
    X(6, S3_4_C12_C12_6)                                                                                     \
    X(7, S3_4_C12_C12_7)                                                                                     \
    X(8, S3_4_C12_C13_0)                                                                                     \
    X(9, S3_4_C12_C13_1)                                                                                     \
    X(10, S3_4_C12_C13_2)                                                                                    \
    X(11, S3_4_C12_C13_3)                                                                                    \
    X(12, S3_4_C12_C13_4)                                                                                    \
    X(13, S3_4_C12_C13_5)                                                                                    \
    X(14, S3_4_C12_C13_6)                                                                                    \
    X(15, S3_4_C12_C13_7)

static NOINLINE uint64_t lr_read_any(uint32_t i)
{
    switch (i) {
#define X(n, reg)                                                                                            \
    case n:                                                                                                  \
        return sysreg_read(reg);
        LR_CASES(X)
#undef X
    }
    return 0;
}

static NOINLINE void lr_write_any(uint32_t i, uint64_t v)
{
    switch (i) {
#define X(n, reg)                                                                                            \
    case n:                                                                                                  \
        sysreg_write(reg, v);                                                                                \
        break;
        LR_CASES(X)
#undef X
    }
}

/* Mostly it is the first one: few interrupts are there at one time. */
static ALWAYS_INLINE uint64_t lr_read(uint32_t i)
{
    return LIKELY(i == 0) ? sysreg_read(S3_4_C12_C12_0) : lr_read_any(i);
}

static ALWAYS_INLINE void lr_write(uint32_t i, uint64_t v)
{
    if (LIKELY(i == 0))
        sysreg_write(S3_4_C12_C12_0, v);
    else
        lr_write_any(i, v);
}

/*
 * The list registers that hold an interrupt. Those of a core are 0 while it has no vCPU's, so only these need
 * to be saved and loaded. (ICH_ELRSR_EL2 counts one that still has to tell of its EOI as empty: none of ours
 * asks for that, LR.EOI is 0.)
 *
 * What a list register was written to shows in ICH_ELRSR_EL2 behind an ISB or an exception only (ARM ARM
 * D19.1.2, "Synchronization requirements for AArch64 System registers"). So whoever writes one passes an ISB
 * before anybody comes here, or remembers it meanwhile, as gich_flush() does.
 */
static uint64_t used(void)
{
    return ~sysreg_read(ICH_ELRSR_EL2) & lr_mask;
}

void gich_init_core(void)
{
    uint64_t vtr = sysreg_read(ICH_VTR_EL2);

    lr_count = (uint32_t)FIELD(vtr, 4, 0) + 1;
    lr_mask = BIT(lr_count) - 1;
    /* Active priority registers: 5, 6 or 7 preemption bits. */
    apr_count = 1u << (FIELD(vtr, 28, 26) + 1 - 5);
    for (uint32_t i = 0; i < lr_count; i++)
        lr_write(i, 0);
    gich_off();
}

void gich_off(void)
{
    sysreg_write(ICH_HCR_EL2, 0);
}

void gich_reset(struct gich *g)
{
    *g = (struct gich){.hcr = ICH_HCR_EN};
}

void gich_save(struct gich *g)
{
    g->hcr = sysreg_read(ICH_HCR_EL2);
    g->vmcr = sysreg_read(ICH_VMCR_EL2);
    g->used = used();
    for (uint64_t lrs = g->used; lrs; lrs &= lrs - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(lrs);
        g->lr[i] = lr_read(i);
        lr_write(i, 0);
    }
    g->ap0r[0] = sysreg_read(S3_4_C12_C8_0);
    g->ap1r[0] = sysreg_read(S3_4_C12_C9_0);
    if (apr_count >= 2) {
        g->ap0r[1] = sysreg_read(S3_4_C12_C8_1);
        g->ap1r[1] = sysreg_read(S3_4_C12_C9_1);
        if (apr_count >= 4) {
            g->ap0r[2] = sysreg_read(S3_4_C12_C8_2);
            g->ap0r[3] = sysreg_read(S3_4_C12_C8_3);
            g->ap1r[2] = sysreg_read(S3_4_C12_C9_2);
            g->ap1r[3] = sysreg_read(S3_4_C12_C9_3);
        }
    }
    gich_off();
}

void gich_load(const struct gich *g)
{
    sysreg_write(ICH_VMCR_EL2, g->vmcr);
    for (uint64_t lrs = g->used; lrs; lrs &= lrs - 1)
        lr_write((uint32_t)__builtin_ctzll(lrs), g->lr[__builtin_ctzll(lrs)]);
    sysreg_write(S3_4_C12_C8_0, g->ap0r[0]);
    sysreg_write(S3_4_C12_C9_0, g->ap1r[0]);
    if (apr_count >= 2) {
        sysreg_write(S3_4_C12_C8_1, g->ap0r[1]);
        sysreg_write(S3_4_C12_C9_1, g->ap1r[1]);
        if (apr_count >= 4) {
            sysreg_write(S3_4_C12_C8_2, g->ap0r[2]);
            sysreg_write(S3_4_C12_C8_3, g->ap0r[3]);
            sysreg_write(S3_4_C12_C9_2, g->ap1r[2]);
            sysreg_write(S3_4_C12_C9_3, g->ap1r[3]);
        }
    }
    sysreg_write(ICH_HCR_EL2, g->hcr);
}

/* Index of the list register among `lrs` that holds vintid, or -1. */
static int find_lr(uint64_t lrs, uint32_t vintid)
{
    for (; lrs; lrs &= lrs - 1)
        if (LR_VINTID(lr_read((uint32_t)__builtin_ctzll(lrs))) == vintid)
            return __builtin_ctzll(lrs);
    return -1;
}

static bool vtimer_asserted(void)
{
    uint64_t ctl = sysreg_read(cntv_ctl_el0);

    return (ctl & (CNT_ENABLE | CNT_IMASK | CNT_ISTATUS)) == (CNT_ENABLE | CNT_ISTATUS);
}

/* Takes an interrupt out of the pending set and puts it into a free list register, or into the one of `lrs`
 * that it is in already. False: none is free, it stays pending. */
static bool deliver(struct vcpu *v, uint32_t vintid, uint32_t priority, uint64_t *lrs)
{
    uint64_t lr = LR_PENDING | LR_GROUP1 | LR_PRIORITY(priority) | vintid;
    struct irq *physical = vintid >= 32 ? READ_ONCE(v->vm->irq[vintid]) : NULL;
    int at = find_lr(*lrs, vintid);

    if (vintid == INTID_VTIMER) {
        if (!vtimer_asserted()) {
            if (at < 0)
                arch_irq_resume(INTID_VTIMER);
            return true;
        }
        lr |= LR_HW | LR_PINTID(INTID_VTIMER);
    } else if (physical && physical->line) {
        lr |= LR_HW | LR_PINTID(physical->line);
    }
    if (at >= 0) {
        uint64_t old = lr_read((uint32_t)at);
        /* Active and pending at once is for software interrupts only; a physical one comes again when it
         * has been deactivated. */
        if (!(old & LR_HW))
            lr_write((uint32_t)at, old | LR_PENDING);
        return true;
    }
    uint64_t empty = ~*lrs & lr_mask;
    if (!empty)
        return false;
    lr_write((uint32_t)__builtin_ctzll(empty), lr);
    *lrs |= empty & -empty;
    v->state->injected++;
    v->arch.vtimer_count += vintid == INTID_VTIMER;
    return true;
}

/* A word of pending SPIs. One that is found empty is not looked at again until vcpu_pend() has set it. */
static uint64_t pending_word(struct vcpu *v, int w)
{
    uint64_t spi = READ_ONCE(v->arch.pending_spi[w]);

    if (spi)
        return spi;
    atomic_and(&v->arch.pending_words, ~(uint32_t)BIT(w));
    smp_mb(); /* pairs with vcpu_pend(): either it sets the bit again, or its interrupt is seen here */
    spi = READ_ONCE(v->arch.pending_spi[w]);
    if (spi)
        atomic_or(&v->arch.pending_words, (uint32_t)BIT(w));
    return spi;
}

/* The most urgent pending and enabled interrupt, or -1. */
static int most_urgent(struct vcpu *v, uint32_t *priority)
{
    uint32_t private = READ_ONCE(v->arch.pending_private) & READ_ONCE(v->state->private_enabled);
    int best = -1;

    for (; private; private &= private - 1) {
        int i = __builtin_ctz(private);
        uint32_t p = READ_ONCE(v->state->private_priority[i]);
        if (best < 0 || p < *priority) {
            best = i;
            *priority = p;
        }
    }
    for (uint32_t words = READ_ONCE(v->arch.pending_words); words; words &= words - 1) {
        int w = __builtin_ctz(words);
        for (uint64_t spi = pending_word(v, w); spi; spi &= spi - 1) {
            int i = w * 64 + __builtin_ctzll(spi);
            uint32_t p = v->vm->irq_priority[i];
            if (best < 0 || p < *priority) {
                best = i;
                *priority = p;
            }
        }
    }
    return best;
}

static void clear_pending(struct vcpu *v, uint32_t vintid)
{
    if (vintid < 32)
        atomic_and(&v->arch.pending_private, ~(uint32_t)BIT(vintid));
    else
        atomic_and(&v->arch.pending_spi[vintid / 64], ~BIT(vintid % 64));
}

NOINLINE void gich_flush(struct vcpu *v)
{
    uint64_t lrs = used();
    uint32_t priority = 0;
    int next;

    atomic_store(&v->pending_any, 0u);
    smp_mb();
    /* As many as can be there at one time: each takes a list register, or is in one already; or it is the
     * timer's and gone. What other vCPUs add while this goes on is for the next time, which is at once
     * (underflow). */
    for (uint32_t i = 0; (next = most_urgent(v, &priority)) >= 0; i++) {
        if (i > 2 * lr_count) {
            v->pending_any = 1;
            sysreg_write(ICH_HCR_EL2, sysreg_read(ICH_HCR_EL2) | ICH_HCR_UIE);
            break;
        }
        /* Cleared first: what becomes pending from now on is a new one. */
        clear_pending(v, (uint32_t)next);
        if (deliver(v, (uint32_t)next, priority, &lrs))
            continue;
        arch_vcpu_set_pending(&v->arch, (uint32_t)next);
        sysreg_write(ICH_HCR_EL2, sysreg_read(ICH_HCR_EL2) | ICH_HCR_UIE);
        break;
    }
    isb(); /* used() */
}

void gich_underflow(struct core *c)
{
    sysreg_write(ICH_HCR_EL2, sysreg_read(ICH_HCR_EL2) & ~ICH_HCR_UIE);
    isb();
    if (c->arch.el1 && c->arch.el1->is_vcpu)
        CONTAINER_OF(c->arch.el1, struct vcpu, arch.el1)->pending_any = 1;
}

bool gich_pending(void)
{
    for (uint64_t lrs = used(); lrs; lrs &= lrs - 1)
        if (lr_read((uint32_t)__builtin_ctzll(lrs)) & LR_PENDING)
            return true;
    return false;
}

static void snapshot(uint64_t lr, uint32_t *pending, uint32_t *active)
{
    if (LR_VINTID(lr) >= 32)
        return;
    if (lr & LR_PENDING)
        *pending |= (uint32_t)BIT(LR_VINTID(lr));
    if (lr & LR_ACTIVE)
        *active |= (uint32_t)BIT(LR_VINTID(lr));
}

void gich_snapshot(uint32_t *pending, uint32_t *active)
{
    *pending = *active = 0;
    for (uint64_t lrs = used(); lrs; lrs &= lrs - 1)
        snapshot(lr_read((uint32_t)__builtin_ctzll(lrs)), pending, active);
}

void gich_snapshot_saved(const struct gich *g, uint32_t *pending, uint32_t *active)
{
    *pending = *active = 0;
    for (uint64_t lrs = g->used; lrs; lrs &= lrs - 1)
        snapshot(g->lr[__builtin_ctzll(lrs)], pending, active);
}

void gich_give_back(uint32_t intid)
{
    arch_irq_resume(intid);
    /* A level asserts again by itself, an edge would be lost. */
    if (intid >= 32 && (arch_irq_control(intid, ORD_IRQ_GET) & ORD_IRQ_STATE_EDGE))
        arch_irq_control(intid, ORD_IRQ_SET_PENDING);
}

static void drop(struct vcpu *v, uint64_t lr)
{
    if ((lr & LR_HW) && (lr & LR_ACTIVE))
        arch_irq_resume(LR_PINTID_OF(lr));
    else if ((lr & LR_HW) && (lr & LR_PENDING))
        gich_give_back(LR_PINTID_OF(lr));
    else if ((lr & LR_PENDING) && LR_VINTID(lr) >= 32 && v->vm->irq[LR_VINTID(lr)])
        virq_keep(v->vm->irq[LR_VINTID(lr)]);
}

void gich_drop(struct vcpu *v)
{
    for (uint64_t lrs = used(); lrs; lrs &= lrs - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(lrs);
        drop(v, lr_read(i));
        lr_write(i, 0);
    }
}

void gich_drop_saved(struct vcpu *v)
{
    struct gich *g = &v->arch.el1.gich;

    for (uint64_t lrs = g->used; lrs; lrs &= lrs - 1)
        drop(v, g->lr[__builtin_ctzll(lrs)]);
    g->used = 0;
}
