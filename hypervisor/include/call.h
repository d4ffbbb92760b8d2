/* SPDX-License-Identifier: BSD-2-Clause */
/* Decoding of what the less privileged ask for. */
#ifndef HV_CALL_H
#define HV_CALL_H

#include "thread.h"
#include "types.h"
#include <outrider/hostcall.h>

/* Host-task call (outrider/task.h) of the running thread. Its result goes into the thread's registers,
 * unless it blocks or enters a guest. */
void call_dispatch(struct thread *t, uint64_t number, const uint64_t arg[6]);

/* Detach-ABI hypercall (outrider/detach.h) of a guest kernel, counted from ORD_HC_BASE: status and three
 * values in result. How functions are numbered and registers used is the architecture's. */
void hypercall_dispatch(struct vcpu *v, uint32_t index, const uint64_t arg[5], uint64_t result[4]);

/* The same for those, and only those, that change nothing of the core and the vCPU that they come from but
 * their results. False: not done. */
bool hypercall_quick(struct vcpu *v, uint32_t index, const uint64_t arg[5], uint64_t result[4]);

/* Host call (outrider/hostcall.h) of a detached thread; result is preset to what its registers have and, if
 * it blocks, keeps that. False: an ordinary system call. */
static inline bool hostcall_is(uint64_t number)
{
    return (uint32_t)number - ORD_HOSTCALL_BASE < ORD_HOSTCALL_COUNT;
}
bool hostcall_dispatch(struct context *c, uint64_t number, const uint64_t arg[6], uint64_t result[4]);

/* System call of a detached thread, served here: it is blocked (c->wait), or it goes on at once with result
 * 0. False: Linux's. */
bool serve_dispatch(struct context *c, uint64_t number, const uint64_t arg[6]);

#endif
