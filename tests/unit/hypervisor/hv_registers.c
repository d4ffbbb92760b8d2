/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arch/aarch64 over a model of its system registers: what an emulator cannot show, because there a write
 * counts at once. What is written and which barriers are in between is recorded; what a list register holds
 * shows in ICH_ELRSR_EL2 behind an ISB only.
 */
#include "../check.h"

#include "core.h"
#include "debug.h"
#include "errata.h"
#include "gich.h"
#include "image.h"
#include "machine.h"
#include "mmu.h"
#include "platform.h"
#include "pool.h"
#include "ptab.h"
#include "sysreg.h"
#include "virq.h"
#include "vm.h"
#include "world.h"
#include <arch/hypercall.h>
#include <arch/irqchip.h>
#include <arch/ptab.h>
#include <string.h>
#include <sys/mman.h>

/* ---- registers ---- */

#define LR_COUNT 4

static struct {
    const char *name;
    uint64_t value;
} registers[256];

static struct record {
    const char *name; /* a register, or a barrier */
    uint64_t value;
} record[4096];
static unsigned record_count;

static const char *const lr_names[LR_COUNT] = {"S3_4_C12_C12_0", "S3_4_C12_C12_1", "S3_4_C12_C12_2",
                                               "S3_4_C12_C12_3"};
static uint64_t elrsr = BIT(LR_COUNT) - 1;

static uint64_t *find(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(registers); i++) {
        if (!registers[i].name)
            registers[i].name = name;
        if (!strcmp(registers[i].name, name))
            return &registers[i].value;
    }
    CHECK(!"too many registers");
    return NULL;
}

uint64_t model_read(const char *name)
{
    return !strcmp(name, "ICH_ELRSR_EL2") ? elrsr : *find(name);
}

static void add(const char *name, uint64_t value)
{
    CHECK(record_count < ARRAY_SIZE(record));
    record[record_count++] = (struct record){name, value};
}

void model_write(const char *name, uint64_t value)
{
    add(name, value);
    *find(name) = value;
}

void model_note(const char *what)
{
    add(what, 0);
    if (strcmp(what, "isb"))
        return;
    for (unsigned i = 0; i < LR_COUNT; i++)
        elrsr = *find(lr_names[i]) >> 62 ? elrsr & ~BIT(i) : elrsr | BIT(i);
}

/* Index of the first (or last) record of that name from `from` on; it has to be there. */
static unsigned first(const char *name, unsigned from)
{
    for (unsigned i = from; i < record_count; i++)
        if (!strcmp(record[i].name, name))
            return i;
    fprintf(stderr, "no %s\n", name);
    exit(1);
}

static unsigned last(const char *name)
{
    for (unsigned i = record_count; i--;)
        if (!strcmp(record[i].name, name))
            return i;
    fprintf(stderr, "no %s\n", name);
    exit(1);
}

static unsigned count(const char *name)
{
    unsigned n = 0;

    for (unsigned i = 0; i < record_count; i++)
        n += !strcmp(record[i].name, name);
    return n;
}

/* ---- what the files need of others ---- */

struct core *model_core;
struct core cores[ORD_CORES_MAX];
uint32_t core_count;
struct platform platform;
struct machine machine;
static uint64_t serror; /* that is let in */

char image_start[IMAGE_MEMORY] __attribute__((aligned(1 << 21)));
uint64_t serror_take(void);
void mmu_switch(uint64_t ttbr0, uint64_t tcr, uint64_t mair, uint64_t sctlr);

/* Symbols of the linker script: the image's parts. */
__asm__(".globl text_end, rodata_end, pool_start\n.set text_end, image_start + 0x10000\n.set rodata_end, "
        "image_start + "
        "0x14000\n"
        ".set pool_start, image_start + 0x20000\n");

uint64_t serror_take(void)
{
    uint64_t esr = serror;

    serror = 0;
    *find("isr_el1") = 0;
    return esr;
}

static struct {
    uint64_t ttbr0, tcr;
} mmu;

void mmu_switch(uint64_t ttbr0, uint64_t tcr, uint64_t mair UNUSED, uint64_t sctlr UNUSED)
{
    mmu.ttbr0 = ttbr0;
    mmu.tcr = tcr;
}

void fpsimd_save(uint64_t v[64] UNUSED) {}
void fpsimd_load(const uint64_t v[64] UNUSED) {}
void timer_start(struct timer *t UNUSED, uint64_t at UNUSED) {}
void timer_stop(struct timer *t UNUSED) {}
void virq_keep(struct irq *i UNUSED) {}
void arch_irq_resume(uint32_t intid UNUSED) {}
uint64_t arch_irq_control(uint32_t intid UNUSED, uint32_t op UNUSED)
{
    return 0;
}
void print(const char *format UNUSED, ...) {}
void panic(const char *format, ...)
{
    fprintf(stderr, "panic: %s\n", format);
    exit(1);
}
void refuse(const char *format, ...)
{
    fprintf(stderr, "refuse: %s\n", format);
    exit(1);
}
static struct core core;
static struct vm vm;

static struct vcpu *make_vcpu(void)
{
    static struct {
        struct vcpu vcpu;
        struct thread thread;
        struct ord_vcpu_state state;
    } all[2];
    static unsigned used;
    struct vcpu *v = &all[used].vcpu;

    v->vm = &vm;
    v->state = &all[used].state;
    v->state->private_enabled = ~0u;
    v->thread = &all[used++].thread;
    v->arch.world =
        (struct world){.hcr = HCR_GUEST, .vttbr = 0x1000, .sctlr = 1, .el1 = &v->arch.el1, .fp = &v->arch.fp};
    v->arch.el1 = (struct el1){.is_vcpu = true, .ttbr0 = 0xa000, .ttbr1 = 0xb000, .tcr = 0x1234};
    gich_reset(&v->arch.el1.gich);
    return v;
}

static void start(void)
{
    model_core = &core;
    *find("ICH_VTR_EL2") = (LR_COUNT - 1) | 4ull << 26;
    gich_init_core();
    record_count = 0;
}

/* ---- list registers ---- */

static void pend(struct vcpu *v, uint32_t line)
{
    arch_vcpu_set_pending(&v->arch, line);
    v->pending_any = 1;
}

/* Each interrupt gets one of its own, also if several come in one flush, or one flush follows the other. */
static void list_registers(void)
{
    struct vcpu *v = make_vcpu();
    uint64_t seen = 0;

    world_load(&core, &v->arch.world);
    for (unsigned i = 1; i <= 2; i++)
        pend(v, i);
    gich_flush(v);
    pend(v, 3);
    gich_flush(v);
    pend(v, 4);
    gich_flush(v);
    CHECK(!v->arch.pending_private);
    for (unsigned i = 0; i < LR_COUNT; i++)
        seen |= BIT(*find(lr_names[i]) & 0xff);
    CHECK_EQUAL(seen, BIT(1) | BIT(2) | BIT(3) | BIT(4));
    /* No room: it stays pending, and the hardware says when there is. */
    pend(v, 5);
    gich_flush(v);
    CHECK_EQUAL(v->arch.pending_private, BIT(5));
    CHECK(*find("ICH_HCR_EL2") & BIT(1));
    /* One that is there and pending again keeps its place. */
    pend(v, 2);
    gich_flush(v);
    CHECK_EQUAL(v->arch.pending_private, BIT(5));
}

/* What a vCPU has in the list registers comes back with it, and no other has it meanwhile. */
static void list_registers_switched(void)
{
    struct vcpu *a = make_vcpu(), *b = make_vcpu();

    world_load(&core, &a->arch.world);
    pend(a, 1);
    pend(a, 2);
    gich_flush(a);
    world_load(&core, &b->arch.world);
    for (unsigned i = 0; i < LR_COUNT; i++)
        CHECK_EQUAL(*find(lr_names[i]), 0);
    pend(b, 3);
    gich_flush(b);
    world_load(&core, &a->arch.world);
    CHECK_EQUAL(*find(lr_names[0]) & 0xff, 1);
    CHECK_EQUAL(*find(lr_names[1]) & 0xff, 2);
    CHECK_EQUAL(*find(lr_names[2]), 0);
}

/* ---- the EL1&0 regime ---- */

static bool closed(uint64_t tcr)
{
    return (tcr & (TCR_EPD0 | TCR_EPD1)) == (TCR_EPD0 | TCR_EPD1);
}

/*
 * From one guest to another: TCR_EL1 closes the tables and is synchronized before anything else of the regime
 * changes, and opens them last, behind an ISB that follows all the rest.
 */
static void tables_are_closed(void)
{
    struct vcpu *a = make_vcpu(), *b = make_vcpu();
    static const char *const regime[] = {"ttbr0_el1", "ttbr1_el1", "mair_el1",
                                         "hcr_el2",   "vttbr_el2", "sctlr_el1"};

    for (unsigned round = 0; round < 3; round++) {
        struct world *w = round % 2 ? &b->arch.world : &a->arch.world;
        record_count = 0;
        world_load(&core, w);
        unsigned opens = last("tcr_el1"), closes = round ? first("tcr_el1", 0) : 0;
        CHECK_EQUAL(record[opens].value, 0x1234);
        CHECK_EQUAL(count("tcr_el1"), round ? 2 : 1);
        if (round) {
            CHECK(closes != opens && closed(record[closes].value));
            closes = first("isb", closes);
        }
        CHECK(!strcmp(record[opens - 1].name, "isb"));
        for (unsigned i = 0; i < ARRAY_SIZE(regime); i++) {
            CHECK(first(regime[i], 0) >= closes && last(regime[i]) < opens);
            CHECK_EQUAL(count(regime[i]), 1);
        }
        /* The way out may be a return to this very guest: not without it. */
        CHECK(first("isb", opens) > opens);
    }
    /* Its owner gives its tables back. */
    record_count = 0;
    world_forget(&core, &a->arch.world);
    CHECK(closed(record[first("tcr_el1", 0)].value));
    first("isb", first("tcr_el1", 0));
}

/* ---- host tasks ---- */

/* A task finds nothing of a guest in what EL0 can read, and the guest finds its own again; the VMM leaves it.
 */
static void tasks_see_nothing(void)
{
    struct vcpu *v = make_vcpu();
    struct fpsimd fp;
    struct world vmm = {.hcr = HCR_VMM, .fp = &fp}, task = {.hcr = HCR_TASK, .el1 = &world_nobody, .fp = &fp};

    world_load(&core, &v->arch.world);
    *find("tpidrro_el0") = 0x5ec2e7;
    world_load(&core, &vmm);
    CHECK_EQUAL(*find("tpidrro_el0"), 0x5ec2e7);
    CHECK(core.arch.el1 == &v->arch.el1);
    world_load(&core, &task);
    CHECK_EQUAL(*find("tpidrro_el0"), 0);
    CHECK(!(*find("hcr_el2") & HCR_API) && closed(*find("tcr_el1")));
    world_load(&core, &v->arch.world);
    CHECK_EQUAL(*find("tpidrro_el0"), 0x5ec2e7);
    CHECK_EQUAL(*find("tcr_el1"), 0x1234);
}

/* ---- errors ---- */

#define RAS (1ull << 28)

/* One that is pending when a guest leaves is that guest's, by whatever its syndrome is. */
static void serrors(void)
{
    static const struct {
        uint64_t pfr0, esr;
        bool taken;
    } cases[] = {
        {0, 0xbf000000, true},                     /* no RAS: anything counts */
        {RAS, 0xbf000000, true},                   /* implementation-defined */
        {RAS, 0xbe000000 | 0x11, true},            /* uncontained */
        {RAS, 0xbe000000 | 1 << 10 | 0x11, true},  /* unrecoverable */
        {RAS, 0xbe000000 | 2 << 10 | 0x11, false}, /* restartable */
        {RAS, 0xbe000000 | 3 << 10 | 0x11, true},  /* recoverable */
        {RAS, 0xbe000000 | 6 << 10 | 0x11, false}, /* corrected */
        {RAS, 0xbe000000 | 6 << 10, true},         /* no such field */
    };
    struct vcpu *a = make_vcpu(), *b = make_vcpu();
    struct fpsimd fp;
    struct world vmm = {.hcr = HCR_VMM, .fp = &fp};

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        *find("id_aa64pfr0_el1") = cases[i].pfr0;
        world_load(&core, &a->arch.world);
        *find("isr_el1") = ISR_A;
        serror = cases[i].esr;
        record_count = 0;
        world_load(&core, i % 2 ? &vmm : &b->arch.world);
        CHECK(!serror);
        /* Its accesses have ended before that is looked at. */
        CHECK(first("isb", first("dsb sy", 0)) < first("hcr_el2", 0));
        CHECK(!(*find("hcr_el2") & HCR_VSE));
        world_load(&core, &a->arch.world);
        CHECK_EQUAL(!!(*find("hcr_el2") & HCR_VSE), cases[i].taken);
        if (cases[i].taken && cases[i].pfr0)
            CHECK_EQUAL(*find("S3_4_C5_C2_3"), cases[i].esr & BIT_RANGE(24, 0));
        *find("hcr_el2") = HCR_GUEST; /* it has been taken */
    }
    /* A detached context that ends. */
    world_load(&core, &a->arch.world);
    *find("isr_el1") = ISR_A;
    *find("id_aa64pfr0_el1") = 0;
    serror = 0xbf000000;
    CHECK_EQUAL(world_late_serror(), HCR_VSE);
    CHECK_EQUAL(world_late_serror(), 0);
}

/* ---- debug registers ---- */

static void breakpoints(void)
{
    struct vcpu *a = make_vcpu(), *b = make_vcpu();
    struct fpsimd fp;
    struct world vmm = {.hcr = HCR_VMM, .fp = &fp};

    *find("id_aa64dfr0_el1") = 5ull << 12 | 3ull << 20; /* 6 breakpoints, 4 watchpoints */
    *find("dbgbcr5_el1") = 0x1e5;                       /* of whatever ran here before us */
    world_load(&core, &a->arch.world);
    CHECK_EQUAL(*find("dbgbcr5_el1"), 0);
    *find("dbgbcr5_el1") = 0x1e5;
    *find("dbgwvr3_el1") = 0x1000;
    *find("oslsr_el1") = OSLSR_OSLK;
    record_count = 0;
    world_load(&core, &vmm);
    world_load(&core, &a->arch.world);
    CHECK_EQUAL(count("dbgbcr5_el1"), 0);
    world_load(&core, &b->arch.world);
    CHECK_EQUAL(*find("dbgbcr5_el1"), 0);
    CHECK_EQUAL(*find("dbgwvr3_el1"), 0);
    CHECK_EQUAL(*find("oslar_el1"), 0);
    CHECK_EQUAL(count("dbgbcr6_el1") + count("dbgwcr4_el1"), 0); /* there are none */
    world_load(&core, &a->arch.world);
    CHECK_EQUAL(*find("dbgbcr5_el1"), 0x1e5);
    CHECK_EQUAL(*find("dbgwvr3_el1"), 0x1000);
    CHECK_EQUAL(*find("oslar_el1"), 1);
}

/* ---- errata ---- */

static bool repeats(uint64_t midr)
{
    errata_repeat_tlbi = false;
    *find("midr_el1") = midr;
    errata_init_core();
    return errata_repeat_tlbi;
}

static void errata(void)
{
    struct ptab own = {.kind = PTAB_OWN}, space = {.kind = PTAB_VM, .space = 3};

    CHECK(repeats(0x410fd0b0) && repeats(0x413fd0b0)); /* Cortex-A76 r0p0, r3p0 */
    CHECK(!repeats(0x413fd0b1) && !repeats(0x414fd0b1));
    CHECK(repeats(0x412fd050));                          /* Cortex-A55 r2p0 */
    CHECK(repeats(0x411fd461) && !repeats(0x411fd462));  /* Cortex-A510 */
    CHECK(!repeats(0x410fd083) && !repeats(0x413fd0c1)); /* Cortex-A72, Neoverse N1 */
    for (unsigned twice = 0; twice < 2; twice++) {
        errata_repeat_tlbi = twice;
        record_count = 0;
        arch_ptab_flush(&own);
        CHECK_EQUAL(count("tlbi alle2is"), 1 + twice);
        arch_ptab_flush(&space);
        CHECK_EQUAL(count("tlbi vmalls12e1is"), 1 + twice);
        /* each behind the end of the one before */
        CHECK_EQUAL(count("dsb ish"), 2 + 2 * twice);
    }
}

/* ---- the hypervisor's own map ---- */

static bool mapped(uint64_t at)
{
    const struct ptab p = {.root = (uint64_t *)mmu.ttbr0, .bits = 48, .kind = PTAB_OWN};
    paddr_t to;
    unsigned rights;

    return ptab_lookup(&p, at, &to, &rights) && to.v == at;
}

static void start_mmu(uint64_t hcr)
{
    char *ram = mmap((void *)0x500000000000, 64 << 20, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    CHECK(ram != MAP_FAILED);
    *find("hcr_el2") = hcr;
    *find("id_aa64mmfr0_el1") = 5;
    mmu_early((uint64_t)ram + 0x1ff000);
}

/* Before the real tables: image and device tree, and nothing beside them, such as a device in the same GiB.
 */
static void early_map(void)
{
    const uint64_t image_at = (uint64_t)image_start, dtb = 0x5000001ff000;

    start_mmu(0);
    for (uint64_t at = 0; at < IMAGE_MEMORY; at += PAGE_SIZE)
        CHECK(mapped(image_at + at));
    CHECK(!mapped(image_at - 1) && !mapped(image_at + IMAGE_MEMORY));
    CHECK(mapped(dtb) && mapped(dtb + (2 << 20) - 1));
    CHECK(!mapped(dtb + (4 << 20)) && !mapped(ALIGN_DOWN(dtb, BIT(21)) - 1));
    /* E2H = 0: RES1 bits, PS in 18:16 */
    CHECK_EQUAL(mmu.tcr & (BIT(31) | BIT(23) | 7ull << 16 | 0x3f), BIT(31) | BIT(23) | 5ull << 16 | 16);
}

/* A core whose E2H is fixed to 1 reads TCR_EL2 otherwise, and executes nothing that EL0 may write: it has to
 * come as far as the message that it is refused. */
static void early_map_e2h(void)
{
    start_mmu(HCR_E2H);
    CHECK_EQUAL(mmu.tcr & (TCR_EPD1 | 7ull << 32 | 0x3f), TCR_EPD1 | 5ull << 32 | 16);
    CHECK_EQUAL(mmu.tcr & (BIT(31) | 7ull << 16), 0);
    const uint64_t *table = (uint64_t *)mmu.ttbr0;
    for (unsigned level = 0; level < 2; level++)
        table = pa_ptr(pa(arch_pte_address(table[(uint64_t)image_start >> (39 - 9 * level) & 511])));
    uint64_t leaf = table[(uint64_t)image_start >> 21 & 511];
    CHECK(arch_pte_valid(leaf) && !(leaf & BIT(6)) && !(leaf & BIT(54)));
}

/* Below each core's stack is a page that is not there. */
static void guards(void)
{
    char *const from = image_start + 0x20000;

    start_mmu(0);
    pool_init_pages(ptr_pa(from), IMAGE_MEMORY - 0x20000);
    platform.ram_count = 1;
    platform.ram[0] = (struct range){(uint64_t)image_start, IMAGE_MEMORY + (1 << 21)};
    core_count = 4;
    for (unsigned i = 0; i < core_count; i++)
        cores[i].stack_top = (uint64_t)pool_alloc_pages(STACK_ORDER) + STACK_SIZE;
    mmu_init();
    for (uint64_t at = (uint64_t)image_start; at < (uint64_t)image_start + IMAGE_MEMORY + (1 << 21);
         at += PAGE_SIZE) {
        bool guard = false;
        for (unsigned i = 0; i < core_count; i++)
            guard |= at == cores[i].stack_top - STACK_SIZE;
        CHECK_EQUAL(mapped(at), !guard);
    }
}

/* What a device is at stage 2: the guest's own attributes decide, a host task has none. */
static void devices(void)
{
    const struct ptab guest = {.kind = PTAB_VM}, host = {.kind = PTAB_TASK};
    const unsigned rights = PTAB_READ | PTAB_WRITE;

    CHECK_EQUAL(arch_pte_leaf(&guest, 0x9000000, 3, rights | PTAB_DEVICE) >> 2 & 15, 5); /* Normal-NC */
    CHECK_EQUAL(arch_pte_leaf(&host, 0x9000000, 3, rights | PTAB_DEVICE) >> 2 & 15, 1);  /* Device-nGnRE */
    CHECK_EQUAL(arch_pte_leaf(&guest, 0x40000000, 3, rights) >> 2 & 15, 15);             /* write-back */
    for (unsigned i = 0; i < 2; i++) {
        const struct ptab *p = i ? &guest : &host;
        CHECK_EQUAL(arch_pte_rights(p, arch_pte_leaf(p, 0x9000000, 3, rights | PTAB_DEVICE)),
                    rights | PTAB_DEVICE);
        CHECK_EQUAL(arch_pte_rights(p, arch_pte_leaf(p, 0x9000000, 3, rights)), rights);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"list-registers", list_registers},
        {"list-registers-switched", list_registers_switched},
        {"tables-are-closed", tables_are_closed},
        {"tasks-see-nothing", tasks_see_nothing},
        {"serrors", serrors},
        {"breakpoints", breakpoints},
        {"errata", errata},
        {"early-map", early_map},
        {"early-map-e2h", early_map_e2h},
        {"guards", guards},
        {"devices", devices},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(tests); i++)
        if (argc == 2 && !strcmp(argv[1], tests[i].name)) {
            start();
            tests[i].run();
            return 0;
        }
    fprintf(stderr, "which test?\n");
    return 2;
}
