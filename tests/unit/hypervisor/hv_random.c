/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls of a host task and hypercalls of its guest, a million at random: only statuses come back. */
#include "fixture.h"

#include "atomic.h"
#include "call.h"
#include "console.h"
#include "notify.h"
#include "platform.h"
#include "string.h"
#include <arch/thread.h>
#include <outrider/hostcall.h>
#include <unistd.h>

#define CALLS 2000000u

static uint64_t seed = 0x123456789;
static bool own_seed;
static struct task *task;
static struct memory ram, devices;

static uint64_t r(uint64_t n)
{
    return (random_next(&seed) >> 16) % n;
}

static void start(void)
{
    fixture_start(8, 2048);
    console_init(&uart_table[0], pa(0));
    task = fixture_task();
    ram = (struct memory){ptr_pa(GUEST_RAM).v, 8ull << 20, false};
    devices = (struct memory){0, BIT(40), true};
    platform.ram[0] = (struct range){ptr_pa(machine_ram).v, MEMORY_SIZE};
    platform.ram_count = 1;
    memory_keep(fake.image_base, fake.image_size);
    memory_keep(0x8000000, 0x10000);
    status_t s = task_cap_insert(task, ORD_CAP_TASK, CAP_TASK, task, 0);
    s |= task_cap_insert(task, ORD_CAP_CONSOLE, CAP_CONSOLE, task, 0);
    s |= task_cap_insert(task, ORD_CAP_POWER, CAP_POWER, task, 0);
    s |= task_cap_insert(task, ORD_CAP_IRQ_CONTROL, CAP_IRQ_CONTROL, task, 0);
    s |= task_cap_insert(task, ORD_CAP_DEVICES, CAP_MEMORY, &devices, ORD_MEM_READ | ORD_MEM_WRITE);
    s |= task_cap_insert(task, ORD_CAP_RAM, CAP_MEMORY, &ram, ORD_MEM_READ | ORD_MEM_WRITE | ORD_MEM_EXEC);
    CHECK(s == ORD_OK);
    for (uint32_t i = 0; i < 8; i++)
        fixture_frame(i);
}

/* Numbers near borders, sizes, addresses of what exists, and anything. */
static uint64_t any(void)
{
    static const uint64_t base[] = {0,         1ull << 12,  BIT(30),    GUEST_BASE, 0x8000000,
                                    0x9000000, BIT(40),     8ull << 20, BIT(32),    0xffffffff,
                                    ~0ull,     ~0ull << 12, BIT(63),    16ull << 20};

    switch (r(8)) {
    case 0:
        return random_next(&seed);
    case 1:
    case 2:
        return base[r(ARRAY_SIZE(base))] + r(16) * PAGE_SIZE;
    case 3:
        return base[r(ARRAY_SIZE(base))] + r(9) - 4;
    default:
        return r(r(2) ? 8 : 1100);
    }
}

/* A slot: mostly one of a few, so that the right types meet. */
static uint64_t slot(void)
{
    return r(16) ? (r(3) ? 40 + r(40) : r(10)) : any();
}

static const char kinds[ORD_CALL_COUNT + 1][7] = {
    /* c: slot, m: rights, p: priority, a: address, n: any, k: core */
    [ORD_CALL_CONSOLE_WRITE] = "can", [ORD_CALL_MEM_MAP] = "ccaaam",   [ORD_CALL_MEM_UNMAP] = "caa",
    [ORD_CALL_VM_CREATE] = "cn",      [ORD_CALL_VM_ADD_CORE] = "ckp",  [ORD_CALL_THREAD_CREATE] = "cannkp",
    [ORD_CALL_VCPU_CREATE] = "cccna", [ORD_CALL_VCPU_RESET] = "c",     [ORD_CALL_VCPU_RUN] = "c",
    [ORD_CALL_VCPU_KICK] = "c",       [ORD_CALL_VCPU_INJECT] = "cnp",  [ORD_CALL_NOTIFY_CREATE] = "c",
    [ORD_CALL_NOTIFY_WAIT] = "c",     [ORD_CALL_NOTIFY_SIGNAL] = "cn", [ORD_CALL_IRQ_CREATE] = "ccn",
    [ORD_CALL_IRQ_BIND] = "ccnp",     [ORD_CALL_IRQ_CONTROL] = "cn",   [ORD_CALL_CAP_DELETE] = "c",
    [ORD_CALL_POWER] = "cn",          [ORD_CALL_VM_STOP] = "c",        [ORD_CALL_THREAD_EXIT] = "n",
    [ORD_CALL_MEM_SYNC] = "aa",       [ORD_CALL_VM_WATCHDOG] = "cn",   [ORD_CALL_SLEEP_UNTIL] = "n",
    [ORD_CALL_TASK_CREATE] = "cannp", [ORD_CALL_CAP_COPY] = "cccm",    [ORD_CALL_TASK_START] = "cannkp",
    [ORD_CALL_IRQ_NOTIFY] = "ccn",    [ORD_CALL_IRQ_ACK] = "c",        [ORD_CALL_VM_CHANNEL] = "cncncc",
    [ORD_CALL_VM_FIRMWARE] = "cnn",   [ORD_CALL_COUNT] = "nnnnnn",
};

static uint64_t argument(char kind)
{
    switch (kind) {
    case 'c':
        return slot();
    case 'm':
        return r(8) ? 1 + r(7) : any();
    case 'p':
        return r(8) ? 1 + r(255) : any();
    case 'k':
        return r(8) ? r(8) : any();
    case 'a':
        return r(4) ? (any() & ~0xfffull) : any();
    default:
        return any();
    }
}

/* Few of some, or the task would soon have lost all its threads, pages and VMs. */
static uint64_t pick_call(void)
{
    for (;;) {
        uint64_t n = r(32) ? r(ORD_CALL_COUNT) : any();
        if ((n == ORD_CALL_THREAD_EXIT && r(20000)) || (n == ORD_CALL_POWER && r(50)) ||
            (n == ORD_CALL_VM_STOP && r(5000)) || (n == ORD_CALL_MEM_MAP && r(4)) ||
            (n == ORD_CALL_VM_CREATE && r(1000)) || (n == ORD_CALL_VCPU_CREATE && r(10)))
            continue;
        return n;
    }
}

static bool is_status(int64_t s)
{
    return s <= 0 && s >= ORD_STATUS_MIN;
}

static uint32_t histogram[-ORD_STATUS_MIN + 1], blocked, guests;

/* A thread of the task on this core that may make a call. */
static struct thread *caller(void)
{
    for (;;) {
        uint64_t at = r(ORD_CAP_COUNT);
        struct thread *t = task_cap_lookup(task, at, CAP_THREAD, NULL);
        if (!t && r(64))
            continue;
        if (!t || t->state == THREAD_DEAD || t->core != core_self()) {
            on_core((uint32_t)r(8));
            continue;
        }
        if (t->state == THREAD_READY && !t->in_guest)
            return t;
        /* Blocked, or in its guest: somebody wakes it. */
        if (t->waits)
            notify_signal(t->waits, 1 + r(255));
        else if (t->alarmed) {
            fake.counter = MAX(fake.counter, t->alarm.expires);
            timer_expire();
        }
        if (t->in_guest) {
            if (r(2))
                vcpu_wait(t->vcpu);
            atomic_store(&t->vcpu->kicked, true);
            thread_post(t, THREAD_OP_KICK);
        }
        scheduler_drain(core_self());
    }
}

static uint64_t own_slot(const struct thread *t)
{
    for (uint64_t i = 0; i < ORD_CAP_COUNT; i++)
        if (task_cap_lookup(task, i, CAP_VCPU, NULL) == t->vcpu)
            return i;
    return 0;
}

static void host_call(void)
{
    struct thread *t = caller();
    uint64_t n = pick_call(), arg[6] = {0};
    const char *kind = kinds[MIN(n, (uint64_t)ORD_CALL_COUNT)];
    uint32_t results = t->arch.results, used[ORD_POOL_COUNT];

    for (int i = 0; i < 6 && kind[i]; i++)
        arg[i] = argument(kind[i]);
    if (n == ORD_CALL_MEM_MAP && r(2)) {
        arg[0] = r(2) ? ORD_CAP_TASK : 40;
        arg[1] = ORD_CAP_RAM;
        arg[2] = r(2048) * PAGE_SIZE;
        arg[3] = GUEST_BASE + (8ull << 20) + r(600) * PAGE_SIZE;
        arg[4] = (1 + r(20)) * PAGE_SIZE;
    }
    if (n == ORD_CALL_VCPU_RUN && t->vcpu && r(2))
        arg[0] = own_slot(t);
    /* Large pieces in pages use the pool up; not often. */
    if (n == ORD_CALL_MEM_MAP && arg[4] > BIT(22) && r(200))
        arg[4] = r(64) * PAGE_SIZE;
    for (int i = 0; i < ORD_POOL_COUNT; i++)
        used[i] = pools[i].used;
    uint32_t count = task->thread_count;
    int how = FAKE_RUN(call_dispatch(t, n, arg));
    if (how) {
        CHECK(n == ORD_CALL_POWER && (how == FAKE_OFF || how == FAKE_RESET));
        return;
    }
    if (t->arch.results == results) {
        CHECK(n == ORD_CALL_NOTIFY_WAIT || n == ORD_CALL_VCPU_RUN || n == ORD_CALL_THREAD_EXIT ||
              (n == ORD_CALL_SLEEP_UNTIL && t->state == THREAD_BLOCKED && t->alarmed));
        blocked += n == ORD_CALL_NOTIFY_WAIT;
        guests += n == ORD_CALL_VCPU_RUN;
        CHECK(n != ORD_CALL_NOTIFY_WAIT || (t->state == THREAD_BLOCKED && t->waits));
        CHECK(n != ORD_CALL_VCPU_RUN || (t->in_guest && t->vcpu->arch.inside));
        CHECK(n != ORD_CALL_THREAD_EXIT || (t->state == THREAD_DEAD && task->thread_count == count - 1));
        return;
    }
    CHECK(t->arch.results == results + 1 && is_status(t->arch.status));
    CHECK(t->arch.status == ORD_OK || t->arch.value == 0);
    histogram[-t->arch.status]++;
    if (t->arch.status == ORD_OK)
        return;
    /* A failed call has kept nothing but, maybe, tables. */
    for (int i = 0; i < ORD_POOL_COUNT; i++)
        CHECK(pools[i].used == used[i] ||
              (i == ORD_POOL_PAGE && pools[i].used > used[i] &&
               (n == ORD_CALL_MEM_MAP || n == ORD_CALL_MEM_UNMAP || n == ORD_CALL_VCPU_CREATE)));
    CHECK_EQUAL(task->thread_count, count);
}

/* ---- hypercalls ---- */

static struct vcpu *some_vcpu(void)
{
    for (int i = 0; i < 200; i++) {
        struct vcpu *v = task_cap_lookup(task, r(ORD_CAP_COUNT), CAP_VCPU, NULL);
        if (v && v->thread->state != THREAD_DEAD)
            return v;
    }
    return NULL;
}

static void host_core(void)
{
    uint32_t i = (uint32_t)r(8);
    struct core *c = on_core(i);

    fake.counter += r(20);
    arch_core_irqs(c);
    scheduler_drain(c);
    struct thread *t = core_pick(c);
    if (!t || !t->context)
        return;
    uint64_t out[4] = {0}, arg[6] = {fake.counter + r(50)};
    if (r(4) == 0)
        CHECK(!hostcall_dispatch(t->context, any(), arg, out) || out[0] == ORD_ABI_VERSION || !out[0] ||
              (int64_t)out[0] == -ORD_HOSTCALL_ENOSYS || (int64_t)out[0] == -ORD_HOSTCALL_EBUSY ||
              (int64_t)out[0] == -ORD_HOSTCALL_ENODEV || (int64_t)out[0] == -ORD_HOSTCALL_EPERM ||
              t->context->channels);
    else if (r(4) == 0)
        hostcall_dispatch(t->context, ORD_HOSTCALL_SLEEP_UNTIL, arg, out);
    else if (r(4) == 0) {
        t->context->channels = r(4) ? 3 : 0;
        arg[0] = r(3);
        arg[1] = r(2) ? fake.counter + r(50) : 0;
        hostcall_dispatch(t->context, ORD_HOSTCALL_NOTIFY_SIGNAL + r(3), arg, out);
    }
    if (t->context->wait || r(2))
        return;
    arch_context_save(t->context);
    context_event(t->context, (enum ord_event)(ORD_EVENT_SYSCALL + r(4)), 0, 0, 0);
}

static void relax(void)
{
    /* Somebody waits for another core: all have a look. */
    struct core *self = fake_core;
    for (uint32_t i = 0; i < core_count; i++) {
        if (&cores[i] == self)
            continue;
        on_core(i);
        scheduler_drain(&cores[i]);
    }
    fake_core = self;
}

static uint32_t hyper_histogram[-ORD_STATUS_MIN + 1];

static void hypercall(void)
{
    struct vcpu *v = some_vcpu();
    uint64_t arg[5], out[4] = {0};

    if (!v)
        return;
    fake_core = v->thread->core;
    uint64_t f = r(16) ? ORD_HC(r(0x0e)) : any();
    for (int i = 0; i < 5; i++)
        arg[i] = any();
    if (f == ORD_HC_CREATE && r(8)) {
        arg[0] = GUEST_BASE + r(10) * PAGE_SIZE;
        arg[1] = r(4) ? r(8) : ORD_CORE_ANY;
        arg[2] = 1 + r(255);
        arg[3] = r(16) ? r(4) != 0 : any();
    } else if (f >= ORD_HC_RUN && f <= ORD_HC_SET && r(8)) {
        arg[0] = r(6);
        arg[1] = r(2) ? r(8) : ORD_CORE_ANY;
        arg[2] = 1 + r(255);
    }
    uint32_t count = v->vm->context_count;
    if (!hypercall_quick(v, (uint32_t)f - ORD_HC_BASE, arg, out))
        hypercall_dispatch(v, (uint32_t)f - ORD_HC_BASE, arg, out);
    CHECK(is_status((int64_t)out[0]));
    hyper_histogram[-(int64_t)out[0]]++;
    if (f == ORD_HC_CREATE || f == ORD_HC_DESTROY)
        CHECK(v->vm->context_count == count + (out[0] ? 0 : f == ORD_HC_CREATE ? 1 : -1u));
    else
        CHECK_EQUAL(v->vm->context_count, count);
}

/* What must hold whatever was called. */
static void invariants(void)
{
    for (uint64_t i = 0; i < ORD_CAP_COUNT; i++) {
        struct vm *vm = task_cap_lookup(task, i, CAP_VM, NULL);
        if (!vm)
            continue;
        uint32_t taken = 0, on[8] = {0};
        CHECK(!(vm->guest_cores & vm->host_cores) && !((vm->guest_cores | vm->host_cores) >> 8));
        for (uint32_t k = 0; k < ORD_CONTEXT_MAX; k++) {
            struct context *c = vm->context[k];
            if (!c || !c->taken)
                continue;
            taken++;
            CHECK(c->vm == vm && c->id == k && vm->host_cores & BIT(c->thread.core->index));
            CHECK(c->thread.core->shared == c->shared);
            on[c->thread.core->index]++;
            CHECK(c->thread.prio && c->thread.prio <= vm->prio_limit[c->thread.core->index]);
        }
        CHECK_EQUAL(taken, vm->context_count);
        for (uint32_t k = 0; k < 8; k++)
            if (vm->host_cores & BIT(k))
                CHECK(cores[k].contexts == on[k] && (cores[k].shared || on[k] < 2));
        CHECK_EQUAL(vm->vcpu_count, (uint32_t)__builtin_popcount(vm->guest_cores));
        for (uint32_t k = 0; k < vm->vcpu_count; k++)
            CHECK(vm->vcpu[k]->thread->vcpu == vm->vcpu[k] && vm->vcpu[k]->index == k);
    }
}

static void test_random(void)
{
    start();
    /* Threads on all cores; the rest is made by the calls. */
    for (uint32_t i = 0; i < 8; i++) {
        struct thread *t = fixture_thread(task, i, 50);
        CHECK(task_cap_insert(task, 500 + i, CAP_THREAD, t, 0) == ORD_OK);
        on_core(i);
        thread_wake(t);
    }
    /* One VM as the VMM makes it, so that hypercalls get somewhere. */
    struct vm *vm = fixture_vm();
    CHECK(task_cap_insert(task, 40, CAP_VM, vm, 0) == ORD_OK);
    CHECK(vm_add_core(vm, 6, 100) == ORD_OK && vm_add_core(vm, 7, 255) == ORD_OK);
    for (uint32_t i = 0; i < 2; i++) {
        struct vcpu *v = fixture_vcpu(vm, task, i);
        CHECK(task_cap_insert(task, 42 + i, CAP_VCPU, v, 0) == ORD_OK);
        CHECK(task_cap_insert(task, 490 + i, CAP_THREAD, v->thread, 0) == ORD_OK);
        on_core(i);
        thread_wake(v->thread);
    }
    fake.relax = relax;
    alarm(100);
    for (uint32_t i = 0; i < CALLS; i++) {
        if (i % 2)
            host_call();
        else if (r(3))
            hypercall();
        else
            host_core();
        if (i % 256 == 0)
            invariants();
        fake_console_clear();
    }
    invariants();
    if (own_seed)
        return;
    /* It has been everywhere. */
    static const int wanted[] = {ORD_OK,          ORD_NOT_SUPPORTED, ORD_BAD_PARAM, ORD_BAD_CAP,
                                 ORD_NO_RIGHT,    ORD_NO_MEMORY,     ORD_BUSY,      ORD_BAD_CORE,
                                 ORD_BAD_ADDRESS, ORD_EXISTS};
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
        CHECK(histogram[-wanted[i]] > 10);
    static const int hyper_wanted[] = {ORD_OK,          ORD_NOT_SUPPORTED, ORD_BAD_PARAM, ORD_BAD_CAP,
                                       ORD_BUSY,        ORD_BAD_STATE,     ORD_BAD_CORE,  ORD_CORE_OWNED,
                                       ORD_BAD_VERSION, ORD_BAD_ADDRESS};
    for (size_t i = 0; i < ARRAY_SIZE(hyper_wanted); i++)
        CHECK(hyper_histogram[-hyper_wanted[i]] > 10);
    CHECK(blocked > 100 && guests > 100);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        seed = strtoull(argv[1], NULL, 0);
    own_seed = argc > 1;
    test_case("a million calls", test_random);
    return 0;
}
