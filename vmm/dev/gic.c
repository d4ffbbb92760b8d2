/* SPDX-License-Identifier: BSD-2-Clause */
/* Which frame an access hits, and what both kinds of frame share. */
#include "vm.h"

void gic_access_64(uint64_t *value, uint32_t offset, struct mmio *mmio)
{
    uint32_t shift = offset & 4 ? 32 : 0;
    uint64_t mask = mmio->size == 8 ? ~0ull : 0xffffffffull << shift;

    if (mmio->write)
        *value = (*value & ~mask) | (mmio->data << shift & mask);
    else
        mmio->data = (*value & mask) >> shift;
}

bool gic_access_bytes(uint8_t *bytes, struct mmio *mmio, uint8_t mask)
{
    if (mmio->size != 1 && mmio->size != 4)
        return false;
    if (!mmio->write)
        mmio->data = 0;
    for (uint32_t i = 0; i < mmio->size; i++)
        if (mmio->write)
            bytes[i] = (uint8_t)(mmio->data >> 8 * i) & mask;
        else
            mmio->data |= (uint64_t)bytes[i] << 8 * i;
    return true;
}

bool gic_access(struct vm *vm, struct vcpu *vcpu, struct mmio *mmio)
{
    struct gic *gic = &vm->gic;
    uint64_t gicd = mmio->address - gic->gicd_base, gicr = mmio->address - gic->gicr_base;
    bool is_gicd = gicd < GICD_FRAME_SIZE;

    if (!is_gicd && gicr >= GICR_FRAME_SIZE * vm->vcpu_count)
        return false;
    if (mmio->address & (mmio->size - 1)) {
        mmio->data = 0;
        return true;
    }
    spinlock_lock(&gic->lock);
    if (is_gicd)
        gicd_access_locked(vm, (uint32_t)gicd, mmio);
    else
        gicr_access_locked(vm, vcpu, &vm->vcpu[gicr / GICR_FRAME_SIZE], (uint32_t)(gicr % GICR_FRAME_SIZE),
                           mmio);
    spinlock_unlock(&gic->lock);
    return true;
}

void gic_set_online(struct vm *vm, struct vcpu *vcpu, bool online)
{
    spinlock_lock(&vm->gic.lock);
    vcpu->online = online;
    gicd_retarget_locked(vm);
    spinlock_unlock(&vm->gic.lock);
}
