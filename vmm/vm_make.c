/* SPDX-License-Identifier: BSD-2-Clause */
#include "call.h"
#include "heap.h"
#include "log.h"
#include "vm.h"

#define VCPU_PRIORITY   50
#define VCPU_STACK_SIZE 16384
#define HOST_PRIORITY   255 /* highest that a detached thread may have on a host core */
/* On a core that both run on, the VMM goes before detached threads: it holds locks that other vCPUs wait for.
 */
#define SHARED_PRIORITY      254
#define SHARED_VCPU_PRIORITY 255

static void vm_list_vcpu(struct vm *vm, uint32_t core)
{
    struct vcpu *vcpu = &vm->vcpu[vm->vcpu_count];

    *vcpu =
        (struct vcpu){.vm = vm, .index = vm->vcpu_count++, .core = core, .hwid = vm->boot->core[core].hwid};
}

static bool vm_map_ram(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->boot->resource_count; i++) {
        const struct ord_resource *r = &vm->boot->resource[i];
        struct range range = {r->base, r->size};
        struct range rest = range, part;

        if (!range_valid(range))
            continue;
        /* a page that is kept in part is kept */
        if (!range_list_add(&vm->taken, range_widen(range, ORD_PAGE_SIZE))) {
            log_line("the machine has too many memory ranges");
            return false;
        }
        if (r->type != ORD_RESOURCE_RAM)
            continue;
        while (range_list_gap(&vm->set_aside, &rest, &part)) {
            /* A page of the guest's is its memory in whole or not at all. */
            part = range_narrow(part, vm->page);
            if (!part.size)
                continue;
            status_t status = call_mem_map(vm->cap, r->cap, part.base - r->base, part.base, part.size,
                                           ORD_MEM_READ | ORD_MEM_WRITE | ORD_MEM_EXEC);
            if (status != ORD_OK) {
                log_line("memory at 0x%lx cannot be mapped for the guest (%ld)", (unsigned long)part.base,
                         (long)status);
                return false;
            }
            range_list_add(&vm->ram, part);
        }
    }
    return true;
}

/* Lets detached threads run there, if they may. */
static bool vm_add_core(struct vm *vm, uint32_t core)
{
    const struct config *config = &vm->config;
    status_t status = ORD_OK;

    if (config->host_cores & 1u << core)
        status = call_vm_add_core(vm->cap, core, HOST_PRIORITY, 0, 0);
    else if (config->shared_cores & 1u << core)
        status = call_vm_add_core(vm->cap, core, SHARED_PRIORITY, config->budget, config->period);
    if (status != ORD_OK)
        log_line("core %u cannot become a host core (%ld)", core, (long)status);
    return status == ORD_OK;
}

bool vm_create(struct vm *vm)
{
    const struct ord_bootinfo *boot = vm->boot;
    status_t status;

    vm->cap = vm_cap_alloc();
    status = call_vm_create(vm->cap, vm->virtual_exception);
    if (status != ORD_OK) {
        log_line("the VM cannot be created (%ld)", (long)status);
        return false;
    }
    for (uint32_t core = 0; core < boot->core_count; core++)
        if (!vm_add_core(vm, core))
            return false;
    for (uint32_t core = 0; core < boot->core_count; core++)
        if ((vm->config.guest_cores & 1u << core) && (boot->core[core].flags & ORD_BOOTINFO_CORE_BOOT))
            vm_list_vcpu(vm, core);
    for (uint32_t core = 0; core < boot->core_count; core++)
        if ((vm->config.guest_cores & 1u << core) && !(boot->core[core].flags & ORD_BOOTINFO_CORE_BOOT))
            vm_list_vcpu(vm, core);
    return vm_map_ram(vm);
}

static status_t vm_create_vcpu(struct vm *vm, struct vcpu *vcpu)
{
    unsigned char *stack = heap_alloc(VCPU_STACK_SIZE, 16);
    status_t status;

    vcpu->notify_cap = vm_cap_alloc();
    vcpu->thread_cap = vm_cap_alloc();
    vcpu->cap = vm_cap_alloc();
    if (!stack)
        return ORD_NO_MEMORY;
    status = call_notify_create(vcpu->notify_cap);
    if (status == ORD_OK)
        status = call_thread_create(vcpu->thread_cap, vcpu_thread, stack + VCPU_STACK_SIZE, vcpu, vcpu->core,
                                    vm->config.shared_cores & 1u << vcpu->core ? SHARED_VCPU_PRIORITY
                                                                               : VCPU_PRIORITY);
    vcpu->state = (struct ord_vcpu_state *)(vm->state_base + (uint64_t)vcpu->index * ORD_PAGE_SIZE);
    if (status == ORD_OK)
        status = call_vcpu_create(vcpu->cap, vm->cap, vcpu->thread_cap, vcpu->hwid, vcpu->state);
    return status;
}

bool vm_create_vcpus(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        status_t status = vm_create_vcpu(vm, &vm->vcpu[i]);
        if (status != ORD_OK) {
            log_line("vCPU %u on core %u cannot be created (%ld)", i, vm->vcpu[i].core, (long)status);
            return false;
        }
    }
    status_t status = call_vm_watchdog(vm->cap, vm->config.watchdog * 1000ull);
    if (status != ORD_OK)
        log_line("there is no watchdog (%ld)", (long)status);
    return true;
}
