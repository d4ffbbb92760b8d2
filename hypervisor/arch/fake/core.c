/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting and waking, interrupts between cores, the counter and its timer. */
#include "fake.h"

#include "atomic.h"
#include "console.h"
#include <arch/irqchip.h>
#include <arch/thread.h>
#include <arch/timer.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#define LOST_SECONDS 20

_Thread_local struct core *fake_core;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;

void fake_point(void)
{
    if (fake.point)
        fake.point();
}

void fake_relax(void)
{
    if (fake.relax)
        fake.relax();
    else
        sched_yield();
}

void fake_cores(uint32_t count)
{
    core_count = count;
    for (uint32_t i = 0; i < count; i++) {
        core_init(&cores[i], i, 0x100 + i);
        cores[i].mode = CORE_HYP;
    }
    fake_core = &cores[0];
}

void cpu_send_event(void)
{
    fake_point();
    pthread_mutex_lock(&lock);
    for (uint32_t i = 0; i < core_count; i++)
        cores[i].arch.event = true;
    pthread_cond_broadcast(&woken);
    pthread_mutex_unlock(&lock);
}

void arch_core_kick(const struct core *to)
{
    struct core *c = &cores[to->index];

    fake_point();
    pthread_mutex_lock(&lock);
    c->arch.kicks++;
    c->arch.interrupted = true;
    pthread_cond_broadcast(&woken);
    pthread_mutex_unlock(&lock);
    if (fake.kick)
        fake.kick(to);
}

void arch_console_kick(const struct core *to)
{
    fake.console_kicks++;
    if (fake.console_kick)
        fake.console_kick(to);
    else
        while (console_send())
            ;
}

/* Waits for an interrupt or, if asked for, an event. */
static void wait(struct core *c, bool for_event)
{
    struct timespec limit;

    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += LOST_SECONDS;
    pthread_mutex_lock(&lock);
    while (!c->arch.interrupted && !(for_event && c->arch.event))
        FAKE_CHECK(pthread_cond_timedwait(&woken, &lock, &limit) == 0 /* else a wake-up was lost */);
    if (for_event)
        c->arch.event = false;
    pthread_mutex_unlock(&lock);
}

void arch_core_poll(struct core *c)
{
    FAKE_CHECK(c == core_self() && c->mode == CORE_POLL);
    if (fake.poll)
        fake.poll(c);
    else
        wait(c, true);
}

void arch_core_sleep(struct core *c)
{
    FAKE_CHECK(c == core_self() && c->mode == CORE_SLEEP);
    if (fake.sleep)
        fake.sleep(c);
    else
        wait(c, false);
}

bool arch_core_irq_pending(void)
{
    struct core *c = core_self();

    pthread_mutex_lock(&lock);
    bool pending = c->arch.interrupted || (c->arch.timer_on && c->arch.timer <= fake.counter);
    pthread_mutex_unlock(&lock);
    return pending;
}

void arch_core_irqs(struct core *c)
{
    FAKE_CHECK(c == core_self());
    pthread_mutex_lock(&lock);
    bool interrupted = c->arch.interrupted;
    c->arch.interrupted = false;
    pthread_mutex_unlock(&lock);
    c->irqs += interrupted;
    if (c->arch.timer_on && c->arch.timer <= fake.counter)
        timer_expire();
}

uint64_t arch_counter(void)
{
    return fake.counter;
}

uint64_t arch_counter_relaxed(void)
{
    return fake.counter;
}

uint64_t arch_counter_hz(void)
{
    return 1000000;
}

void arch_timer_set(uint64_t expires)
{
    core_self()->arch.timer_on = true;
    core_self()->arch.timer = expires;
}

void arch_timer_off(void)
{
    core_self()->arch.timer_on = false;
}
