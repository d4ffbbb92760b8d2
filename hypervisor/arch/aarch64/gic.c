/* SPDX-License-Identifier: BSD-2-Clause */
#include "gic.h"

#include "atomic.h"
#include "console.h"
#include "gich.h"
#include "irq.h"
#include "machine.h"
#include "panic.h"
#include "report.h"
#include "sysreg.h"
#include "vcpu.h"
#include <arch/irqchip.h>
#include <arch/thread.h>
#include <outrider/task.h>

/* Distributor, 12.9 */
#define GICD_CTLR       0x0000
#define GICD_CTLR_GRP1  BIT(1) /* EnableGrp1 (DS=1) or EnableGrp1A (Non-secure) */
#define GICD_CTLR_ARE   BIT(4)
#define GICD_CTLR_RWP   BIT(31)
#define GICD_TYPER      0x0004
#define GICD_IGROUPR    0x0080
#define GICD_ISENABLER  0x0100
#define GICD_ICENABLER  0x0180
#define GICD_ISPENDR    0x0200
#define GICD_ICPENDR    0x0280
#define GICD_ISACTIVER  0x0300
#define GICD_ICACTIVER  0x0380
#define GICD_IPRIORITYR 0x0400
#define GICD_ICFGR      0x0c00
#define GICD_IROUTER    0x6000
/* Redistributor, 12.11: RD_base, then SGI_base */
#define GICR_CTLR         0x0000
#define GICR_CTLR_LPIS    BIT(0) /* EnableLPIs */
#define GICR_CTLR_RWP     BIT(3)
#define GICR_TYPER        0x0008
#define GICR_TYPER_VLPIS  BIT(1)
#define GICR_TYPER_LAST   BIT(4)
#define GICR_WAKER        0x0014
#define GICR_WAKER_SLEEP  BIT(1)
#define GICR_WAKER_ASLEEP BIT(2)
#define GICR_SGI          0x10000

#define ICC_IAR1_EL1     S3_0_C12_C12_0
#define ICC_EOIR1_EL1    S3_0_C12_C12_1
#define ICC_DIR_EL1      S3_0_C12_C11_1
#define ICC_PMR_EL1      S3_0_C4_C6_0
#define ICC_BPR1_EL1     S3_0_C12_C12_3
#define ICC_CTLR_EL1     S3_0_C12_C12_4
#define ICC_IGRPEN1_EL1  S3_0_C12_C12_7
#define ICC_SGI1R_EL1    S3_0_C12_C11_5
#define ICC_SRE_EL1      S3_0_C12_C12_5
#define ICC_SRE_EL2      S3_4_C12_C9_5
#define ICC_CTLR_EOIMODE BIT(1)

#define PRIORITY 0xa0u

static uint32_t limit;

static uint32_t read32(uint64_t a)
{
    return *(volatile uint32_t *)a;
}

static void write32(uint64_t a, uint32_t v)
{
    *(volatile uint32_t *)a = v;
}

static void write64(uint64_t a, uint64_t v)
{
    *(volatile uint64_t *)a = v;
}

static void wait_dist(void)
{
    while (read32(machine.gicd.base + GICD_CTLR) & GICD_CTLR_RWP)
        cpu_relax();
}

/* MPIDR affinities as GICD_IROUTER and GICR_TYPER[63:32] have them. */
static uint32_t affinity(uint64_t mpidr)
{
    return (uint32_t)(FIELD(mpidr, 39, 32) << 24 | FIELD(mpidr, 23, 0));
}

void gic_init(void)
{
    uint64_t d = machine.gicd.base;

    limit = (uint32_t)MIN(32 * ((read32(d + GICD_TYPER) & 0x1f) + 1), 1020u);
    write32(d + GICD_CTLR, 0);
    wait_dist();
    for (uint32_t i = 32; i < limit; i += 32) {
        write32(d + GICD_ICENABLER + i / 8, ~0u);
        write32(d + GICD_ICPENDR + i / 8, ~0u);
        write32(d + GICD_ICACTIVER + i / 8, ~0u);
        write32(d + GICD_IGROUPR + i / 8, ~0u);
    }
    for (uint32_t i = 32; i < limit; i += 4)
        write32(d + GICD_IPRIORITYR + i, PRIORITY * 0x01010101u);
    wait_dist();
    write32(d + GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_GRP1);
    wait_dist();
    for (uint32_t i = 32; i < limit; i++)
        write64(d + GICD_IROUTER + 8 * i, core_self()->hwid);
}

static uint64_t find_redistributor(const struct core *c)
{
    uint64_t r = machine.gicr.base, end = r + machine.gicr.size;

    while (r < end) {
        uint64_t typer = *(volatile uint64_t *)(r + GICR_TYPER);
        if (typer >> 32 == affinity(c->hwid))
            return r;
        if (typer & GICR_TYPER_LAST)
            break;
        r += typer & GICR_TYPER_VLPIS ? 0x40000 : 0x20000;
    }
    refuse("core %u (MPIDR %lx) has no GIC redistributor", c->index, c->hwid);
}

void gic_init_core(struct core *c)
{
    uint64_t r = c->arch.gicr = find_redistributor(c), sgi = r + GICR_SGI;
    uint32_t own =
        BIT(INTID_KICK) | BIT(INTID_CONSOLE) | BIT(INTID_MAINTENANCE) | BIT(INTID_HTIMER) | BIT(INTID_VTIMER);

    write32(r + GICR_WAKER, read32(r + GICR_WAKER) & ~(uint32_t)GICR_WAKER_SLEEP);
    while (read32(r + GICR_WAKER) & GICR_WAKER_ASLEEP)
        cpu_relax();
    /* A boot loader's LPIs: their tables are the guest's memory now. It may be that this cannot be cleared.
     */
    write32(r + GICR_CTLR, read32(r + GICR_CTLR) & ~(uint32_t)GICR_CTLR_LPIS);
    while (read32(r + GICR_CTLR) & GICR_CTLR_RWP)
        cpu_relax();
    write32(sgi + GICD_ICENABLER, ~0u);
    write32(sgi + GICD_ICACTIVER, ~0u);
    write32(sgi + GICD_ICPENDR, ~0u);
    write32(sgi + GICD_IGROUPR, ~0u);
    for (uint32_t i = 0; i < 32; i += 4)
        write32(sgi + GICD_IPRIORITYR + i, PRIORITY * 0x01010101u);
    write32(sgi + GICD_ISENABLER, own);
    while (read32(r + GICR_CTLR) & GICR_CTLR_RWP)
        cpu_relax();

    /* Enable = 0: EL1's accesses to ICC_SRE_EL1 are trapped (exit.c), for good or where it could be cleared.
     */
    sysreg_write(ICC_SRE_EL2, ICC_SRE_SYSTEM);
    isb();
    sysreg_write(ICC_SRE_EL1, ICC_SRE_SYSTEM);
    isb();
    sysreg_write(ICC_PMR_EL1, 0xff);
    sysreg_write(ICC_BPR1_EL1, 0);
    sysreg_write(ICC_CTLR_EL1, ICC_CTLR_EOIMODE);
    sysreg_write(ICC_IGRPEN1_EL1, 1);
    isb();
    gich_init_core();
}

uint32_t arch_irq_limit(void)
{
    return limit;
}

void arch_irq_route(uint32_t intid, const struct core *c)
{
    write64(machine.gicd.base + GICD_IROUTER + 8ull * intid, c->hwid);
}

static bool bit(uint32_t reg, uint32_t intid)
{
    return read32(machine.gicd.base + reg + intid / 32 * 4) >> intid % 32 & 1;
}

uint64_t arch_irq_control(uint32_t intid, uint32_t op)
{
    static const uint16_t reg[] = {
        [ORD_IRQ_ENABLE] = GICD_ISENABLER,     [ORD_IRQ_DISABLE] = GICD_ICENABLER,
        [ORD_IRQ_SET_PENDING] = GICD_ISPENDR,  [ORD_IRQ_CLEAR_PENDING] = GICD_ICPENDR,
        [ORD_IRQ_SET_ACTIVE] = GICD_ISACTIVER, [ORD_IRQ_CLEAR_ACTIVE] = GICD_ICACTIVER,
    };
    static struct spinlock lock; /* ICFGR is read, changed and written */
    uint64_t d = machine.gicd.base;
    uint32_t shift = intid % 16 * 2 + 1;

    switch (op) {
    case ORD_IRQ_EDGE:
    case ORD_IRQ_LEVEL: {
        uint64_t cfg = d + GICD_ICFGR + intid / 16 * 4;
        spin_lock(&lock);
        uint32_t v = read32(cfg) & ~(1u << shift);
        write32(cfg, op == ORD_IRQ_EDGE ? v | 1u << shift : v);
        spin_unlock(&lock);
        return 0;
    }
    case ORD_IRQ_GET:
        return (bit(GICD_ISENABLER, intid) ? ORD_IRQ_STATE_ENABLED : 0) |
               (bit(GICD_ISPENDR, intid) ? ORD_IRQ_STATE_PENDING : 0) |
               (bit(GICD_ISACTIVER, intid) ? ORD_IRQ_STATE_ACTIVE : 0) |
               (read32(d + GICD_ICFGR + intid / 16 * 4) >> shift & 1 ? ORD_IRQ_STATE_EDGE : 0);
    default:
        write32(d + reg[op] + intid / 32 * 4, 1u << intid % 32);
        if (op == ORD_IRQ_DISABLE)
            wait_dist();
        return 0;
    }
}

void arch_irq_resume(uint32_t intid)
{
    sysreg_write(ICC_DIR_EL1, intid);
}

static void send(const struct core *c, uint64_t intid)
{
    uint64_t a = c->hwid;

    dsb(ishst);
    sysreg_write(ICC_SGI1R_EL1, FIELD(a, 39, 32) << 48 | FIELD(a, 7, 4) << 44 | FIELD(a, 23, 16) << 32 |
                                    intid << 24 | FIELD(a, 15, 8) << 16 | BIT(a & 0xf));
    isb();
}

void arch_core_kick(const struct core *c)
{
    send(c, INTID_KICK);
}

void arch_console_kick(const struct core *c)
{
    send(c, INTID_CONSOLE);
}

static void unexpected(uint32_t intid)
{
    static uint32_t printed;

    if (intid >= 32 && intid < limit)
        arch_irq_control(intid, ORD_IRQ_DISABLE);
    if (printed++ < 8)
        print("interrupt %u has no owner: disabled", intid);
}

/* Not a device's that is given away: the hypervisor's own, or nobody's. */
static NOINLINE void handle_rare(uint32_t intid)
{
    if (intid == INTID_CONSOLE) {
        report_pump();
    } else if (!report_interrupt(intid)) {
        unexpected(intid);
        if (intid >= INTID_LPI)
            return; /* an LPI has no active state (2.2.1); without the EOI, its priority would mask all others
                     */
    }
    arch_irq_resume(intid);
}

/* If there is another one, it is the next thing that comes. */
uint64_t gic_handle(struct core *c)
{
    uint32_t intid = (uint32_t)sysreg_read(ICC_IAR1_EL1) & 0xffffff;

    if (UNLIKELY(intid - INTID_SPECIAL < 4))
        return 0;
    c->irqs++;
    /* EOImode = 1: this drops the priority only. */
    sysreg_write(ICC_EOIR1_EL1, intid);
    switch (intid) {
    case INTID_HTIMER:
        timer_expire();
        arch_irq_resume(INTID_HTIMER);
        break;
    case INTID_KICK:
        arch_irq_resume(INTID_KICK);
        break;
    case INTID_VTIMER:
        /* Stays active until the guest's EOI, so that it does not fire again meanwhile. */
        if (LIKELY(c->arch.el1 && c->arch.el1->is_vcpu)) {
            vcpu_pend(CONTAINER_OF(c->arch.el1, struct vcpu, arch.el1), INTID_VTIMER);
            break;
        }
        sysreg_write(cntv_ctl_el0, 0);
        arch_irq_resume(INTID_VTIMER);
        break;
    case INTID_MAINTENANCE:
        gich_underflow(c);
        arch_irq_resume(INTID_MAINTENANCE);
        break;
    default:
        /* What is given away first: the console's UART never is (irq_create()). */
        if (UNLIKELY(intid < 32 || !irq_deliver(intid)))
            handle_rare(intid);
    }
    return 1;
}

void arch_core_irqs(struct core *c)
{
    gic_handle(c);
}
