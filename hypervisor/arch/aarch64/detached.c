/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Detached threads: EL0 with the process's stage 1, the VM's stage 2, and no kernel.
 *
 *   EL0 --exception--> EL1 at VBAR_EL1 = STUB_VA: `hvc` --> EL2 reads ESR_EL1, ELR_EL1, FAR_EL1, SPSR_EL1
 *
 *   TTBR1_EL1 -> stub_l2[15] -> stub_l3[511] -> stub_page, at the last page of the address space
 *
 * Stub page and tables have IPAs of their own: their physical addresses, which the guest does not own,
 * mapped read-only.
 */
#include "detached.h"

#include "call.h"
#include "core.h"
#include "ptab.h"
#include "string.h"
#include "sysreg.h"
#include "user.h"
#include "vm.h"
#include "world.h"
#include <arch/platform.h>
#include <arch/ptab.h>
#include <arch/thread.h>
#include <arch_syscall.h>

#define STUB_VA 0xfffffffffffff000ull

/* TCR_EL1: the lower half, A1, and what is for both; then our upper half. */
#define TCR_T0_MASK                                                                                          \
    (BIT_RANGE(15, 0) | BIT(22) | BIT_RANGE(37, 32) | BIT(39) | BIT(40) | BIT(41) | BIT_RANGE(46, 43) |      \
     BIT(51) | BIT(53) | BIT(55) | BIT(57) | BIT(59))
#define TCR_A1 BIT(22)
#define TCR_T1                                                                                               \
    (39ull << 16 /* T1SZ: 25 bits */ | 1ull << 24 | 1ull << 26 | 3ull << 28 | 2ull << 30 /* 4K    \
                                                                                                     */)
#define MAIR_STUB 7 /* attribute index that Linux does not use */

#define PTE_TABLE 3ull
#define PTE_PAGE  3ull
#define PTE_AP_RO (2ull << 6) /* EL1 read-only, EL0 none */
#define PTE_SH_IS (3ull << 8)
#define PTE_AF    BIT(10)
#define PTE_NG    BIT(11)
#define PTE_UXN   BIT(54)

#define CNTKCTL_MASK (BIT_RANGE(7, 0) | BIT(17)) /* counters and event stream; not the timers */
#define CPACR_FPEN   BIT_RANGE(21, 20)
#define MDSCR_TDCC   BIT(12) /* no debug channel at EL0, as under Linux */

extern char stub_page[];

/* [0]: 48-bit descriptors; [1]: TCR_EL1.DS = 1, where bits 9:8 are address bits. */
static uint64_t stub_l2[2][512] __attribute__((aligned(4096)));
static uint64_t stub_l3[2][512] __attribute__((aligned(4096)));

void detached_init(void)
{
    for (int ds = 0; ds < 2; ds++) {
        stub_l2[ds][15] = ptr_pa(stub_l3[ds]).v | PTE_TABLE;
        stub_l3[ds][511] = ptr_pa(stub_page).v | PTE_PAGE | PTE_AP_RO | PTE_AF | PTE_NG | PTE_UXN |
                           (uint64_t)MAIR_STUB << 2 | (ds ? 0 : PTE_SH_IS);
    }
    arch_ptab_sync(stub_l2, sizeof(stub_l2));
    arch_ptab_sync(stub_l3, sizeof(stub_l3));
}

status_t arch_vm_init(struct vm *vm)
{
    status_t s =
        ptab_map(&vm->ptab, ptr_pa(stub_page).v, ptr_pa(stub_page), PAGE_SIZE, PTAB_READ | PTAB_EXEC);

    if (s == ORD_OK)
        s = ptab_map(&vm->ptab, ptr_pa(stub_l2).v, ptr_pa(stub_l2), sizeof(stub_l2), PTAB_READ);
    if (s == ORD_OK)
        s = ptab_map(&vm->ptab, ptr_pa(stub_l3).v, ptr_pa(stub_l3), sizeof(stub_l3), PTAB_READ);
    return s;
}

static void load_el1(struct el1 *e, const struct ord_frame *f)
{
    uint64_t tcr = (READ_ONCE(f->tcr_el1) & TCR_T0_MASK) | TCR_T1;
    uint64_t asid = (READ_ONCE(f->asid) & 0xffff) << 48;
    int ds = !!(tcr & TCR_DS);

    /* CnP = 0 in both; the ASID goes where TCR_EL1.A1 says. */
    e->ttbr0 = (READ_ONCE(f->ttbr0_el1) & BIT_RANGE(47, 1)) | (tcr & TCR_A1 ? 0 : asid);
    e->ttbr1 = ptr_pa(stub_l2[ds]).v | (tcr & TCR_A1 ? asid : 0);
    e->tcr = tcr;
    e->mair = (READ_ONCE(f->mair_el1) & ~(0xffull << 8 * MAIR_STUB)) | 0xffull << 8 * MAIR_STUB;
    e->vbar = STUB_VA;
    e->tpidrro_el0 = READ_ONCE(f->tpidrro_el0);
    if (world_has_pauth)
        memcpy(e->pauth, f->pauth, sizeof(e->pauth));
}

status_t arch_context_load(struct context *c)
{
    struct ord_frame *f = c->frame;
    struct arch_thread *a = &c->thread.arch;
    struct world *w = &a->detached_world;
    struct core *core = core_self();

    if (READ_ONCE(f->magic) != ORD_FRAME_MAGIC || READ_ONCE(f->version) >> 16 != ORD_ABI_MAJOR)
        return ORD_BAD_VERSION;
    world_forget(core, w);
    *w = (struct world){
        .hcr = HCR_GUEST | (c->stats.runs ? a->detached_vse : 0), /* not of the one before in this slot */
        .vttbr = world_vttbr(&c->vm->ptab),
        .sctlr = (READ_ONCE(f->sctlr_el1) | SCTLR_M) & ~SCTLR_EE,
        .cpacr = READ_ONCE(f->cpacr_el1) & CPACR_FPEN,
        .tpidr_el0 = READ_ONCE(f->tpidr_el0),
        .cntkctl = READ_ONCE(f->cntkctl_el1) & CNTKCTL_MASK,
        .mdscr = MDSCR_TDCC,
        .el1 = &a->detached_el1,
        .fp = (struct fpsimd *)(void *)&f->fpsr,
    };
    load_el1(&a->detached_el1, f);
    a->world = w;
    /* All registers are saved to and loaded from the frame itself: exit_prepare sanitizes PC and PSTATE. */
    a->regs = (struct regs *)(void *)f->x;
    c->serve = READ_ONCE(f->serve);
    c->channels = READ_ONCE(f->channels);
    c->clock_offset = READ_ONCE(f->clock_offset);
    return ORD_OK;
}

void arch_context_save(struct context *c)
{
    struct ord_frame *f = c->frame;
    struct arch_thread *a = &c->thread.arch;
    struct world *w = &a->detached_world;
    struct core *core = core_self();

    f->pstate &= ORD_PSTATE_MASK;
    uint64_t hcr = w->hcr;
    if (core->arch.world == w) {
        f->tpidr_el0 = sysreg_read(tpidr_el0);
        hcr = sysreg_read(hcr_el2) | world_late_serror();
    } else {
        f->tpidr_el0 = w->tpidr_el0;
    }
    a->detached_vse = hcr & HCR_VSE;
    /* Otherwise they are there already. */
    if (core->arch.fp_owner == w) {
        if (core->arch.world != w) {
            sysreg_write(cptr_el2, CPTR_BASE);
            isb();
        }
        world_save_fp(w);
    }
    world_forget(core, w);
}

void arch_context_result(struct context *c, uint64_t value)
{
    c->thread.arch.regs->x[0] = value;
}

bool arch_user_read(struct context *c, uint64_t at, void *to, uint64_t size)
{
    const struct el1 *e = &c->thread.arch.detached_el1;
    const struct user_space user = {.ttbr0 = e->ttbr0, .tcr = e->tcr};

    return user_read(c->vm, &user, at, to, size);
}

/* A call that the hypervisor may answer itself. False: Linux does. */
static NOINLINE bool serve(struct context *c, struct regs *r, uint64_t number)
{
    uint64_t arg[6], result[4];

#pragma GCC unroll 6
    for (int i = 0; i < 6; i++)
        arg[i] = READ_ONCE(r->x[i]);
    for (int i = 0; i < 4; i++)
        result[i] = arg[i]; /* a call keeps what it does not return */
    if (hostcall_dispatch(c, number, arg, result)) {
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
            r->x[i] = result[i];
    } else if (serve_dispatch(c, number, arg)) {
        if (!c->wait)
            r->x[0] = 0;
    } else {
        return false;
    }
    context_publish(c);
    return true;
}

/* An exception came through the stub: EL1's registers tell what happened at EL0. */
static NOINLINE void stub_event(struct context *c, struct regs *r)
{
    uint64_t esr = sysreg_read(esr_el1), number;

    r->pc = sysreg_read(elr_el1);
    r->pstate = sysreg_read(spsr_el1);
    switch (ESR_EC(esr)) {
    case EC_SVC64:
        number = READ_ONCE(r->x[8]);
        if ((hostcall_is(number) || number == ARCH_NR_CLOCK_NANOSLEEP) && serve(c, r, number))
            return;
        arch_context_save(c);
        context_event(c, ORD_EVENT_SYSCALL, esr, 0, 0);
        break;
    case EC_IABT_LOWER:
    case EC_DABT_LOWER:
        arch_context_save(c);
        context_event(c, ORD_EVENT_FAULT, esr, sysreg_read(far_el1), 0);
        break;
    default:
        arch_context_save(c);
        context_event(c, ORD_EVENT_EXCEPTION, esr, sysreg_read(far_el1), 0);
    }
}

/* An exception that EL2 takes itself. */
static NOINLINE void direct_event(struct context *c, struct regs *r, uint64_t esr)
{
    switch (ESR_EC(esr)) {
    case EC_WFX:
        r->pc += 4;
        context_publish(c);
        break;
    case EC_FP:
        world_take_fp(core_self(), c->thread.arch.world);
        context_publish(c);
        break;
    case EC_IABT_LOWER:
    case EC_DABT_LOWER: {
        uint64_t far = sysreg_read(far_el2);
        /* HPFAR_EL2 is not valid for permission faults. */
        bool known = ISS_FSC(esr) >> 2 != FSC_PERMISSION;
        uint64_t at = known ? FIELD(sysreg_read(hpfar_el2), 39, 4) << 12 | (far & 0xfff) : 0;
        if (known && ptab_was_split(&c->vm->ptab, &c->thread.splits, at)) {
            context_publish(c);
            break;
        }
        arch_context_save(c);
        context_event(c, ORD_EVENT_STAGE2, esr, far, at);
        break;
    }
    default: {
        uint64_t far = sysreg_read(far_el2); /* before a pending SError may be taken */
        arch_context_save(c);
        context_event(c, ORD_EVENT_EXCEPTION, esr, far, 0);
    }
    }
}

void detached_sync(struct context *c, struct regs *r, uint64_t esr)
{
    c->stats.exits++;
    /* r is guest memory: what mode it was in is read from the register. */
    if ((sysreg_read(spsr_el2) & PSTATE_MODE) != PSTATE_MODE_EL0t)
        stub_event(c, r);
    else
        direct_event(c, r, esr);
}

void detached_irq(struct context *c, struct regs *r, uint64_t count)
{
    c->stats.exits++;
    c->stats.irqs += count;
    /* Interrupted between the exception and the stub's hvc: that event counts. */
    if ((sysreg_read(spsr_el2) & PSTATE_MODE) != PSTATE_MODE_EL0t) {
        stub_event(c, r);
        return;
    }
    /* What has changed since it was published. */
    c->frame->stats.runs = c->stats.runs;
    c->frame->stats.exits = c->stats.exits;
    c->frame->stats.irqs = c->stats.irqs;
}
