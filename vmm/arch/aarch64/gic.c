/* SPDX-License-Identifier: BSD-2-Clause */
/* Which frame an access hits. */
#include "gic.h"
#include "vm.h"

bool arch_irqchip_access(struct vm *vm, struct vcpu *vcpu, struct mmio *mmio)
{
    struct irqchip *gic = &vm->irqchip;
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

void arch_irqchip_set_online(struct vm *vm, struct vcpu *vcpu, bool online)
{
    spinlock_lock(&vm->irqchip.lock);
    vcpu->arch.online = online;
    gicd_retarget_locked(vm);
    spinlock_unlock(&vm->irqchip.lock);
}
