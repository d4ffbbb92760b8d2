/* SPDX-License-Identifier: BSD-2-Clause */
/* Called by vectors.S with the interrupted registers. */
#ifndef AARCH64_EXIT_H
#define AARCH64_EXIT_H

#include "core.h"

typedef void exit_handler(struct core *c, struct regs *r);

void exit_sync(struct core *c, struct regs *r);
/*
 * HVC #0, with only the registers in r that a function may change; PC, PSTATE and SP_EL0 are in the hardware.
 * NULL: done, back to the guest. Otherwise what handles it when the rest is saved.
 */
exit_handler *exit_call(struct core *c, struct regs *r);
void exit_irq(struct core *c, struct regs *r);
void exit_serror(struct core *c, struct regs *r);
NORETURN void exit_own(uint64_t vector);
/* Loads ELR_EL2 and SPSR_EL2 for t, which is current, whatever its registers in memory hold. Returns these.
 */
struct regs *exit_prepare(struct thread *t);

#endif
