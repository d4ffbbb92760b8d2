/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared interrupts, given to host tasks. A physical one is bound to a vCPU, or signals a notification of a
 * host task. A virtual one (virq.h) is bound to a vCPU and raised by software.
 */
#ifndef HV_IRQ_H
#define HV_IRQ_H

#include "types.h"
#include "virq.h"

struct core;
struct notify;
struct vcpu;

/* BAD_PARAM: no line that tasks may have, nor 0 (virtual). BUSY: taken. */
status_t irq_create(uint64_t line, struct irq **out) MUST_CHECK;
/* BAD_PARAM: vline, priority. BUSY: it is another VM's. EXISTS: that vline has an interrupt already. */
status_t irq_bind(struct irq *i, struct vcpu *v, uint64_t vline, uint64_t priority) MUST_CHECK;
status_t irq_control(struct irq *i, uint64_t op, uint64_t *result) MUST_CHECK;

/* It signals the bits from now on, and comes to core c. BAD_PARAM: it is virtual, or no bits. BUSY: bound to
 * a vCPU.
 */
status_t irq_notify(struct irq *i, struct notify *n, uint64_t bits, const struct core *c) MUST_CHECK;
/* It may come again. BAD_STATE: it signals nothing. */
status_t irq_ack(struct irq *i) MUST_CHECK;
/* A shared interrupt was acknowledged on this core: it is silent until the guest's end of interrupt, or
 * irq_ack(). False: nobody owns it. */
bool irq_deliver(uint32_t line);

#endif
