/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VMM_PSCI_H
#define VMM_PSCI_H

#include "arch/vcpu.h"

/*
 * HVC or SMC of the guest that the hypervisor did not take: PSCI and SMCCC. Arguments and results are in
 * the state page.
 */
enum vcpu_next psci_call(struct vcpu *vcpu);

#endif
