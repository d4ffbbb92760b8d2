/* SPDX-License-Identifier: BSD-2-Clause */
#include "core.h"

#include "atomic.h"
#include <arch/irqchip.h>
#include <arch/thread.h>
#include <arch/timer.h>

struct core cores[ORD_CORES_MAX];
uint32_t core_count;
static bool halted;

static void slice_end(struct timer *timer)
{
    struct core *c = CONTAINER_OF(timer, struct core, slice);
    struct thread *t = c->running;

    c->slice_armed = false;
    if (!t)
        return;
    core_dequeue(c, t);
    core_enqueue(c, t);
    t->slice_left = 0;
}

void core_init(struct core *c, uint32_t index, uint64_t hwid)
{
    c->index = index;
    c->hwid = hwid;
    c->mode = CORE_OFF;
    for (size_t i = 0; i < ARRAY_SIZE(c->queue); i++)
        list_init(&c->queue[i]);
    timer_queue_init(&c->timers);
    timer_init(&c->slice, slice_end);
    budget_init(&c->budget);
}

/* `inline` in these files is for link-time optimization, which then takes functions of more than a few
 * instructions into the frequent ways. */
inline struct thread *core_pick(struct core *c)
{
#pragma GCC unroll 4
    for (int i = 3; i >= 0; i--)
        if (c->ready_map[i]) {
            unsigned prio = (unsigned)i * 64 + 63 - (unsigned)__builtin_clzll(c->ready_map[i]);
            return CONTAINER_OF(c->queue[prio].next, struct thread, ready);
        }
    return NULL;
}

void core_enqueue(struct core *c, struct thread *t)
{
    const size_t prio = t->prio;

    list_insert(c->queue + prio, &t->ready);
    c->ready_map[prio / 64] |= BIT(prio % 64);
}

void core_dequeue(struct core *c, struct thread *t)
{
    const size_t prio = t->prio;

    list_remove(&t->ready);
    if (list_empty(&c->queue[prio]))
        c->ready_map[prio / 64] &= ~BIT(prio % 64);
}

void core_mail(struct core *c, struct thread *first, struct thread *last)
{
    struct thread *head = READ_ONCE(c->mail);

    do {
        last->mail_next = head;
    } while (!__atomic_compare_exchange_n(&c->mail, &head, first, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
}

void core_mail_back(struct core *c, struct thread *first)
{
    struct thread *last = first;

    while (last->mail_next)
        last = last->mail_next;
    core_mail(c, first, last);
}

void core_notify_all(uint32_t mask)
{
    for (; mask; mask &= mask - 1) {
        struct core *c = &cores[__builtin_ctz(mask)];
        if (c != core_self())
            core_notify(c);
    }
}

void core_notify(struct core *c)
{
    smp_mb();
    uint32_t mode = READ_ONCE(c->mode);
    if (mode == CORE_USER || mode == CORE_SLEEP)
        arch_core_kick(c);
    else if (mode == CORE_POLL)
        cpu_send_event();
}

static void take_registers(struct core *c)
{
    c->registers_of = c->running;
    c->register_count = arch_core_registers(c, c->registers);
}

void core_answer(struct core *c)
{
    WRITE_ONCE(c->asked, 0u);
    smp_mb(); /* pairs with ask(): what is counted from now on is seen here, or the flag is there again */
    if (READ_ONCE(halted))
        arch_halt();
    uint32_t asked = atomic_load(&c->barrier_asked);
    if (asked != c->barrier_done)
        atomic_store(&c->barrier_done, asked);
    asked = atomic_load(&c->registers_asked);
    if (asked != c->registers_done) {
        take_registers(c);
        atomic_store(&c->registers_done, asked);
    }
}

static uint32_t ask(struct core *c, uint32_t *counter)
{
    uint32_t asked = atomic_add(counter, 1u) + 1;

    smp_mb();
    WRITE_ONCE(c->asked, 1u);
    core_notify(c);
    return asked;
}

void core_barrier(uint32_t mask)
{
    uint32_t asked[ORD_CORES_MAX], waits = 0;

    /* What the caller has stored is visible before modes are looked at: who comes later has passed one. */
    smp_mb();
    for (uint32_t i = 0; i < core_count; i++) {
        struct core *c = &cores[i];
        if (!(mask & BIT(i)) || c == core_self() || atomic_load(&c->mode) != CORE_USER)
            continue;
        asked[i] = ask(c, &c->barrier_asked);
        waits |= (uint32_t)BIT(i);
    }
    /* All have been asked: this waits for the slowest, not for one after the other. */
    for (; waits; waits &= waits - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(waits);
        const struct core *c = &cores[i];
        while ((int32_t)(atomic_load(&c->barrier_done) - asked[i]) < 0 && atomic_load(&c->mode) == CORE_USER)
            cpu_relax();
    }
    smp_mb();
}

uint32_t core_ask_registers(struct core *c)
{
    if (c != core_self())
        return ask(c, &c->registers_asked);
    take_registers(c);
    return c->registers_done;
}

bool core_told_registers(const struct core *c, uint32_t asked)
{
    return (int32_t)(atomic_load(&c->registers_done) - asked) >= 0;
}

void core_halt_others(void)
{
    WRITE_ONCE(halted, true);
    smp_mb();
    for (uint32_t i = 0; i < core_count; i++) {
        if (&cores[i] == core_self())
            continue;
        WRITE_ONCE(cores[i].asked, 1u);
        if (READ_ONCE(cores[i].mode) != CORE_OFF)
            arch_core_kick(&cores[i]);
    }
}
