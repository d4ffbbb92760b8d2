/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contract: a vCPU's registers, and the exits that only its architecture knows. Each architecture has in
 * <vcpu_arch.h> (arch/NAME):
 *   struct vcpu_arch                   what it keeps of a vCPU
 *   uint64_t arch_core_hwid(core)      the name of a core (struct ord_core) in the machine: what the guest
 * starts and interrupts it by
 */
#ifndef VMM_ARCH_VCPU_H
#define VMM_ARCH_VCPU_H

#include "mmio.h"
#include "vcpu_arch.h"

struct vcpu;

enum vcpu_next {
    VCPU_GOES_ON,
    VCPU_IS_OFF, /* or the VM ends */
    VCPU_CANNOT, /* go on: nothing is known of this exit */
};

/* Registers that it starts with, after a reset, at vcpu->entry and with vcpu->context. */
void arch_vcpu_start(struct vcpu *vcpu);

/* The access that ORD_EXIT_MMIO is about; false if it cannot be told. */
bool arch_vcpu_access(struct vcpu *vcpu, struct mmio *mmio);

/* It has been performed: a read's value is in mmio->data. */
void arch_vcpu_access_done(struct vcpu *vcpu, const struct mmio *mmio);

/* Nothing is where the guest has accessed memory (ORD_EXIT_MMIO, ORD_EXIT_ABORT): says so, and lets happen
 * what happens then on this architecture. */
void arch_vcpu_refuse(struct vcpu *vcpu);

/* Handles an exit that is not generic: power calls, and what else its state page may say. */
enum vcpu_next arch_vcpu_exit(struct vcpu *vcpu);

/* Prints its registers and the last exit. */
void arch_vcpu_dump(const struct vcpu *vcpu);

#endif
