/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts as objects, and those that are raised by software: always an edge, bound to a vCPU (irq.h). */
#ifndef HV_VIRQ_H
#define HV_VIRQ_H

#include "types.h"

struct notify;
struct vcpu;

struct irq {
    uint32_t line;  /* the machine's; 0: virtual */
    uint32_t vline; /* as the guest sees it */
    struct vcpu *vcpu;
    uint32_t state;        /* virtual: ORD_IRQ_STATE_ENABLED, _PENDING */
    struct notify *notify; /* a host task's, instead of a vCPU; with the bits that it signals */
    uint64_t bits;
    uintptr_t grant; /* grant.h */
};

/* It is not a physical one: the rest is for these. */
static inline bool virq_is(const struct irq *i)
{
    return !i->line;
}

/*
 * Hands one that is pending to its vCPU, if there is one and it is enabled. Who makes the last of the three
 * true does it, and only one takes the pending bit.
 */
void virq_push(struct irq *i);
/* It becomes pending: in its vCPU, as soon as it has one and is enabled. Any core. */
void virq_raise(struct irq *i);
/* One that its vCPU has not seen stays pending, for when it is bound or enabled again. */
void virq_keep(struct irq *i);
/* irq_control() */
void virq_control(struct irq *i, uint64_t op, uint64_t *result);

#endif
