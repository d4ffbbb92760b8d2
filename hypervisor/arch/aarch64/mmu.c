/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EL2 stage 1 (E2H = 0: one range, TTBR0_EL2), one to one:
 *   image: text read-only + executable, rodata read-only, the rest never executable
 *   RAM: read-write; GIC, UART: device
 */
#include "mmu.h"

#include "console.h"
#include "core.h"
#include "errata.h"
#include "image.h"
#include "machine.h"
#include "panic.h"
#include "platform.h"
#include "pool.h"
#include "ptab.h"
#include "sysreg.h"
#include <arch/platform.h>
#include <arch/ptab.h>

#define ATTR_NORMAL    0
#define ATTR_DEVICE    1
#define MAIR_EL2_VALUE (0xffull << 8 * ATTR_NORMAL | 0x04ull << 8 * ATTR_DEVICE)

#define PTE_VALID BIT(0)
#define PTE_TABLE BIT(1) /* table at levels 0..2, page at level 3 */
#define PTE_ADDR  BIT_RANGE(47, 12)
#define PTE_SH_IS (3ull << 8)
#define PTE_AF    BIT(10)
#define PTE_XN    BIT(54)
/* stage 1 */
#define S1_AP_RES1 BIT(6)
#define S1_RO      BIT(7)
/* stage 2 */
#define S2_NORMAL (0xfull << 2) /* write-back, inner and outer */
#define S2_NC     (0x5ull << 2) /* Normal non-cacheable, inner and outer */
#define S2_DEVICE (0x1ull << 2) /* Device-nGnRE */
#define S2_READ   BIT(6)
#define S2_WRITE  BIT(7)

extern char image_start[], text_end[], rodata_end[], pool_start[];

/* Image and device tree may each lie across two GiB. */
#define EARLY_TABLES 7
static uint64_t early_tables[EARLY_TABLES][512] __attribute__((aligned(4096)));
static struct ptab tables;

uint64_t arch_image_base(void)
{
    return (uint64_t)image_start;
}

uint64_t arch_image_size(void)
{
    return IMAGE_MEMORY;
}

uint64_t arch_pool_base(void)
{
    return (uint64_t)pool_start;
}

static uint64_t parange(void)
{
    return MIN(sysreg_read(id_aa64mmfr0_el1) & 0xf, 5ull);
}

unsigned arch_space_bits(void)
{
    static const uint8_t bits[] = {32, 36, 40, 42, 44, 48};
    static unsigned result;
    uint64_t top = 0;

    if (result)
        return result;
    for (uint32_t i = 0; i < platform.ram_count; i++)
        top = MAX(top, platform.ram[i].base + platform.ram[i].size);
    /* 40 bits keep the walk short; more only if memory is up there. */
    result = MIN((unsigned)bits[parange()], top > BIT(40) ? 48u : 40u);
    return result;
}

/* Stage 2 concatenates up to 16 tables at its first level (ARM ARM D8.2.2). */
void arch_ptab_shape(struct ptab *p)
{
    unsigned inside; /* bits that one page as root translates */

    p->root_level = p->bits > (p->kind == PTAB_OWN ? 39 : 43) ? 0 : 1;
    inside = p->root_level ? 39 : 48;
    p->root_order = p->bits > inside ? (uint8_t)(p->bits - inside) : 0;
}

bool arch_pte_valid(uint64_t pte)
{
    return pte & PTE_VALID;
}

bool arch_pte_is_table(uint64_t pte, unsigned level)
{
    return level < 3 && (pte & (PTE_VALID | PTE_TABLE)) == (PTE_VALID | PTE_TABLE);
}

uint64_t arch_pte_address(uint64_t pte)
{
    return pte & PTE_ADDR;
}

uint64_t arch_pte_table(const struct ptab *p UNUSED, uint64_t address)
{
    return address | PTE_VALID | PTE_TABLE;
}

/*
 * What a device's registers are at stage 2. The guest's own stage 1 says what they are, as without a
 * hypervisor: of both stages the stricter type counts, and Device is stricter than Normal non-cacheable (ARM
 * ARM D8.6.5, "Stage 2 memory type and Cacheability attributes"). So what Linux maps as a device stays one,
 * and what it maps write-combining, a frame buffer, may be accessed unaligned. Cacheable it is never. A host
 * task's stage 1 is off, and HCR_EL2.DC makes it cacheable memory: there stage 2 decides alone.
 */
static uint64_t device_type(const struct ptab *p)
{
    return p->kind == PTAB_VM ? S2_NC : S2_DEVICE;
}

uint64_t arch_pte_leaf(const struct ptab *p, uint64_t address, unsigned level, unsigned rights)
{
    uint64_t pte = address | PTE_VALID | (level == 3 ? PTE_TABLE : 0) | PTE_AF | PTE_SH_IS;

    if (!(rights & PTAB_EXEC))
        pte |= PTE_XN;
    if (p->kind == PTAB_OWN)
        return pte | S1_AP_RES1 | (rights & PTAB_WRITE ? 0 : S1_RO) |
               (rights & PTAB_DEVICE ? ATTR_DEVICE << 2 : ATTR_NORMAL << 2);
    return pte | (rights & PTAB_READ ? S2_READ : 0) | (rights & PTAB_WRITE ? S2_WRITE : 0) |
           (rights & PTAB_DEVICE ? device_type(p) : S2_NORMAL);
}

unsigned arch_pte_rights(const struct ptab *p, uint64_t pte)
{
    unsigned rights = pte & PTE_XN ? 0 : PTAB_EXEC;

    if (p->kind == PTAB_OWN)
        return rights | PTAB_READ | (pte & S1_RO ? 0 : PTAB_WRITE) | (pte >> 2 & 7 ? PTAB_DEVICE : 0);
    return rights | (pte & S2_READ ? PTAB_READ : 0) | (pte & S2_WRITE ? PTAB_WRITE : 0) |
           ((pte & S2_NORMAL) == S2_NORMAL ? 0 : PTAB_DEVICE);
}

void arch_ptab_sync(const void *start UNUSED, uint64_t size UNUSED)
{
    /* Walks are coherent with the caches: the write only has to be complete. */
    dsb(ishst);
}

void arch_ptab_flush(const struct ptab *p)
{
    if (p->kind == PTAB_OWN) {
        tlbi(alle2is);
        dsb(ish);
        if (errata_repeat_tlbi) {
            tlbi(alle2is);
            dsb(ish);
        }
        isb();
        return;
    }
    uint64_t old = sysreg_read(vttbr_el2), hcr = sysreg_read(hcr_el2);
    sysreg_write(hcr_el2, hcr & ~HCR_TGE);
    sysreg_write(vttbr_el2, (uint64_t)p->space << 48 | ptr_pa(p->root).v);
    isb();
    tlbi(vmalls12e1is);
    dsb(ish);
    if (errata_repeat_tlbi) {
        tlbi(vmalls12e1is);
        dsb(ish);
    }
    isb();
    sysreg_write(vttbr_el2, old);
    sysreg_write(hcr_el2, hcr);
    isb();
}

void arch_mem_sync(void *start, uint64_t size)
{
    uint64_t line = 4ull << FIELD(sysreg_read(ctr_el0), 19, 16);

    for (uint64_t a = (uint64_t)start; a < (uint64_t)start + size; a += line)
        dc(civac, a);
    dsb(sy);
    ic(ialluis);
    dsb(ish);
    isb();
}

/* For mmu_switch() in start.S, which the other cores call before they use memory. */
struct mmu_values {
    uint64_t ttbr0, tcr, mair, sctlr;
};
struct mmu_values mmu_values;

void mmu_switch(uint64_t ttbr0, uint64_t tcr, uint64_t mair, uint64_t sctlr);

/* Cores whose HCR_EL2.E2H is fixed to 1 have another form of TCR_EL2. They are refused, but that is to be
 * read. */
static bool e2h(void)
{
    return sysreg_read(hcr_el2) & HCR_E2H;
}

static void mmu_on(const uint64_t *root, uint64_t wxn)
{
    const uint64_t tcr = 16 /* T0SZ: 48 bits */ | 1ull << 8 | 1ull << 10 | 3ull << 12;

    mmu_values = (struct mmu_values){
        .ttbr0 = ptr_pa(root).v,
        .tcr = tcr | (e2h() ? TCR_EPD1 | parange() << 32 : BIT(31) | BIT(23) | parange() << 16),
        .mair = MAIR_EL2_VALUE,
        .sctlr = SCTLR_EL2_RES1 | SCTLR_M | SCTLR_C | SCTLR_I | wxn |
                 (FIELD(sysreg_read(id_aa64mmfr2_el1), 15, 12) ? SCTLR_IESB : 0),
    };
    mmu_switch(mmu_values.ttbr0, mmu_values.tcr, mmu_values.mair, mmu_values.sctlr);
}

/*
 * The map until mmu_init(). Blocks of 2 MiB, and only those that we use: a block of 1 GiB may contain
 * devices, which would be memory that a core may read and fetch from speculatively, and RAM with AT
 * instructions (user.c).
 */
static void early_map(uint64_t address, unsigned rights)
{
    static struct ptab format = {.kind = PTAB_OWN};
    static unsigned used = 1; /* the first is the root */
    uint64_t *table = early_tables[0];

    for (unsigned level = 0; level < 2; level++) {
        uint64_t *entry = &table[address >> (39 - 9 * level) & 511];
        if (!arch_pte_valid(*entry)) {
            if (used == EARLY_TABLES)
                return;
            *entry = arch_pte_table(&format, ptr_pa(early_tables[used++]).v);
        }
        table = pa_ptr(pa(arch_pte_address(*entry)));
    }
    uint64_t *entry = &table[address >> 21 & 511];
    if (!arch_pte_valid(
            *entry)) /* What EL0 may write, EL2 could not execute: AP[1] is RES1 with E2H = 0 only. */
        *entry = arch_pte_leaf(&format, ALIGN_DOWN(address, BIT(21)), 2, rights) & ~(e2h() ? S1_AP_RES1 : 0);
}

void mmu_early(uint64_t dtb)
{
    for (uint64_t at = 0; at < IMAGE_MEMORY; at += BIT(21))
        early_map(arch_image_base() + at, PTAB_READ | PTAB_WRITE | PTAB_EXEC);
    early_map(dtb, PTAB_READ);
    early_map(dtb + (2 << 20), PTAB_READ);
    mmu_on(early_tables[0], 0);
}

static void map(uint64_t base, uint64_t size, unsigned rights)
{
    uint64_t start = ALIGN_DOWN(base, PAGE_SIZE), end = ALIGN_UP(base + size, PAGE_SIZE);

    if (size && ptab_map(&tables, start, pa(start), end - start, rights) != ORD_OK)
        panic("cannot map %lx..%lx for the hypervisor", base, base + size);
}

void mmu_init(void)
{
    uint64_t image = arch_image_base(), end = image + IMAGE_MEMORY;

    if (ptab_init(&tables, PTAB_OWN, 48, 0) != ORD_OK)
        panic("no memory for the hypervisor's page tables");
    map(image, (uint64_t)text_end - image, PTAB_READ | PTAB_EXEC);
    map((uint64_t)text_end, (uint64_t)rodata_end - (uint64_t)text_end, PTAB_READ);
    uint64_t at = (uint64_t)rodata_end;
    for (uint32_t i = 0; i < core_count; i++) {
        /* Stacks come from a pool that counts up. */
        uint64_t guard = cores[i].stack_top - STACK_SIZE;
        map(at, guard - at, PTAB_READ | PTAB_WRITE);
        at = guard + PAGE_SIZE;
    }
    map(at, end - at, PTAB_READ | PTAB_WRITE);
    for (uint32_t i = 0; i < platform.ram_count; i++) {
        /* Around the image, which may be in more than one of them, or in none: boot_main() refuses that. */
        uint64_t base = platform.ram[i].base, top = base + platform.ram[i].size;
        uint64_t below = MIN(MAX(image, base), top), above = MAX(MIN(end, top), base);
        map(base, below - base, PTAB_READ | PTAB_WRITE);
        map(above, top - above, PTAB_READ | PTAB_WRITE);
    }
    map(machine.gicd.base, machine.gicd.size, PTAB_READ | PTAB_WRITE | PTAB_DEVICE);
    map(machine.gicr.base, machine.gicr.size, PTAB_READ | PTAB_WRITE | PTAB_DEVICE);
    map(platform.uart.base, platform.uart.size, PTAB_READ | PTAB_WRITE | PTAB_DEVICE);
    mmu_on(tables.root, SCTLR_WXN);
}

void mmu_init_core(void)
{
    unsigned bits = arch_space_bits();
    /* SL0 for 4 KiB granules: 1 starts at level 1, 2 at level 0 (ARM ARM D19.2.163, VTCR_EL2). */
    uint64_t vtcr = BIT(31) | (64 - bits) | (bits > 43 ? 2ull : 1ull) << 6 | 1ull << 8 | 1ull << 10 |
                    3ull << 12 | parange() << 16;

    sysreg_write(vtcr_el2, vtcr);
    sysreg_write(vttbr_el2, 0);
    isb();
    tlbi(alle1);
    dsb(nsh);
    isb();
}
