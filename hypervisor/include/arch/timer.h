/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contract: the system counter and the hypervisor's own one-shot timer of this core.
 *
 * Guests, detached threads and host tasks read the same counter, without an offset: times that they give and
 * are told (host calls, ord_timebase, statistics) are arch_counter()'s. An architecture that gives a VM
 * another one converts them where they come in and go out: hypercall.c, wait.c, call.c.
 */
#ifndef HV_ARCH_TIMER_H
#define HV_ARCH_TIMER_H

#include <types.h>

uint64_t arch_counter(void);
/* May be read a few instructions early: for statistics. */
uint64_t arch_counter_relaxed(void);
uint64_t arch_counter_hz(void);
/* Interrupt at that counter value, at once if it is past: calls timer_expire(). */
void arch_timer_set(uint64_t expires);
void arch_timer_off(void);

#endif
