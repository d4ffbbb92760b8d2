/* SPDX-License-Identifier: BSD-2-Clause */
/* Physical shared interrupts, given to host tasks and bound to vCPUs. */
#ifndef HV_IRQ_H
#define HV_IRQ_H

#include "types.h"
#include "vcpu.h"

struct irq {
    uint32_t intid;  /* physical */
    uint32_t vintid; /* as the guest sees it */
    struct vcpu *vcpu;
};

/* BAD_PARAM: not 32..limit. BUSY: taken. */
status_t irq_create(uint64_t intid, struct irq **out) MUST_CHECK;
/* BAD_PARAM: vintid, priority. BUSY: it is another VM's. EXISTS: that vintid has an interrupt already. */
status_t irq_bind(struct irq *i, struct vcpu *v, uint64_t vintid, uint64_t priority) MUST_CHECK;
status_t irq_control(struct irq *i, uint64_t op, uint64_t *result) MUST_CHECK;

/* A shared interrupt was acknowledged on this core: its running priority is dropped, it stays active until
 * the guest's EOI. False: nobody owns it. */
bool irq_deliver(uint32_t intid);

#endif
