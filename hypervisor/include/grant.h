/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts for detached threads: physical ones of the VM that one context may wait for and acknowledge.
 *
 * irq->grant says in one word whose it is and how far its context has come with it. All that changes it is
 * one atomic step, so an interrupt that was taken from the machine is always in one hand that ends it:
 *
 *         give            deliver           wait             complete
 *   0 ----------> c, 0 ------------> RAISED -------> TAKEN ------------> c, 0 and deactivated
 *   ^               |                  |               |
 *   +--- revoke ----+                  +--- revoke ----+---> 0, and in the vCPU, whose EOI deactivates it
 *
 * A context that waits (WAIT_IRQ) knows the interrupt, and the interrupt nothing of the wait: who changes the
 * word posts to its context, which then looks for itself.
 */
#ifndef HV_GRANT_H
#define HV_GRANT_H

#include "context.h"
#include "irq.h"
#include "types.h"

struct vm;

/* In the low bits of irq->grant, beside the context's address. */
#define GRANT_RAISED 1u
#define GRANT_TAKEN  2u

/* With the lock of c's VM held. BAD_PARAM: no physical interrupt of the VM. BUSY: granted. */
status_t grant_give(struct context *c, uint64_t vline) MUST_CHECK;
/* To the VM's vCPU again. BAD_PARAM: not granted. */
status_t grant_revoke(struct vm *vm, uint64_t vline);
/* All that c has; all come to c's core, which has changed. With the lock of c's VM held. */
void grant_revoke_all(struct context *c);
void grant_move_all(struct context *c);
/* Whose it is; NULL: no context's. */
struct context *grant_owner(const struct irq *i);
/* The interrupt, if it is granted to c. */
struct irq *grant_find(const struct context *c, uint64_t vline);
/* It has come. False: it is no context's. Any core. */
bool grant_deliver(struct irq *i) MUST_CHECK;

/* For c, on its core, from here. */

/* Waits until i, which is granted to it, has come; *result is 1 then, or 0 when the deadline is over. True:
 * it is blocked. */
bool grant_wait(struct context *c, struct irq *i, uint64_t deadline, uint64_t *result);
/* It waits, and what it waits for has come or was taken away; or not. */
void grant_notified(struct context *c);
/* It waits, and the deadline is over. */
void grant_expired(struct context *c);
/* It is done with i. False: there is nothing to acknowledge. */
bool grant_complete(struct context *c, struct irq *i) MUST_CHECK;

#endif
