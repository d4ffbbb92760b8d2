/* SPDX-License-Identifier: BSD-2-Clause */
#include "virq.h"

#include "atomic.h"
#include "vcpu.h"
#include <outrider/task.h>

void virq_push(struct irq *i)
{
    smp_mb();
    struct vcpu *v = atomic_load(&i->vcpu);
    if (v && (atomic_load(&i->state) & ORD_IRQ_STATE_ENABLED) &&
        (atomic_and(&i->state, ~ORD_IRQ_STATE_PENDING) & ORD_IRQ_STATE_PENDING))
        vcpu_pend(v, i->vline);
}

void virq_raise(struct irq *i)
{
    atomic_or(&i->state, ORD_IRQ_STATE_PENDING);
    virq_push(i);
}

void virq_keep(struct irq *i)
{
    atomic_or(&i->state, ORD_IRQ_STATE_PENDING);
}

void virq_control(struct irq *i, uint64_t op, uint64_t *result)
{
    switch (op) {
    case ORD_IRQ_ENABLE:
        atomic_or(&i->state, ORD_IRQ_STATE_ENABLED);
        virq_push(i);
        break;
    case ORD_IRQ_DISABLE:
        atomic_and(&i->state, ~ORD_IRQ_STATE_ENABLED);
        break;
    case ORD_IRQ_SET_PENDING:
        virq_raise(i);
        break;
    case ORD_IRQ_CLEAR_PENDING:
        atomic_and(&i->state, ~ORD_IRQ_STATE_PENDING);
        break;
    case ORD_IRQ_GET:
        *result = atomic_load(&i->state) | ORD_IRQ_STATE_EDGE;
        break;
    default: /* always an edge; active only in the vCPU */
        break;
    }
}
