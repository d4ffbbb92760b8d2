/* SPDX-License-Identifier: BSD-2-Clause */
#include "call.h"
#include "log.h"
#include "vm.h"

static uint32_t cap_next = ORD_CAP_FIRST_FREE;

uint32_t vm_cap_alloc(void)
{
    return cap_next < ORD_CAP_COUNT ? cap_next++ : 0;
}

void vm_cap_free(uint32_t cap)
{
    if (cap && cap == cap_next - 1)
        cap_next--;
}

struct vcpu *vm_find_vcpu(struct vm *vm, uint64_t hwid)
{
    for (uint32_t i = 0; i < vm->vcpu_count; i++)
        if (vm->vcpu[i].hwid == hwid)
            return &vm->vcpu[i];
    return NULL;
}

void vm_wake_vcpu(struct vcpu *vcpu)
{
    call_notify_signal(vcpu->notify_cap, 1);
}

void vm_end(struct vm *vm, enum policy policy, const char *reason)
{
    static const char *const actions[] = {
        [POLICY_OFF] = "the machine goes off",
        [POLICY_RESET] = "the machine restarts",
        [POLICY_STOP] = "the VM stops with its detached threads; the machine stays on and runs nothing",
        [POLICY_KEEP] = "vCPUs stop, detached threads run on; the machine stays on",
    };
    status_t status = ORD_OK;

    if (__atomic_exchange_n(&vm->ending, 1, __ATOMIC_ACQ_REL))
        return;
    log_line("%s: %s", reason, actions[policy]);
    if (policy == POLICY_OFF)
        status = call_power(ORD_POWER_OFF);
    else if (policy == POLICY_RESET)
        status = call_power(ORD_POWER_RESET);
    if (policy == POLICY_OFF || policy == POLICY_RESET)
        log_line("the machine refuses (%ld): %s", (long)status, actions[POLICY_STOP]);
    if (policy != POLICY_KEEP)
        call_vm_stop(vm->cap);
    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        vm_wake_vcpu(&vm->vcpu[i]);
        call_vcpu_kick(vm->vcpu[i].cap);
    }
}
