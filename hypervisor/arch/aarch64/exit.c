/* SPDX-License-Identifier: BSD-2-Clause */
/* Everything that comes into EL2, by who it comes from and its exception class. */
#include "exit.h"

#include "atomic.h"
#include "call.h"
#include "console.h"
#include "context.h"
#include "detached.h"
#include "firmware.h"
#include "gic.h"
#include "gich.h"
#include "idregs.h"
#include "inject.h"
#include "mmu.h"
#include "panic.h"
#include "scheduler.h"
#include "sysreg.h"
#include "task.h"
#include "vm.h"
#include "world.h"
#include <arch/thread.h>
#include <outrider/detach.h>

static uint64_t fault_ipa(uint64_t far)
{
    return FIELD(sysreg_read(hpfar_el2), 39, 4) << 12 | (far & 0xfff);
}

#define FSC_TRANSLATION 1 /* FSC >> 2 */

/* ---- host threads ---- */

static NOINLINE void host_sync(struct thread *t, struct regs *r, uint64_t esr)
{
    if (ESR_EC(esr) == EC_SVC64) {
        call_dispatch(t, r->x[8], r->x);
        return;
    }
    if (ESR_EC(esr) == EC_FP) {
        world_take_fp(core_self(), t->arch.world); /* trapped: they are another's */
        return;
    }
    if ((ESR_EC(esr) == EC_IABT_LOWER || ESR_EC(esr) == EC_DABT_LOWER) &&
        ISS_FSC(esr) >> 2 == FSC_TRANSLATION &&
        ptab_was_split(&t->task->ptab, &t->splits, fault_ipa(sysreg_read(far_el2))))
        return;
    /* A VM reads the log: what is in another task's registers is not for it. */
    (t->task->first ? print : print_private)("host thread: ESR %lx, PC %lx, FAR %lx, SP %lx, LR %lx", esr,
                                             r->pc, sysreg_read(far_el2), r->sp, r->x[30]);
    task_thread_kill(t, "an exception that it cannot handle");
}

/* ---- vCPUs ---- */

static void guest_fp(struct vcpu *v, struct regs *r UNUSED, uint64_t esr UNUSED)
{
    world_take_fp(core_self(), &v->arch.world);
}

static void guest_wfx(struct vcpu *v, struct regs *r, uint64_t esr UNUSED)
{
    r->pc += 4;
    vcpu_wait(v);
}

/* By SMCCC's function numbers (DEN0028, 2.5). False: not one of ours. */
static bool own_call(struct vcpu *v, uint32_t function, const uint64_t arg[5], uint64_t result[4])
{
    if (function >> 16 == ORD_HC_BASE >> 16) {
        hypercall_dispatch(v, function - ORD_HC_BASE, arg, result);
        return true;
    }
    switch (function) {
    case ORD_HC_CALL_UID:
        result[0] = ORD_UID_0;
        result[1] = ORD_UID_1;
        result[2] = ORD_UID_2;
        result[3] = ORD_UID_3;
        return true;
    case ORD_HC_REVISION:
        result[0] = ORD_ABI_MAJOR;
        result[1] = ORD_ABI_MINOR;
        return true;
    default:
        return false;
    }
}

static void guest_call(struct vcpu *v, struct regs *r, uint64_t esr)
{
    uint64_t arg[5] = {r->x[1], r->x[2], r->x[3], r->x[4], r->x[5]}, result[4] = {0}, function = r->x[0];

    __asm__ volatile("" ::: "memory"); /* the VMM may write there: what was read is not read again */

    if (ESR_EC(esr) == EC_SMC64)
        r->pc += 4; /* a trapped SMC has not been executed, an HVC has */
    if (esr & 0xffff) {
        r->x[0] = (uint64_t)(int64_t)ORD_NOT_SUPPORTED;
        return;
    }
    if (own_call(v, (uint32_t)function, arg, result)) {
        for (int i = 0; i < 4; i++)
            r->x[i] = result[i];
        return;
    }
    if (firmware_call(v, r, (uint32_t)function))
        return;
    v->state->esr = esr;
    vcpu_exit(v, ORD_EXIT_CALL);
}

static void guest_abort(struct vcpu *v, struct regs *r, uint64_t esr)
{
    struct ord_vcpu_state *s = v->state;
    uint64_t far = sysreg_read(far_el2);

    /* A real bus error is the guest's own. So is a write to what it may only read (HPFAR_EL2 is not valid).
     */
    if (ISS_FSC(esr) == FSC_EXTERNAL || ISS_FSC(esr) >> 2 == FSC_PERMISSION) {
        inject_abort(v, esr, far);
        return;
    }
    uint64_t at = fault_ipa(far);
    if (ptab_was_split(&v->vm->ptab, &v->splits, at))
        return;
    bool decoded = ESR_EC(esr) == EC_DABT_LOWER && (esr & ISS_ISV) && !(esr & ISS_S1PTW);
    s->esr = v->arch.exit_esr = esr;
    s->far = v->arch.exit_far = far;
    s->ipa = at;
    if (decoded) {
        unsigned reg = ISS_SRT(esr), bits = 8u << ISS_SAS(esr);
        uint64_t value = reg == 31 ? 0 : r->x[reg];
        s->mmio_size = bits / 8;
        s->mmio_write = !!(esr & ISS_WNR);
        s->mmio_reg = reg;
        s->mmio_data = bits < 64 ? value & (BIT(bits) - 1) : value;
    }
    vcpu_exit(v, decoded ? ORD_EXIT_MMIO : ORD_EXIT_ABORT);
}

/* ICC_SGI1R_EL1 (IHI0069, 12.2): SGI to a list of affinities, or to all but the sender. */
static NOINLINE void send_sgi(struct vcpu *v, uint64_t value)
{
    struct vm *vm = v->vm;
    uint32_t intid = (uint32_t)FIELD(value, 27, 24), count = atomic_load(&vm->vcpu_count);
    uint64_t cluster = FIELD(value, 55, 48) << 32 | FIELD(value, 39, 32) << 16 | FIELD(value, 23, 16) << 8;
    unsigned base = (unsigned)FIELD(value, 47, 44) * 16;

    for (uint32_t i = 0; i < count; i++) {
        struct vcpu *to = vm->vcpu[i];
        unsigned aff0 = to->hwid & 0xff;
        bool hit = value & BIT(40) ? to != v
                                   : (to->hwid & 0xff00ffff00ull) == cluster && aff0 - base < 16 &&
                                         (value & BIT(aff0 - base));
        if (hit)
            vcpu_pend(to, intid);
    }
}

#define SYS(op0, op1, crn, crm, op2) ((op0) << 20 | (op2) << 17 | (op1) << 14 | (crn) << 10 | (crm) << 1)
#define SYS_MASK                     SYS(3, 7, 15, 15, 7)
#define SYS_READ                     1u
#define SYS_ICC_SGI1R                SYS(3, 0, 12, 11, 5)
#define SYS_ICC_ASGI1R               SYS(3, 0, 12, 11, 6)
#define SYS_ICC_SGI0R                SYS(3, 0, 12, 11, 7)
#define SYS_ICC_SRE                  SYS(3, 0, 12, 12, 5)
#define SYS_ACTLR                    SYS(3, 0, 1, 0, 1)
#define SYS_MDRAR                    SYS(2, 0, 1, 0, 0)
#define SYS_OSLAR                    SYS(2, 0, 1, 0, 4)
#define SYS_OSLSR                    SYS(2, 0, 1, 1, 4)
#define SYS_OSDLR                    SYS(2, 0, 1, 3, 4)
#define SYS_DBGPRCR                  SYS(2, 0, 1, 4, 4)

/* Registers that read as they always do and ignore writes. */
static bool guest_constant(uint32_t sys, bool read, uint64_t *value)
{
    switch (sys) {
    case SYS_ICC_SRE: /* there is no other interface */
        *value = ICC_SRE_SYSTEM;
        return true;
    case SYS_MDRAR: /* no debug ROM */
        return read;
    case SYS_OSDLR: /* no double lock, nor may a guest power its core's debug logic down or hold it up */
    case SYS_DBGPRCR:
    case SYS_ACTLR:
        return true;
    default:
        return false;
    }
}

/* All but the two kinds that Linux uses often. */
static NOINLINE void guest_sysreg_rare(struct vcpu *v, struct regs *r, uint64_t esr)
{
    uint32_t sys = (uint32_t)esr & SYS_MASK;
    bool read = esr & 1;
    unsigned rt = FIELD(esr, 9, 5);
    uint64_t value = read || rt == 31 ? 0 : r->x[rt];

    if ((sys == SYS_ICC_ASGI1R || sys == SYS_ICC_SGI0R) && !read)
        ; /* no other security state, no group 0 */
    else if (sys == SYS_OSLAR && !read)
        sysreg_write(oslar_el1, value & 1); /* saved and loaded with the breakpoints */
    else if (sys == SYS_OSLSR && read)
        value = sysreg_read(oslsr_el1);
    else if (!guest_constant(sys, read, &value)) {
        inject_undefined(v);
        return;
    }
    if (read && rt != 31)
        r->x[rt] = value;
    r->pc += 4;
}

static void guest_sysreg(struct vcpu *v, struct regs *r, uint64_t esr)
{
    const uint32_t access = (uint32_t)esr & (SYS_MASK | SYS_READ);
    const unsigned rt = FIELD(esr, 9, 5), crm = FIELD(esr, 4, 1), op2 = FIELD(esr, 19, 17);

    if (access == SYS_ICC_SGI1R) {
        r->pc += 4;
        send_sgi(v, rt == 31 ? 0 : r->x[rt]);
    } else if ((access & (SYS(3, 7, 15, 0, 0) | SYS_READ)) == (SYS(3, 0, 0, 0, 0) | SYS_READ) &&
               crm - 1 < 7) {
        r->pc += 4;
        if (rt != 31)
            r->x[rt] = idreg_read(crm, op2);
    } else {
        guest_sysreg_rare(v, r, esr);
    }
}

typedef void guest_handler(struct vcpu *v, struct regs *r, uint64_t esr);

static guest_handler *const guest_table[64] = {
    [EC_WFX] = guest_wfx,          [EC_FP] = guest_fp,         [EC_HVC64] = guest_call,
    [EC_SMC64] = guest_call,       [EC_SYSREG] = guest_sysreg, [EC_IABT_LOWER] = guest_abort,
    [EC_DABT_LOWER] = guest_abort,
};

static void guest_sync(struct vcpu *v, struct regs *r, uint64_t esr)
{
    guest_handler *h = guest_table[ESR_EC(esr)];

    /* What is trapped for a reason that we do not know is an instruction that the guest's core does not have.
     */
    if (h)
        h(v, r, esr);
    else
        inject_undefined(v);
}

uint32_t arch_core_registers(struct core *c, struct arch_register r[ARCH_REGISTERS_MAX])
{
    static const char *const names[31] = {"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",
                                          "x8",  "x9",  "x10", "x11", "x12", "x13", "x14", "x15",
                                          "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23",
                                          "x24", "x25", "x26", "x27", "x28", "x29", "x30"};
    struct arch_register *at = r;
    uint32_t pending, active;

    if (c->running) {
        const struct regs *regs = c->running->arch.regs;
        *at++ = (struct arch_register){"PC", regs->pc};
        *at++ = (struct arch_register){"PSTATE", regs->pstate};
        *at++ = (struct arch_register){"SP_EL0", regs->sp};
        for (int i = 0; i < 31; i++)
            *at++ = (struct arch_register){names[i], regs->x[i]};
    }
    *at++ = (struct arch_register){"SP_EL1", sysreg_read(sp_el1)};
    *at++ = (struct arch_register){"ESR_EL1", sysreg_read(esr_el1)};
    *at++ = (struct arch_register){"FAR_EL1", sysreg_read(far_el1)};
    *at++ = (struct arch_register){"ELR_EL1", sysreg_read(elr_el1)};
    *at++ = (struct arch_register){"SPSR_EL1", sysreg_read(spsr_el1)};
    *at++ = (struct arch_register){"TTBR0_EL1", sysreg_read(ttbr0_el1)};
    *at++ = (struct arch_register){"TTBR1_EL1", sysreg_read(ttbr1_el1)};
    *at++ = (struct arch_register){"TCR_EL1", sysreg_read(tcr_el1)};
    *at++ = (struct arch_register){"SCTLR_EL1", sysreg_read(sctlr_el1)};
    *at++ = (struct arch_register){"ESR_EL2", sysreg_read(esr_el2)};
    if (c->arch.el1 && c->arch.el1->is_vcpu) {
        /* Private ones in the list registers. */
        gich_snapshot(&pending, &active);
        *at++ = (struct arch_register){"pending", pending};
        *at++ = (struct arch_register){"active", active};
    }
    return (uint32_t)(at - r);
}

/* ---- entries from vectors.S ---- */

void exit_sync(struct core *c, struct regs *r)
{
    struct thread *t = c->current;
    uint64_t esr = sysreg_read(esr_el2);

    atomic_store(&c->mode, (uint32_t)CORE_HYP);
    c->entries++;
    if (t->in_guest) {
        t->vcpu->state->exits++;
        guest_sync(t->vcpu, r, esr);
    } else if (t->context) {
        detached_sync(t->context, r, esr);
    } else {
        host_sync(t, r, esr);
    }
}

/* All that is left is to look at what runs next. */
static void exit_done(struct core *c UNUSED, struct regs *r UNUSED) {}

exit_handler *exit_call(struct core *c, struct regs *r)
{
    struct thread *t = c->current;
    uint64_t result[4] = {0};

    if (!t->in_guest)
        return exit_sync;
    struct ord_vcpu_state *s = t->vcpu->state;
    atomic_store(&c->mode, (uint32_t)CORE_HYP);
    if (!hypercall_quick(t->vcpu, (uint32_t)READ_ONCE(r->x[0]) - ORD_HC_BASE, &r->x[1], result))
        return exit_sync;
    c->entries++;
    s->exits++;
    for (int i = 0; i < 4; i++)
        r->x[i] = result[i];
    return scheduler_stay(c) ? NULL : exit_done;
}

void exit_irq(struct core *c, struct regs *r UNUSED)
{
    struct thread *t = c->current;

    atomic_store(&c->mode, (uint32_t)CORE_HYP);
    c->entries++;
    const uint64_t irqs = gic_handle(c);
    if (t->context) {
        detached_irq(t->context, t->arch.regs, irqs);
    } else if (t->in_guest) {
        t->vcpu->state->exits++;
        t->vcpu->state->irqs += irqs;
    }
}

void exit_serror(struct core *c, struct regs *r UNUSED)
{
    struct thread *t = c->current;
    uint64_t esr = sysreg_read(esr_el2);

    atomic_store(&c->mode, (uint32_t)CORE_HYP);
    c->entries++;
    /* A detached thread takes it through its stub, as all exceptions. */
    if (t->context || t->in_guest)
        sysreg_write(hcr_el2, sysreg_read(hcr_el2) | world_serror(esr));
    else
        task_thread_kill(t, "SError");
}

void exit_own(uint64_t vector)
{
    const struct core *c = core_self();

    if (c && sysreg_read(far_el2) - (c->stack_top - STACK_SIZE) < PAGE_SIZE)
        panic("the stack of core %u is used up: ESR %lx, PC %lx", c->index, sysreg_read(esr_el2),
              sysreg_read(elr_el2));
    panic("exception %lu in the hypervisor: ESR %lx, PC %lx, FAR %lx, SPSR %lx", vector, sysreg_read(esr_el2),
          sysreg_read(elr_el2), sysreg_read(far_el2), sysreg_read(spsr_el2));
}

/* PSTATE bits that a guest kernel may resume with: NZCV, DIT, TCO, UAO, PAN, SS, IL, SSBS, BTYPE, DAIF. */
#define PSTATE_GUEST64 0xf3f01fc0ull
/* AArch32 EL0: all condition and execution state bits (ARM ARM C5.2.19). */
#define PSTATE_GUEST32 0xfff1fff0ull

static uint64_t sanitize(const struct thread *t, uint64_t pstate)
{
    if (t->context)
        return (pstate & ORD_PSTATE_MASK) | PSTATE_MODE_EL0t;
    if (!t->in_guest)
        return (pstate & 0xf0000000ull) | PSTATE_MODE_EL0t;
    if ((pstate & BIT(4)) && FIELD(sysreg_read(id_aa64pfr0_el1), 3, 0) == 2)
        return (pstate & PSTATE_GUEST32) | 0x10; /* User mode */
    switch (pstate & PSTATE_MODE) {
    case PSTATE_MODE_EL1h:
    case PSTATE_MODE_EL1t:
    case PSTATE_MODE_EL0t:
        return pstate & (PSTATE_GUEST64 | PSTATE_MODE);
    default:
        return (pstate & PSTATE_GUEST64) | PSTATE_MODE_EL1h;
    }
}

struct regs *exit_prepare(struct thread *t)
{
    struct regs *r = t->arch.regs;

    sysreg_write(elr_el2, READ_ONCE(r->pc));
    sysreg_write(spsr_el2, sanitize(t, READ_ONCE(r->pstate)));
    return r;
}
