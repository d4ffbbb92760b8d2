/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contract: the machine's interrupt controller.
 *
 * A line is a number, of the machine or (a virtual one) of a VM. arch_irq.h (arch/NAME/include) provides, for
 * both:
 *   ARCH_LINE_FIRST, ARCH_LINE_LIMIT         shared lines are FIRST .. LIMIT - 1, FIRST is not 0; what is
 *                                            below is a core's or a vCPU's own
 *   bool arch_exception_valid(uint64_t line) it may be the virtual exception of a VM: a vCPU's own
 */
#ifndef HV_ARCH_IRQCHIP_H
#define HV_ARCH_IRQCHIP_H

#include <types.h>
#include <arch_irq.h>

struct core;

/* This machine's shared lines end before it. */
uint32_t arch_irq_limit(void);
void arch_irq_route(uint32_t line, const struct core *c);
/* op, result: enum ord_irq_op; GET returns ORD_IRQ_STATE_*. */
uint64_t arch_irq_control(uint32_t line, uint32_t op);
/*
 * It may come again. One that was handed to irq_deliver() is silent from then on, whatever its device does,
 * and disturbs no other one: by a priority that is dropped while it stays active, an end of interrupt that is
 * yet to come, or a mask.
 */
void arch_irq_resume(uint32_t line);
/* Interrupts core c, which then looks at its mailbox. */
void arch_core_kick(const struct core *c);
/* Interrupts core c, which then calls report_pump(). */
void arch_console_kick(const struct core *c);

#endif
