/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs go on and off. Their states are guarded by vm->power_lock:
 *
 *   OFF --power_on()--> ON_PENDING --power_take(), its thread--> ON --power_off()--> OFF
 */
#ifndef VMM_POWER_H
#define VMM_POWER_H

#include "vcpu.h"

/*
 * Starts a vCPU that is off at `entry`, with `context` for what begins there. Returns the state that it was
 * in: if that is not VCPU_OFF, nothing has been done.
 */
enum vcpu_power power_on(struct vcpu *vcpu, uint64_t entry, uint64_t context);

/* Takes a request to go on, if there is one. By the vCPU's thread. */
bool power_take(struct vcpu *vcpu);

/* Switches a vCPU off, on its thread: another vCPU may start it again as soon as this has returned. */
void power_off(struct vcpu *vcpu);

#endif
