/* SPDX-License-Identifier: BSD-2-Clause */
#include "core.h"

#include "atomic.h"
#include "context.h"
#include "notify.h"
#include "panic.h"
#include "string.h"
#include "vcpu.h"
#include <arch/irqchip.h>
#include <arch/thread.h>
#include <arch/timer.h>

/*
 * How often an idle core that detached threads are bound to looks at its mailbox before it sleeps: waking
 * it is then cheaper for the sender, and its system calls are short. Others sleep at once, as their guest
 * asked.
 */
#define IDLE_POLLS 64

struct core cores[ORD_CORES_MAX];
uint32_t core_count;

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

/* They halt when they next look at `asked`. */
static void tell_others(void)
{
    for (uint32_t i = 0; i < core_count; i++) {
        if (&cores[i] == core_self())
            continue;
        WRITE_ONCE(cores[i].asked, 1u);
        if (READ_ONCE(cores[i].mode) != CORE_OFF)
            arch_core_kick(&cores[i]);
    }
}

void core_init(struct core *c, uint32_t index, uint64_t mpidr)
{
    panic_tell_others = tell_others;
    c->index = index;
    c->mpidr = mpidr;
    c->mode = CORE_OFF;
    for (size_t i = 0; i < ARRAY_SIZE(c->queue); i++)
        list_init(&c->queue[i]);
    timer_queue_init(&c->timers);
    timer_init(&c->slice, slice_end);
    budget_init(&c->budget);
}

struct thread *core_pick(struct core *c)
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
    list_insert(&c->queue[t->prio], &t->ready);
    c->ready_map[t->prio / 64] |= BIT(t->prio % 64);
}

void core_dequeue(struct core *c, struct thread *t)
{
    list_remove(&t->ready);
    if (list_empty(&c->queue[t->prio]))
        c->ready_map[t->prio / 64] &= ~BIT(t->prio % 64);
}

static bool has_peers(const struct core *c, const struct thread *t)
{
    const struct list *q = &c->queue[t->prio];

    return q->next != q->prev;
}

static void slice_stop(struct core *c)
{
    if (!c->slice_armed)
        return;
    c->slice_armed = false;
    timer_stop(&c->slice);
}

/* t runs instead of the one that ran, or others of its priority are or were ready. */
static NOINLINE void turn(struct core *c, struct thread *t)
{
    struct thread *old = c->running;
    bool peers = has_peers(c, t);

    if (old && old != t) {
        if (c->slice_armed) {
            uint64_t now = arch_counter();
            old->slice_left = c->slice.expires > now ? c->slice.expires - now : 1;
        }
        if (old->context && old->context != c->budget.held)
            context_preempted(old->context);
        if (old->in_guest)
            WRITE_ONCE(old->vcpu->preempted, true);
    }
    if (old != t || !peers)
        slice_stop(c);
    if (peers && !c->slice_armed) {
        uint64_t ticks = t->slice_left ? t->slice_left : arch_counter_hz() * CORE_SLICE_MS / 1000;
        c->slice_armed = true;
        timer_start(&c->slice, arch_counter() + ticks);
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

static void handle(struct core *c, struct thread *t, uint32_t ops)
{
    ASSERT(t->core == c);
    if (t->state == THREAD_DEAD)
        return;
    if (t->context) {
        /* RUN first: a RECALL that was meant for the time behind it must not get lost (context_run clears
         * those that are older). */
        if (ops & THREAD_OP_RUN)
            context_handle_run(t->context);
        if (ops & THREAD_OP_RECALL)
            context_handle_recall(t->context);
        if (ops & THREAD_OP_STOP)
            context_handle_stop(t->context);
        if (ops & THREAD_OP_TIME)
            context_handle_time(t->context);
        if (ops & THREAD_OP_NOTIFY)
            context_handle_notify(t->context);
        return;
    }
    if (ops & THREAD_OP_STOP) {
        if (t->state == THREAD_READY)
            thread_block(t);
        t->state = THREAD_DEAD;
        return;
    }
    if (ops & THREAD_OP_WAKE)
        thread_wake(t);
    if (ops & THREAD_OP_NOTIFY)
        notify_complete(t);
    if (ops & THREAD_OP_IRQ)
        vcpu_handle_irq(t->vcpu);
    if (ops & THREAD_OP_KICK)
        vcpu_handle_kick(t->vcpu);
}

static void take_registers(struct core *c)
{
    c->registers_of = c->running;
    c->register_count = arch_core_registers(c, c->registers);
}

/* What other cores have asked this one for. */
static void answer(struct core *c)
{
    WRITE_ONCE(c->asked, 0u);
    smp_mb(); /* pairs with ask(): what is counted from now on is seen here, or the flag is there again */
    if (READ_ONCE(panicked))
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

void core_drain(struct core *c)
{
    if (READ_ONCE(c->asked))
        answer(c);
    if (!READ_ONCE(c->mail))
        return;
    struct thread *t = atomic_exchange(&c->mail, (struct thread *)NULL);
    while (t) {
        struct thread *next = t->mail_next;
        atomic_store(&c->handling, t);
        handle(c, t, atomic_exchange(&t->ops, 0u));
        atomic_store(&c->handling, (struct thread *)NULL);
        t = next;
    }
}

static bool has_work(const struct core *c)
{
    return READ_ONCE(c->mail) || READ_ONCE(c->asked);
}

static NOINLINE void idle(struct core *c)
{
    slice_stop(c);
    c->mode = CORE_POLL;
    smp_mb();
    for (int i = 0; READ_ONCE(c->contexts) && i < IDLE_POLLS && !has_work(c) && !arch_core_irq_pending(); i++)
        arch_core_poll(c);
    if (!has_work(c)) {
        c->mode = CORE_SLEEP;
        smp_mb();
        if (!has_work(c))
            arch_core_sleep(c);
    }
    atomic_store(&c->mode, (uint32_t)CORE_HYP);
    arch_core_irqs(c);
}

bool core_stay(struct core *c)
{
    c->mode = CORE_USER;
    smp_mb();
    if (!has_work(c)) {
        c->runs++;
        return true;
    }
    c->mode = CORE_HYP;
    return false;
}

struct thread *core_leave(struct core *c)
{
    for (;;) {
        if (has_work(c))
            core_drain(c);
        struct thread *t = core_pick(c);
        if (c->budget.limit)
            t = budget_choose(c, t);
        if (!t) {
            idle(c);
            continue;
        }
        if (c->slice_armed || has_peers(c, t) || (c->running != t && c->running))
            turn(c, t);
        c->running = t;
        if (t->in_guest) {
            vcpu_resume(t->vcpu);
            vcpu_watch(t->vcpu);
        }
        arch_thread_load(t);
        c->current = t;
        if (core_stay(c))
            return t;
    }
}

void core_barrier(uint32_t mask)
{
    /* What the caller has stored is visible before modes are looked at: who comes later has passed one. */
    smp_mb();
    for (uint32_t i = 0; i < core_count; i++) {
        struct core *c = &cores[i];
        if (!(mask & BIT(i)) || c == core_self() || atomic_load(&c->mode) != CORE_USER)
            continue;
        uint32_t asked = ask(c, &c->barrier_asked);
        while ((int32_t)(atomic_load(&c->barrier_done) - asked) < 0 && atomic_load(&c->mode) == CORE_USER)
            cpu_relax();
    }
    smp_mb();
}

bool core_registers(struct core *c)
{
    uint64_t deadline = arch_counter() + arch_counter_hz();

    if (c == core_self()) {
        take_registers(c);
        return true;
    }
    if (READ_ONCE(c->mode) == CORE_OFF)
        return false;
    uint32_t asked = ask(c, &c->registers_asked);
    while ((int32_t)(atomic_load(&c->registers_done) - asked) < 0) {
        if (arch_counter() > deadline)
            return false;
        cpu_relax();
    }
    return true;
}
