/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Redistributor registers (IHI 0069, 12.11): RD_base, and SGI_base 64 KiB behind it. Enables and priorities
 * are kept in the vCPU's state page, where the hypervisor reads them at each entry.
 */
#include "call.h"
#include "gic.h"
#include "vm.h"

enum {
    GICR_CTLR = 0x0000,
    GICR_IIDR = 0x0004,
    GICR_TYPER = 0x0008,
    GICR_WAKER = 0x0014,
    GICR_PIDR2 = 0xffe8,
    SGI_BASE = 0x10000,
    GICR_IGROUPR0 = SGI_BASE + 0x0080,
    GICR_ISENABLER0 = SGI_BASE + 0x0100,
    GICR_ICENABLER0 = SGI_BASE + 0x0180,
    GICR_ISPENDR0 = SGI_BASE + 0x0200,
    GICR_ICPENDR0 = SGI_BASE + 0x0280,
    GICR_ISACTIVER0 = SGI_BASE + 0x0300,
    GICR_ICACTIVER0 = SGI_BASE + 0x0380,
    GICR_IPRIORITYR = SGI_BASE + 0x0400,
    GICR_ICFGR0 = SGI_BASE + 0x0c00,
    GICR_ICFGR1 = SGI_BASE + 0x0c04,
};

#define GICR_IIDR_VALUE  0x4f000043u
#define GICR_PIDR2_VALUE 0x3bu

#define GICR_TYPER_LAST               (1ull << 4)
#define GICR_TYPER_PROCESSOR_NUMBER_S 8
#define GICR_TYPER_AFFINITY_S         32

#define GICR_WAKER_PROCESSOR_SLEEP (1u << 1)
#define GICR_WAKER_CHILDREN_ASLEEP (1u << 2)

#define SGI_MASK 0xffffu /* SGIs are always edge-triggered */

void gicr_reset(struct vcpu *vcpu)
{
    vcpu->arch.sleeping = true;
    vcpu->arch.enabled = 0;
    vcpu->arch.group = ~0u;
    vcpu->arch.edge = SGI_MASK;
    vcpu->state->private_enabled = 0;
    for (uint32_t i = 0; i < 32; i++)
        vcpu->state->private_priority[i] = 0;
}

void gicr_forward_locked(struct vm *vm, struct vcpu *self, struct vcpu *owner)
{
    uint32_t want = vm->irqchip.ctlr & GICD_CTLR_ENABLE_GRP1 ? owner->arch.enabled & owner->arch.group : 0;

    if (want == owner->state->private_enabled)
        return;
    __atomic_store_n(&owner->state->private_enabled, want, __ATOMIC_RELEASE);
    /* another vCPU may be in the guest: make it come out, so that it enters with the new value */
    if (self != owner)
        call_vcpu_kick(owner->cap);
}

static uint64_t gicr_typer(const struct vm *vm, const struct vcpu *owner)
{
    uint64_t a = owner->hwid;
    uint64_t affinity = (a >> 8 & 0xff000000) | (a & 0xffffff);

    return affinity << GICR_TYPER_AFFINITY_S | (uint64_t)owner->index << GICR_TYPER_PROCESSOR_NUMBER_S |
           (owner->index == vm->vcpu_count - 1 ? GICR_TYPER_LAST : 0);
}

/* Two bits per interrupt, of which the upper one says "edge". */
static uint32_t config_from_edge(uint32_t edge)
{
    uint32_t config = 0;

    for (uint32_t i = 0; i < 16; i++)
        config |= (edge >> i & 1) << (2 * i + 1);
    return config;
}

static uint32_t config_to_edge(uint32_t config)
{
    uint32_t edge = 0;

    for (uint32_t i = 0; i < 16; i++)
        edge |= (config >> (2 * i + 1) & 1) << i;
    return edge;
}

static void gicr_set_pending(struct vcpu *owner, uint32_t bits)
{
    for (; bits; bits &= bits - 1) {
        uint32_t intid = (uint32_t)__builtin_ctz(bits);
        call_vcpu_inject(owner->cap, intid, owner->state->private_priority[intid]);
    }
}

static void gicr_write(struct vm *vm, struct vcpu *self, struct vcpu *owner, uint32_t offset, uint32_t data)
{
    switch (offset) {
    case GICR_WAKER:
        owner->arch.sleeping = data & GICR_WAKER_PROCESSOR_SLEEP;
        break;
    case GICR_IGROUPR0:
        owner->arch.group = data;
        gicr_forward_locked(vm, self, owner);
        break;
    case GICR_ISENABLER0:
        owner->arch.enabled |= data;
        gicr_forward_locked(vm, self, owner);
        break;
    case GICR_ICENABLER0:
        owner->arch.enabled &= ~data;
        gicr_forward_locked(vm, self, owner);
        break;
    case GICR_ISPENDR0:
        gicr_set_pending(owner, data);
        break;
    case GICR_ICFGR1:
        owner->arch.edge = SGI_MASK | config_to_edge(data) << 16;
        break;
    /* Clearing pending and setting or clearing active need the list registers, which version 1 of the
     * host-task interface does not reach: ignored. Linux writes ICACTIVER0 once, before anything is active.
     */
    default:
        break;
    }
}

static uint32_t gicr_read(const struct vcpu *owner, uint32_t offset)
{
    switch (offset) {
    case GICR_IIDR:
        return GICR_IIDR_VALUE;
    case GICR_WAKER:
        return owner->arch.sleeping ? GICR_WAKER_PROCESSOR_SLEEP | GICR_WAKER_CHILDREN_ASLEEP : 0;
    case GICR_PIDR2:
        return GICR_PIDR2_VALUE;
    case GICR_IGROUPR0:
        return owner->arch.group;
    case GICR_ISENABLER0:
    case GICR_ICENABLER0:
        return owner->arch.enabled;
    case GICR_ISPENDR0:
    case GICR_ICPENDR0:
        return __atomic_load_n(&owner->state->private_pending, __ATOMIC_RELAXED);
    case GICR_ISACTIVER0:
    case GICR_ICACTIVER0:
        return __atomic_load_n(&owner->state->private_active, __ATOMIC_RELAXED);
    case GICR_ICFGR0:
        return config_from_edge(owner->arch.edge & SGI_MASK);
    case GICR_ICFGR1:
        return config_from_edge(owner->arch.edge >> 16);
    default:
        return 0;
    }
}

void gicr_access_locked(struct vm *vm, struct vcpu *self, struct vcpu *owner, uint32_t offset,
                        struct mmio *mmio)
{
    if ((offset & ~4u) == GICR_TYPER && mmio->size >= 4) {
        uint64_t typer = gicr_typer(vm, owner);
        gic_access_64(&typer, offset, mmio);
    } else if (offset >= GICR_IPRIORITYR && offset < GICR_IPRIORITYR + 32) {
        if (!gic_access_bytes(&owner->state->private_priority[offset - GICR_IPRIORITYR], mmio,
                              GIC_PRIORITY_MASK))
            mmio->data = 0;
    } else if (mmio->size != 4) {
        mmio->data = 0;
    } else if (mmio->write) {
        gicr_write(vm, self, owner, offset, (uint32_t)mmio->data);
    } else {
        mmio->data = gicr_read(owner, offset);
    }
}
