/* SPDX-License-Identifier: BSD-2-Clause */
#include "call.h"
#include "log.h"
#include "power.h"
#include "vm.h"

/* All vCPUs that are on get this exit. Each shows its registers, and the last one does what the policy says.
 */
static bool vcpu_hang(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;
    uint32_t on = 0;

    arch_vcpu_dump(vcpu);
    spinlock_lock(&vm->power_lock);
    for (uint32_t i = 0; i < vm->vcpu_count; i++)
        on += vm->vcpu[i].power == VCPU_ON;
    bool last = ++vm->hanging >= on;
    if (last)
        vm->hanging = 0;
    spinlock_unlock(&vm->power_lock);
    if (last && vm->config.on_hang == POLICY_REPORT)
        log_line("guest hangs: it goes on");
    else if (last)
        vm_end(vm, vm->config.on_hang, "guest hangs");
    return !vm_ending(vm);
}

static void vcpu_handle_mmio(struct vcpu *vcpu)
{
    struct ord_vcpu_state *s = vcpu->state;
    struct mmio mmio;

    if (arch_vcpu_access(s, &mmio) && arch_irqchip_access(vcpu->vm, vcpu, &mmio))
        arch_vcpu_access_done(s, &mmio);
    else
        arch_vcpu_refuse(vcpu);
}

bool vcpu_handle_exit(struct vcpu *vcpu)
{
    enum vcpu_next next;

    switch (vcpu->state->exit) {
    case ORD_EXIT_MMIO:
        vcpu_handle_mmio(vcpu);
        return true;
    case ORD_EXIT_ABORT:
        arch_vcpu_refuse(vcpu);
        return true;
    case ORD_EXIT_NONE:
    case ORD_EXIT_KICK:
        return true;
    case ORD_EXIT_HANG:
        return vcpu_hang(vcpu);
    default:
        next = arch_vcpu_exit(vcpu);
        if (next != VCPU_CANNOT)
            return next == VCPU_GOES_ON;
        if (!__atomic_exchange_n(&vcpu->vm->dumped, true, __ATOMIC_RELAXED))
            arch_vcpu_dump(vcpu);
        vm_end(vcpu->vm, vcpu->vm->config.on_error, "guest cannot go on");
        return false;
    }
}

static void vcpu_run(struct vcpu *vcpu)
{
    status_t status = call_vcpu_reset(vcpu->cap);

    arch_vcpu_start(vcpu);
    arch_irqchip_set_online(vcpu->vm, vcpu, true);
    while (status == ORD_OK) {
        status = call_vcpu_run(vcpu->cap);
        if (vm_ending(vcpu->vm))
            return;
        if (status == ORD_OK && !vcpu_handle_exit(vcpu))
            return;
    }
    log_line("vCPU %u cannot run (%ld)", vcpu->index, (long)status);
    vm_end(vcpu->vm, vcpu->vm->config.on_error, "guest cannot go on");
}

/*
 * The first vCPU's thread stays when the VM has ended: with its last thread the VMM's task would end, and
 * the hypervisor switches the machine off then. Others end. Returns only if waiting fails.
 */
static void vcpu_stay(struct vcpu *vcpu)
{
    uint64_t bits;

    while (vcpu->index == 0 && call_notify_wait(vcpu->notify_cap, &bits) == ORD_OK)
        ; /* nobody has anything to say any more */
}

void vcpu_thread(void *argument)
{
    struct vcpu *vcpu = argument;
    uint64_t bits;

    while (!vm_ending(vcpu->vm)) {
        if (power_take(vcpu))
            vcpu_run(vcpu);
        else if (call_notify_wait(vcpu->notify_cap, &bits) != ORD_OK)
            break;
    }
    /*
     * Interrupts that are pending for it could end its core's sleep at once, again and again. In the
     * machine's interrupt controller all stay as they are: detached threads may have some of them.
     */
    status_t status = call_vcpu_reset(vcpu->cap);
    if (status != ORD_OK)
        log_line("vCPU %u cannot be reset (%ld)", vcpu->index, (long)status);
    vcpu_stay(vcpu);
    call_thread_exit();
}
