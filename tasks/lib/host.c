/* SPDX-License-Identifier: BSD-2-Clause */
#include <outrider/host.h>
#include <string.h>

const struct ord_start *ord_start;

_Noreturn void host_main(const struct ord_start *start);

/* Called by start.S with what x0 had. */
_Noreturn void host_main(const struct ord_start *start)
{
    ord_start = start;
    main(start);
    ord_exit();
}

_Noreturn void ord_exit(void)
{
    for (;;)
        ord_call(ORD_CALL_THREAD_EXIT, 0, 0, 0, 0, 0, 0, NULL);
}

/* In two steps, so that nothing overflows in 500 years. */
uint64_t ord_ticks(uint64_t nanoseconds)
{
    uint64_t hz = ord_start->counter_hz, giga = 1000000000u;

    return nanoseconds / giga * hz + nanoseconds % giga * hz / giga;
}

uint64_t ord_nanoseconds(uint64_t ticks)
{
    uint64_t hz = ord_start->counter_hz, giga = 1000000000u;

    return ticks / hz * giga + ticks % hz * giga / hz;
}

int64_t ord_sleep_until(uint64_t time)
{
    return ord_call(ORD_CALL_SLEEP_UNTIL, time, 0, 0, 0, 0, 0, NULL);
}

int64_t ord_wait(uint64_t deadline, uint64_t *bits)
{
    return ord_call(ORD_CALL_NOTIFY_WAIT, ord_start->notify, deadline, 0, 0, 0, 0, bits);
}

const struct ord_start_channel *ord_channel(const char *name)
{
    for (uint32_t i = 0; i < ord_start->channel_count; i++)
        if (strcmp(ord_start->channel[i].name, name) == 0)
            return &ord_start->channel[i];
    return NULL;
}

int64_t ord_signal(const struct ord_start_channel *channel)
{
    return ord_call(ORD_CALL_NOTIFY_SIGNAL, channel->signal, 1ull << channel->signal_bit, 0, 0, 0, 0, NULL);
}

int64_t ord_irq_enable(uint32_t i)
{
    uint32_t irq = ord_start->device[i].irq;
    int64_t s =
        ord_call(ORD_CALL_IRQ_NOTIFY, irq, ord_start->notify, 1ull << ORD_TASK_DEVICE_BIT(i), 0, 0, 0, NULL);

    return s == ORD_OK ? ord_call(ORD_CALL_IRQ_CONTROL, irq, ORD_IRQ_ENABLE, 0, 0, 0, 0, NULL) : s;
}

int64_t ord_irq_ack(uint32_t i)
{
    return ord_call(ORD_CALL_IRQ_ACK, ord_start->device[i].irq, 0, 0, 0, 0, 0, NULL);
}

int64_t ord_thread(uint32_t slot, void (*entry)(void *argument), void *stack_top, void *argument,
                   uint32_t priority)
{
    return ord_call(ORD_CALL_THREAD_CREATE, slot, (uintptr_t)entry, (uintptr_t)stack_top, (uintptr_t)argument,
                    ord_start->core, priority, NULL);
}
