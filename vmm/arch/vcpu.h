/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contract: a vCPU's registers, and the exits that only its architecture knows. Each architecture has in
 * <vcpu_arch.h> (arch/NAME):
 *
 *   struct vcpu_arch               what it keeps of a vCPU
 *
 * and of the state page, inline since each access of the guest to a device needs them:
 *
 *   arch_vcpu_access(s, mmio)      the access that ORD_EXIT_MMIO is about; false if it cannot be told
 *   arch_vcpu_access_done(s, mmio) it has been performed: a read's value is in mmio->data
 */
#ifndef VMM_ARCH_VCPU_H
#define VMM_ARCH_VCPU_H

#include "vcpu_arch.h"

struct vcpu;

enum vcpu_next {
    VCPU_GOES_ON,
    VCPU_IS_OFF, /* or the VM ends */
    VCPU_CANNOT, /* go on: nothing is known of this exit */
};

/* Registers that it starts with, after a reset, at vcpu->entry and with vcpu->context. */
void arch_vcpu_start(struct vcpu *vcpu);

/* Nothing is where the guest has accessed memory (ORD_EXIT_MMIO, ORD_EXIT_ABORT): says so, and lets happen
 * what happens then on this architecture. */
void arch_vcpu_refuse(struct vcpu *vcpu);

/* Handles an exit that is not generic: power calls, and what else its state page may say. */
enum vcpu_next arch_vcpu_exit(struct vcpu *vcpu);

/* Prints its registers and the last exit. */
void arch_vcpu_dump(const struct vcpu *vcpu);

#endif
