/* SPDX-License-Identifier: GPL-2.0-only */
/* The system counter: the generic timer's virtual count, whose offset is zero under Outrider. */
#ifndef HVDETACH_ARCH_CLOCK_H
#define HVDETACH_ARCH_CLOCK_H

#include <linux/clocksource.h>
#include <linux/types.h>
#include <asm/arch_timer.h>
#include <asm/timex.h>

static inline u64 hvd_arch_counter(void)
{
	return get_cycles();
}

static inline u32 hvd_arch_frequency(void)
{
	return arch_timer_get_cntfrq();
}

static inline bool hvd_arch_is_counter(const struct clocksource *source)
{
	return source->vdso_clock_mode == VDSO_CLOCKMODE_ARCHTIMER;
}

#endif
