/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a host task is written with: a native program of the hypervisor (doc/host-tasks.md). There is no C
 * library; memcpy(), memset() and the like are there. A program defines
 *
 *   int main(const struct ord_start *start);
 *
 * When it returns, the task ends. Times are ticks of the system counter, which Linux's clocks run on, too.
 * Functions that return int64_t return an ord_status: 0 or negative.
 */
#ifndef OUTRIDER_HOST_H
#define OUTRIDER_HOST_H

#include <outrider/status.h>
#include <outrider/task.h>
#include <stdarg.h>
#include <stdbool.h>

int main(const struct ord_start *start);

/* As x0 had it: name, arguments, capabilities, channels, devices. */
extern const struct ord_start *ord_start;

/* ---- time ---- */

uint64_t ord_now(void);
uint64_t ord_ticks(uint64_t nanoseconds);
uint64_t ord_nanoseconds(uint64_t ticks);
/* Returns when it is that time, at once if it is past. BAD_PARAM: that can never be. */
int64_t ord_sleep_until(uint64_t time);

/* ---- notifications ---- */

/* Waits until something is signalled, or until then (0: for ever): *bits says what, of ord_start_channel.bit
 * and ORD_TASK_DEVICE_BIT. TIMED_OUT. */
int64_t ord_wait(uint64_t deadline, uint64_t *bits);

/* ---- channels ---- */

/* The channel of that name, or NULL. */
const struct ord_start_channel *ord_channel(const char *name);
static inline void *ord_channel_memory(const struct ord_start_channel *channel)
{
    return (void *)(uintptr_t)channel->address;
}
/* Tells the other end. */
int64_t ord_signal(const struct ord_start_channel *channel);

/* ---- devices: ord_start->device[i] ---- */

static inline volatile void *ord_device_registers(uint32_t i)
{
    return (volatile void *)(uintptr_t)ord_start->device[i].address;
}
/* Its interrupt is signalled as bit ORD_TASK_DEVICE_BIT(i) from now on, on the calling thread's core; then it
 * is silent until it is acknowledged: serve the device, ord_irq_ack(), wait again. */
int64_t ord_irq_enable(uint32_t i);
int64_t ord_irq_ack(uint32_t i);

/* ---- console; without one, nothing is printed ---- */

/* A line: the task's name, the text, a newline. %d %u %x %ld %lu %lx %s %c %%, with width and 0. */
void ord_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- the rest ---- */

/* Another thread, on the task's own core: entry(argument) on a stack that ends at stack_top; `slot` is an
 * empty capability, from ord_start->first_free on. */
int64_t ord_thread(uint32_t slot, void (*entry)(void *argument), void *stack_top, void *argument,
                   uint32_t priority);
_Noreturn void ord_exit(void);

/* Any call of outrider/task.h; *value, which may be NULL, is x1. */
int64_t ord_call(enum ord_call number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                 uint64_t a5, uint64_t *value);

#endif
