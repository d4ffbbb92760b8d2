/* SPDX-License-Identifier: BSD-2-Clause */
#include "irq.h"

#include "atomic.h"
#include "console.h"
#include "core.h"
#include "pool.h"
#include "vm.h"
#include <arch/irqchip.h>
#include <outrider/task.h>

static struct irq *by_intid[1020];
static struct spinlock bind_lock; /* alone: of all VMs, as an interrupt belongs to one of them */

status_t irq_create(uint64_t intid, struct irq **out)
{
    if (intid && (intid < 32 || intid >= MIN(arch_irq_limit(), ARRAY_SIZE(by_intid))))
        return ORD_BAD_PARAM;
    if (intid && intid == console_irq())
        return ORD_BUSY;
    struct irq *i = pool_alloc(ORD_POOL_IRQ);
    if (!i)
        return ORD_NO_MEMORY;
    i->intid = (uint32_t)intid;
    if (intid && !atomic_cas(&by_intid[intid], (struct irq *)NULL, i)) {
        pool_free(ORD_POOL_IRQ, i);
        return ORD_BUSY;
    }
    *out = i;
    return ORD_OK;
}

static bool is_virtual(const struct irq *i)
{
    return !i->intid;
}

/*
 * Hands a virtual interrupt that is pending to its vCPU, if there is one and it is enabled. Who makes the
 * last of the three true does it, and only one takes the pending bit.
 */
static void push(struct irq *i)
{
    smp_mb();
    struct vcpu *v = atomic_load(&i->vcpu);
    if (v && (atomic_load(&i->state) & ORD_IRQ_STATE_ENABLED) &&
        (atomic_and(&i->state, ~ORD_IRQ_STATE_PENDING) & ORD_IRQ_STATE_PENDING))
        vcpu_pend(v, i->vintid);
}

void irq_raise(struct irq *i)
{
    atomic_or(&i->state, ORD_IRQ_STATE_PENDING);
    push(i);
}

void irq_keep(struct irq *i)
{
    atomic_or(&i->state, ORD_IRQ_STATE_PENDING);
}

status_t irq_bind(struct irq *i, struct vcpu *v, uint64_t vintid, uint64_t priority)
{
    struct vm *vm = v->vm;
    status_t s = ORD_OK;

    if (vintid < 32 || vintid >= ARRAY_SIZE(by_intid) || priority > 0xff)
        return ORD_BAD_PARAM;
    spin_lock(&bind_lock);
    if ((i->notify && !i->grantee) || (i->vcpu && i->vcpu->vm != vm) || (i->grantee && i->vintid != vintid))
        s = ORD_BUSY;
    else if (vm->spi[vintid] && vm->spi[vintid] != i)
        s = ORD_EXISTS;
    if (s == ORD_OK) {
        if (i->vcpu && i->vintid != vintid)
            vm->spi[i->vintid] = NULL;
        i->vintid = (uint32_t)vintid;
        vm->spi[vintid] = i;
        vm->spi_priority[vintid] = (uint8_t)priority;
        atomic_store(&i->vcpu, v);
        if (!is_virtual(i) && !i->grantee)
            arch_irq_route(i->intid, v->thread->core);
    }
    spin_unlock(&bind_lock);
    if (s == ORD_OK && is_virtual(i))
        push(i);
    return s;
}

struct irq *irq_granted(const struct context *c, uint64_t vintid)
{
    struct irq *i = vintid < ARRAY_SIZE(c->vm->spi) ? atomic_load(&c->vm->spi[vintid]) : NULL;

    return i && atomic_load(&i->grantee) == c ? i : NULL;
}

status_t irq_grant(struct context *c, uint64_t vintid)
{
    struct vm *vm = c->vm;
    status_t s = ORD_BAD_PARAM;

    spin_lock(&bind_lock);
    struct irq *i = vintid >= 32 && vintid < ARRAY_SIZE(vm->spi) ? vm->spi[vintid] : NULL;
    if (i && !is_virtual(i) && i->vcpu)
        s = i->grantee ? ORD_BUSY : ORD_OK;
    if (s == ORD_OK) {
        i->own = (struct notify){.bits = 0};
        i->unacked = 0;
        i->bits = 1;
        c->irqs++;
        atomic_store(&i->grantee, c);
        atomic_store(&i->notify, &i->own);
        arch_irq_route(i->intid, c->thread.core);
    }
    spin_unlock(&bind_lock);
    return s;
}

/* With bind_lock held. */
static void revoke(struct irq *i)
{
    i->grantee->irqs--;
    atomic_store(&i->notify, (struct notify *)NULL);
    atomic_store(&i->grantee, (struct context *)NULL);
    smp_mb();
    while (atomic_load(&i->delivering))
        cpu_relax();
    arch_irq_route(i->intid, i->vcpu->thread->core);
    /* It is active still: Linux handles it, and its EOI ends that. */
    if (notify_take(&i->own, false) || i->unacked)
        vcpu_pend(i->vcpu, i->vintid);
    struct thread *t = atomic_load(&i->own.waiter);
    if (t)
        thread_post(t, THREAD_OP_NOTIFY);
}

status_t irq_revoke(struct vm *vm, uint64_t vintid)
{
    status_t s = ORD_BAD_PARAM;

    spin_lock(&bind_lock);
    struct irq *i = vintid < ARRAY_SIZE(vm->spi) ? vm->spi[vintid] : NULL;
    if (i && i->grantee) {
        revoke(i);
        s = ORD_OK;
    }
    spin_unlock(&bind_lock);
    return s;
}

static void each_of(struct context *c, void (*call)(struct irq *i))
{
    spin_lock(&bind_lock);
    for (uint32_t n = 32; n < ARRAY_SIZE(c->vm->spi) && c->irqs; n++)
        if (c->vm->spi[n] && c->vm->spi[n]->grantee == c)
            call(c->vm->spi[n]);
    spin_unlock(&bind_lock);
}

void irq_revoke_all(struct context *c)
{
    each_of(c, revoke);
}

static void move(struct irq *i)
{
    arch_irq_route(i->intid, i->grantee->thread.core);
}

void irq_move_all(struct context *c)
{
    if (c->irqs)
        each_of(c, move);
}

bool irq_complete(struct irq *i)
{
    if (!i->unacked)
        return false;
    i->unacked = 0;
    arch_irq_deactivate(i->intid);
    return true;
}

status_t irq_notify(struct irq *i, struct notify *n, uint64_t bits, const struct core *c)
{
    status_t s = ORD_OK;

    if (is_virtual(i) || !bits)
        return ORD_BAD_PARAM;
    spin_lock(&bind_lock);
    if (i->vcpu) {
        s = ORD_BUSY;
    } else {
        i->bits = bits;
        atomic_store(&i->notify, n);
        arch_irq_route(i->intid, c);
    }
    spin_unlock(&bind_lock);
    return s;
}

status_t irq_ack(struct irq *i)
{
    if (!atomic_load(&i->notify))
        return ORD_BAD_STATE;
    arch_irq_deactivate(i->intid);
    return ORD_OK;
}

/* Pending here means: taken from the device, not yet in the guest's list registers. */
static bool held(const struct irq *i)
{
    const struct vcpu *v = i->vcpu;

    return v && (READ_ONCE(v->pending_spi[i->vintid / 64]) & BIT(i->vintid % 64));
}

static void control_virtual(struct irq *i, uint64_t op, uint64_t *result)
{
    switch (op) {
    case ORD_IRQ_ENABLE:
        atomic_or(&i->state, ORD_IRQ_STATE_ENABLED);
        push(i);
        break;
    case ORD_IRQ_DISABLE:
        atomic_and(&i->state, ~ORD_IRQ_STATE_ENABLED);
        break;
    case ORD_IRQ_SET_PENDING:
        irq_raise(i);
        break;
    case ORD_IRQ_CLEAR_PENDING:
        atomic_and(&i->state, ~ORD_IRQ_STATE_PENDING);
        break;
    case ORD_IRQ_GET:
        *result = atomic_load(&i->state) | ORD_IRQ_STATE_EDGE;
        break;
    default: /* always an edge; active only in list registers */
        break;
    }
}

status_t irq_control(struct irq *i, uint64_t op, uint64_t *result)
{
    if (op > ORD_IRQ_GET)
        return ORD_BAD_PARAM;
    if (is_virtual(i))
        control_virtual(i, op, result);
    else
        *result = arch_irq_control(i->intid, (uint32_t)op);
    if (op == ORD_IRQ_GET && held(i))
        *result |= ORD_IRQ_STATE_PENDING;
    return ORD_OK;
}

/* Never in place: tests find it by its name, to count what follows an interrupt. */
NOINLINE bool irq_deliver(uint32_t intid)
{
    struct irq *i = intid < ARRAY_SIZE(by_intid) ? atomic_load(&by_intid[intid]) : NULL;
    struct vcpu *v;
    struct notify *n;

    if (!i)
        return false;
    /* revoke() waits for the end of this. An interrupt is delivered by one core at a time. */
    atomic_store(&i->delivering, true);
    smp_mb();
    v = atomic_load(&i->vcpu);
    n = atomic_load(&i->notify);
    if (n)
        notify_signal(n, i->bits);
    else if (v)
        vcpu_pend(v, i->vintid);
    atomic_store(&i->delivering, false);
    return n || v;
}
