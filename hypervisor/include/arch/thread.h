/* SPDX-License-Identifier: BSD-2-Clause */
/* Contract: the register state of threads, vCPUs and contexts. */
#ifndef HV_ARCH_THREAD_H
#define HV_ARCH_THREAD_H

#include <context.h>
#include <thread.h>
#include <vcpu.h>

struct ptab;

/* A host thread that starts at entry with its stack and one argument. */
void arch_thread_init(struct thread *t, const struct ptab *space, uint64_t entry, uint64_t sp, uint64_t arg);
/* Result registers of the host thread's current call. */
void arch_thread_result(struct thread *t, int64_t status, uint64_t value);

/* Makes the hardware hold t's state; t runs next on this core, c. */
void arch_thread_load(struct core *c, struct thread *t);

void arch_vcpu_init(struct vcpu *v, const struct ptab *space);
void arch_vcpu_reset(struct vcpu *v);
/* Switches the thread between the VMM's and the guest's registers. */
void arch_vcpu_enter(struct vcpu *v);
void arch_vcpu_leave(struct vcpu *v);
/*
 * Interrupts of its guest that are not in the hardware yet. arch_vcpu.h (arch/NAME/include) provides, inline:
 *   void arch_vcpu_set_pending(struct arch_vcpu *, uint32_t line)        any core; the caller then sets
 *                                                                        pending_any
 *   bool arch_vcpu_is_pending(const struct arch_vcpu *, uint32_t line)   a shared line
 *   uint32_t arch_vcpu_pending_count(const struct arch_vcpu *)
 */

/* One is pending in the hardware. Only if loaded here. */
bool arch_vcpu_irq_pending(struct vcpu *v);

/*
 * For the watchdog, on its core: 0 if the guest takes interrupts; else a number that stays the same as long
 * as it takes none: which one of its virtual timer is pending and not acknowledged, or since when it has had
 * them masked.
 */
uint64_t arch_vcpu_progress(struct vcpu *v);

/* Takes the frame's contents. BAD_VERSION, BAD_PARAM: the frame is not valid. */
status_t arch_context_load(struct context *c) MUST_CHECK;
/* Writes what only the hardware holds into the frame (pc, pstate, FP/SIMD, …). */
void arch_context_save(struct context *c);

/* Reads the thread's memory, at an address of its own. False: not all of that is memory that it may read. */
bool arch_user_read(struct context *c, uint64_t at, void *to, uint64_t size) MUST_CHECK;

/* The result of the system call or host call that the context is in. */
void arch_context_result(struct context *c, uint64_t value);

/* Waits until another core stores to c->mail or an interrupt is pending. */
void arch_core_poll(struct core *c);
void arch_core_sleep(struct core *c);
/* An interrupt is pending (waiting for a store does not end for it). */
bool arch_core_irq_pending(void);
/* Handles the interrupt that is pending on this core, if any is. */
void arch_core_irqs(struct core *c);

/* Starts all other cores; each ends in scheduler_leave. */
void arch_start_cores(void);

NORETURN void arch_power(bool reset);

#endif
