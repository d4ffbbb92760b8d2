/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contract: the interrupt controller that the guest sees. Each architecture has in <irqchip_arch.h>
 * (arch/NAME) struct irqchip, what there is one of in a VM; what there is one of for each vCPU is in struct
 * vcpu_arch. An interrupt has a number, which is the guest's and the machine's.
 */
#ifndef VMM_ARCH_IRQCHIP_H
#define VMM_ARCH_IRQCHIP_H

#include "call.h"
#include "irqchip_arch.h"
#include "mmio.h"

struct vcpu;
struct vm;

/* Reset state, of a VM that has its vCPUs. */
void arch_irqchip_init(struct vm *vm);

/*
 * Performs an access of `vcpu`. False if no register frame is at that address; inside a frame, what is not
 * implemented or has a wrong size or alignment reads as zero and ignores writes.
 */
bool arch_irqchip_access(struct vm *vm, struct vcpu *vcpu, struct mmio *mmio);

/* A vCPU has started, or is about to stop: it takes interrupts of devices, or takes none any more when this
 * returns. */
void arch_irqchip_set_online(struct vm *vm, struct vcpu *vcpu, bool online);

/* Makes the interrupt, which no device has, the interrupt object of that capability. */
status_t arch_irqchip_add_virtual(struct vm *vm, uint32_t number, uint32_t irq);

#endif
