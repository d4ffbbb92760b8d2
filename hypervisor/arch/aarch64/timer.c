/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's own timer: CNTHP (ARM ARM D11.2). */
#include "timer.h"

#include "sysreg.h"
#include <arch/timer.h>

uint64_t arch_counter(void)
{
    isb();
    return sysreg_read(cntpct_el0);
}

uint64_t arch_counter_relaxed(void)
{
    return sysreg_read(cntpct_el0);
}

uint64_t arch_counter_hz(void)
{
    return sysreg_read(cntfrq_el0);
}

void arch_timer_set(uint64_t expires)
{
    sysreg_write(cnthp_cval_el2, expires);
    sysreg_write(cnthp_ctl_el2, CNT_ENABLE);
    isb();
}

void arch_timer_off(void)
{
    sysreg_write(cnthp_ctl_el2, 0);
    isb();
}
