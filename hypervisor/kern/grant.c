/* SPDX-License-Identifier: BSD-2-Clause */
#include "grant.h"

#include "atomic.h"
#include "core.h"
#include "vm.h"
#include "wait.h"
#include <arch/irqchip.h>
#include <arch/timer.h>
#include <outrider/hostcall.h>

#define STATE       ((uintptr_t)(GRANT_RAISED | GRANT_TAKEN))
#define NOT_GRANTED ((uint64_t)-ORD_HOSTCALL_EPERM)

static struct context *owner_of(uintptr_t word)
{
    return (struct context *)(word & ~STATE);
}

struct context *grant_owner(const struct irq *i)
{
    return owner_of(atomic_load(&i->grant));
}

struct irq *grant_find(const struct context *c, uint64_t vline)
{
    struct irq *i = vline < ARRAY_SIZE(c->vm->irq) ? atomic_load(&c->vm->irq[vline]) : NULL;

    return i && grant_owner(i) == c ? i : NULL;
}

status_t grant_give(struct context *c, uint64_t vline)
{
    struct vm *vm = c->vm;
    status_t s = ORD_BAD_PARAM;

    spin_lock(&vm_irq_lock);
    struct irq *i = vline >= ARCH_LINE_FIRST && vline < ARRAY_SIZE(vm->irq) ? vm->irq[vline] : NULL;
    if (i && !virq_is(i) && i->vcpu)
        s = grant_owner(i) ? ORD_BUSY : ORD_OK;
    if (s == ORD_OK) {
        c->irqs++;
        /* Not a compare-and-swap: without an owner, the state means nothing (grant_deliver()). */
        (void)atomic_exchange(&i->grant, (uintptr_t)c);
        arch_irq_route(i->line, c->thread.core);
    }
    spin_unlock(&vm_irq_lock);
    return s;
}

/* The word has changed: c looks at it, if it waits. Pairs with grant_wait(). */
static void tell(struct context *c)
{
    smp_mb();
    if (READ_ONCE(c->wait) == WAIT_IRQ)
        thread_post(&c->thread, THREAD_OP_NOTIFY);
}

/* With vm_irq_lock held. */
static void revoke(struct irq *i)
{
    uintptr_t word = atomic_exchange(&i->grant, (uintptr_t)0);
    struct context *c = owner_of(word);

    arch_irq_route(i->line, i->vcpu->thread->core);
    /* It is active still: Linux handles it, and its EOI ends that. */
    if (word & STATE)
        vcpu_pend(i->vcpu, i->vline);
    tell(c);
    c->irqs--;
}

status_t grant_revoke(struct vm *vm, uint64_t vline)
{
    status_t s = ORD_BAD_PARAM;

    spin_lock(&vm_irq_lock);
    struct irq *i = vline < ARRAY_SIZE(vm->irq) ? vm->irq[vline] : NULL;
    if (i && grant_owner(i)) {
        revoke(i);
        s = ORD_OK;
    }
    spin_unlock(&vm_irq_lock);
    return s;
}

/* The lock first: who revokes one may be about to post to c. */
static void each_of(struct context *c, void (*call)(struct irq *i))
{
    spin_lock(&vm_irq_lock);
    for (uint32_t n = ARCH_LINE_FIRST; n < ARRAY_SIZE(c->vm->irq) && c->irqs; n++)
        if (c->vm->irq[n] && grant_owner(c->vm->irq[n]) == c)
            call(c->vm->irq[n]);
    spin_unlock(&vm_irq_lock);
}

void grant_revoke_all(struct context *c)
{
    each_of(c, revoke);
}

static void move(struct irq *i)
{
    arch_irq_route(i->line, grant_owner(i)->thread.core);
}

void grant_move_all(struct context *c)
{
    each_of(c, move);
}

bool grant_deliver(struct irq *i)
{
    if (!atomic_load(&i->grant))
        return false;
    struct context *c = owner_of(atomic_or(&i->grant, (uintptr_t)GRANT_RAISED));
    if (!c)
        return false; /* revoked since: the bit that is left is nobody's */
    tell(c);
    return true;
}

/* From one state of c's to another one; false: it is not in it, or not c's any more. */
static bool step(struct irq *i, const struct context *c, uintptr_t from, uintptr_t to)
{
    uintptr_t word = atomic_load(&i->grant);

    /* Again only if it was raised once more since, or revoked. */
    while (owner_of(word) == c && (word & from)) {
        if (atomic_cas(&i->grant, word, (word & ~from) | to))
            return true;
        word = atomic_load(&i->grant);
    }
    return false;
}

bool grant_wait(struct context *c, struct irq *i, uint64_t deadline, uint64_t *result)
{
    c->irq = i;
    wait_begin(c, WAIT_IRQ, deadline);
    smp_mb(); /* pairs with tell(): either it sees the wait, or the change is seen here */
    *result = step(i, c, GRANT_RAISED, GRANT_TAKEN) ? 1 : grant_owner(i) == c ? 0 : NOT_GRANTED;
    if (*result || (deadline && deadline <= arch_counter())) {
        wait_cancel(c);
        return false;
    }
    wait_block(c);
    return true;
}

void grant_notified(struct context *c)
{
    if (step(c->irq, c, GRANT_RAISED, GRANT_TAKEN))
        wait_finish(c, 1);
    else if (grant_owner(c->irq) != c)
        wait_finish(c, NOT_GRANTED);
}

void grant_expired(struct context *c)
{
    wait_finish(c, step(c->irq, c, GRANT_RAISED, GRANT_TAKEN));
}

bool grant_complete(struct context *c, struct irq *i)
{
    if (!step(i, c, GRANT_TAKEN, 0))
        return false;
    arch_irq_resume(i->line);
    return true;
}
