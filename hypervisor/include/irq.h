/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared interrupts, given to host tasks. A physical one is bound to a vCPU, or signals a notification of a
 * host task. A virtual one is bound to a vCPU and raised by software; it is an edge.
 */
#ifndef HV_IRQ_H
#define HV_IRQ_H

#include "notify.h"
#include "types.h"
#include "vcpu.h"

struct irq {
    uint32_t intid;  /* physical; 0: virtual */
    uint32_t vintid; /* as the guest sees it */
    struct vcpu *vcpu;
    uint32_t state;        /* virtual: ORD_IRQ_STATE_ENABLED, _PENDING */
    struct notify *notify; /* instead of a vCPU */
    uint64_t bits;
    struct context *grantee; /* a detached thread that handles it, through `own`; under bind_lock */
    struct notify own;
    uint32_t unacked; /* taken by the grantee, and not acknowledged; its core's */
    bool delivering;  /* somewhere, irq_deliver() is at work */
};

/* BAD_PARAM: not 32..limit, nor 0 (virtual). BUSY: taken. */
status_t irq_create(uint64_t intid, struct irq **out) MUST_CHECK;
/* BAD_PARAM: vintid, priority. BUSY: it is another VM's. EXISTS: that vintid has an interrupt already. */
status_t irq_bind(struct irq *i, struct vcpu *v, uint64_t vintid, uint64_t priority) MUST_CHECK;
status_t irq_control(struct irq *i, uint64_t op, uint64_t *result) MUST_CHECK;

/* It signals the bits from now on, and comes to core c. BAD_PARAM: it is virtual, or no bits. BUSY: bound to
 * a vCPU.
 */
status_t irq_notify(struct irq *i, struct notify *n, uint64_t bits, const struct core *c) MUST_CHECK;
/* It may come again. BAD_STATE: it signals nothing. */
status_t irq_ack(struct irq *i) MUST_CHECK;
/* A virtual one becomes pending: in its vCPU, as soon as it has one and is enabled. Any core. */
void irq_raise(struct irq *i);
/* A virtual one that its vCPU has not seen stays pending, for when it is bound or enabled again. */
void irq_keep(struct irq *i);

/*
 * Interrupts for detached threads. With the lock of c's VM held.
 * BAD_PARAM: no physical interrupt of the VM. BUSY: granted.
 */
status_t irq_grant(struct context *c, uint64_t vintid) MUST_CHECK;
/* To the VM's vCPU again. BAD_PARAM: not granted. */
status_t irq_revoke(struct vm *vm, uint64_t vintid);
/* All that c has; all come to c's core, which has changed. */
void irq_revoke_all(struct context *c);
void irq_move_all(struct context *c);
/* The interrupt, if it is granted to c. */
struct irq *irq_granted(const struct context *c, uint64_t vintid);
/* c, which runs on this core, is done with it. False: there is nothing to acknowledge. */
bool irq_complete(struct irq *i) MUST_CHECK;

/* A shared interrupt was acknowledged on this core: its running priority is dropped, it stays active until
 * the guest's EOI, or irq_ack(). False: nobody owns it. */
bool irq_deliver(uint32_t intid);

#endif
