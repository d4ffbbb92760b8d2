/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCH_VCPU_IMPL_H
#define ARCH_VCPU_IMPL_H

#include "types.h"

struct arch_vcpu {
    bool inside; /* arch_vcpu_enter() without _leave() yet */
    bool irq_pending;
    uint64_t timer_pending; /* which interrupt of its timer */
    uint32_t enters, leaves, resets;
};

#endif
