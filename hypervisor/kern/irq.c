/* SPDX-License-Identifier: BSD-2-Clause */
#include "irq.h"

#include "atomic.h"
#include "core.h"
#include "grant.h"
#include "notify.h"
#include "platform.h"
#include "pool.h"
#include "virq.h"
#include "vm.h"
#include <arch/irqchip.h>
#include <outrider/task.h>

static struct irq *by_line[ARCH_LINE_LIMIT];

status_t irq_create(uint64_t line, struct irq **out)
{
    if (line && (line < ARCH_LINE_FIRST || line >= MIN(arch_irq_limit(), ARRAY_SIZE(by_line))))
        return ORD_BAD_PARAM;
    if (line && line == platform_console_irq())
        return ORD_BUSY;
    struct irq *i = pool_alloc(ORD_POOL_IRQ);
    if (!i)
        return ORD_NO_MEMORY;
    i->line = (uint32_t)line;
    if (line && !atomic_cas(&by_line[line], (struct irq *)NULL, i)) {
        pool_free(ORD_POOL_IRQ, i);
        return ORD_BUSY;
    }
    *out = i;
    return ORD_OK;
}

status_t irq_bind(struct irq *i, struct vcpu *v, uint64_t vline, uint64_t priority)
{
    struct vm *vm = v->vm;
    status_t s = ORD_OK;

    if (vline < ARCH_LINE_FIRST || vline >= ARRAY_SIZE(by_line) || priority > 0xff)
        return ORD_BAD_PARAM;
    spin_lock(&vm_irq_lock);
    if (i->notify || (i->vcpu && i->vcpu->vm != vm) || (grant_owner(i) && i->vline != vline))
        s = ORD_BUSY;
    else if (vm->irq[vline] && vm->irq[vline] != i)
        s = ORD_EXISTS;
    if (s == ORD_OK) {
        if (i->vcpu && i->vline != vline)
            atomic_store(&vm->irq[i->vline], (struct irq *)NULL);
        i->vline = (uint32_t)vline;
        atomic_store(&vm->irq[vline], i); /* who finds it there finds it complete */
        vm->irq_priority[vline] = (uint8_t)priority;
        atomic_store(&i->vcpu, v);
        if (!virq_is(i) && !grant_owner(i))
            arch_irq_route(i->line, v->thread->core);
    }
    spin_unlock(&vm_irq_lock);
    if (s == ORD_OK && virq_is(i))
        virq_push(i);
    return s;
}

status_t irq_notify(struct irq *i, struct notify *n, uint64_t bits, const struct core *c)
{
    status_t s = ORD_OK;

    if (virq_is(i) || !bits)
        return ORD_BAD_PARAM;
    spin_lock(&vm_irq_lock);
    if (i->vcpu) {
        s = ORD_BUSY;
    } else {
        i->bits = bits;
        atomic_store(&i->notify, n);
        arch_irq_route(i->line, c);
    }
    spin_unlock(&vm_irq_lock);
    return s;
}

status_t irq_ack(struct irq *i)
{
    if (!atomic_load(&i->notify))
        return ORD_BAD_STATE;
    arch_irq_resume(i->line);
    return ORD_OK;
}

/* Pending here means: taken from the device, not yet in the hardware for the guest. */
static bool held(const struct irq *i)
{
    const struct vcpu *v = i->vcpu;

    return v && arch_vcpu_is_pending(&v->arch, i->vline);
}

status_t irq_control(struct irq *i, uint64_t op, uint64_t *result)
{
    if (op > ORD_IRQ_GET)
        return ORD_BAD_PARAM;
    if (virq_is(i))
        virq_control(i, op, result);
    else
        *result = arch_irq_control(i->line, (uint32_t)op);
    if (op == ORD_IRQ_GET && held(i))
        *result |= ORD_IRQ_STATE_PENDING;
    return ORD_OK;
}

/* Never in place: tests find it by its name, to count what follows an interrupt. */
NOINLINE bool irq_deliver(uint32_t line)
{
    struct irq *i = line < ARRAY_SIZE(by_line) ? atomic_load(&by_line[line]) : NULL;
    struct vcpu *v;
    struct notify *n;

    if (!i)
        return false;
    if (grant_deliver(i))
        return true;
    n = atomic_load(&i->notify);
    v = atomic_load(&i->vcpu);
    if (n)
        notify_signal(n, i->bits);
    else if (v)
        vcpu_pend(v, i->vline);
    return n || v;
}
