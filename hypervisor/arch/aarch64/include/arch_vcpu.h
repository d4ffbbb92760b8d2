/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCH_VCPU_IMPL_H
#define ARCH_VCPU_IMPL_H

#include "timer.h"
#include <arch_thread.h>

struct arch_vcpu {
    struct world world;
    struct el1 el1;
    struct fpsimd fp;
    struct timer vtimer;         /* armed while the virtual timer is not in the hardware */
    uint64_t vtimer_count;       /* its interrupts that were put into list registers */
    uint64_t exit_esr, exit_far; /* of the exit that the VMM handles; 0: it needs no answer */
};

#endif
