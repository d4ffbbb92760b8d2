/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCH_VCPU_IMPL_H
#define ARCH_VCPU_IMPL_H

#include "timer.h"
#include <arch_thread.h>

/* Breakpoints and watchpoints: value and control. */
struct debug {
    uint64_t bvr[16], bcr[16], wvr[16], wcr[16];
    bool os_lock;
};

struct arch_vcpu {
    struct world world;
    struct el1 el1;
    struct fpsimd fp;
    struct debug debug;
    struct timer vtimer;         /* armed while the virtual timer is not in the hardware */
    uint64_t vtimer_count;       /* its interrupts that were put into list registers */
    uint64_t exit_esr, exit_far; /* of the exit that the VMM handles; 0: it needs no answer */
};

#endif
