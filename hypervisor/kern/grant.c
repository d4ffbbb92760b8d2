/* SPDX-License-Identifier: BSD-2-Clause */
#include "grant.h"

#include "atomic.h"
#include "core.h"
#include "notify.h"
#include "vm.h"
#include "wait.h"
#include <arch/irqchip.h>

struct irq *grant_find(const struct context *c, uint64_t vintid)
{
    struct irq *i = vintid < ARRAY_SIZE(c->vm->spi) ? atomic_load(&c->vm->spi[vintid]) : NULL;

    return i && atomic_load(&i->grantee) == c ? i : NULL;
}

status_t grant_give(struct context *c, uint64_t vintid)
{
    struct vm *vm = c->vm;
    status_t s = ORD_BAD_PARAM;

    spin_lock(&vm_spi_lock);
    struct irq *i = vintid >= 32 && vintid < ARRAY_SIZE(vm->spi) ? vm->spi[vintid] : NULL;
    if (i && !virq_is(i) && i->vcpu)
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
    spin_unlock(&vm_spi_lock);
    return s;
}

/* With vm_spi_lock held. */
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

status_t grant_revoke(struct vm *vm, uint64_t vintid)
{
    status_t s = ORD_BAD_PARAM;

    spin_lock(&vm_spi_lock);
    struct irq *i = vintid < ARRAY_SIZE(vm->spi) ? vm->spi[vintid] : NULL;
    if (i && i->grantee) {
        revoke(i);
        s = ORD_OK;
    }
    spin_unlock(&vm_spi_lock);
    return s;
}

static void each_of(struct context *c, void (*call)(struct irq *i))
{
    spin_lock(&vm_spi_lock);
    for (uint32_t n = 32; n < ARRAY_SIZE(c->vm->spi) && c->irqs; n++)
        if (c->vm->spi[n] && c->vm->spi[n]->grantee == c)
            call(c->vm->spi[n]);
    spin_unlock(&vm_spi_lock);
}

void grant_revoke_all(struct context *c)
{
    each_of(c, revoke);
}

static void move(struct irq *i)
{
    arch_irq_route(i->intid, i->grantee->thread.core);
}

void grant_move_all(struct context *c)
{
    if (c->irqs)
        each_of(c, move);
}

bool grant_wait(struct context *c, struct irq *i, uint64_t deadline, uint64_t *result)
{
    c->irq = i;
    if (wait_notify(c, &i->own, deadline, result))
        return true;
    i->unacked |= (int64_t)*result > 0;
    return false;
}

bool grant_complete(struct irq *i)
{
    if (!i->unacked)
        return false;
    i->unacked = 0;
    arch_irq_deactivate(i->intid);
    return true;
}
