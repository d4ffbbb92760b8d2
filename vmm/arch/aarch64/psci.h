/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VMM_PSCI_H
#define VMM_PSCI_H

#include <stdbool.h>

struct vcpu;

/*
 * HVC or SMC of the guest that the hypervisor did not take: PSCI and SMCCC. Arguments and results are in
 * the state page. False: this vCPU is off now (or the VM ends).
 */
bool psci_call(struct vcpu *vcpu);

#endif
