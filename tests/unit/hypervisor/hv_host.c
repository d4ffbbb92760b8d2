/* SPDX-License-Identifier: BSD-2-Clause */
/* Host tasks that a task makes: what they get, time, notifications between them, interrupts, channels, their
 * end. */
#include "fixture.h"

#include "call.h"
#include "console.h"
#include "irq.h"
#include "notify.h"
#include "platform.h"
#include "string.h"
#include "timer.h"
#include <arch/thread.h>

static struct task *task;
static struct thread *me; /* of the first task, on core 0 */
static struct memory ram;

enum { AT = 0x40000000, NAME = AT, CHILD = 60 };

static void start(void)
{
    fixture_start(4, 1024);
    console_init(&uart_table[0], pa(0));
    task = fixture_task();
    me = fixture_thread(task, 0, 50);
    ram = (struct memory){ptr_pa(GUEST_RAM).v, 1 << 20, false};
    platform.ram[0] = (struct range){ptr_pa(machine_ram).v, MEMORY_SIZE};
    platform.ram_count = 1;
    status_t s = task_cap_insert(task, ORD_CAP_TASK, CAP_TASK, task, 0);
    s |= task_cap_insert(task, ORD_CAP_CONSOLE, CAP_CONSOLE, task, 0);
    s |= task_cap_insert(task, ORD_CAP_IRQ_CONTROL, CAP_IRQ_CONTROL, task, 0);
    s |= task_cap_insert(task, ORD_CAP_THREAD, CAP_THREAD, me, 0);
    s |= task_cap_insert(task, ORD_CAP_RAM, CAP_MEMORY, &ram, ORD_MEM_READ | ORD_MEM_WRITE);
    CHECK(s == ORD_OK);
    CHECK(ptab_map(&task->ptab, AT, pa(ram.base), PAGE_SIZE, PTAB_READ | PTAB_WRITE) == ORD_OK);
    memcpy(GUEST_RAM, "sampler\n", 8);
    thread_wake(me);
    fake.counter = 1000;
}

static int64_t call(struct thread *t, uint64_t number, const uint64_t arg[6])
{
    uint32_t results = t->arch.results;

    call_dispatch(t, number, arg);
    CHECK(t->arch.results - results <= 1);
    return t->arch.results == results ? 1 : t->arch.status;
}

#define BY(t, name, ...)        call(t, ORD_CALL_##name, (const uint64_t[6]){__VA_ARGS__})
#define EXPECT(want, name, ...) CHECK_EQUAL(BY(me, name, __VA_ARGS__), want)

/* A task on core 1 (mask 2), and its first thread, which runs. */
static struct thread *child(uint32_t core)
{
    EXPECT(ORD_OK, TASK_CREATE, CHILD + core, NAME, 7, BIT(core), 100);
    EXPECT(ORD_OK, TASK_START, CHILD + core, 0x1230, 0x4560, 7, core, 90);
    struct task *t = task_cap_lookup(task, CHILD + core, CAP_TASK, NULL);
    CHECK(!strcmp(t->name, "sampler"));
    on_core(core);
    CHECK(scheduler_leave(&cores[core]) == task_cap_lookup(t, ORD_CAP_THREAD, CAP_THREAD, NULL));
    cores[core].mode = CORE_HYP;
    on_core(0);
    return task_cap_lookup(t, ORD_CAP_THREAD, CAP_THREAD, NULL);
}

static void test_create(void)
{
    start();
    EXPECT(ORD_BAD_PARAM, TASK_CREATE, CHILD, NAME, 0, 2, 100);
    EXPECT(ORD_BAD_PARAM, TASK_CREATE, CHILD, NAME, 16, 2, 100);
    EXPECT(ORD_BAD_PARAM, TASK_CREATE, CHILD, NAME, ~0ull, 2, 100);
    EXPECT(ORD_BAD_PARAM, TASK_CREATE, CHILD, NAME, 8, 2, 100); /* the newline */
    EXPECT(ORD_BAD_PARAM, TASK_CREATE, CHILD, NAME, 7, 0, 100);
    EXPECT(ORD_BAD_PARAM, TASK_CREATE, CHILD, NAME, 7, 2, 0);
    EXPECT(ORD_BAD_PARAM, TASK_CREATE, CHILD, NAME, 7, 2, 256);
    EXPECT(ORD_NO_RIGHT, TASK_CREATE, CHILD, NAME, 7, BIT(32), 100);
    EXPECT(ORD_BAD_ADDRESS, TASK_CREATE, CHILD, NAME + PAGE_SIZE - 3, 7, 2, 100);
    EXPECT(ORD_BUSY, TASK_CREATE, ORD_CAP_TASK, NAME, 7, 2, 100);
    CHECK_EQUAL(pools[ORD_POOL_TASK].used, 1);
    EXPECT(ORD_OK, TASK_CREATE, CHILD, NAME, 7, 2, 100);
    EXPECT(ORD_NO_RIGHT, TASK_START, CHILD, 0, 0, 0, 2, 90);
    EXPECT(ORD_BAD_CORE, TASK_START, CHILD, 0, 0, 0, 4, 90);
    EXPECT(ORD_BAD_PARAM, TASK_START, CHILD, 0, 0, 0, 1, 101);
    EXPECT(ORD_BAD_PARAM, TASK_START, CHILD, 0, 8, 0, 1, 90);
    CHECK_EQUAL(pools[ORD_POOL_THREAD].used, 1);
    EXPECT(ORD_OK, TASK_START, CHILD, 0, 0, 0, 1, 90);
    EXPECT(ORD_BUSY, TASK_START, CHILD, 0, 0, 0, 1, 90);
    CHECK_EQUAL(pools[ORD_POOL_THREAD].used, 2);
    /* Until there are no more. */
    uint64_t slot = 100;
    while (BY(me, TASK_CREATE, slot, NAME, 7, 2, 100) == ORD_OK)
        slot++;
    CHECK(me->arch.status == ORD_NO_MEMORY && pools[ORD_POOL_TASK].used == 12);
}

/* It has nothing that it was not given. */
static void test_confined(void)
{
    start();
    struct thread *t = child(1);
    struct task *own = t->task;
    for (uint64_t slot = 0; slot < ORD_CAP_COUNT; slot++)
        CHECK(slot == ORD_CAP_THREAD || task_cap_check(own, slot) != ORD_BUSY);
    on_core(1);
    CHECK_EQUAL(BY(t, TASK_CREATE, 50, NAME, 7, 2, 50), ORD_NO_RIGHT);
    CHECK_EQUAL(BY(t, VM_CREATE, 50, 20), ORD_NO_RIGHT);
    CHECK_EQUAL(BY(t, IRQ_CREATE, 50, ORD_CAP_IRQ_CONTROL, 40), ORD_BAD_CAP);
    CHECK_EQUAL(BY(t, CONSOLE_WRITE, ORD_CAP_CONSOLE, AT, 1), ORD_BAD_CAP);
    CHECK_EQUAL(BY(t, MEM_MAP, ORD_CAP_TASK, ORD_CAP_RAM, 0, AT, PAGE_SIZE, 1), ORD_BAD_CAP);
    CHECK_EQUAL(BY(t, THREAD_CREATE, 50, 0, 0, 0, 0, 50), ORD_NO_RIGHT);
    CHECK_EQUAL(BY(t, THREAD_CREATE, 50, 0, 0, 0, 1, 101), ORD_BAD_PARAM);
    /* Nor can it use pools up. */
    uint64_t slot = 50;
    CHECK_EQUAL(BY(t, THREAD_CREATE, slot++, 0, 0, 0, 1, 100), ORD_OK);
    while (BY(t, NOTIFY_CREATE, slot) == ORD_OK)
        slot++;
    CHECK_EQUAL(t->arch.status, ORD_NO_MEMORY);
    CHECK_EQUAL(slot, 50 + ORD_TASK_OBJECTS_MAX);
    CHECK_EQUAL(BY(t, THREAD_CREATE, slot, 0, 0, 0, 1, 100), ORD_NO_MEMORY);
    CHECK_EQUAL(pools[ORD_POOL_NOTIFY].used, ORD_TASK_OBJECTS_MAX - 1);
    /* A failed attempt does not count. */
    on_core(0);
    struct thread *u = child(2);
    on_core(2);
    for (int i = 0; i < 3 * ORD_TASK_OBJECTS_MAX; i++) {
        CHECK_EQUAL(BY(u, NOTIFY_CREATE, ORD_CAP_THREAD), ORD_BUSY);
        CHECK_EQUAL(BY(u, THREAD_CREATE, ORD_CAP_THREAD, 0, 0, 0, 2, 100), ORD_BUSY);
    }
    CHECK_EQUAL(BY(u, NOTIFY_CREATE, 50), ORD_OK);
}

static void test_cap_copy(void)
{
    uint32_t rights;

    start();
    struct thread *t = child(1);
    EXPECT(ORD_OK, NOTIFY_CREATE, 70);
    EXPECT(ORD_OK, IRQ_CREATE, 71, ORD_CAP_IRQ_CONTROL, 40);
    /* What is never given on. */
    EXPECT(ORD_BAD_CAP, CAP_COPY, CHILD + 1, 50, ORD_CAP_TASK, 0);
    EXPECT(ORD_BAD_CAP, CAP_COPY, CHILD + 1, 50, ORD_CAP_IRQ_CONTROL, 0);
    EXPECT(ORD_BAD_CAP, CAP_COPY, CHILD + 1, 50, ORD_CAP_THREAD, 0);
    EXPECT(ORD_BAD_CAP, CAP_COPY, CHILD + 1, 50, 99, 0);
    EXPECT(ORD_BAD_CAP, CAP_COPY, 99, 50, ORD_CAP_CONSOLE, 0);
    /* No more rights. */
    EXPECT(ORD_NO_RIGHT, CAP_COPY, CHILD + 1, 50, ORD_CAP_RAM, ORD_MEM_READ | ORD_MEM_EXEC);
    EXPECT(ORD_BAD_PARAM, CAP_COPY, CHILD + 1, 50, ORD_CAP_RAM, 8);
    EXPECT(ORD_BAD_PARAM, CAP_COPY, CHILD + 1, 50, ORD_CAP_CONSOLE, 1);
    EXPECT(ORD_BAD_PARAM, CAP_COPY, CHILD + 1, 50, 71, 1);
    EXPECT(ORD_BAD_PARAM, CAP_COPY, CHILD + 1, 50, 70, 0);
    EXPECT(ORD_BAD_PARAM, CAP_COPY, CHILD + 1, 50, 70, 4 | ORD_NOTIFY_SIGNAL);
    EXPECT(ORD_BAD_PARAM, CAP_COPY, CHILD + 1, 50, 70, ORD_NOTIFY_SIGNAL | ORD_NOTIFY_BIT(64));
    EXPECT(ORD_BAD_PARAM, CAP_COPY, CHILD + 1, 50, 70, BIT(32) | ORD_NOTIFY_SIGNAL);
    EXPECT(ORD_BAD_CAP, CAP_COPY, CHILD + 1, ORD_CAP_COUNT, ORD_CAP_CONSOLE, 0);
    EXPECT(ORD_BUSY, CAP_COPY, CHILD + 1, ORD_CAP_THREAD, ORD_CAP_CONSOLE, 0);
    EXPECT(ORD_OK, CAP_COPY, CHILD + 1, 50, ORD_CAP_RAM, ORD_MEM_READ);
    CHECK(task_cap_lookup(t->task, 50, CAP_MEMORY, &rights) == &ram && rights == ORD_MEM_READ);
    EXPECT(ORD_OK, CAP_COPY, CHILD + 1, 51, 70, ORD_NOTIFY_SIGNAL | ORD_NOTIFY_BIT(3));
    EXPECT(ORD_OK, CAP_COPY, CHILD + 1, 52, 71, 0);
    EXPECT(ORD_OK, CAP_COPY, CHILD + 1, ORD_CAP_CONSOLE, ORD_CAP_CONSOLE, 0);
    /* One bit, and no waiting. */
    struct notify *n = task_cap_lookup(task, 70, CAP_NOTIFY, NULL);
    on_core(1);
    CHECK_EQUAL(BY(t, NOTIFY_WAIT, 51, 0), ORD_NO_RIGHT);
    CHECK_EQUAL(BY(t, NOTIFY_SIGNAL, 51, 9), ORD_NO_RIGHT);
    CHECK_EQUAL(BY(t, NOTIFY_SIGNAL, 51, 0), ORD_BAD_PARAM);
    CHECK_EQUAL(BY(t, NOTIFY_SIGNAL, 51, 8), ORD_OK);
    CHECK(n->bits == 8 && n->count == 1);
    /* Bit 63 is one, too. */
    on_core(0);
    EXPECT(ORD_OK, CAP_COPY, CHILD + 1, 53, 70, ORD_NOTIFY_SIGNAL | ORD_NOTIFY_BIT(63));
    CHECK_EQUAL(BY(t, NOTIFY_SIGNAL, 53, BIT(63)), ORD_OK);
    CHECK_EQUAL(BY(t, NOTIFY_SIGNAL, 53, 1), ORD_NO_RIGHT);
}

static void tick(uint64_t now)
{
    fake.counter = now;
    timer_expire();
}

static void test_sleep(void)
{
    start();
    EXPECT(ORD_OK, SLEEP_UNTIL, 0);
    EXPECT(ORD_OK, SLEEP_UNTIL, 1000);
    EXPECT(ORD_BAD_PARAM, SLEEP_UNTIL, BIT(63));
    EXPECT(ORD_BAD_PARAM, SLEEP_UNTIL, ~0ull);
    CHECK(me->state == THREAD_READY && !cores[0].arch.timer_on);
    EXPECT(1, SLEEP_UNTIL, 1500);
    CHECK(me->state == THREAD_BLOCKED && cores[0].arch.timer_on && cores[0].arch.timer == 1500);
    tick(1499);
    CHECK(me->state == THREAD_BLOCKED);
    uint32_t results = me->arch.results;
    tick(1500);
    CHECK(me->state == THREAD_READY && me->arch.results == results + 1 && me->arch.status == ORD_OK);
    CHECK(!cores[0].arch.timer_on);
    /* The far end of time is allowed. */
    EXPECT(1, SLEEP_UNTIL, ORD_TIME_MAX);
    /* Stopped in its sleep. */
    thread_post(me, THREAD_OP_STOP);
    scheduler_drain(core_self());
    tick(ORD_TIME_MAX);
    CHECK(me->state == THREAD_DEAD && !core_pick(core_self()));
}

static void test_deadline(void)
{
    start();
    EXPECT(ORD_OK, NOTIFY_CREATE, 70);
    struct notify *n = task_cap_lookup(task, 70, CAP_NOTIFY, NULL);
    EXPECT(ORD_BAD_PARAM, NOTIFY_WAIT, 70, BIT(63));
    CHECK(me->state == THREAD_READY && !n->waiter);
    /* Bits that are there beat a deadline that is past. */
    notify_signal(n, 4);
    EXPECT(ORD_OK, NOTIFY_WAIT, 70, 1);
    CHECK(me->arch.value == 4 && !cores[0].arch.timer_on);
    EXPECT(1, NOTIFY_WAIT, 70, 1);
    tick(1000);
    CHECK(me->state == THREAD_READY && me->arch.status == ORD_TIMED_OUT && !n->waiter && !me->waits);
    EXPECT(1, NOTIFY_WAIT, 70, 2000);
    tick(1999);
    CHECK(me->state == THREAD_BLOCKED);
    notify_signal(n, 2);
    scheduler_drain(core_self());
    CHECK(me->state == THREAD_READY && me->arch.status == ORD_OK && me->arch.value == 2);
    CHECK(!cores[0].arch.timer_on); /* the alarm is off, or it would end what comes next */
    EXPECT(1, NOTIFY_WAIT, 70, 0);
    tick(3000);
    CHECK(me->state == THREAD_BLOCKED && me->waits == n);
    /* Both at once: one result. */
    notify_signal(n, 1);
    scheduler_drain(core_self());
    EXPECT(1, NOTIFY_WAIT, 70, 4000);
    uint32_t results = me->arch.results;
    notify_signal(n, 8);
    tick(4000);
    scheduler_drain(core_self());
    CHECK(me->arch.results == results + 1 && me->arch.status == ORD_TIMED_OUT && n->bits == 8);
    EXPECT(ORD_OK, NOTIFY_WAIT, 70, 0);
    CHECK_EQUAL(me->arch.value, 8);
}

static void test_irq(void)
{
    start();
    struct thread *t = child(1);
    EXPECT(ORD_OK, IRQ_CREATE, 71, ORD_CAP_IRQ_CONTROL, 40);
    EXPECT(ORD_OK, CAP_COPY, CHILD + 1, 52, 71, 0);
    on_core(1);
    CHECK_EQUAL(BY(t, NOTIFY_CREATE, 50), ORD_OK);
    CHECK_EQUAL(BY(t, IRQ_ACK, 52), ORD_BAD_STATE);
    CHECK_EQUAL(BY(t, IRQ_NOTIFY, 52, 50, 0), ORD_BAD_PARAM);
    CHECK_EQUAL(BY(t, IRQ_NOTIFY, 52, 99, 1), ORD_BAD_CAP);
    CHECK_EQUAL(BY(t, IRQ_NOTIFY, 99, 50, 1), ORD_BAD_CAP);
    CHECK(!irq_deliver(40));
    CHECK_EQUAL(BY(t, IRQ_NOTIFY, 52, 50, BIT(40)), ORD_OK);
    CHECK_EQUAL(fake.routed[40], 1);
    CHECK_EQUAL(BY(t, IRQ_CONTROL, 52, ORD_IRQ_ENABLE), ORD_OK);
    CHECK_EQUAL(BY(t, NOTIFY_WAIT, 50, 0), 1);
    fake.irq_state[40] |= ORD_IRQ_STATE_ACTIVE;
    CHECK(irq_deliver(40));
    scheduler_drain(core_self());
    CHECK(t->state == THREAD_READY && t->arch.value == BIT(40));
    CHECK(fake.irq_state[40] & ORD_IRQ_STATE_ACTIVE); /* silent until it is acknowledged */
    CHECK_EQUAL(BY(t, IRQ_ACK, 52), ORD_OK);
    CHECK(!(fake.irq_state[40] & ORD_IRQ_STATE_ACTIVE));
    /* Not a vCPU's, too; and the other way round. */
    on_core(0);
    struct vm *vm = fixture_vm();
    fixture_vcpu(vm, task, 2);
    CHECK(task_cap_insert(task, 80, CAP_VCPU, vm->vcpu[0], 0) == ORD_OK);
    EXPECT(ORD_BUSY, IRQ_BIND, 71, 80, 40, 0);
    EXPECT(ORD_OK, IRQ_CREATE, 72, ORD_CAP_IRQ_CONTROL, 41);
    EXPECT(ORD_OK, IRQ_BIND, 72, 80, 41, 0);
    EXPECT(ORD_OK, NOTIFY_CREATE, 70);
    EXPECT(ORD_BUSY, IRQ_NOTIFY, 72, 70, 1);
}

static int64_t hypercall_flags(struct vm *vm, uint64_t function, uint64_t a, uint64_t flags,
                               uint64_t result[4])
{
    uint64_t arg[5] = {a, flags};

    hypercall_dispatch(vm->vcpu[0], (uint32_t)function - ORD_HC_BASE, arg, result);
    return (int64_t)result[0];
}

static int64_t hypercall(struct vm *vm, uint64_t function, uint64_t a, uint64_t result[4])
{
    return hypercall_flags(vm, function, a, 0, result);
}

static void test_channel(void)
{
    uint64_t r[4];

    start();
    struct thread *t = child(1);
    struct vm *vm = fixture_vm();
    struct vcpu *v = fixture_vcpu(vm, task, 2);
    CHECK(task_cap_insert(task, 80, CAP_VCPU, v, 0) == ORD_OK);
    CHECK(task_cap_insert(task, 81, CAP_VM, vm, 0) == ORD_OK);
    EXPECT(ORD_OK, NOTIFY_CREATE, 70); /* to the task */
    EXPECT(ORD_OK, NOTIFY_CREATE, 71); /* to the guest */
    EXPECT(ORD_OK, IRQ_CREATE, 72, ORD_CAP_IRQ_CONTROL, 0);
    EXPECT(ORD_OK, IRQ_CREATE, 73, ORD_CAP_IRQ_CONTROL, 0); /* there may be many */
    EXPECT(ORD_OK, IRQ_CREATE, 74, ORD_CAP_IRQ_CONTROL, 40);
    EXPECT(ORD_OK, CAP_COPY, CHILD + 1, 50, 70, ORD_NOTIFY_WAIT);
    EXPECT(ORD_OK, CAP_COPY, CHILD + 1, 51, 71, ORD_NOTIFY_SIGNAL);
    CHECK_EQUAL(hypercall(vm, ORD_HC_NOTIFY_SIGNAL, 0, r), ORD_BAD_CAP);
    CHECK_EQUAL(hypercall(vm, ORD_HC_NOTIFY_TAKE, 0, r), ORD_BAD_CAP);
    EXPECT(ORD_BAD_PARAM, VM_CHANNEL, 81, ORD_CHANNELS_MAX, 70, 1, 71, 72);
    EXPECT(ORD_BAD_PARAM, VM_CHANNEL, 81, 0, 70, 0, 71, 72);
    EXPECT(ORD_BAD_PARAM, VM_CHANNEL, 81, 0, 70, 1, 71, 74); /* not a virtual one */
    EXPECT(ORD_BAD_CAP, VM_CHANNEL, 81, 0, 70, 1, 71, 80);
    EXPECT(ORD_BAD_CAP, VM_CHANNEL, 81, 0, 70, 1, 80, 72);
    EXPECT(ORD_BAD_CAP, VM_CHANNEL, 80, 0, 70, 1, 71, 72);
    /* Signalled before the guest has it: nothing is lost. */
    CHECK_EQUAL(BY(t, NOTIFY_SIGNAL, 51, 1), ORD_OK);
    EXPECT(ORD_OK, VM_CHANNEL, 81, 0, 70, BIT(5), 71, 72);
    EXPECT(ORD_EXISTS, VM_CHANNEL, 81, 0, 70, BIT(5), 71, 73);
    EXPECT(ORD_BUSY, VM_CHANNEL, 81, 1, 70, BIT(5), 71, 73);
    CHECK(!v->arch.pending[1]);
    EXPECT(ORD_OK, IRQ_BIND, 72, 80, 100, 0x80);
    CHECK(!v->arch.pending[1] && v->vm->irq_priority[100] == 0x80);
    EXPECT(ORD_OK, IRQ_CONTROL, 72, ORD_IRQ_ENABLE);
    CHECK_EQUAL(v->arch.pending[1], BIT(36));
    CHECK_EQUAL(hypercall(vm, ORD_HC_NOTIFY_TAKE, 0, r), ORD_OK);
    CHECK_EQUAL(r[1], 1);
    /* Each signal; but not while it is disabled. */
    v->arch.pending[1] = 0;
    EXPECT(ORD_OK, IRQ_CONTROL, 72, ORD_IRQ_DISABLE);
    CHECK_EQUAL(BY(t, NOTIFY_SIGNAL, 51, 2), ORD_OK);
    CHECK_EQUAL(BY(t, NOTIFY_SIGNAL, 51, 4), ORD_OK);
    CHECK(!v->arch.pending[1]);
    EXPECT(ORD_OK, IRQ_CONTROL, 72, ORD_IRQ_GET);
    CHECK_EQUAL(me->arch.value, ORD_IRQ_STATE_PENDING | ORD_IRQ_STATE_EDGE);
    EXPECT(ORD_OK, IRQ_CONTROL, 72, ORD_IRQ_ENABLE);
    CHECK_EQUAL(v->arch.pending[1], BIT(36));
    CHECK_EQUAL(hypercall_flags(vm, ORD_HC_NOTIFY_TAKE, 0, 2, r), ORD_BAD_PARAM);
    CHECK_EQUAL(hypercall_flags(vm, ORD_HC_NOTIFY_TAKE, 0, ORD_TAKE_PEEK, r), ORD_OK);
    CHECK_EQUAL(r[1], 2);
    CHECK_EQUAL(hypercall(vm, ORD_HC_NOTIFY_TAKE, 0, r), ORD_OK);
    CHECK_EQUAL(r[1], 2);
    CHECK_EQUAL(hypercall(vm, ORD_HC_NOTIFY_TAKE, 0, r), ORD_OK);
    CHECK_EQUAL(r[1], 0);
    /* A vCPU that went off has not seen it: whoever it is bound to next does. */
    fixture_vcpu(vm, task, 3);
    CHECK(task_cap_insert(task, 82, CAP_VCPU, vm->vcpu[1], 0) == ORD_OK);
    v->arch.pending[1] = 0;
    virq_keep(vm->irq[100]);
    EXPECT(ORD_OK, IRQ_BIND, 72, 82, 100, 0x80);
    CHECK_EQUAL(vm->vcpu[1]->arch.pending[1], BIT(36));
    /* The other direction: the guest wakes the task. */
    on_core(1);
    CHECK_EQUAL(BY(t, NOTIFY_WAIT, 50, 0), 1);
    on_core(2);
    CHECK_EQUAL(hypercall(vm, ORD_HC_NOTIFY_SIGNAL, 0, r), ORD_OK);
    CHECK_EQUAL(hypercall(vm, ORD_HC_NOTIFY_SIGNAL, 0, r), ORD_OK);
    CHECK_EQUAL(hypercall(vm, ORD_HC_NOTIFY_SIGNAL, 1, r), ORD_BAD_CAP);
    CHECK_EQUAL(hypercall(vm, ORD_HC_NOTIFY_SIGNAL, ~0ull, r), ORD_BAD_CAP);
    on_core(1);
    scheduler_drain(core_self());
    CHECK(t->state == THREAD_READY && t->arch.value == BIT(5));
}

/* One task's end is no other's; with the last one the machine goes off. */
static void test_end(void)
{
    start();
    struct thread *a = child(1), *b = child(2);
    EXPECT(ORD_OK, VM_CREATE, 90, 20);
    struct vm *vm = task_cap_lookup(task, 90, CAP_VM, NULL);
    fake_console_clear();
    on_core(1);
    CHECK_EQUAL(BY(a, THREAD_CREATE, 50, 0, 0, 0, 1, 100), ORD_OK);
    struct thread *second = task_cap_lookup(a->task, 50, CAP_THREAD, NULL);
    scheduler_drain(core_self());
    CHECK_EQUAL(FAKE_RUN(task_thread_kill(a, "a fault")), 0);
    scheduler_drain(core_self());
    CHECK(a->state == THREAD_DEAD && second->state == THREAD_DEAD && !core_pick(core_self()));
    CHECK(me->state == THREAD_READY && b->state == THREAD_READY && !vm->stopped);
    CHECK(strstr(fake_console(), "thread of task 'sampler' on core 1: a fault") &&
          strstr(fake_console(), "task 'sampler' has ended, 2 others go on"));
    /* The VMM: its VM stops, the other task goes on. */
    on_core(0);
    CHECK_EQUAL(FAKE_RUN(task_thread_kill(me, "a fault")), 0);
    CHECK(me->state == THREAD_DEAD && vm->stopped && b->state == THREAD_READY);
    CHECK(strstr(fake_console(), "task 'test' has ended, 1 other goes on"));
    on_core(2);
    CHECK_EQUAL(FAKE_RUN(call_dispatch(b, ORD_CALL_THREAD_EXIT, (uint64_t[6]){0})), FAKE_OFF);
    CHECK(strstr(fake_console(), "nothing is left to run: power-off"));
}

int main(void)
{
    test_case("tasks are created", test_create);
    test_case("a task has what it was given", test_confined);
    test_case("capabilities are copied", test_cap_copy);
    test_case("sleep", test_sleep);
    test_case("wait with a deadline", test_deadline);
    test_case("interrupts of a task", test_irq);
    test_case("channels", test_channel);
    test_case("the end of a task", test_end);
    return 0;
}
