/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCH_CORE_IMPL_H
#define ARCH_CORE_IMPL_H

#include "types.h"

struct arch_core {
    bool event;       /* cpu_send_event() since the last poll */
    bool interrupted; /* an interrupt is pending */
    uint32_t kicks;   /* times that arch_core_kick() was called */
    bool timer_on;
    uint64_t timer;
};

#endif
