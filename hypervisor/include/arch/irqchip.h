/* SPDX-License-Identifier: BSD-2-Clause */
/* Contract: the machine's interrupt controller for shared interrupts. */
#ifndef HV_ARCH_IRQCHIP_H
#define HV_ARCH_IRQCHIP_H

#include <types.h>

struct core;

/* Shared interrupts are 32 .. arch_irq_limit() - 1. */
uint32_t arch_irq_limit(void);
void arch_irq_route(uint32_t intid, const struct core *c);
/* op, result: enum ord_irq_op; GET returns ORD_IRQ_STATE_*. */
uint64_t arch_irq_control(uint32_t intid, uint32_t op);
void arch_irq_deactivate(uint32_t intid);
/* Interrupts core c, which then looks at its mailbox. */
void arch_core_kick(const struct core *c);
/* Interrupts core c, which then calls report_pump(). */
void arch_console_kick(const struct core *c);

#endif
