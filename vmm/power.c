/* SPDX-License-Identifier: BSD-2-Clause */
#include "power.h"
#include "call.h"
#include "log.h"
#include "vm.h"

enum vcpu_power power_on(struct vcpu *vcpu, uint64_t entry, uint64_t context)
{
    struct vm *vm = vcpu->vm;

    spinlock_lock(&vm->power_lock);
    enum vcpu_power before = vcpu->power;
    if (before == VCPU_OFF) {
        vcpu->entry = entry;
        vcpu->context = context;
        vcpu->power = VCPU_ON_PENDING;
    }
    spinlock_unlock(&vm->power_lock);
    if (before == VCPU_OFF)
        vm_wake_vcpu(vcpu);
    return before;
}

bool power_take(struct vcpu *vcpu)
{
    bool on = false;

    spinlock_lock(&vcpu->vm->power_lock);
    if (vcpu->power == VCPU_ON_PENDING) {
        vcpu->power = VCPU_ON;
        on = true;
    }
    spinlock_unlock(&vcpu->vm->power_lock);
    return on;
}

/*
 * An interrupt that the guest has not ended is active in the machine's controller, and its device silent. The
 * reset deactivates it. A level-triggered one whose device still asks is pending again at once: it must not
 * come back here, so what is routed to this vCPU is shut off before. An edge that the guest has not seen is
 * gone: nothing here can tell it from one that another vCPU is just handling, so none is raised anew.
 */
void power_off(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;
    status_t status;

    arch_irqchip_set_online(vm, vcpu, false);
    status = call_vcpu_reset(vcpu->cap);
    spinlock_lock(&vm->power_lock);
    vcpu->power = VCPU_OFF;
    spinlock_unlock(&vm->power_lock);
    if (status != ORD_OK) {
        log_line("vCPU %u cannot be reset (%ld)", vcpu->index, (long)status);
        vm_end(vm, vm->config.on_error, "guest cannot go on");
    }
}
