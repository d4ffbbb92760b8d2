/* SPDX-License-Identifier: BSD-2-Clause */
/* A core that runs a vCPU and detached threads: who goes first, the budget, and calls about the own core. */
#include "fixture.h"

#include "atomic.h"
#include "call.h"
#include "console.h"
#include "string.h"
#include <arch/thread.h>
#include <arch/timer.h>

#define SHARED 1u /* the core */
#define LIMIT  9500ull
#define PERIOD 10000ull

static struct vm *vm;
static struct vcpu *vcpu[2];

static void start(uint64_t budget, uint64_t period)
{
    fixture_start(3, 1024);
    struct task *task = fixture_task();
    vm = fixture_vm();
    console_init(&uart_table[0], pa(0));
    CHECK(vm_share_core(vm, SHARED, 200, budget, period) == ORD_OK);
    for (uint32_t i = 0; i < 2; i++) {
        vcpu[i] = fixture_vcpu(vm, task, i);
        vcpu[i]->state->private_enabled = ~0u;
    }
    fake.counter = 1000000;
    for (uint32_t i = 0; i < 4; i++)
        fixture_frame(i);
}

static uint32_t make(uint32_t frame, uint8_t prio)
{
    uint32_t id = ~0u;

    on_core(0);
    CHECK(detach_create(vm, frame_address(frame), SHARED, prio, ORD_CREATE_SHARED, &id) == ORD_OK);
    return id;
}

static struct thread *thread(uint32_t id)
{
    return &vm->context[id]->thread;
}

static struct ord_frame *frame(uint32_t id)
{
    return vm->context[id]->frame;
}

/* vCPU 1 is in the guest. */
static void boot_shared(void)
{
    struct core *c = on_core(SHARED);

    thread_wake(vcpu[1]->thread);
    CHECK(scheduler_leave(c) == vcpu[1]->thread);
    c->mode = CORE_HYP;
    CHECK(vcpu_run(vcpu[1]) == ORD_OK);
    CHECK(scheduler_leave(c) == vcpu[1]->thread);
}

/* Into the hypervisor on the shared core and out again: what runs. */
static struct thread *step(uint64_t ticks)
{
    struct core *c = on_core(SHARED);

    fake.counter += ticks;
    c->mode = CORE_HYP;
    arch_core_irqs(c);
    return scheduler_leave(c);
}

/* In the hypervisor on the shared core. */
static void enter(void)
{
    struct core *c = on_core(SHARED);

    c->mode = CORE_HYP;
    arch_core_irqs(c);
}

static bool timer_on(void)
{
    return cores[SHARED].arch.timer_on;
}

static void test_cores(void)
{
    uint32_t id;

    fixture_start(6, 1024);
    struct task *task = fixture_task();
    vm = fixture_vm();
    struct vm *other = fixture_vm();
    static const uint64_t bad[][2] = {
        {0, PERIOD}, {PERIOD + 1, PERIOD}, {1, ORD_PERIOD_MIN - 1}, {1, ORD_PERIOD_MAX + 1},
        {1, 0},      {1, ~0ull},           {~0ull, ~0ull}};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        CHECK(vm_share_core(vm, 1, 200, bad[i][0], bad[i][1]) == ORD_BAD_PARAM);
    CHECK(vm_share_core(vm, 6, 200, 1, PERIOD) == ORD_BAD_CORE);
    CHECK(vm_share_core(vm, 1, 0, 1, PERIOD) == ORD_BAD_PARAM && !vm->host_cores && !vm->shared_cores);
    CHECK(vm_share_core(vm, 1, 200, ORD_PERIOD_MAX, ORD_PERIOD_MAX) == ORD_OK && !cores[1].budget.limit);
    CHECK(vm_share_core(vm, 2, 200, 1, ORD_PERIOD_MIN) == ORD_OK && cores[2].budget.limit == 1);
    CHECK(vm_share_core(vm, 2, 200, 1, PERIOD) == ORD_BUSY && vm_add_core(vm, 2, 200) == ORD_BUSY);
    CHECK(vm_share_core(other, 2, 200, 1, PERIOD) == ORD_BUSY);
    CHECK(vm_add_core(vm, 3, 255) == ORD_OK && vm_share_core(vm, 3, 200, 1, PERIOD) == ORD_BUSY);
    CHECK(vm->shared_cores == 6 && vm->host_cores == 14);
    fixture_vcpu(vm, task, 1);
    /* vCPUs: of this VM on shared cores, of none on others, of no other VM. */
    struct vcpu *v;
    CHECK(vcpu_create(vm, fixture_thread(task, 3, 50), 3, 17ull << 20, &v) == ORD_BUSY);
    CHECK(vcpu_create(other, fixture_thread(task, 2, 50), 2, 17ull << 20, &v) == ORD_BUSY);
    CHECK(vcpu_create(vm, fixture_thread(task, 1, 50), 1, 17ull << 20, &v) == ORD_BUSY);
    fixture_vcpu(vm, task, 4);
    CHECK(vm_share_core(vm, 4, 200, 1, PERIOD) == ORD_BUSY); /* the vCPU comes last */
    /* ANY takes host cores only. */
    fixture_frame(0);
    fixture_frame(1);
    CHECK(detach_create(vm, frame_address(0), ORD_CORE_ANY, 10, 0, &id) == ORD_OK &&
          vm->context[id]->thread.core == &cores[3]);
    CHECK(detach_create(vm, frame_address(1), ORD_CORE_ANY, 10, 0, &id) == ORD_BUSY);
    CHECK(detach_create(vm, frame_address(1), 1, 201, 0, &id) == ORD_BAD_PARAM);
    CHECK(detach_create(vm, frame_address(1), 4, 10, 0, &id) == ORD_CORE_OWNED);
    CHECK(detach_create(vm, frame_address(1), 1, 200, 0, &id) == ORD_OK);
    uint64_t result[4] = {0};
    hypercall_dispatch(vm->vcpu[0], ORD_HC_CORE_INFO - ORD_HC_BASE, (uint64_t[5]){1}, result);
    CHECK(result[0] == ORD_OK);
    CHECK_EQUAL(result[1], ORD_CORE_GUEST | ORD_CORE_HOST | 1u << ORD_CORE_COUNT_SHIFT);
}

static void test_order(void)
{
    start(PERIOD, PERIOD);
    boot_shared();
    CHECK_EQUAL(vcpu[1]->thread->prio, THREAD_PRIO_GUEST);
    uint32_t id = make(0, ORD_PRIO_MIN);
    CHECK(context_run(vm, id) == ORD_OK && cores[SHARED].arch.kicks == 1);
    CHECK(step(0) == thread(id) && vcpu[1]->preempted);
    /* The lowest priority of all is enough, for ever, and without a timer. */
    for (int i = 0; i < 1000; i++)
        CHECK(step(PERIOD) == thread(id));
    CHECK(!cores[SHARED].budget.armed && !frame(id)->stats.throttled);
    /* In the VMM, the vCPU's thread is what it was made for: highest. */
    vcpu[1]->prio = 255;
    enter();
    vcpu[1]->kicked = true;
    vcpu_handle_kick(vcpu[1]);
    CHECK(scheduler_leave(&cores[SHARED]) == vcpu[1]->thread && vcpu[1]->thread->prio == 255);
    CHECK_EQUAL(frame(id)->stats.preempted, 1);
    enter();
    CHECK(vcpu_run(vcpu[1]) == ORD_OK && scheduler_leave(&cores[SHARED]) == thread(id));
    CHECK(vcpu[1]->preempted && vcpu[1]->thread->prio == THREAD_PRIO_GUEST && vcpu[1]->prio == 255);
    /* An event: the vCPU goes on. */
    enter();
    arch_context_save(vm->context[id]);
    context_event(vm->context[id], ORD_EVENT_SYSCALL, 0, 0, 0);
    CHECK(scheduler_leave(&cores[SHARED]) == vcpu[1]->thread && !vcpu[1]->preempted);
}

/* A busy loop against a guest that always has something to do. */
static void test_budget(void)
{
    uint64_t ran[2] = {0};

    start(LIMIT, PERIOD);
    boot_shared();
    CHECK(!timer_on());
    uint32_t id = make(0, 10);
    CHECK(context_run(vm, id) == ORD_OK && step(0) == thread(id));
    CHECK(timer_on() && cores[SHARED].arch.timer == fake.counter + LIMIT);
    struct thread *t = thread(id);
    uint64_t irqs = 0;
    for (uint64_t i = 0; i < 100 * PERIOD; i += 50) {
        bool due = cores[SHARED].arch.timer <= fake.counter + 50;
        irqs += due;
        struct thread *next = due || i % 1000 == 0 ? step(50) : (fake.counter += 50, t);
        ran[t == thread(id)] += 50;
        t = next;
    }
    CHECK_EQUAL(ran[1], 100 * LIMIT);
    CHECK_EQUAL(ran[0], 100 * (PERIOD - LIMIT));
    CHECK_EQUAL(irqs, 200); /* two in each period */
    CHECK_EQUAL(vm->context[id]->stats.throttled, 100);
    CHECK(frame(id)->stats.throttled == 100 && frame(id)->stats.preempted == 0);
    /* Said once. */
    const char *said = strstr(fake_console(), "used up their budget");
    CHECK(said && !strstr(said + 1, "used up"));
    /* The guest idles: nothing interrupts the thread. */
    while (step(1) != vcpu[1]->thread)
        ;
    uint64_t throttled = frame(id)->stats.throttled;
    enter();
    vcpu_wait(vcpu[1]);
    CHECK(scheduler_leave(&cores[SHARED]) == thread(id) && !timer_on());
    for (int i = 0; i < 10; i++)
        CHECK(step(7 * PERIOD + 11) == thread(id) && !timer_on());
    CHECK_EQUAL(frame(id)->stats.throttled, throttled);
    /* It wakes up: a new period. */
    on_core(0);
    vcpu_pend(vcpu[1], 5);
    uint64_t now = fake.counter;
    CHECK(step(0) == thread(id) && timer_on() && cores[SHARED].arch.timer == now + LIMIT);
    CHECK(step(LIMIT - 1) == thread(id) && step(1) == vcpu[1]->thread);
    CHECK_EQUAL(cores[SHARED].arch.timer, now + PERIOD);
    CHECK(step(PERIOD - LIMIT - 1) == vcpu[1]->thread && step(1) == thread(id));
}

/* Runs that begin and end: what was used is kept within a period, and the limit of the next one counts. */
static void test_pieces(void)
{
    start(LIMIT, PERIOD);
    boot_shared();
    uint32_t id = make(0, 10);
    struct context *c = vm->context[id];
    uint64_t begin = fake.counter;
    for (int i = 0; i < 9; i++) {
        on_core(0);
        CHECK(context_run(vm, id) == ORD_OK && step(0) == &c->thread);
        fake.counter += 1000;
        enter();
        arch_context_save(c);
        context_event(c, ORD_EVENT_SYSCALL, 0, 0, 0);
        /* The timer is started once, */
        CHECK(scheduler_leave(&cores[SHARED]) == vcpu[1]->thread &&
              cores[SHARED].arch.timer == begin + LIMIT);
    }
    CHECK_EQUAL(cores[SHARED].budget.used, 9000);
    on_core(0);
    CHECK(context_run(vm, id) == ORD_OK && step(400) == &c->thread);
    CHECK_EQUAL(cores[SHARED].arch.timer, begin + LIMIT);
    /* and again when it was early. */
    CHECK(step(100) == &c->thread && cores[SHARED].budget.used == 9100 && !c->stats.throttled);
    CHECK_EQUAL(cores[SHARED].arch.timer, fake.counter + 400);
    /* Leaves 100 before the end of the period: goes on into the next one, with one interrupt. */
    enter();
    fake.counter += 100;
    arch_context_save(c);
    context_event(c, ORD_EVENT_SYSCALL, 0, 0, 0);
    scheduler_leave(&cores[SHARED]);
    on_core(0);
    CHECK(context_run(vm, id) == ORD_OK && step(begin + PERIOD - 100 - fake.counter) == &c->thread);
    CHECK_EQUAL(cores[SHARED].arch.timer, begin + PERIOD + LIMIT);
    CHECK(step(150) == &c->thread && cores[SHARED].budget.used == 50);
    CHECK_EQUAL(cores[SHARED].arch.timer, begin + PERIOD + LIMIT);
    CHECK(step(LIMIT - 51) == &c->thread && step(1) == vcpu[1]->thread && c->stats.throttled == 1);
    /* A second one that has to wait counts it, too; and nobody counts twice. */
    uint32_t high = make(1, 20);
    on_core(0);
    CHECK(context_run(vm, high) == ORD_OK && step(1) == vcpu[1]->thread && step(1) == vcpu[1]->thread);
    CHECK(vm->context[high]->stats.throttled == 1 && c->stats.throttled == 1);
    /* Recalled while it waits. */
    on_core(0);
    CHECK(context_recall(vm, high) == ORD_OK && step(0) == vcpu[1]->thread);
    CHECK_EQUAL(frame(high)->event, ORD_EVENT_RECALLED);
    CHECK(detach_destroy(vm, high) == ORD_OK);
    CHECK(context_recall(vm, id) == ORD_OK && step(0) == vcpu[1]->thread);
    CHECK_EQUAL(frame(id)->event, ORD_EVENT_RECALLED);
    /* The timer that is left interrupts the guest once at most. */
    CHECK(step(2 * PERIOD) == vcpu[1]->thread && !timer_on());
}

/* Interrupts of a vCPU that waits for its core are not lost, and interrupt nobody. */
static void test_pend(void)
{
    start(LIMIT, PERIOD);
    boot_shared();
    uint32_t id = make(0, 10), kicks;
    on_core(0);
    CHECK(context_run(vm, id) == ORD_OK && step(0) == thread(id));
    kicks = cores[SHARED].arch.kicks;
    on_core(0);
    vcpu_pend(vcpu[1], 5);
    CHECK(cores[SHARED].arch.kicks == kicks && vcpu[1]->arch.pending[0] == BIT(5) && vcpu[1]->pending_any);
    CHECK(step(LIMIT) == vcpu[1]->thread && !vcpu[1]->preempted);
    on_core(0);
    vcpu_pend(vcpu[1], 6);
    CHECK_EQUAL(cores[SHARED].arch.kicks, kicks + 1);
    /* One that idles is woken, once. */
    CHECK(step(0) == vcpu[1]->thread);
    vcpu[1]->pending_any = 0;
    enter();
    vcpu_wait(vcpu[1]);
    CHECK(scheduler_leave(&cores[SHARED]) == thread(id));
    fake.counter += PERIOD;
    on_core(0);
    vcpu_pend(vcpu[1], 5);
    CHECK(cores[SHARED].arch.kicks == kicks + 2 && step(0) == thread(id) && vcpu[1]->preempted);
    on_core(0);
    vcpu_pend(vcpu[1], 5);
    CHECK_EQUAL(cores[SHARED].arch.kicks, kicks + 2);
}

/* Calls of the very vCPU whose core the context is on. */
static void test_own_core(void)
{
    uint32_t id;

    start(LIMIT, PERIOD);
    boot_shared();
    id = make(0, 10);
    enter();
    CHECK(context_run(vm, id) == ORD_OK && scheduler_leave(&cores[SHARED]) == thread(id));
    CHECK(step(LIMIT) == vcpu[1]->thread);
    /* A recall of the thread that waits for the budget takes effect when the call returns. */
    enter();
    CHECK(context_recall(vm, id) == ORD_OK && detach_destroy(vm, id) == ORD_BUSY);
    CHECK(scheduler_leave(&cores[SHARED]) == vcpu[1]->thread);
    CHECK_EQUAL(frame(id)->event, ORD_EVENT_RECALLED);
    /* A late one is in the own mailbox: destroy and set must not wait for themselves. */
    enter();
    CHECK(context_run(vm, id) == ORD_OK);
    fake.counter += PERIOD;
    CHECK(scheduler_leave(&cores[SHARED]) == thread(id));
    enter();
    arch_context_save(vm->context[id]);
    CHECK(context_recall(vm, id) == ORD_OK);
    context_event(vm->context[id], ORD_EVENT_SYSCALL, 0, 0, 0);
    CHECK(thread(id)->ops && detach_set(vm, id, ORD_CORE_ANY, 20) == ORD_OK && !thread(id)->ops);
    CHECK(thread(id)->prio == 20 && frame(id)->event == ORD_EVENT_SYSCALL);
    thread_post(thread(id), THREAD_OP_RECALL);
    CHECK(detach_destroy(vm, id) == ORD_OK && !vm->context_count);
    core_barrier(vm->host_cores);
    CHECK(scheduler_leave(&cores[SHARED]) == vcpu[1]->thread);
}

/* The watchdog: a vCPU that waits for its core does not hang, one that has it now and then and does nothing
 * does. */
static void test_watchdog(void)
{
    uint64_t watchdog = 2 * arch_counter_hz();

    for (int budget = 0; budget < 2; budget++) {
        if (!budget)
            start(PERIOD, PERIOD);
        else
            vm->shared_cores |= BIT(SHARED), budget_set(&cores[SHARED].budget, LIMIT, PERIOD);
        CHECK(vm_watchdog(vm, 2000) == ORD_OK);
        if (!budget)
            boot_shared();
        vcpu[1]->arch.timer_pending = 7;
        uint32_t id = make((uint32_t)budget, 10);
        on_core(0);
        CHECK(context_run(vm, id) == ORD_OK && step(0) == thread(id));
        for (uint64_t end = fake.counter + 10 * watchdog; fake.counter < end;)
            step(PERIOD / 20);
        CHECK(!!vcpu[1]->stuck_since == budget);
        on_core(0);
        CHECK(context_recall(vm, id) == ORD_OK && step(0) == vcpu[1]->thread);
        CHECK(frame(id)->stats.throttled > 100 || !budget);
    }
}

int main(void)
{
    test_case("which cores can be shared", test_cores);
    test_case("the guest runs last, the VMM first", test_order);
    test_case("budget: a loop against a loop, and against an idle guest", test_budget);
    test_case("budget: in pieces, across periods", test_pieces);
    test_case("interrupts of a vCPU that waits for its core", test_pend);
    test_case("calls about the own core", test_own_core);
    test_case("watchdog", test_watchdog);
    return 0;
}
