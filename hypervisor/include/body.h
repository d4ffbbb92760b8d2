/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a core asks of what it runs: a thread's body is a host task's code, a vCPU or a context (thread.h).
 * All of this on the thread's core.
 */
#ifndef HV_BODY_H
#define HV_BODY_H

#include "thread.h"
#include "types.h"

struct core;

/* Requests of other cores, out of the mailbox of c. */
void body_handle(struct core *c, struct thread *t, uint32_t ops);

/* It runs next, and is about to be loaded. */
void body_resume(struct thread *t);

/* Another one goes before it. */
void body_preempted(struct thread *t);

/* A context that could run, but the budget of its core is used up. */
void body_throttled(struct thread *t);

#endif
