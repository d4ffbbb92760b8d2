/* SPDX-License-Identifier: BSD-2-Clause */
/* Bringing up the boot core, then the others. */
#include "atomic.h"
#include "boot.h"
#include "console.h"
#include "core.h"
#include "detached.h"
#include "errata.h"
#include "gic.h"
#include "machine.h"
#include "mmu.h"
#include "panic.h"
#include "platform.h"
#include "pool.h"
#include "psci.h"
#include "string.h"
#include "sysreg.h"
#include "world.h"
#include <arch/platform.h>
#include <arch/thread.h>
#include <arch/timer.h>

#define DTB_LIMIT (2ull << 20) /* of the arm64 boot protocol */

extern char start_secondary[], vectors[];

/* start.S */
uint64_t start_primary(uint64_t dtb);
void start_primary_rest(void);
void start_secondary_core(struct core *c);

static uint64_t counter_hz;

/* Firmware may have left MPAM3_EL3.TRAPLOWER at its reset value, 1: then an access to MPAM2_EL2 ends in EL3,
 * and there is nothing that would tell us before. Guests are trapped by it, too. */
static bool mpam_off(void)
{
    const char *value;

    return platform_option("mpam", &value) == 3 && !strncmp(value, "off", 3);
}

/* Trap registers of later extensions: their reset values are unknown, their features are hidden anyway. */
static void clear_traps(void)
{
    uint64_t pfr0 = sysreg_read(id_aa64pfr0_el1);

    if (FIELD(sysreg_read(id_aa64mmfr1_el1), 43, 40))
        sysreg_write(S3_4_C1_C2_2, 0); /* HCRX_EL2 */
    if (FIELD(sysreg_read(id_aa64mmfr0_el1), 59, 56)) {
        sysreg_write(S3_4_C1_C1_4, 0); /* HFGRTR_EL2 */
        sysreg_write(S3_4_C1_C1_5, 0); /* HFGWTR_EL2 */
        sysreg_write(S3_4_C1_C1_6, 0); /* HFGITR_EL2 */
        sysreg_write(S3_4_C3_C1_4, 0); /* HDFGRTR_EL2 */
        sysreg_write(S3_4_C3_C1_5, 0); /* HDFGWTR_EL2 */
        if (FIELD(pfr0, 47, 44))
            sysreg_write(S3_4_C3_C1_6, 0); /* HAFGRTR_EL2 */
    }
    if (FIELD(pfr0, 43, 40) && !mpam_off())
        sysreg_write(S3_4_C10_C5_0, BIT(48) | BIT(49)); /* MPAM2_EL2: trap EL0 and EL1 */
}

static void init_core(struct core *c)
{
    clear_traps();
    sysreg_write(hcr_el2, HCR_TASK);
    sysreg_write(cptr_el2, CPTR_BASE);
    sysreg_write(mdcr_el2, (sysreg_read(mdcr_el2) & 0x1f) | MDCR_TPM | MDCR_TPMCR | MDCR_TTRF | MDCR_TPMS |
                               MDCR_TDOSA | MDCR_TDRA);
    /* EL1 may read the physical counter, not program its timer. An event stream for our own WFE: it does not
     * wake for interrupts that are masked. */
    sysreg_write(cnthctl_el2, 1 | CNTHCTL_EVNTEN | 8 << 4);
    world_close_tables();
    sysreg_write(cntvoff_el2, 0);
    sysreg_write(cntv_ctl_el0, 0);
    sysreg_write(hstr_el2, 0);
    sysreg_write(vpidr_el2, sysreg_read(midr_el1));
    sysreg_write(vmpidr_el2, sysreg_read(mpidr_el1));
    sysreg_write(tpidrro_el0, 0);
    arch_timer_off();
    isb();
    errata_init_core();
    gic_init_core(c);
}

/* The lowest page is a guard: mmu_init() leaves it out. Its fault is told from the top of the same stack. */
static bool make_stack(struct core *c)
{
    char *stack = pool_alloc_pages(STACK_ORDER);

    c->stack_top = stack ? (uint64_t)stack + STACK_SIZE : 0;
    return stack;
}

static const struct uart *find_uart(void)
{
    for (const struct uart *u = uart_table; u->compatible; u++)
        if (u->compatible == platform.uart_compatible)
            return u;
    return NULL;
}

static uint64_t features_isar(void)
{
    return sysreg_read(id_aa64isar1_el1) & (BIT_RANGE(11, 4) | BIT_RANGE(31, 24));
}

uint64_t start_primary(uint64_t dtb)
{
    uint64_t mpidr = sysreg_read(mpidr_el1) & 0xff00ffffffull;

    mmu_early(dtb);
    pool_init_pages(pa(arch_pool_base()), arch_image_base() + arch_image_size() - arch_pool_base());
    const char *error = machine_discover((const void *)dtb, DTB_LIMIT);
    core_count = platform.core_count;
    for (uint32_t i = 0; i < core_count; i++) {
        core_init(&cores[i], i, platform.hwid[i]);
        if (!make_stack(&cores[i])) {
            error = "no memory for the cores' stacks";
            core_count = i;
        }
    }
    struct core *c = NULL;
    for (uint32_t i = 0; i < core_count; i++)
        if (cores[i].hwid == mpidr)
            c = &cores[i];
    mmu_init();
    mmu_init_core();
    if (find_uart())
        console_init(find_uart(), pa(platform.uart.base));
    print("Outrider, ABI %d.%d, at %lx", ORD_ABI_MAJOR, ORD_ABI_MINOR, arch_image_base());
    if (error)
        refuse("%s", error);
    if (sysreg_read(hcr_el2) & HCR_E2H)
        refuse("HCR_EL2.E2H is fixed to 1 on these cores: not supported");
    if (!c)
        refuse("the boot core (MPIDR %lx) is not in the device tree", mpidr);
    counter_hz = arch_counter_hz();
    if (!counter_hz)
        refuse("CNTFRQ_EL0 is 0: firmware has to set it to the frequency of the counter");
    c->mode = CORE_HYP;
    sysreg_write(tpidr_el2, c);
    world_has_pauth = features_isar() || (sysreg_read(S3_0_C0_C6_2) & BIT_RANGE(15, 8));
    detached_init();
    return c->stack_top;
}

void start_primary_rest(void)
{
    gic_init();
    init_core(core_self());
    boot_main();
}

void start_secondary_core(struct core *c)
{
    mmu_init_core();
    sysreg_write(tpidr_el2, c);
    if (arch_counter_hz() != counter_hz) {
        print("core %u: CNTFRQ_EL0 is %lu, not %lu as on the boot core", c->index, arch_counter_hz(),
              counter_hz);
        arch_halt();
    }
    init_core(c);
    atomic_store(&c->mode, (uint32_t)CORE_HYP);
}

void arch_start_cores(void)
{
    uint32_t online = 1;

    for (uint32_t i = 0; i < core_count; i++) {
        struct core *c = &cores[i];
        if (c == core_self())
            continue;
        /* It starts with its caches off. */
        arch_mem_sync((void *)arch_image_base(), arch_image_size());
        int64_t error = psci_cpu_on(c->hwid, (uint64_t)start_secondary, (uint64_t)c);
        if (error) {
            print("core %u (MPIDR %lx) does not start: PSCI error %ld", i, c->hwid, error);
            continue;
        }
        uint64_t deadline = arch_counter() + 5 * arch_counter_hz();
        while (READ_ONCE(c->mode) == CORE_OFF && arch_counter() < deadline)
            cpu_relax();
        if (READ_ONCE(c->mode) == CORE_OFF)
            print("core %u was started but does not answer", i);
        else
            online++;
    }
    print("%u of %u cores, %s", online, core_count, world_has_pauth ? "PAuth" : "no PAuth");
}

void arch_core_poll(struct core *c UNUSED)
{
    __asm__ volatile("wfe" ::: "memory");
}

bool arch_core_irq_pending(void)
{
    return sysreg_read(isr_el1) & ISR_I;
}

/* While an SError is pending it does not wait: until its guest goes on, which takes it. */
void arch_core_sleep(struct core *c UNUSED)
{
    __asm__ volatile("dsb sy\n\twfi" ::: "memory");
}

void arch_bootinfo(struct ord_bootinfo *info)
{
    info->gicd_base = machine.gicd.base;
    info->gicd_size = machine.gicd.size;
    info->gicr_base = machine.gicr.base;
    info->gicr_size = machine.gicr.size;
    info->gicd_typer = *(volatile uint32_t *)(machine.gicd.base + 4);
}
