/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls of host tasks and hypercalls: what each answers; then a million at random. */
#include "fixture.h"

#include "call.h"
#include "console.h"
#include "irq.h"
#include "notify.h"
#include "platform.h"
#include "string.h"
#include <arch/thread.h>
#include <outrider/hostcall.h>
#include <unistd.h>

#define GUEST_MEMORY (8ull << 20)

static struct task *task;
static struct thread *me; /* runs on core 0 */
static struct memory ram, devices;

/* The first task, as boot_main() starts it, with guest RAM in slot 8. */
static void start(uint64_t pages)
{
    fixture_start(6, pages);
    console_init(&uart_table[0], pa(0));
    task = fixture_task();
    me = fixture_thread(task, 0, 50);
    ram = (struct memory){ptr_pa(GUEST_RAM).v, GUEST_MEMORY, false};
    devices = (struct memory){0, BIT(40), true};
    platform.ram[0] = (struct range){ptr_pa(machine_ram).v, MEMORY_SIZE};
    platform.ram_count = 1;
    memory_keep(fake.image_base, fake.image_size);
    status_t s = task_cap_insert(task, ORD_CAP_TASK, CAP_TASK, task, 0);
    s |= task_cap_insert(task, ORD_CAP_CONSOLE, CAP_CONSOLE, task, 0);
    s |= task_cap_insert(task, ORD_CAP_POWER, CAP_POWER, task, 0);
    s |= task_cap_insert(task, ORD_CAP_IRQ_CONTROL, CAP_IRQ_CONTROL, task, 0);
    s |= task_cap_insert(task, ORD_CAP_DEVICES, CAP_MEMORY, &devices, ORD_MEM_READ | ORD_MEM_WRITE);
    s |= task_cap_insert(task, ORD_CAP_THREAD, CAP_THREAD, me, 0);
    s |= task_cap_insert(task, ORD_CAP_RAM, CAP_MEMORY, &ram, ORD_MEM_READ | ORD_MEM_WRITE | ORD_MEM_EXEC);
    CHECK(s == ORD_OK);
    thread_wake(me);
}

/* Its status; value in me->arch.value. 1: the call has not come back. */
static int64_t call(struct thread *t, uint64_t number, const uint64_t arg[6])
{
    uint32_t results = t->arch.results;

    call_dispatch(t, number, arg);
    CHECK(t->arch.results - results <= 1);
    return t->arch.results == results ? 1 : t->arch.status;
}

#define CALL(name, ...)         call(me, ORD_CALL_##name, (const uint64_t[6]){__VA_ARGS__})
#define EXPECT(want, name, ...) CHECK_EQUAL(CALL(name, __VA_ARGS__), want)

/* ---- one after the other ---- */

static void test_unknown(void)
{
    start(1024);
    EXPECT(ORD_NOT_SUPPORTED, CAP_DELETE, 1);
    CHECK(call(me, ORD_CALL_COUNT, (uint64_t[6]){0}) == ORD_NOT_SUPPORTED);
    CHECK(call(me, ~0ull, (uint64_t[6]){0}) == ORD_NOT_SUPPORTED);
    CHECK(call(me, BIT(32), (uint64_t[6]){0}) == ORD_NOT_SUPPORTED);
    CHECK_EQUAL(me->arch.value, 0);
    /* The wrong type, and no capability: for each call that takes one. */
    static const uint8_t numbers[] = {ORD_CALL_CONSOLE_WRITE, ORD_CALL_MEM_MAP,     ORD_CALL_MEM_UNMAP,
                                      ORD_CALL_VM_ADD_CORE,   ORD_CALL_VCPU_RESET,  ORD_CALL_VCPU_RUN,
                                      ORD_CALL_VCPU_KICK,     ORD_CALL_VCPU_INJECT, ORD_CALL_NOTIFY_WAIT,
                                      ORD_CALL_NOTIFY_SIGNAL, ORD_CALL_IRQ_BIND,    ORD_CALL_IRQ_CONTROL,
                                      ORD_CALL_POWER,         ORD_CALL_VM_STOP};
    static const uint64_t slots[] = {0, ORD_CAP_DEVICES, 99, ORD_CAP_COUNT, ~0ull, BIT(32) + 2};
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        for (size_t k = 0; k < ARRAY_SIZE(slots); k++)
            CHECK(call(me, numbers[i], (uint64_t[6]){slots[k], 1, 1, 1, 1, 1}) == ORD_BAD_CAP);
}

static void test_console(void)
{
    start(1024);
    fake_console_clear();
    uint64_t at = BIT(30);
    EXPECT(ORD_OK, MEM_MAP, ORD_CAP_TASK, ORD_CAP_RAM, 0, at, PAGE_SIZE, ORD_MEM_READ);
    memcpy(GUEST_RAM + 10, "hello\t\x1b[31m\x80\n", 14);
    EXPECT(ORD_OK, CONSOLE_WRITE, ORD_CAP_CONSOLE, at + 10, 14);
    CHECK(!strcmp(fake_console(), "hello\t?[31m?\r\n?"));
    EXPECT(ORD_OK, CONSOLE_WRITE, ORD_CAP_CONSOLE, at, 0);
    EXPECT(ORD_OK, CONSOLE_WRITE, ORD_CAP_CONSOLE, at, ORD_CONSOLE_MAX);
    EXPECT(ORD_BAD_PARAM, CONSOLE_WRITE, ORD_CAP_CONSOLE, at, ORD_CONSOLE_MAX + 1);
    EXPECT(ORD_BAD_PARAM, CONSOLE_WRITE, ORD_CAP_CONSOLE, at, ~0ull);
    EXPECT(ORD_BAD_ADDRESS, CONSOLE_WRITE, ORD_CAP_CONSOLE, at + PAGE_SIZE - 1, 2);
    EXPECT(ORD_BAD_ADDRESS, CONSOLE_WRITE, ORD_CAP_CONSOLE, ~0ull, 2);
}

static void test_memory(void)
{
    start(1024);
    uint64_t at = BIT(30), page = PAGE_SIZE;
    EXPECT(ORD_OK, VM_CREATE, 50, 20);
    EXPECT(ORD_OK, MEM_MAP, ORD_CAP_TASK, ORD_CAP_RAM, 0, at, 2 * page, 3);
    EXPECT(ORD_OK, MEM_MAP, 50, ORD_CAP_RAM, 0, at, GUEST_MEMORY, 7);
    EXPECT(ORD_EXISTS, MEM_MAP, 50, ORD_CAP_RAM, 0, at + page, page, 7);
    EXPECT(ORD_BAD_PARAM, MEM_MAP, 50, ORD_CAP_RAM, 0, 2 * at, page, 0);
    EXPECT(ORD_BAD_PARAM, MEM_MAP, 50, ORD_CAP_RAM, 0, 2 * at, page, 16);
    EXPECT(ORD_BAD_PARAM, MEM_MAP, 50, ORD_CAP_RAM, 0, 2 * at, page, BIT(32) + 1);
    EXPECT(ORD_NO_RIGHT, MEM_MAP, 50, ORD_CAP_DEVICES, 0, 2 * at, page, 5);
    EXPECT(ORD_BAD_CAP, MEM_MAP, 50, ORD_CAP_TASK, 0, 2 * at, page, 1);
    EXPECT(ORD_BUSY, MEM_MAP, 50, ORD_CAP_DEVICES, fake.image_base, 2 * at, page, 1);
    EXPECT(ORD_OK, MEM_SYNC, at + 5, page);
    EXPECT(ORD_OK, MEM_SYNC, at, 2 * page);
    EXPECT(ORD_OK, MEM_SYNC, at, 0);
    EXPECT(ORD_BAD_ADDRESS, MEM_SYNC, at, 2 * page + 1);
    EXPECT(ORD_BAD_ADDRESS, MEM_SYNC, at - 1, 2);
    EXPECT(ORD_BAD_PARAM, MEM_SYNC, at, ORD_SYNC_MAX + 1);
    EXPECT(ORD_BAD_ADDRESS, MEM_SYNC, ~0ull, 1);
    EXPECT(ORD_BAD_ADDRESS, MEM_SYNC, -page, page);
    EXPECT(ORD_OK, MEM_MAP, ORD_CAP_TASK, ORD_CAP_DEVICES, 0x9000000, 2 * at, page, 3);
    EXPECT(ORD_BAD_ADDRESS, MEM_SYNC, 2 * at, 1);
    EXPECT(ORD_OK, MEM_UNMAP, ORD_CAP_TASK, at, page);
    EXPECT(ORD_BAD_ADDRESS, MEM_SYNC, at, 1);
    EXPECT(ORD_BAD_ADDRESS, MEM_UNMAP, ORD_CAP_TASK, at + 1, page);
    EXPECT(ORD_BAD_ADDRESS, MEM_UNMAP, ORD_CAP_TASK, at, ~0ull << 12);
    EXPECT(ORD_OK, MEM_UNMAP, 50, 0, BIT(40));
    /* A large range in parts. */
    uint64_t calls = 0;
    for (uint64_t done = 0; done < GUEST_MEMORY - page; done += me->arch.value, calls++) {
        EXPECT(ORD_OK, MEM_MAP, 50, ORD_CAP_RAM, page + done, 3 * at + done, GUEST_MEMORY - page - done, 7);
        CHECK(me->arch.value && me->arch.value % page == 0);
    }
    CHECK(calls >= GUEST_MEMORY / page / PTAB_PART);
    EXPECT(ORD_EXISTS, MEM_MAP, 50, ORD_CAP_RAM, 0, 3 * at, page, 7);
    CHECK_EQUAL(me->arch.value, 0);
    EXPECT(ORD_EXISTS, MEM_MAP, 50, ORD_CAP_RAM, 0, 3 * at + GUEST_MEMORY - 2 * page, page, 7);
    for (uint64_t done = 0; done < GUEST_MEMORY; done += me->arch.value)
        EXPECT(ORD_OK, MEM_UNMAP, 50, 3 * at + done, GUEST_MEMORY - done);
    EXPECT(ORD_OK, MEM_MAP, 50, ORD_CAP_RAM, 0, 3 * at, page, 7);
}

/* What a failed creation leaves behind: nothing, of any kind. */
struct balance {
    uint32_t used[ORD_POOL_COUNT];
};

static struct balance balance(void)
{
    struct balance b;

    for (int i = 0; i < ORD_POOL_COUNT; i++)
        b.used[i] = pools[i].used;
    return b;
}

static void expect_balance(const struct balance *b, bool pages)
{
    for (int i = 0; i < ORD_POOL_COUNT; i++)
        if (pages || i != ORD_POOL_PAGE)
            CHECK_EQUAL(pools[i].used, b->used[i]);
}

static void test_failed_creation(void)
{
    static const uint64_t slots[] = {0, ORD_CAP_TASK, ORD_CAP_COUNT, ~0ull};

    start(1024);
    EXPECT(ORD_OK, VM_CREATE, 50, 20);
    EXPECT(ORD_OK, THREAD_CREATE, 51, 0x1000, 0x2000, 0, 1, 50);
    struct balance b = balance();
    for (size_t i = 0; i < ARRAY_SIZE(slots); i++) {
        status_t want = slots[i] == ORD_CAP_TASK ? ORD_BUSY : ORD_BAD_CAP;
        for (int round = 0; round < 300; round++) {
            EXPECT(want, VM_CREATE, slots[i], 20);
            EXPECT(want, THREAD_CREATE, slots[i], 0x1000, 0x2000, 0, 1, 50);
            EXPECT(want, VCPU_CREATE, slots[i], 50, 51, 0, BIT(30));
            EXPECT(want, NOTIFY_CREATE, slots[i]);
            EXPECT(want, IRQ_CREATE, slots[i], ORD_CAP_IRQ_CONTROL, 40);
        }
    }
    expect_balance(&b, true);
    CHECK_EQUAL(task->thread_count, 2);
    /* And all of it can still be made. */
    EXPECT(ORD_OK, VCPU_CREATE, 52, 50, 51, 0, BIT(30));
    EXPECT(ORD_OK, IRQ_CREATE, 53, ORD_CAP_IRQ_CONTROL, 40);
    EXPECT(ORD_OK, NOTIFY_CREATE, 54);
    EXPECT(ORD_OK, VM_CREATE, 55, 20);
    /* Address-space ids are few: a failed attempt takes none. */
    const struct vm *first = task_cap_lookup(task, 50, CAP_VM, NULL),
                    *second = task_cap_lookup(task, 55, CAP_VM, NULL);
    CHECK_EQUAL(second->ptab.space, first->ptab.space + 1);
}

static void test_vm(void)
{
    start(1024);
    EXPECT(ORD_BAD_PARAM, VM_CREATE, 50, 15);
    EXPECT(ORD_BAD_PARAM, VM_CREATE, 50, 32);
    EXPECT(ORD_BAD_PARAM, VM_CREATE, 50, BIT(32) + 20);
    EXPECT(ORD_OK, VM_CREATE, 50, 16);
    EXPECT(ORD_OK, VM_CREATE, 51, 31);
    cores[4].mode = CORE_OFF;
    EXPECT(ORD_BAD_CORE, VM_ADD_CORE, 50, 4, 10);
    EXPECT(ORD_BAD_CORE, VM_ADD_CORE, 50, 6, 10);
    EXPECT(ORD_BAD_CORE, VM_ADD_CORE, 50, ~0ull, 10);
    EXPECT(ORD_BAD_CORE, VM_ADD_CORE, 50, BIT(32) + 2, 10);
    EXPECT(ORD_BAD_PARAM, VM_ADD_CORE, 50, 2, 0);
    EXPECT(ORD_BAD_PARAM, VM_ADD_CORE, 50, 2, 256);
    EXPECT(ORD_OK, VM_ADD_CORE, 50, 2, 255);
    EXPECT(ORD_BUSY, VM_ADD_CORE, 50, 2, 255);
    EXPECT(ORD_BUSY, VM_ADD_CORE, 51, 2, 255);
    /* A core runs vCPUs or detached threads, of whatever VM. */
    EXPECT(ORD_OK, THREAD_CREATE, 60, 0, 0, 0, 1, 50);
    EXPECT(ORD_OK, THREAD_CREATE, 61, 0, 0, 0, 2, 50);
    EXPECT(ORD_OK, THREAD_CREATE, 62, 0, 0, 0, 1, 50);
    EXPECT(ORD_OK, VCPU_CREATE, 70, 50, 60, 1, BIT(30));
    EXPECT(ORD_BUSY, VM_ADD_CORE, 50, 1, 10);
    EXPECT(ORD_BUSY, VM_ADD_CORE, 51, 1, 10);
    struct balance b = balance();
    EXPECT(ORD_BAD_STATE, VCPU_CREATE, 71, 51, 60, 1, BIT(30) + PAGE_SIZE);
    EXPECT(ORD_BUSY, VCPU_CREATE, 71, 50, 61, 1, BIT(30) + PAGE_SIZE);
    EXPECT(ORD_BUSY, VCPU_CREATE, 71, 51, 61, 1, BIT(30) + PAGE_SIZE);
    EXPECT(ORD_BUSY, VCPU_CREATE, 71, 50, 62, 1, BIT(30) + PAGE_SIZE);
    EXPECT(ORD_EXISTS, VCPU_CREATE, 71, 51, 62, 1, BIT(30));
    EXPECT(ORD_BAD_ADDRESS, VCPU_CREATE, 71, 51, 62, 1, BIT(30) + 8);
    EXPECT(ORD_BAD_ADDRESS, VCPU_CREATE, 71, 51, 62, 1, BIT(40));
    EXPECT(ORD_BAD_CAP, VCPU_CREATE, 71, 52, 62, 1, 0);
    EXPECT(ORD_BAD_CAP, VCPU_CREATE, 71, 51, 52, 1, 0);
    expect_balance(&b, true);
    EXPECT(ORD_OK, VCPU_CREATE, 71, 51, 62, 0x101, BIT(30) + PAGE_SIZE);
    struct vcpu *v = task_cap_lookup(task, 71, CAP_VCPU, NULL);
    CHECK(v->hwid == 0x101 && v->index == 0 && v->vm->vcpu_count == 1 && v->thread->vcpu == v);
    /* The page that the VMM sees is the one that the hypervisor uses. */
    paddr_t page;
    unsigned rights;
    CHECK(ptab_lookup(&task->ptab, BIT(30) + PAGE_SIZE, &page, &rights) && pa_ptr(page) == v->state);
    CHECK_EQUAL(rights, PTAB_READ | PTAB_WRITE);
}

static void test_firmware(void)
{
    start(1024);
    fake.firmware_first = 100;
    fake.firmware_last = 199;
    EXPECT(ORD_BAD_CAP, VM_FIRMWARE, ORD_CAP_TASK, 100, 110);
    EXPECT(ORD_OK, VM_CREATE, 50, 20);
    EXPECT(ORD_BAD_PARAM, VM_FIRMWARE, 50, 99, 110);
    EXPECT(ORD_BAD_PARAM, VM_FIRMWARE, 50, 110, 200);
    EXPECT(ORD_BAD_PARAM, VM_FIRMWARE, 50, 110, 109);
    const struct vm *vm = task_cap_lookup(task, 50, CAP_VM, NULL);
    CHECK(!vm_firmware_allowed(vm, 100) && !vm_firmware_allowed(vm, 0));
    EXPECT(ORD_OK, VM_FIRMWARE, 50, 100, 110);
    EXPECT(ORD_OK, VM_FIRMWARE, 50, 120, 120);
    for (uint32_t f = 0; f < 300; f++)
        CHECK_EQUAL(vm_firmware_allowed(vm, f), (f >= 100 && f <= 110) || f == 120);
    for (uint32_t i = 2; i < ORD_FIRMWARE_RANGES_MAX; i++)
        EXPECT(ORD_OK, VM_FIRMWARE, 50, 121, 121);
    EXPECT(ORD_NO_MEMORY, VM_FIRMWARE, 50, 122, 122);
    /* Each VM has its own, and none once it may run. */
    EXPECT(ORD_OK, VM_CREATE, 51, 20);
    vm = task_cap_lookup(task, 51, CAP_VM, NULL);
    CHECK(!vm_firmware_allowed(vm, 100));
    EXPECT(ORD_OK, THREAD_CREATE, 60, 0, 0, 0, 1, 50);
    EXPECT(ORD_OK, VCPU_CREATE, 70, 51, 60, 1, BIT(30));
    EXPECT(ORD_BAD_STATE, VM_FIRMWARE, 51, 100, 110);
    /* Nor another VM's, once one may run. */
    EXPECT(ORD_OK, VM_CREATE, 52, 20);
    EXPECT(ORD_BAD_STATE, VM_FIRMWARE, 52, 100, 110);
    CHECK(!vm_firmware_allowed(vm, 100));
}

static void test_thread(void)
{
    start(1024);
    EXPECT(ORD_BAD_CORE, THREAD_CREATE, 50, 0, 0, 0, 6, 50);
    EXPECT(ORD_BAD_CORE, THREAD_CREATE, 50, 0, 0, 0, ~0ull, 50);
    cores[3].mode = CORE_OFF;
    EXPECT(ORD_BAD_CORE, THREAD_CREATE, 50, 0, 0, 0, 3, 50);
    EXPECT(ORD_BAD_PARAM, THREAD_CREATE, 50, 0, 0, 0, 1, 0);
    EXPECT(ORD_BAD_PARAM, THREAD_CREATE, 50, 0, 0, 0, 1, 256);
    EXPECT(ORD_BAD_PARAM, THREAD_CREATE, 50, 0, 8, 0, 1, 50);
    cores[1].mode = CORE_SLEEP;
    EXPECT(ORD_OK, THREAD_CREATE, 50, 0x1234, 0x5670, 42, 1, 77);
    CHECK_EQUAL(cores[1].arch.kicks, 1);
    on_core(1);
    cores[1].mode = CORE_HYP;
    struct thread *t = scheduler_leave(&cores[1]);
    CHECK(t == task_cap_lookup(task, 50, CAP_THREAD, NULL) && t->task == task && t->prio == 77);
    CHECK(t->arch.entry == 0x1234 && t->arch.sp == 0x5670 && t->arch.arg == 42);
    CHECK_EQUAL(task->thread_count, 2);
    CHECK_EQUAL(call(t, ORD_CALL_THREAD_EXIT, (uint64_t[6]){0}), 1);
    CHECK(t->state == THREAD_DEAD && !core_pick(&cores[1]) && task->thread_count == 1);
    on_core(0);
    CHECK_EQUAL(FAKE_RUN(CALL(THREAD_EXIT, 0)), FAKE_OFF);
}

static void test_power(void)
{
    start(1024);
    EXPECT(ORD_BAD_PARAM, POWER, ORD_CAP_POWER, 2);
    EXPECT(ORD_BAD_PARAM, POWER, ORD_CAP_POWER, ~0ull);
    CHECK_EQUAL(FAKE_RUN(CALL(POWER, ORD_CAP_POWER, ORD_POWER_OFF)), FAKE_OFF);
    CHECK_EQUAL(FAKE_RUN(CALL(POWER, ORD_CAP_POWER, ORD_POWER_RESET)), FAKE_RESET);
}

static void test_vcpu(void)
{
    start(1024);
    EXPECT(ORD_OK, VM_CREATE, 50, 20);
    EXPECT(ORD_OK, VCPU_CREATE, 60, 50, ORD_CAP_THREAD, 0, BIT(30));
    EXPECT(ORD_OK, THREAD_CREATE, 51, 0, 0, 0, 0, 40);
    struct vcpu *v = me->vcpu;
    struct thread *peer = task_cap_lookup(task, 51, CAP_THREAD, NULL);
    scheduler_drain(core_self());
    /* Only its own thread may run or reset it. */
    CHECK(call(peer, ORD_CALL_VCPU_RUN, (uint64_t[6]){60}) == ORD_NO_RIGHT);
    CHECK(call(peer, ORD_CALL_VCPU_RESET, (uint64_t[6]){60}) == ORD_NO_RIGHT);
    EXPECT(ORD_OK, VCPU_RESET, 60);
    CHECK_EQUAL(v->arch.resets, 1);
    EXPECT(1, VCPU_RUN, 60);
    CHECK(me->in_guest && v->arch.inside);
    vcpu_exit(v, ORD_EXIT_MMIO);
    CHECK(!me->in_guest && !v->arch.inside && me->arch.status == ORD_OK && v->state->exit == ORD_EXIT_MMIO);
    /* A kick while it is out counts for the next run; one while it is in, now; each exactly once. */
    CHECK(call(peer, ORD_CALL_VCPU_KICK, (uint64_t[6]){60}) == ORD_OK);
    CHECK_EQUAL(CALL(VCPU_RUN, 60), ORD_OK);
    CHECK(v->state->exit == ORD_EXIT_KICK && !me->in_guest);
    v->state->exit = 0;
    EXPECT(1, VCPU_RUN, 60);
    scheduler_drain(core_self());
    CHECK(me->in_guest && v->state->exit == 0); /* the same kick does not come twice */
    CHECK(call(peer, ORD_CALL_VCPU_KICK, (uint64_t[6]){60}) == ORD_OK);
    scheduler_drain(core_self());
    CHECK(!me->in_guest && v->state->exit == ORD_EXIT_KICK);
    v->state->exit = 0;
    EXPECT(1, VCPU_RUN, 60);
    scheduler_drain(core_self());
    CHECK(me->in_guest && v->state->exit == 0);
    /* Out of the guest's WFI, too. */
    vcpu_wait(v);
    CHECK(me->state == THREAD_BLOCKED && core_pick(core_self()) == peer);
    CHECK(call(peer, ORD_CALL_VCPU_KICK, (uint64_t[6]){60}) == ORD_OK);
    scheduler_drain(core_self());
    CHECK(me->state == THREAD_READY && !me->idle_guest && v->state->exit == ORD_EXIT_KICK);
    /* An interrupt ends the guest's WFI, or keeps it from beginning. */
    EXPECT(1, VCPU_RUN, 60);
    vcpu_resume(v);
    vcpu_wait(v);
    on_core(1);
    cores[0].mode = CORE_SLEEP;
    CHECK(call(peer, ORD_CALL_VCPU_INJECT, (uint64_t[6]){60, 40, 0x80}) == ORD_OK);
    CHECK_EQUAL(cores[0].arch.kicks, 1);
    on_core(0);
    cores[0].mode = CORE_HYP;
    scheduler_drain(core_self());
    CHECK(me->state == THREAD_READY && me->in_guest && v->arch.pending[0] == BIT(40) &&
          v->vm->irq_priority[40] == 0x80);
    vcpu_wait(v);
    CHECK(me->state == THREAD_READY);
    v->pending_any = 0;
    v->arch.irq_pending = true;
    vcpu_wait(v);
    CHECK(me->state == THREAD_READY);
    vcpu_exit(v, ORD_EXIT_CALL);
    EXPECT(ORD_OK, VCPU_INJECT, 60, 31, 0xff);
    EXPECT(ORD_OK, VCPU_INJECT, 60, 1019, 0);
    CHECK(v->arch.pending[0] == (BIT(31) | BIT(40)) && v->arch.pending[15] == BIT(59));
    EXPECT(ORD_BAD_PARAM, VCPU_INJECT, 60, 1020, 0);
    EXPECT(ORD_BAD_PARAM, VCPU_INJECT, 60, 40, 0x100);
    EXPECT(ORD_BAD_PARAM, VCPU_INJECT, 60, BIT(32), 0);
    EXPECT(ORD_OK, VM_STOP, 50);
    EXPECT(ORD_BAD_STATE, VCPU_RUN, 60);
}

static void test_irq(void)
{
    start(1024);
    EXPECT(ORD_OK, VM_CREATE, 50, 20);
    EXPECT(ORD_OK, VM_CREATE, 51, 20);
    EXPECT(ORD_OK, THREAD_CREATE, 52, 0, 0, 0, 1, 50);
    EXPECT(ORD_OK, THREAD_CREATE, 53, 0, 0, 0, 2, 50);
    EXPECT(ORD_OK, VCPU_CREATE, 60, 50, ORD_CAP_THREAD, 0, BIT(30));
    EXPECT(ORD_OK, VCPU_CREATE, 61, 50, 52, 1, BIT(30) + PAGE_SIZE);
    EXPECT(ORD_OK, VCPU_CREATE, 62, 51, 53, 0, BIT(30) + 2 * PAGE_SIZE);
    struct vm *vm = task_cap_lookup(task, 50, CAP_VM, NULL);
    struct vcpu *v0 = vm->vcpu[0], *v1 = vm->vcpu[1];

    EXPECT(ORD_BAD_CAP, IRQ_CREATE, 70, ORD_CAP_TASK, 40);
    EXPECT(ORD_BAD_PARAM, IRQ_CREATE, 70, ORD_CAP_IRQ_CONTROL, 31);
    EXPECT(ORD_BAD_PARAM, IRQ_CREATE, 70, ORD_CAP_IRQ_CONTROL, 256);
    EXPECT(ORD_BAD_PARAM, IRQ_CREATE, 70, ORD_CAP_IRQ_CONTROL, BIT(32) + 40);
    EXPECT(ORD_OK, IRQ_CREATE, 70, ORD_CAP_IRQ_CONTROL, 40);
    EXPECT(ORD_BUSY, IRQ_CREATE, 71, ORD_CAP_IRQ_CONTROL, 40);
    EXPECT(ORD_OK, IRQ_CREATE, 71, ORD_CAP_IRQ_CONTROL, 255);
    CHECK_EQUAL(pools[ORD_POOL_IRQ].used, 2);
    CHECK(!irq_deliver(40) && !irq_deliver(41) && !irq_deliver(5000)); /* bound to nobody */

    EXPECT(ORD_BAD_PARAM, IRQ_BIND, 70, 60, 31, 0);
    EXPECT(ORD_BAD_PARAM, IRQ_BIND, 70, 60, 1020, 0);
    EXPECT(ORD_BAD_PARAM, IRQ_BIND, 70, 60, 50, 0x100);
    EXPECT(ORD_BAD_CAP, IRQ_BIND, 70, 50, 50, 0);
    EXPECT(ORD_OK, IRQ_BIND, 70, 61, 50, 0xa0);
    struct irq *i = vm->irq[50];
    CHECK(i && i->line == 40 && vm->irq_priority[50] == 0xa0 && fake.routed[40] == 1);
    CHECK(irq_deliver(40) && v1->arch.pending[0] == BIT(50) && !v0->arch.pending[0]);
    /* What waits in the vCPU is pending for the VMM. */
    EXPECT(ORD_OK, IRQ_CONTROL, 70, ORD_IRQ_GET);
    CHECK_EQUAL(me->arch.value, ORD_IRQ_STATE_PENDING);
    v1->arch.pending[0] = 0;
    EXPECT(ORD_OK, IRQ_CONTROL, 70, ORD_IRQ_ENABLE);
    EXPECT(ORD_OK, IRQ_CONTROL, 70, ORD_IRQ_EDGE);
    EXPECT(ORD_OK, IRQ_CONTROL, 70, ORD_IRQ_GET);
    CHECK_EQUAL(me->arch.value, ORD_IRQ_STATE_ENABLED | ORD_IRQ_STATE_EDGE);
    EXPECT(ORD_BAD_PARAM, IRQ_CONTROL, 70, ORD_IRQ_GET + 1);
    EXPECT(ORD_BAD_PARAM, IRQ_CONTROL, 70, BIT(32));
    /* To another vCPU, another number. */
    EXPECT(ORD_OK, IRQ_BIND, 70, 60, 50, 0x10);
    CHECK(fake.routed[40] == 0 && vm->irq[50] == i && vm->irq_priority[50] == 0x10);
    EXPECT(ORD_OK, IRQ_BIND, 70, 60, 51, 0x10);
    CHECK(!vm->irq[50] && vm->irq[51] == i);
    /* A virtual number has one interrupt behind it; an interrupt has one VM. */
    EXPECT(ORD_EXISTS, IRQ_BIND, 71, 60, 51, 0x20);
    CHECK(vm->irq[51] == i && vm->irq_priority[51] == 0x10);
    EXPECT(ORD_BUSY, IRQ_BIND, 70, 62, 50, 0x20);
    CHECK(vm->irq[51] == i && i->vcpu == v0);
    EXPECT(ORD_OK, IRQ_BIND, 71, 60, 50, 0x20);
    EXPECT(ORD_OK, IRQ_BIND, 70, 60, 52, 0x10);
    EXPECT(ORD_OK, IRQ_BIND, 71, 61, 51, 0x20);
    CHECK(!vm->irq[50] && vm->irq[51]->line == 255 && vm->irq[52] == i);
}

static void test_notify(void)
{
    start(1024);
    EXPECT(ORD_OK, NOTIFY_CREATE, 50);
    EXPECT(ORD_BAD_PARAM, NOTIFY_SIGNAL, 50, 0);
    EXPECT(ORD_OK, NOTIFY_SIGNAL, 50, 6);
    EXPECT(ORD_OK, NOTIFY_WAIT, 50);
    CHECK_EQUAL(me->arch.value, 6);
    EXPECT(1, NOTIFY_WAIT, 50);
    CHECK_EQUAL(me->state, THREAD_BLOCKED);
    for (uint64_t slot = 51; pools[ORD_POOL_NOTIFY].used < pools[ORD_POOL_NOTIFY].capacity; slot++)
        EXPECT(ORD_OK, NOTIFY_CREATE, slot);
    EXPECT(ORD_NO_MEMORY, NOTIFY_CREATE, 300);
}

/* Until nothing is left, of each kind: a status, and all that was taken for the failed one is given back. */
static void test_exhaustion(void)
{
    uint64_t slot = 100;

    start(1024);
    while (CALL(VM_CREATE, slot, 20) == ORD_OK)
        slot++;
    CHECK(slot > 101 && me->arch.status == ORD_NO_MEMORY);
    while (CALL(THREAD_CREATE, slot, 0, 0, 0, 5, 50) == ORD_OK)
        slot++;
    CHECK(me->arch.status == ORD_NO_MEMORY && pools[ORD_POOL_THREAD].used == 96);
    struct balance b = balance();
    EXPECT(ORD_NO_MEMORY, VCPU_CREATE, slot, 100, ORD_CAP_THREAD, 0, BIT(30));
    expect_balance(&b, true);
}

static void test_no_pages(void)
{
    start(1024);
    EXPECT(ORD_OK, VM_CREATE, 50, 20);
    while (pool_alloc(ORD_POOL_PAGE))
        ;
    struct balance b = balance();
    for (int i = 0; i < 300; i++) {
        EXPECT(ORD_NO_MEMORY, VM_CREATE, 51, 20);
        EXPECT(ORD_NO_MEMORY, VCPU_CREATE, 52, 50, ORD_CAP_THREAD, 0, BIT(30));
    }
    expect_balance(&b, true);
    /* The vCPU's page is there, a table for it is not. */
    pool_free(ORD_POOL_PAGE, FREE_RAM);
    b = balance();
    EXPECT(ORD_NO_MEMORY, VCPU_CREATE, 52, 50, ORD_CAP_THREAD, 0, BIT(30));
    expect_balance(&b, true);
    CHECK(!me->vcpu && !((struct vm *)task_cap_lookup(task, 50, CAP_VM, NULL))->guest_cores);
}

/* A VM's own tables cannot be made half way: they are given back. */
static void test_vm_half(void)
{
    start(1024);
    struct balance b = balance();
    fake.vm_init_status = ORD_NO_MEMORY;
    for (int i = 0; i < 100; i++)
        EXPECT(ORD_NO_MEMORY, VM_CREATE, 51, 20);
    expect_balance(&b, true);
    fake.vm_init_status = ORD_OK;
    EXPECT(ORD_OK, VM_CREATE, 51, 20);
    CHECK(((struct vm *)task_cap_lookup(task, 51, CAP_VM, NULL))->ptab.space == task->ptab.space + 1);
}

/* ---- hypercalls ---- */

static struct vm *vm;
static struct vcpu *vcpu;
static uint64_t result[4];

static void start_vm(void)
{
    start(1024);
    vm = fixture_vm();
    vcpu = fixture_vcpu(vm, task, 0);
    fixture_vcpu(vm, task, 1);
    CHECK(vm_add_core(vm, 2, 100) == ORD_OK && vm_add_core(vm, 3, 255) == ORD_OK);
}

static int64_t hypercall(uint64_t function, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    memset(result, 0, sizeof(result));
    hypercall_dispatch(vcpu, (uint32_t)function - ORD_HC_BASE, (uint64_t[5]){a, b, c, d, 0}, result);
    return (int64_t)result[0];
}

/* Who calls goes on at once only after calls that leave its core as it is, and get the same answers. */
static void test_quick(void)
{
    static const uint32_t quick[] = {ORD_HC_INFO, ORD_HC_RUN, ORD_HC_RECALL, ORD_HC_CORE_STATS,
                                     ORD_HC_NOTIFY_TAKE};
    uint64_t out[4], done = 0, map[4];

    start_vm();
    struct core *c = on_core(0);
    for (uint32_t k = 0; k < ARRAY_SIZE(map); k++)
        map[k] = c->ready_map[k];
    for (uint64_t f = 0; f < 0x200; f++) {
        bool wanted = false;
        for (size_t i = 0; i < ARRAY_SIZE(quick); i++)
            wanted |= quick[i] == ORD_HC(f);
        uint64_t calls = vcpu->state->hypercalls;
        memset(out, 0, sizeof(out));
        CHECK(hypercall_quick(vcpu, (uint32_t)f, (uint64_t[5]){ORD_ABI_VERSION}, out) == wanted);
        CHECK_EQUAL(vcpu->state->hypercalls, calls + wanted);
        if (!wanted)
            continue;
        hypercall(ORD_HC(f), ORD_ABI_VERSION, 0, 0, 0);
        CHECK(!memcmp(out, result, sizeof(out)));
        done++;
    }
    CHECK_EQUAL(done, ARRAY_SIZE(quick));
    CHECK(!hypercall_quick(vcpu, ORD_HC_CALL_UID - ORD_HC_BASE, (uint64_t[5]){0}, out));
    CHECK(!hypercall_quick(vcpu, 0x84000000u /* PSCI */ - ORD_HC_BASE, (uint64_t[5]){0}, out));
    for (uint32_t k = 0; k < ARRAY_SIZE(map); k++)
        CHECK_EQUAL(c->ready_map[k], map[k]);
    CHECK(!c->mail);
    /* Asked for something meanwhile: the long way. */
    c->mode = CORE_HYP;
    uint64_t runs = c->runs;
    CHECK(scheduler_stay(c) && c->mode == CORE_USER && c->runs == runs + 1);
    c->mode = CORE_HYP;
    on_core(1);
    thread_post(vcpu->thread, THREAD_OP_KICK);
    on_core(0);
    CHECK(!scheduler_stay(c) && c->mode == CORE_HYP && c->runs == runs + 1);
}

static void test_hypercalls(void)
{
    start_vm();
    static const uint32_t unknown[] = {0, 0x11, 0x100, 0xffff};
    for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
        CHECK(hypercall(ORD_HC(unknown[i]), 1, 1, 1, 1) == ORD_NOT_SUPPORTED);
    CHECK_EQUAL(vcpu->state->hypercalls, ARRAY_SIZE(unknown));

    CHECK(hypercall(ORD_HC_INFO, ORD_ABI_VERSION, 0, 0, 0) == ORD_OK);
    CHECK(result[1] == ORD_ABI_VERSION &&
          result[2] == (ORD_FEATURE_HW_TLB | ORD_FEATURE_SHARED | ORD_FEATURE_LOG | ORD_FEATURE_SLEEP |
                        ORD_FEATURE_IRQ | ORD_FEATURE_NOTIFY) &&
          result[3] == ORD_CONTEXT_MAX);
    CHECK(hypercall(ORD_HC_INFO, ORD_ABI_VERSION + 7, 0, 0, 0) == ORD_OK);
    CHECK(hypercall(ORD_HC_INFO, 2 << 16, 0, 0, 0) == ORD_BAD_VERSION && result[1] == ORD_ABI_VERSION);
    CHECK(hypercall(ORD_HC_INFO, BIT(32) | ORD_ABI_VERSION, 0, 0, 0) == ORD_BAD_VERSION);

    fixture_frame(0);
    CHECK(hypercall(ORD_HC_CREATE, frame_address(0), 2, 10, 2) == ORD_BAD_PARAM && !vm->context_count);
    CHECK(hypercall(ORD_HC_CREATE, frame_address(0), 2, 10, 0) == ORD_OK && result[1] == 0);
    static const struct {
        uint64_t core, flags, context;
    } want[] = {{0, ORD_CORE_GUEST, 0},
                {1, ORD_CORE_GUEST, 0},
                {2, ORD_CORE_HOST | 1 << ORD_CORE_COUNT_SHIFT, 1},
                {3, ORD_CORE_HOST, 0},
                {4, 0, 0}};
    for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
        CHECK(hypercall(ORD_HC_CORE_INFO, want[i].core, 0, 0, 0) == ORD_OK);
        CHECK(result[1] == want[i].flags && result[2] == want[i].context &&
              result[3] == cores[want[i].core].hwid);
    }
    CHECK(hypercall(ORD_HC_CORE_INFO, 6, 0, 0, 0) == ORD_BAD_CORE);
    CHECK(hypercall(ORD_HC_CORE_INFO, ~0ull, 0, 0, 0) == ORD_BAD_CORE);
    cores[2].runs = 3;
    cores[2].irqs = 2;
    cores[2].entries = 1;
    CHECK(hypercall(ORD_HC_CORE_STATS, 2, 0, 0, 0) == ORD_OK && result[1] == 1 && result[2] == 2 &&
          result[3] == 3);
    CHECK(hypercall(ORD_HC_CORE_STATS, 6, 0, 0, 0) == ORD_BAD_CORE);
    for (uint64_t p = 0; p < ORD_POOL_COUNT; p++)
        CHECK(hypercall(ORD_HC_POOL_INFO, p, 0, 0, 0) == ORD_OK && result[2] == pools[p].capacity &&
              result[1] <= result[2]);
    CHECK(hypercall(ORD_HC_POOL_INFO, ORD_POOL_CONTEXT, 0, 0, 0) == ORD_OK && result[1] == 1);
    CHECK(hypercall(ORD_HC_POOL_INFO, ORD_POOL_COUNT, 0, 0, 0) == ORD_BAD_PARAM);
    CHECK(hypercall(ORD_HC_POOL_INFO, ~0ull, 0, 0, 0) == ORD_BAD_PARAM);

    CHECK(hypercall(ORD_HC_SETUP, ORD_SETUP_NONE, 0, 0, 0) == ORD_BUSY);
    CHECK(hypercall(ORD_HC_RUN, 0, 0, 0, 0) == ORD_OK);
    CHECK(hypercall(ORD_HC_CORE_INFO, 2, 0, 0, 0) == ORD_OK &&
          result[1] == (ORD_CORE_HOST | ORD_CORE_RUNNING | 1 << ORD_CORE_COUNT_SHIFT));
    CHECK(hypercall(ORD_HC_RECALL, 0, 0, 0, 0) == ORD_OK);
    CHECK(hypercall(ORD_HC_SET, 0, 3, 10, 0) == ORD_BUSY &&
          hypercall(ORD_HC_DESTROY, 0, 0, 0, 0) == ORD_BUSY);
    scheduler_drain(on_core(2));
    on_core(0);
    CHECK(hypercall(ORD_HC_SET, 0, 3, 10, 0) == ORD_OK && hypercall(ORD_HC_DESTROY, 0, 0, 0, 0) == ORD_OK);
    for (uint32_t i = 0; i < 3; i++) {
        fixture_frame(i);
        CHECK(hypercall(ORD_HC_CREATE, frame_address(i), 3, 10, ORD_CREATE_SHARED) == ORD_OK);
    }
    CHECK(hypercall(ORD_HC_CORE_INFO, 3, 0, 0, 0) == ORD_OK && result[2] == 1 &&
          result[1] == (ORD_CORE_HOST | ORD_CORE_SHARED | 3 << ORD_CORE_COUNT_SHIFT));
    CHECK(hypercall(ORD_HC_RUN, 1, 0, 0, 0) == ORD_OK);
    CHECK(hypercall(ORD_HC_CORE_INFO, 3, 0, 0, 0) == ORD_OK && result[2] == 2 &&
          result[1] == (ORD_CORE_HOST | ORD_CORE_SHARED | ORD_CORE_RUNNING | 3 << ORD_CORE_COUNT_SHIFT));
    CHECK(hypercall(ORD_HC_RECALL, 1, 0, 0, 0) == ORD_OK);
    scheduler_drain(on_core(3));
    on_core(0);
    for (uint32_t i = 0; i < 3; i++)
        CHECK(hypercall(ORD_HC_DESTROY, i, 0, 0, 0) == ORD_OK);
    CHECK(hypercall(ORD_HC_SETUP, frame_address(4) + 8, 0, 0, 0) == ORD_BAD_ADDRESS);
    CHECK(hypercall(ORD_HC_SETUP, 0, 0, 0, 0) == ORD_BAD_ADDRESS && !vm->event_page);
    CHECK(hypercall(ORD_HC_SETUP, frame_address(4), 0, 0, 0) == ORD_OK);
    CHECK((char *)vm->event_page == GUEST_RAM + 4 * PAGE_SIZE);
    CHECK(hypercall(ORD_HC_SETUP, ORD_SETUP_NONE, 0, 0, 0) == ORD_OK && !vm->event_page);

    CHECK(hypercall(ORD_HC_FLUSH, 0x10000, 0, 1, 0) == ORD_BAD_PARAM);
    CHECK(hypercall(ORD_HC_FLUSH, 1, 8, 1, 0) == ORD_BAD_PARAM && fake.flushes == 0);
    CHECK(hypercall(ORD_HC_FLUSH, 0xffff, 0x5000, 3, 0) == ORD_OK && fake.flush_asid == 0xffff);
    CHECK(fake.flush_address == 0x5000 && fake.flush_pages == 3);
    CHECK(hypercall(ORD_HC_FLUSH, 1, ORD_FLUSH_ALL, 0, 0) == ORD_OK && fake.flush_address == ORD_FLUSH_ALL);
    CHECK(hypercall(ORD_HC_BARRIER, 0, 0, 0, 0) == ORD_OK);
}

static void test_log(void)
{
    start_vm();
    const char *page = GUEST_RAM + 5 * PAGE_SIZE;
    char before[64], line[] = "a line\n", other[] = "not for a VM\n", more[ORD_CONSOLE_MAX];

    console_write(me->task, true, line, 7);
    console_write(&other, false, other, strlen(other));
    print_private("nor %s", "this");
    CHECK(strstr(fake_console(), "a line\r\nnot for a VM\r\noutrider: nor this\r\n"));
    CHECK(hypercall(ORD_HC_LOG, 0, frame_address(5) + 8, 0, 0) == ORD_BAD_ADDRESS);
    CHECK(hypercall(ORD_HC_LOG, 0, BIT(39), 0, 0) == ORD_BAD_ADDRESS);
    CHECK(ptab_map(&vm->ptab, BIT(32), ptr_pa(GUEST_RAM), PAGE_SIZE, PTAB_READ) == ORD_OK);
    CHECK(hypercall(ORD_HC_LOG, 0, BIT(32), 0, 0) == ORD_BAD_ADDRESS); /* read-only */
    CHECK(hypercall(ORD_HC_LOG, 0, frame_address(5), 0, 0) == ORD_OK);
    CHECK(result[1] == 7 && result[2] == 7 && result[3] == 0 && !memcmp(page, "a line\n", 7));
    memcpy(before, page, sizeof(before));
    CHECK(hypercall(ORD_HC_LOG, 7, frame_address(5), 0, 0) == ORD_OK);
    CHECK(result[1] == 7 && result[2] == 0 && result[3] == 0);
    CHECK(hypercall(ORD_HC_LOG, ~0ull, frame_address(5), 0, 0) == ORD_OK);
    CHECK(result[1] == 7 && result[2] == 0 && result[3] == 0 && !memcmp(page, before, sizeof(before)));
    /* Much is read piece by piece. */
    memset(more, 'm', sizeof(more));
    for (int i = 0; i < 20; i++)
        console_write(me->task, true, more, sizeof(more));
    uint64_t at = 7;
    for (int calls = 0; at < 7 + 20 * sizeof(more); calls++) {
        CHECK(hypercall(ORD_HC_LOG, at, frame_address(5), 0, 0) == ORD_OK && calls < 21);
        CHECK(result[2] > 0 && result[2] <= 256 && result[1] == at + result[2] && result[3] == 0);
        at = result[1];
    }
}

static void test_hostcalls(void)
{
    start_vm();
    fixture_frame(0);
    CHECK(hypercall(ORD_HC_CREATE, frame_address(0), 3, 77, 0) == ORD_OK);
    struct context *c = vm->context[0];
    uint64_t arg[6] = {1, 2, 3, 4, 5, 6}, out[4] = {0};
    static const uint64_t linux_calls[] = {
        0, 64, 221, ORD_HOSTCALL_BASE - 1, ORD_HOSTCALL_BASE + ORD_HOSTCALL_COUNT, 0xffffffff, ~0ull};
    for (size_t i = 0; i < ARRAY_SIZE(linux_calls); i++)
        CHECK(!hostcall_dispatch(c, linux_calls[i], arg, out));
    CHECK_EQUAL(c->stats.hostcalls, 0);
    CHECK(hostcall_dispatch(c, ORD_HOSTCALL_INFO, arg, out));
    CHECK(out[0] == ORD_ABI_VERSION && out[1] == 3 && out[2] == 0 && out[3] == 77);
    /* Unknown: as Linux answers, and with all other registers as they were. */
    for (uint64_t n = ORD_HOSTCALL_SLEEP_UNTIL + 1; n < ORD_HOSTCALL_BASE + ORD_HOSTCALL_COUNT; n++) {
        memcpy(out, arg, sizeof(out)); /* as the architecture does */
        CHECK(hostcall_dispatch(c, n, arg, out));
        bool notify = n >= ORD_HOSTCALL_NOTIFY_SIGNAL && n <= ORD_HOSTCALL_NOTIFY_POLL;
        bool irq = n == ORD_HOSTCALL_IRQ_WAIT || n == ORD_HOSTCALL_IRQ_ACK;
        int error = notify ? ORD_HOSTCALL_ENODEV : irq ? ORD_HOSTCALL_EPERM : ORD_HOSTCALL_ENOSYS;
        CHECK((int64_t)out[0] == -error && out[1] == 2 && out[2] == 3 && out[3] == 4);
    }
    CHECK_EQUAL(c->stats.hostcalls, ORD_HOSTCALL_COUNT - 1);
}

int main(void)
{
    test_case("unknown calls and capabilities", test_unknown);
    test_case("console", test_console);
    test_case("memory", test_memory);
    test_case("failed creation leaves nothing", test_failed_creation);
    test_case("VMs, their cores and vCPUs", test_vm);
    test_case("firmware calls of a VM", test_firmware);
    test_case("threads", test_thread);
    test_case("power", test_power);
    test_case("vCPU: run, kick, inject, wait", test_vcpu);
    test_case("interrupts", test_irq);
    test_case("notifications", test_notify);
    test_case("exhaustion", test_exhaustion);
    test_case("no pages", test_no_pages);
    test_case("VM that cannot be completed", test_vm_half);
    test_case("quick hypercalls", test_quick);
    test_case("hypercalls", test_hypercalls);
    test_case("log", test_log);
    test_case("host calls", test_hostcalls);
    return 0;
}
