/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions that the hypervisor raises in a guest (ARM ARM, AArch64.TakeException). */
#ifndef AARCH64_INJECT_H
#define AARCH64_INJECT_H

#include "vcpu.h"

/* All of these: the vCPU is loaded on this core; pc and pstate are in its state page. */
void inject_undefined(struct vcpu *v);
/* External abort for a data or instruction abort with that ESR_EL2 and FAR. */
void inject_abort(struct vcpu *v, uint64_t esr, uint64_t far);

#endif
