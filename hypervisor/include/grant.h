/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts for detached threads: physical ones of the VM that one context may wait for and acknowledge. */
#ifndef HV_GRANT_H
#define HV_GRANT_H

#include "context.h"
#include "irq.h"
#include "types.h"

struct vm;

/* With the lock of c's VM held. BAD_PARAM: no physical interrupt of the VM. BUSY: granted. */
status_t grant_give(struct context *c, uint64_t vintid) MUST_CHECK;
/* To the VM's vCPU again. BAD_PARAM: not granted. */
status_t grant_revoke(struct vm *vm, uint64_t vintid);
/* All that c has; all come to c's core, which has changed. With the lock of c's VM held. */
void grant_revoke_all(struct context *c);
void grant_move_all(struct context *c);
/* The interrupt, if it is granted to c. */
struct irq *grant_find(const struct context *c, uint64_t vintid);
/* c, which runs on this core, waits until interrupt i, which is granted to it, has come; *result is 1 then,
 * or 0 when the deadline is over. True: it is blocked. */
bool grant_wait(struct context *c, struct irq *i, uint64_t deadline, uint64_t *result);
/* c, which runs on this core, is done with it. False: there is nothing to acknowledge. */
bool grant_complete(struct irq *i) MUST_CHECK;

#endif
