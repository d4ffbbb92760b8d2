/* SPDX-License-Identifier: BSD-2-Clause */
/* The calls on arm64: SVC #0, number in x8, arguments in x0..x5; x0 and x1 return (outrider/task.h). */
#include "call.h"

static status_t svc(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                    uint64_t a5, uint64_t *value)
{
    register uint64_t x0 __asm__("x0") = a0;
    register uint64_t x1 __asm__("x1") = a1;
    register uint64_t x2 __asm__("x2") = a2;
    register uint64_t x3 __asm__("x3") = a3;
    register uint64_t x4 __asm__("x4") = a4;
    register uint64_t x5 __asm__("x5") = a5;
    register uint64_t x8 __asm__("x8") = number;

    __asm__ volatile("svc #0"
                     : "+r"(x0), "+r"(x1)
                     : "r"(x2), "r"(x3), "r"(x4), "r"(x5), "r"(x8)
                     : "memory", "cc");
    if (value)
        *value = x1;
    return (status_t)x0;
}

static status_t svc4(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    return svc(number, a0, a1, a2, a3, 0, 0, NULL);
}

status_t call_console_write(const char *text, uint64_t length)
{
    return svc4(ORD_CALL_CONSOLE_WRITE, ORD_CAP_CONSOLE, (uintptr_t)text, length, 0);
}

status_t call_mem_map(uint64_t space, uint64_t mem, uint64_t offset, uint64_t address, uint64_t size,
                      uint64_t rights)
{
    for (uint64_t at = 0, part = 0;; at += part) {
        status_t s = svc(ORD_CALL_MEM_MAP, space, mem, offset + at, address + at, size - at, rights, &part);
        if (s != ORD_OK || !part || part >= size - at) /* 0: of a hypervisor that does all at once */
            return s;
    }
}

status_t call_mem_unmap(uint64_t space, uint64_t address, uint64_t size)
{
    for (uint64_t at = 0, part = 0;; at += part) {
        status_t s = svc(ORD_CALL_MEM_UNMAP, space, address + at, size - at, 0, 0, 0, &part);
        if (s != ORD_OK || !part || part >= size - at) /* 0: of a hypervisor that does all at once */
            return s;
    }
}

status_t call_task_create(uint64_t dst, const char *name, uint64_t length, uint64_t cores,
                          uint64_t priority_limit)
{
    return svc(ORD_CALL_TASK_CREATE, dst, (uintptr_t)name, length, cores, priority_limit, 0, NULL);
}

status_t call_cap_copy(uint64_t task, uint64_t slot, uint64_t source, uint64_t rights)
{
    return svc4(ORD_CALL_CAP_COPY, task, slot, source, rights);
}

status_t call_task_start(uint64_t task, uint64_t entry, uint64_t stack_top, uint64_t argument, uint64_t core,
                         uint64_t priority)
{
    return svc(ORD_CALL_TASK_START, task, entry, stack_top, argument, core, priority, NULL);
}

status_t call_vm_channel(uint64_t vm, uint64_t channel, uint64_t signal, uint64_t bits, uint64_t take,
                         uint64_t irq)
{
    return svc(ORD_CALL_VM_CHANNEL, vm, channel, signal, bits, take, irq, NULL);
}

status_t call_vm_create(uint64_t dst, uint64_t intid)
{
    return svc4(ORD_CALL_VM_CREATE, dst, intid, 0, 0);
}

status_t call_vm_add_core(uint64_t vm, uint64_t core, uint64_t priority_limit, uint64_t budget,
                          uint64_t period)
{
    return svc(ORD_CALL_VM_ADD_CORE, vm, core, priority_limit, budget, period, 0, NULL);
}

status_t call_vm_stop(uint64_t vm)
{
    return svc4(ORD_CALL_VM_STOP, vm, 0, 0, 0);
}

status_t call_vm_firmware(uint64_t vm, uint64_t first, uint64_t last)
{
    return svc4(ORD_CALL_VM_FIRMWARE, vm, first, last, 0);
}

status_t call_vm_watchdog(uint64_t vm, uint64_t milliseconds)
{
    return svc4(ORD_CALL_VM_WATCHDOG, vm, milliseconds, 0, 0);
}

status_t call_thread_create(uint64_t dst, void (*entry)(void *), void *stack_top, void *argument,
                            uint64_t core, uint64_t priority)
{
    return svc(ORD_CALL_THREAD_CREATE, dst, (uintptr_t)entry, (uintptr_t)stack_top, (uintptr_t)argument, core,
               priority, NULL);
}

_Noreturn void call_thread_exit(void)
{
    for (;;)
        svc4(ORD_CALL_THREAD_EXIT, 0, 0, 0, 0);
}

status_t call_vcpu_create(uint64_t dst, uint64_t vm, uint64_t thread, uint64_t affinity,
                          struct ord_vcpu_state *state)
{
    return svc(ORD_CALL_VCPU_CREATE, dst, vm, thread, affinity, (uintptr_t)state, 0, NULL);
}

status_t call_vcpu_reset(uint64_t vcpu)
{
    return svc4(ORD_CALL_VCPU_RESET, vcpu, 0, 0, 0);
}

status_t call_vcpu_run(uint64_t vcpu)
{
    return svc4(ORD_CALL_VCPU_RUN, vcpu, 0, 0, 0);
}

status_t call_vcpu_kick(uint64_t vcpu)
{
    return svc4(ORD_CALL_VCPU_KICK, vcpu, 0, 0, 0);
}

status_t call_vcpu_inject(uint64_t vcpu, uint64_t intid, uint64_t priority)
{
    return svc4(ORD_CALL_VCPU_INJECT, vcpu, intid, priority, 0);
}

status_t call_notify_create(uint64_t dst)
{
    return svc4(ORD_CALL_NOTIFY_CREATE, dst, 0, 0, 0);
}

status_t call_notify_wait(uint64_t notify, uint64_t *bits)
{
    return svc(ORD_CALL_NOTIFY_WAIT, notify, 0, 0, 0, 0, 0, bits);
}

status_t call_notify_signal(uint64_t notify, uint64_t bits)
{
    return svc4(ORD_CALL_NOTIFY_SIGNAL, notify, bits, 0, 0);
}

status_t call_irq_create(uint64_t dst, uint64_t intid)
{
    return svc4(ORD_CALL_IRQ_CREATE, dst, ORD_CAP_IRQ_CONTROL, intid, 0);
}

status_t call_irq_bind(uint64_t irq, uint64_t vcpu, uint64_t intid, uint64_t priority)
{
    return svc4(ORD_CALL_IRQ_BIND, irq, vcpu, intid, priority);
}

status_t call_irq_control(uint64_t irq, enum ord_irq_op op, uint64_t *state)
{
    return svc(ORD_CALL_IRQ_CONTROL, irq, op, 0, 0, 0, 0, state);
}

status_t call_power(enum ord_power_op op)
{
    return svc4(ORD_CALL_POWER, ORD_CAP_POWER, op, 0, 0);
}

status_t call_mem_sync(const void *address, uint64_t size)
{
    uint64_t at = (uintptr_t)address, left = size;

    while (left) {
        uint64_t part = left < ORD_SYNC_MAX ? left : ORD_SYNC_MAX;
        status_t s = svc4(ORD_CALL_MEM_SYNC, at, part, 0, 0);
        if (s != ORD_OK)
            return s;
        at += part;
        left -= part;
    }
    return ORD_OK;
}
