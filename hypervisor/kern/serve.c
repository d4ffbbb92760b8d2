/* SPDX-License-Identifier: BSD-2-Clause */
/* Linux's system calls that are served here if the guest allows it (ORD_SERVE_*): what is usual in them. */
#include "call.h"

#include "context.h"
#include "wait.h"
#include <arch/thread.h>
#include <arch_syscall.h>

/* Linux: include/uapi/linux/time.h. */
#define CLOCK_MONOTONIC 1
#define TIMER_ABSTIME   1
#define NS_PER_SECOND   1000000000ull
#define SECONDS_MAX     (1ull << 32) /* what is further away is Linux's business */

bool serve_dispatch(struct context *c, uint64_t number, const uint64_t arg[6])
{
    uint64_t time[2];

    if (number != ARCH_NR_CLOCK_NANOSLEEP || !(c->serve & ORD_SERVE_SLEEP))
        return false;
    if ((uint32_t)arg[0] != CLOCK_MONOTONIC || (uint32_t)arg[1] != TIMER_ABSTIME)
        return false;
    if (!arch_user_read(c, arg[2], time, sizeof(time)) || time[0] > SECONDS_MAX || time[1] >= NS_PER_SECOND)
        return false;
    return wait_clock(c, (int64_t)(time[0] * NS_PER_SECOND + time[1] - c->clock_offset));
}
