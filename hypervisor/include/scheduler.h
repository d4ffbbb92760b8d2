/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a core runs next: the way out of the hypervisor.
 *
 * The highest priority runs; among equals, each has turns of CORE_SLICE_MS. Who is preempted by a higher one
 * stays first and has the rest of its turn later. With one ready thread of the highest priority there is no
 * timer: nothing interrupts it.
 *
 * A core may run a vCPU and detached threads. Then the vCPU's thread has the lowest priority while it is in
 * the guest, so that it runs when they do not, or when their budget is used up (budget.h); and the highest
 * one while it is in the VMM, which other vCPUs may wait for.
 */
#ifndef HV_SCHEDULER_H
#define HV_SCHEDULER_H

#include "core.h"
#include "types.h"

/* Handles what is in the own mailbox. */
void scheduler_drain(struct core *c);

/* Chooses what runs next, waits if there is nothing, makes the hardware ready for it and returns it. The
 * last thing on every way out of the hypervisor. */
struct thread *scheduler_leave(struct core *c);

/* Back to the current thread, if all that has happened leaves its place as it was. False: somebody has asked
 * the core for something meanwhile. */
bool scheduler_stay(struct core *c);

#endif
