/* SPDX-License-Identifier: BSD-2-Clause */
#include "vm.h"

#include "atomic.h"
#include "console.h"
#include "core.h"
#include "pool.h"
#include <arch/platform.h>
#include <arch/timer.h>

static uint32_t space_last;
/* Of all VMs. */
static struct spinlock cores_lock;
static uint32_t all_host_cores, all_guest_cores;

struct spinlock vm_irq_lock;

status_t vm_create(uint64_t exception, struct vm **out)
{
    if (!arch_exception_valid(exception))
        return ORD_BAD_PARAM;
    struct vm *vm = pool_alloc(ORD_POOL_TASK);
    if (!vm)
        return ORD_NO_MEMORY;
    vm->exception = (uint8_t)exception;
    status_t s = ptab_init(&vm->ptab, PTAB_VM, arch_space_bits(), 0);
    if (s == ORD_OK) {
        s = arch_vm_init(vm);
        if (s != ORD_OK)
            ptab_free(&vm->ptab);
    }
    if (s != ORD_OK) {
        pool_free(ORD_POOL_TASK, vm);
        return s;
    }
    /* Last: there are few, and they are not taken back. Nothing has run with the table yet. */
    vm->ptab.space = (uint16_t)space_id();
    *out = vm;
    return ORD_OK;
}

uint32_t space_id(void)
{
    return atomic_add(&space_last, 1u) + 1;
}

static status_t add_core(struct vm *vm, uint64_t core, uint64_t prio_limit, bool shared)
{
    status_t s = ORD_OK;

    if (core >= core_count || READ_ONCE(cores[core].mode) == CORE_OFF)
        return ORD_BAD_CORE;
    if (prio_limit < ORD_PRIO_MIN || prio_limit > ORD_PRIO_MAX)
        return ORD_BAD_PARAM;
    spin_lock(&vm->lock);
    spin_lock(&cores_lock);
    if ((all_guest_cores | all_host_cores) & BIT(core)) {
        s = ORD_BUSY;
    } else {
        all_host_cores |= (uint32_t)BIT(core);
        vm->prio_limit[core] = (uint8_t)prio_limit;
        if (shared)
            WRITE_ONCE(vm->shared_cores, vm->shared_cores | (uint32_t)BIT(core));
        atomic_store(&vm->host_cores, vm->host_cores | (uint32_t)BIT(core));
    }
    spin_unlock(&cores_lock);
    spin_unlock(&vm->lock);
    return s;
}

status_t vm_add_core(struct vm *vm, uint64_t core, uint64_t prio_limit)
{
    return add_core(vm, core, prio_limit, false);
}

status_t vm_share_core(struct vm *vm, uint64_t core, uint64_t prio_limit, uint64_t budget, uint64_t period)
{
    uint64_t khz = arch_counter_hz() / 1000;

    if (period < ORD_PERIOD_MIN || period > ORD_PERIOD_MAX || !budget || budget > period)
        return ORD_BAD_PARAM;
    status_t s = add_core(vm, core, prio_limit, true);
    /* Nothing of the VM runs there yet: its vCPU comes later, and contexts are made by vCPUs. */
    if (s == ORD_OK)
        budget_set(&cores[core].budget, budget * khz / 1000, period * khz / 1000);
    return s;
}

status_t vm_take_guest_core(struct vm *vm, uint32_t core)
{
    status_t s = ORD_OK;

    spin_lock(&cores_lock);
    if ((vm->guest_cores | (all_host_cores & ~vm->shared_cores)) & BIT(core)) {
        s = ORD_BUSY;
    } else {
        WRITE_ONCE(all_guest_cores, all_guest_cores | (uint32_t)BIT(core));
        vm->guest_cores |= (uint32_t)BIT(core);
    }
    spin_unlock(&cores_lock);
    return s;
}

status_t vm_watchdog(struct vm *vm, uint64_t milliseconds)
{
    if (milliseconds > ORD_WATCHDOG_MAX)
        return ORD_BAD_PARAM;
    WRITE_ONCE(vm->watchdog, milliseconds * arch_counter_hz() / 1000);
    return ORD_OK;
}

status_t vm_firmware(struct vm *vm, uint64_t first, uint64_t last)
{
    status_t s = ORD_OK;

    if (!arch_firmware_valid(first, last))
        return ORD_BAD_PARAM;
    spin_lock(&vm->lock);
    /* Nor to another VM, once a guest may run: one that has taken its VMM over must not get more by it. */
    if (vm->vcpu_count || READ_ONCE(all_guest_cores))
        s = ORD_BAD_STATE;
    else if (vm->firmware_count == ORD_FIRMWARE_RANGES_MAX)
        s = ORD_NO_MEMORY;
    else
        vm->firmware[vm->firmware_count++] = (struct firmware_range){(uint32_t)first, (uint32_t)last};
    spin_unlock(&vm->lock);
    return s;
}

bool vm_firmware_allowed(const struct vm *vm, uint32_t function)
{
    for (uint32_t i = 0; i < vm->firmware_count; i++)
        if (function >= vm->firmware[i].first && function <= vm->firmware[i].last)
            return true;
    return false;
}

void vm_stop(struct vm *vm)
{
    uint32_t mask = 0;

    spin_lock(&vm->lock);
    vm->stopped = true;
    for (uint32_t i = 0; i < ORD_CONTEXT_MAX; i++)
        if (vm->context[i])
            mask |= (uint32_t)BIT(thread_request(&vm->context[i]->thread, THREAD_OP_STOP)->index);
    spin_unlock(&vm->lock);
    core_notify_all(mask);
}

void *vm_page(struct vm *vm, uint64_t address)
{
    unsigned rights;
    paddr_t page;

    if (address % PAGE_SIZE || !ptab_lookup(&vm->ptab, address, &page, &rights))
        return NULL;
    if ((rights & (PTAB_READ | PTAB_WRITE | PTAB_DEVICE)) != (PTAB_READ | PTAB_WRITE))
        return NULL;
    return pa_ptr(page);
}

void vm_report(struct vm *vm)
{
    uint64_t count[4];

    if (atomic_exchange(&vm->reported, true))
        return;
    ptab_count(&vm->ptab, count);
    print("VM %u: %u vCPUs, memory and devices in %lu blocks of 1 GiB, %lu of 2 MiB, %lu pages",
          vm->ptab.space, vm->vcpu_count, count[1], count[2], count[3]);
}
