/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls of host tasks: decode, look the objects up with type and right, act. */
#include "call.h"

#include "atomic.h"
#include "channel.h"
#include "console.h"
#include "core.h"
#include "irq.h"
#include "notify.h"
#include "pool.h"
#include "string.h"
#include "task.h"
#include "vm.h"
#include <arch/irqchip.h>
#include <arch/platform.h>
#include <arch/thread.h>

/* Sets *block when the result is not to be written now. */
typedef status_t handler(struct thread *t, const uint64_t arg[6], uint64_t *value, bool *block);

static void *object(struct thread *t, uint64_t slot, enum cap_type type)
{
    return task_cap_lookup(t->task, slot, type, NULL);
}

static status_t do_console_write(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                                 bool *block UNUSED)
{
    char text[ORD_CONSOLE_MAX];

    if (!object(t, arg[0], CAP_CONSOLE))
        return ORD_BAD_CAP;
    if (arg[2] > sizeof(text))
        return ORD_BAD_PARAM;
    status_t s = task_copy_in(t->task, text, arg[1], arg[2]);
    if (s == ORD_OK)
        console_write(t->task, t->task->first, text, arg[2]);
    return s;
}

/* A space: the caller's own task or a VM. */
static struct ptab *space(struct thread *t, uint64_t slot)
{
    struct task *task = object(t, slot, CAP_TASK);
    struct vm *vm = object(t, slot, CAP_VM);

    return task ? &task->ptab : vm ? &vm->ptab : NULL;
}

static status_t do_mem_map(struct thread *t, const uint64_t arg[6], uint64_t *value, bool *block UNUSED)
{
    uint32_t rights;
    struct ptab *p = space(t, arg[0]);
    struct memory *m = task_cap_lookup(t->task, arg[1], CAP_MEMORY, &rights);

    if (!p || !m)
        return ORD_BAD_CAP;
    if (!arg[5] || arg[5] >> 4)
        return ORD_BAD_PARAM;
    return memory_map(m, rights, p, arg[2], arg[3], arg[4], (uint32_t)arg[5], value);
}

static status_t do_mem_unmap(struct thread *t, const uint64_t arg[6], uint64_t *value, bool *block UNUSED)
{
    struct ptab *p = space(t, arg[0]);

    return p ? ptab_unmap_part(p, arg[1], arg[2], value) : ORD_BAD_CAP;
}

static status_t do_vm_create(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                             bool *block UNUSED)
{
    struct vm *vm;
    status_t s = t->task->first ? task_cap_check(t->task, arg[0]) : ORD_NO_RIGHT;

    if (s == ORD_OK)
        s = vm_create(arg[1], &vm);
    return s == ORD_OK ? task_cap_insert(t->task, arg[0], CAP_VM, vm, 0) : s;
}

static status_t do_vm_add_core(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                               bool *block UNUSED)
{
    struct vm *vm = object(t, arg[0], CAP_VM);

    if (!vm)
        return ORD_BAD_CAP;
    return arg[3] | arg[4] ? vm_share_core(vm, arg[1], arg[2], arg[3], arg[4])
                           : vm_add_core(vm, arg[1], arg[2]);
}

static status_t do_thread_create(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                                 bool *block UNUSED)
{
    if (!task_take_object(t->task))
        return ORD_NO_MEMORY;
    status_t s = task_thread(t->task, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
    if (s != ORD_OK)
        task_return_object(t->task);
    return s;
}

static status_t do_vcpu_create(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                               bool *block UNUSED)
{
    struct vm *vm = object(t, arg[1], CAP_VM);
    struct thread *of = object(t, arg[2], CAP_THREAD);
    struct vcpu *v;

    if (!vm || !of)
        return ORD_BAD_CAP;
    status_t s = task_cap_check(t->task, arg[0]);
    if (s == ORD_OK)
        s = vcpu_create(vm, of, arg[3], arg[4], &v);
    return s == ORD_OK ? task_cap_insert(t->task, arg[0], CAP_VCPU, v, 0) : s;
}

static struct vcpu *own_vcpu(struct thread *t, uint64_t slot, status_t *s)
{
    struct vcpu *v = object(t, slot, CAP_VCPU);

    *s = !v ? ORD_BAD_CAP : v->thread != t ? ORD_NO_RIGHT : ORD_OK;
    return v;
}

static status_t do_vcpu_reset(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                              bool *block UNUSED)
{
    status_t s;
    struct vcpu *v = own_vcpu(t, arg[0], &s);

    if (s == ORD_OK) {
        arch_vcpu_reset(v);
        vm_report(v->vm);
    }
    return s;
}

static status_t do_vcpu_run(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED, bool *block)
{
    status_t s;
    struct vcpu *v = own_vcpu(t, arg[0], &s);

    if (s == ORD_OK)
        s = vcpu_run(v);
    *block = s == ORD_OK;
    return s;
}

static status_t do_vcpu_kick(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                             bool *block UNUSED)
{
    struct vcpu *v = object(t, arg[0], CAP_VCPU);

    if (!v)
        return ORD_BAD_CAP;
    WRITE_ONCE(v->kicked, true);
    thread_post(v->thread, THREAD_OP_KICK);
    return ORD_OK;
}

static status_t do_vcpu_inject(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                               bool *block UNUSED)
{
    struct vcpu *v = object(t, arg[0], CAP_VCPU);

    if (!v)
        return ORD_BAD_CAP;
    if (arg[1] >= ARCH_LINE_LIMIT || arg[2] > 0xff)
        return ORD_BAD_PARAM;
    if (arg[1] >= ARCH_LINE_FIRST)
        v->vm->irq_priority[arg[1]] = (uint8_t)arg[2];
    vcpu_pend(v, (uint32_t)arg[1]);
    return ORD_OK;
}

static status_t do_notify_create(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                                 bool *block UNUSED)
{
    if (!task_take_object(t->task))
        return ORD_NO_MEMORY;
    struct notify *n = pool_alloc(ORD_POOL_NOTIFY);
    status_t s = n ? task_cap_insert(t->task, arg[0], CAP_NOTIFY, n, NOTIFY_RIGHTS) : ORD_NO_MEMORY;
    if (s != ORD_OK)
        task_return_object(t->task);
    if (s != ORD_OK && n)
        pool_free(ORD_POOL_NOTIFY, n);
    return s;
}

/* NULL, with the reason, if the capability does not allow that, or signalling these bits. */
static struct notify *notification(struct thread *t, uint64_t slot, uint32_t right, uint64_t bits,
                                   status_t *s)
{
    uint32_t rights;
    struct notify *n = task_cap_lookup(t->task, slot, CAP_NOTIFY, &rights);
    uint32_t only = n ? rights / ORD_NOTIFY_BIT(0) : 0;

    *s = !n ? ORD_BAD_CAP : !(rights & right) || (only && (bits & ~BIT(only - 1))) ? ORD_NO_RIGHT : ORD_OK;
    return *s == ORD_OK ? n : NULL;
}

static status_t do_notify_wait(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED, bool *block)
{
    status_t s;
    struct notify *n = notification(t, arg[0], ORD_NOTIFY_WAIT, 0, &s);

    if (n)
        s = notify_wait(n, t, arg[1]);

    *block = s == ORD_OK;
    return s;
}

static status_t do_notify_signal(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                                 bool *block UNUSED)
{
    status_t s;
    struct notify *n = notification(t, arg[0], ORD_NOTIFY_SIGNAL, arg[1], &s);

    if (!n)
        return s;
    if (!arg[1])
        return ORD_BAD_PARAM;
    notify_signal(n, arg[1]);
    return ORD_OK;
}

static status_t do_irq_create(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                              bool *block UNUSED)
{
    struct irq *i;

    if (!object(t, arg[1], CAP_IRQ_CONTROL))
        return ORD_BAD_CAP;
    status_t s = task_cap_check(t->task, arg[0]);
    if (s == ORD_OK)
        s = irq_create(arg[2], &i);
    return s == ORD_OK ? task_cap_insert(t->task, arg[0], CAP_IRQ, i, 0) : s;
}

static status_t do_irq_bind(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                            bool *block UNUSED)
{
    struct irq *i = object(t, arg[0], CAP_IRQ);
    struct vcpu *v = object(t, arg[1], CAP_VCPU);

    return i && v ? irq_bind(i, v, arg[2], arg[3]) : ORD_BAD_CAP;
}

static status_t do_irq_control(struct thread *t, const uint64_t arg[6], uint64_t *value, bool *block UNUSED)
{
    struct irq *i = object(t, arg[0], CAP_IRQ);

    return i ? irq_control(i, arg[1], value) : ORD_BAD_CAP;
}

static status_t do_power(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED, bool *block UNUSED)
{
    if (!object(t, arg[0], CAP_POWER))
        return ORD_BAD_CAP;
    if (arg[1] > ORD_POWER_RESET)
        return ORD_BAD_PARAM;
    print("task '%s' asks for machine %s", t->task->name, arg[1] ? "reset" : "power-off");
    arch_power(arg[1] == ORD_POWER_RESET);
}

static status_t do_vm_stop(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                           bool *block UNUSED)
{
    struct vm *vm = object(t, arg[0], CAP_VM);

    if (!vm)
        return ORD_BAD_CAP;
    vm_stop(vm);
    return ORD_OK;
}

static status_t do_vm_watchdog(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                               bool *block UNUSED)
{
    struct vm *vm = object(t, arg[0], CAP_VM);

    return vm ? vm_watchdog(vm, arg[1]) : ORD_BAD_CAP;
}

static status_t do_vm_firmware(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                               bool *block UNUSED)
{
    struct vm *vm = object(t, arg[0], CAP_VM);

    return vm ? vm_firmware(vm, arg[1], arg[2]) : ORD_BAD_CAP;
}

static status_t do_thread_exit(struct thread *t, const uint64_t arg[6] UNUSED, uint64_t *value UNUSED,
                               bool *block)
{
    *block = true;
    task_thread_end(t);
    return ORD_OK;
}

static status_t do_mem_sync(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                            bool *block UNUSED)
{
    uint64_t at = ALIGN_DOWN(arg[0], PAGE_SIZE), end = arg[0] + arg[1];
    unsigned rights;
    paddr_t page;

    if (end < arg[0])
        return ORD_BAD_ADDRESS;
    if (arg[1] > ORD_SYNC_MAX)
        return ORD_BAD_PARAM;
    for (; at < end; at += PAGE_SIZE) {
        if (!ptab_lookup(&t->task->ptab, at, &page, &rights) || (rights & PTAB_DEVICE))
            return ORD_BAD_ADDRESS;
        arch_mem_sync(pa_ptr(page), PAGE_SIZE);
    }
    return ORD_OK;
}

static status_t do_sleep_until(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED, bool *block)
{
    status_t s = notify_sleep(t, arg[0]);

    *block = s == ORD_OK;
    return s;
}

static status_t do_task_create(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                               bool *block UNUSED)
{
    struct task *n;
    char name[sizeof(n->name)];
    status_t s = t->task->first ? task_cap_check(t->task, arg[0]) : ORD_NO_RIGHT;

    if (s == ORD_OK && (!arg[2] || arg[2] >= sizeof(name)))
        s = ORD_BAD_PARAM;
    if (s == ORD_OK)
        s = task_copy_in(t->task, name, arg[1], arg[2]);
    if (s == ORD_OK)
        s = task_create(t->task, name, arg[2], arg[3], arg[4], &n);
    return s == ORD_OK ? task_cap_insert(t->task, arg[0], CAP_TASK, n, 0) : s;
}

static status_t do_cap_copy(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                            bool *block UNUSED)
{
    struct task *to = object(t, arg[0], CAP_TASK);

    return to ? task_cap_copy(to, arg[1], t->task, arg[2], arg[3]) : ORD_BAD_CAP;
}

static status_t do_task_start(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                              bool *block UNUSED)
{
    struct task *to = object(t, arg[0], CAP_TASK);

    return to ? task_thread(to, ORD_CAP_THREAD, arg[1], arg[2], arg[3], arg[4], arg[5]) : ORD_BAD_CAP;
}

static status_t do_irq_notify(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                              bool *block UNUSED)
{
    status_t s;
    struct irq *i = object(t, arg[0], CAP_IRQ);
    struct notify *n = notification(t, arg[1], ORD_NOTIFY_SIGNAL, arg[2], &s);

    if (!i)
        return ORD_BAD_CAP;
    return n ? irq_notify(i, n, arg[2], t->core) : s;
}

static status_t do_irq_ack(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                           bool *block UNUSED)
{
    struct irq *i = object(t, arg[0], CAP_IRQ);

    return i ? irq_ack(i) : ORD_BAD_CAP;
}

static status_t do_vm_channel(struct thread *t, const uint64_t arg[6], uint64_t *value UNUSED,
                              bool *block UNUSED)
{
    status_t signal_status, take_status;
    struct vm *vm = object(t, arg[0], CAP_VM);
    struct notify *signal = notification(t, arg[2], ORD_NOTIFY_SIGNAL, arg[3], &signal_status);
    struct notify *take = notification(t, arg[4], ORD_NOTIFY_WAIT, 0, &take_status);
    struct irq *irq = object(t, arg[5], CAP_IRQ);

    if (!vm || !irq)
        return ORD_BAD_CAP;
    if (!signal || !take)
        return signal ? take_status : signal_status;
    return channel_create(vm, arg[1], signal, arg[3], take, irq);
}

static handler *const table[ORD_CALL_COUNT] = {
    [ORD_CALL_CONSOLE_WRITE] = do_console_write,
    [ORD_CALL_MEM_MAP] = do_mem_map,
    [ORD_CALL_MEM_UNMAP] = do_mem_unmap,
    [ORD_CALL_VM_CREATE] = do_vm_create,
    [ORD_CALL_VM_ADD_CORE] = do_vm_add_core,
    [ORD_CALL_THREAD_CREATE] = do_thread_create,
    [ORD_CALL_VCPU_CREATE] = do_vcpu_create,
    [ORD_CALL_VCPU_RESET] = do_vcpu_reset,
    [ORD_CALL_VCPU_RUN] = do_vcpu_run,
    [ORD_CALL_VCPU_KICK] = do_vcpu_kick,
    [ORD_CALL_VCPU_INJECT] = do_vcpu_inject,
    [ORD_CALL_NOTIFY_CREATE] = do_notify_create,
    [ORD_CALL_NOTIFY_WAIT] = do_notify_wait,
    [ORD_CALL_NOTIFY_SIGNAL] = do_notify_signal,
    [ORD_CALL_IRQ_CREATE] = do_irq_create,
    [ORD_CALL_IRQ_BIND] = do_irq_bind,
    [ORD_CALL_IRQ_CONTROL] = do_irq_control,
    [ORD_CALL_POWER] = do_power,
    [ORD_CALL_VM_STOP] = do_vm_stop,
    [ORD_CALL_THREAD_EXIT] = do_thread_exit,
    [ORD_CALL_MEM_SYNC] = do_mem_sync,
    [ORD_CALL_VM_WATCHDOG] = do_vm_watchdog,
    [ORD_CALL_SLEEP_UNTIL] = do_sleep_until,
    [ORD_CALL_TASK_CREATE] = do_task_create,
    [ORD_CALL_CAP_COPY] = do_cap_copy,
    [ORD_CALL_TASK_START] = do_task_start,
    [ORD_CALL_IRQ_NOTIFY] = do_irq_notify,
    [ORD_CALL_IRQ_ACK] = do_irq_ack,
    [ORD_CALL_VM_CHANNEL] = do_vm_channel,
    [ORD_CALL_VM_FIRMWARE] = do_vm_firmware,
};

void call_dispatch(struct thread *t, uint64_t number, const uint64_t arg[6])
{
    handler *h = number < ARRAY_SIZE(table) ? table[number] : NULL;
    uint64_t value = 0;
    bool block = false;
    status_t s = h ? h(t, arg, &value, &block) : ORD_NOT_SUPPORTED;

    if (!block)
        arch_thread_result(t, s, s == ORD_OK ? value : 0);
}
