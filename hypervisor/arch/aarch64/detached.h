/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AARCH64_DETACHED_H
#define AARCH64_DETACHED_H

#include "context.h"
#include <arch_thread.h>

/* Synchronous exception of a detached thread: by the stub, or directly to EL2. */
void detached_sync(struct context *c, struct regs *r, uint64_t esr);
/* It was interrupted; `count` interrupts were handled. */
void detached_irq(struct context *c, struct regs *r, uint64_t count);

/* Builds the stub's stage-1 tables. Once, at start. */
void detached_init(void);

#endif
