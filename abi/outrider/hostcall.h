/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Host calls: what a detached thread asks the hypervisor for by a system call whose number Linux does not
 * know (x8 on arm64; clear of x86's bit 30). Attached, Linux answers -ENOSYS; detached, the hypervisor
 * answers every number of the range itself: unknown ones with -ENOSYS too.
 */
#ifndef OUTRIDER_HOSTCALL_H
#define OUTRIDER_HOSTCALL_H

#include "types.h"

#define ORD_HOSTCALL_BASE  0x0f520000u
#define ORD_HOSTCALL_COUNT 0x100u

/* thread_info() -> x0 ORD_ABI_VERSION, x1 core, x2 context id, x3 priority. */
#define ORD_HOSTCALL_INFO (ORD_HOSTCALL_BASE + 0)

/*
 * sleep_until(counter) -> x0 0. Returns when the counter has reached the value, at once if it has. A signal,
 * or whatever else Linux wants of the thread, ends it early: Linux answers -ENOSYS (or -EINTR behind a
 * handler).
 */
#define ORD_HOSTCALL_SLEEP_UNTIL (ORD_HOSTCALL_BASE + 1)

/*
 * Interrupts that were granted to the thread (ORD_IOC_IRQ), by their virtual line; -EPERM for others.
 * irq_wait(line, counter or 0) -> x0 1, 0 if it has not come until the counter has reached that value. Ends
 * early as sleep_until() does. It does not come again before irq_ack(line) -> x0 0; -EINVAL: nothing to
 * acknowledge.
 */
#define ORD_HOSTCALL_IRQ_WAIT (ORD_HOSTCALL_BASE + 2)
#define ORD_HOSTCALL_IRQ_ACK  (ORD_HOSTCALL_BASE + 3)

/*
 * Channels to host tasks, of those that were granted to the thread (ORD_IOC_CHANNEL); -EPERM for others,
 * -ENODEV if there is none of that number. notify_signal(channel) -> x0 0. notify_wait(channel, counter or 0)
 * -> x0 how often the task has signalled since somebody took that, 0 if it has not until the counter has
 * reached that value; -EBUSY: another thread waits. Ends early as sleep_until() does. notify_poll(channel) ->
 * x0 the same, without waiting.
 */
#define ORD_HOSTCALL_NOTIFY_SIGNAL (ORD_HOSTCALL_BASE + 16)
#define ORD_HOSTCALL_NOTIFY_WAIT   (ORD_HOSTCALL_BASE + 17)
#define ORD_HOSTCALL_NOTIFY_POLL   (ORD_HOSTCALL_BASE + 18)

/* Linux's error numbers on arm64 and x86, returned negated. */
#define ORD_HOSTCALL_EPERM  1
#define ORD_HOSTCALL_EBUSY  16
#define ORD_HOSTCALL_ENODEV 19
#define ORD_HOSTCALL_EINVAL 22
#define ORD_HOSTCALL_ENOSYS 38 /* returned negated: Linux's ENOSYS on arm64 and x86 */

#endif
