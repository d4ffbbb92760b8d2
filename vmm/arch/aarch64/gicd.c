/* SPDX-License-Identifier: BSD-2-Clause */
/* Distributor registers (IHI 0069, 12.9). All functions run with gic->lock held. */
#include "call.h"
#include "log.h"
#include "gic.h"
#include "vm.h"

enum {
    GICD_CTLR = 0x0000,
    GICD_TYPER = 0x0004,
    GICD_IIDR = 0x0008,
    GICD_IGROUPR = 0x0080,
    GICD_ISENABLER = 0x0100,
    GICD_ICENABLER = 0x0180,
    GICD_ISPENDR = 0x0200,
    GICD_ICPENDR = 0x0280,
    GICD_ISACTIVER = 0x0300,
    GICD_ICACTIVER = 0x0380,
    GICD_IPRIORITYR = 0x0400,
    GICD_ITARGETSR = 0x0800,
    GICD_ICFGR = 0x0c00,
    GICD_IGRPMODR = 0x0d00,
    GICD_IROUTER = 0x6000,
    GICD_IROUTER_END = 0x8000,
    GICD_PIDR2 = 0xffe8,
};

#define GICD_IIDR_VALUE  0x4f000043u /* ProductID 'O', implementer Arm */
#define GICD_PIDR2_VALUE 0x3bu       /* ArchRev 3: GICv3 */

/* GICD_TYPER (12.9.38): what stays of the machine's value. */
#define GICD_TYPER_KEEP (0x1fu | 0x1fu << 19 | 1u << 24 | 1u << 25) /* ITLinesNumber IDbits A3V No1N */

#define GICD_IROUTER_MASK 0xff80ffffffull /* Aff3, IRM, Aff2..0 */
#define GICD_IROUTER_IRM  (1ull << 31)

void arch_irqchip_init(struct vm *vm)
{
    struct irqchip *gic = &vm->irqchip;
    uint32_t gicd_typer = vm->boot->gicd_typer;

    *gic = (struct irqchip){.gicd_base = vm->boot->gicd_base, .gicr_base = vm->boot->gicr_base};
    gic->typer = gicd_typer & GICD_TYPER_KEEP;
    gic->intid_count = gic_intid_count(gicd_typer);
    for (uint32_t i = 0; i < GIC_WORDS; i++)
        gic->group[i] = ~0u;
    for (uint32_t i = 0; i < vm->vcpu_count; i++)
        gicr_reset(&vm->vcpu[i]);
}

status_t arch_irqchip_add_virtual(struct vm *vm, uint32_t intid, uint32_t irq)
{
    vm->irqchip.irq[intid] = (uint16_t)irq;
    vm->irqchip.bound[intid] = 0;
    return call_irq_bind(irq, vm->vcpu[0].cap, intid, 0);
}

static bool bit_test(const uint32_t *bits, uint32_t intid)
{
    return bits[intid / 32] >> intid % 32 & 1;
}

static void bit_set(uint32_t *bits, uint32_t intid, bool value)
{
    if (value)
        bits[intid / 32] |= 1u << intid % 32;
    else
        bits[intid / 32] &= ~(1u << intid % 32);
}

/* The interrupts of a word of bits that exist. */
static uint32_t word_mask(const struct irqchip *gic, uint32_t word)
{
    if (word == 0 || word * 32 >= gic->intid_count)
        return 0;
    return gic->intid_count - word * 32 >= 32 ? ~0u : (1u << (gic->intid_count - word * 32)) - 1;
}

/* Where the guest wants an SPI; 1-of-N and an affinity that nobody has: the first vCPU that is on. */
static struct vcpu *spi_target(struct vm *vm, uint32_t intid)
{
    uint64_t router = vm->irqchip.router[intid];
    struct vcpu *vcpu = router & GICD_IROUTER_IRM ? NULL : vm_find_vcpu(vm, router);

    for (uint32_t i = 0; !vcpu && i < vm->vcpu_count; i++)
        if (vm->vcpu[i].arch.online)
            vcpu = &vm->vcpu[i];
    return vcpu ? vcpu : &vm->vcpu[0];
}

static void spi_refuse(struct vm *vm, uint32_t intid, status_t status)
{
    bit_set(vm->irqchip.refused, intid, true);
    log_guest("interrupt %u is not available to the guest (%ld)", intid, (long)status);
}

/* Binds an SPI to its target with its priority; needs the irq object. */
static bool spi_bind(struct vm *vm, uint32_t intid)
{
    const struct vcpu *target = spi_target(vm, intid);
    status_t status = call_irq_bind(vm->irqchip.irq[intid], target->cap, intid, vm->irqchip.priority[intid]);

    if (status != ORD_OK)
        log_guest("interrupt %u cannot be bound (%ld)", intid, (long)status);
    else
        vm->irqchip.bound[intid] = (uint8_t)target->index;
    return status == ORD_OK;
}

/* Binds an SPI that has an irq object to its target, if that has changed and is on. */
static void spi_follow(struct vm *vm, uint32_t intid)
{
    const struct vcpu *target = spi_target(vm, intid);

    if (vm->irqchip.irq[intid] && target->arch.online && vm->irqchip.bound[intid] != target->index)
        spi_bind(vm, intid);
}

/* The irq object of an SPI, made and bound if it does not exist yet; 0 if the hypervisor refuses it. */
static uint32_t spi_object(struct vm *vm, uint32_t intid)
{
    struct irqchip *gic = &vm->irqchip;
    uint32_t cap;
    status_t status;

    if (gic->irq[intid] || bit_test(gic->refused, intid))
        return gic->irq[intid];
    cap = vm_cap_alloc();
    status = cap ? call_irq_create(cap, intid) : ORD_NO_MEMORY;
    if (status != ORD_OK) {
        vm_cap_free(cap);
        spi_refuse(vm, intid, status);
        return 0;
    }
    gic->irq[intid] = (uint16_t)cap;
    call_irq_control(cap, bit_test(gic->edge, intid) ? ORD_IRQ_EDGE : ORD_IRQ_LEVEL, NULL);
    if (!spi_bind(vm, intid)) {
        bit_set(gic->refused, intid, true); /* the object stays, unbound and disabled */
        gic->irq[intid] = 0;
        return 0;
    }
    return cap;
}

static void spi_control(struct vm *vm, uint32_t intid, enum ord_irq_op op)
{
    uint32_t cap = spi_object(vm, intid);

    if (cap)
        call_irq_control(cap, op, NULL);
}

/* The SPIs of a word that are to be enabled in the hypervisor. */
static uint32_t spi_wanted(struct vm *vm, uint32_t word)
{
    const struct irqchip *gic = &vm->irqchip;
    uint32_t want = gic->ctlr & GICD_CTLR_ENABLE_GRP1 ? gic->enabled[word] & gic->group[word] : 0;

    want &= word_mask(gic, word);
    for (uint32_t rest = want; rest; rest &= rest - 1) {
        uint32_t bit = (uint32_t)__builtin_ctz(rest);
        if (!spi_target(vm, word * 32 + bit)->arch.online)
            want &= ~(1u << bit);
    }
    return want;
}

/* Makes the hypervisor's enables of a word of SPIs follow the registers. */
static void spi_forward(struct vm *vm, uint32_t word)
{
    struct irqchip *gic = &vm->irqchip;
    uint32_t want = spi_wanted(vm, word), change = want ^ gic->forwarded[word];

    gic->forwarded[word] ^= change;
    for (; change; change &= change - 1) {
        uint32_t bit = (uint32_t)__builtin_ctz(change), intid = word * 32 + bit;
        if (want >> bit & 1)
            spi_follow(vm, intid); /* or it would come to the old target first */
        spi_control(vm, intid, want >> bit & 1 ? ORD_IRQ_ENABLE : ORD_IRQ_DISABLE);
    }
}

/* What is enabled, and where it is bound to, after vCPUs went on or off. */
void gicd_retarget_locked(struct vm *vm)
{
    for (uint32_t word = 1; word < GIC_WORDS; word++)
        spi_forward(vm, word);
    for (uint32_t intid = GIC_SPI_FIRST; intid < vm->irqchip.intid_count; intid++)
        spi_follow(vm, intid);
}

static void gicd_write_ctlr(struct vm *vm, uint32_t value)
{
    struct irqchip *gic = &vm->irqchip;
    uint32_t old = gic->ctlr;

    gic->ctlr = value & (GICD_CTLR_ENABLE_GRP0 | GICD_CTLR_ENABLE_GRP1);
    if (!((old ^ gic->ctlr) & GICD_CTLR_ENABLE_GRP1))
        return;
    for (uint32_t word = 1; word < GIC_WORDS; word++)
        spi_forward(vm, word);
    for (uint32_t i = 0; i < vm->vcpu_count; i++)
        gicr_forward_locked(vm, NULL, &vm->vcpu[i]);
}

/* Pending or active bits of a word of SPIs: of those that have an irq object. */
static uint32_t spi_state(struct vm *vm, uint32_t word, uint32_t flag)
{
    uint32_t bits = 0;

    for (uint32_t mask = word_mask(&vm->irqchip, word); mask; mask &= mask - 1) {
        uint32_t bit = (uint32_t)__builtin_ctz(mask);
        uint32_t cap = vm->irqchip.irq[word * 32 + bit];
        uint64_t state = 0;
        if (cap && call_irq_control(cap, ORD_IRQ_GET, &state) == ORD_OK && (state & flag))
            bits |= 1u << bit;
    }
    return bits;
}

static void spi_control_all(struct vm *vm, uint32_t word, uint32_t bits, enum ord_irq_op op)
{
    bool set = op == ORD_IRQ_SET_PENDING || op == ORD_IRQ_SET_ACTIVE;

    for (bits &= word_mask(&vm->irqchip, word); bits; bits &= bits - 1) {
        uint32_t intid = word * 32 + (uint32_t)__builtin_ctz(bits);
        /* nothing to clear where there is no object */
        if (set || vm->irqchip.irq[intid])
            spi_control(vm, intid, op);
    }
}

/* The bit-per-interrupt registers: 32 words each from GICD_IGROUPR to GICD_ICACTIVER. */
static void gicd_access_bits(struct vm *vm, uint32_t offset, struct mmio *mmio)
{
    struct irqchip *gic = &vm->irqchip;
    uint32_t word = (offset & 0x7f) / 4, data = (uint32_t)mmio->data;
    uint32_t mask = word_mask(gic, word);

    mmio->data = 0;
    if (!mask)
        return;
    switch (offset & ~0x7fu) {
    case GICD_IGROUPR:
        if (mmio->write)
            gic->group[word] = data;
        mmio->data = gic->group[word] & mask;
        break;
    case GICD_ISENABLER:
    case GICD_ICENABLER:
        if (mmio->write && (offset & ~0x7fu) == GICD_ISENABLER)
            gic->enabled[word] |= data & mask;
        else if (mmio->write)
            gic->enabled[word] &= ~data;
        mmio->data = gic->enabled[word];
        break;
    case GICD_ISPENDR:
    case GICD_ICPENDR:
        if (mmio->write)
            spi_control_all(vm, word, data,
                            (offset & ~0x7fu) == GICD_ISPENDR ? ORD_IRQ_SET_PENDING : ORD_IRQ_CLEAR_PENDING);
        else
            mmio->data = spi_state(vm, word, ORD_IRQ_STATE_PENDING);
        return;
    case GICD_ISACTIVER:
    case GICD_ICACTIVER:
        if (mmio->write)
            spi_control_all(vm, word, data,
                            (offset & ~0x7fu) == GICD_ISACTIVER ? ORD_IRQ_SET_ACTIVE : ORD_IRQ_CLEAR_ACTIVE);
        else
            mmio->data = spi_state(vm, word, ORD_IRQ_STATE_ACTIVE);
        return;
    }
    if (mmio->write)
        spi_forward(vm, word);
}

static void gicd_access_priority(struct vm *vm, uint32_t offset, struct mmio *mmio)
{
    struct irqchip *gic = &vm->irqchip;
    uint32_t intid = offset - GICD_IPRIORITYR;

    if (intid < GIC_SPI_FIRST || intid + mmio->size > gic->intid_count ||
        !gic_access_bytes(&gic->priority[intid], mmio, GIC_PRIORITY_MASK)) {
        mmio->data = 0;
        return;
    }
    for (uint32_t i = 0; mmio->write && i < mmio->size; i++)
        if (gic->irq[intid + i])
            spi_bind(vm, intid + i);
}

/* Two bits per interrupt, of which the upper one says "edge". */
static void gicd_access_config(struct vm *vm, uint32_t offset, struct mmio *mmio)
{
    struct irqchip *gic = &vm->irqchip;
    uint32_t first = (offset - GICD_ICFGR) * 4;
    uint64_t data = mmio->data;

    mmio->data = 0;
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t intid = first + i;
        if (intid < GIC_SPI_FIRST || intid >= gic->intid_count)
            continue;
        bool edge = data >> (2 * i + 1) & 1;
        if (mmio->write && edge != bit_test(gic->edge, intid)) {
            bit_set(gic->edge, intid, edge);
            if (gic->irq[intid])
                spi_control(vm, intid, edge ? ORD_IRQ_EDGE : ORD_IRQ_LEVEL);
        }
        if (bit_test(gic->edge, intid))
            mmio->data |= 2ull << 2 * i;
    }
}

static void gicd_access_router(struct vm *vm, uint32_t offset, struct mmio *mmio)
{
    struct irqchip *gic = &vm->irqchip;
    uint32_t intid = (offset - GICD_IROUTER) / 8;

    if (intid < GIC_SPI_FIRST || intid >= gic->intid_count) {
        mmio->data = 0;
        return;
    }
    gic_access_64(&gic->router[intid], offset, mmio);
    gic->router[intid] &= GICD_IROUTER_MASK;
    if (!mmio->write)
        return;
    spi_forward(vm, intid / 32); /* off first, if the new target is off */
    spi_follow(vm, intid);
}

static void gicd_access_word(struct vm *vm, uint32_t offset, struct mmio *mmio)
{
    uint32_t data = (uint32_t)mmio->data;

    mmio->data = 0;
    switch (offset) {
    case GICD_CTLR:
        if (mmio->write)
            gicd_write_ctlr(vm, data);
        mmio->data = vm->irqchip.ctlr | GICD_CTLR_ARE | GICD_CTLR_DS;
        break;
    case GICD_TYPER:
        mmio->data = vm->irqchip.typer;
        break;
    case GICD_IIDR:
        mmio->data = GICD_IIDR_VALUE;
        break;
    case GICD_PIDR2:
        mmio->data = GICD_PIDR2_VALUE;
        break;
    }
}

void gicd_access_locked(struct vm *vm, uint32_t offset, struct mmio *mmio)
{
    if (offset >= GICD_IPRIORITYR && offset < GICD_ITARGETSR)
        gicd_access_priority(vm, offset, mmio);
    else if (offset >= GICD_IROUTER && offset < GICD_IROUTER_END && mmio->size >= 4)
        gicd_access_router(vm, offset, mmio);
    else if (mmio->size != 4)
        mmio->data = 0;
    else if (offset >= GICD_IGROUPR && offset < GICD_IPRIORITYR)
        gicd_access_bits(vm, offset, mmio);
    else if (offset >= GICD_ICFGR && offset < GICD_IGRPMODR)
        gicd_access_config(vm, offset, mmio);
    else
        gicd_access_word(vm, offset, mmio);
}
