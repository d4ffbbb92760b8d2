/* SPDX-License-Identifier: BSD-2-Clause */
/* Contract: the core that executes. Each architecture has these in <arch/cpu_impl.h>. */
#ifndef HV_ARCH_CPU_H
#define HV_ARCH_CPU_H

#include <types.h>
#include <arch_cpu.h>

/*
 * arch_cpu.h (arch/NAME/include) provides, inline:
 *   void cpu_relax(void)            hint inside a spin loop
 *   void smp_mb(void)               full barrier among the cores
 *   void cpu_send_event(void)       what was stored before is visible, and ends arch_core_poll() of all cores
 *   struct core *core_self(void)    this core
 */

/* Ends all execution of the machine, as far as one core can. */
NORETURN void arch_halt(void);

#endif
