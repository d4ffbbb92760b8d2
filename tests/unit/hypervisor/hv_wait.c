/* SPDX-License-Identifier: BSD-2-Clause */
/* Waits for a time: on the counter, on the guest's clock; ended, interrupted, stopped. Cores 0: vCPU, 2: host
 * core. */
#include "fixture.h"

#include "atomic.h"
#include "call.h"
#include "irq.h"
#include "notify.h"
#include "string.h"
#include "wait.h"
#include <arch/thread.h>
#include <arch/timer.h>
#include <outrider/hostcall.h>
#include <outrider/task.h>

static struct vm *vm;
static struct context *context;
static struct ord_event_page *page;

static struct thread *host(void)
{
    return fixture_host(2);
}

static struct ord_frame *frame(void)
{
    return (struct ord_frame *)GUEST_RAM;
}

/* A running context, on its core. The clock: 1 tick is 1000 ns, at 5,000,000 + 0.5 ns at counter 1000. */
static void start(void)
{
    uint32_t id;

    fixture_start(3, 1024);
    vm = fixture_vm();
    fixture_vcpu(vm, fixture_task(), 0);
    CHECK(vm_add_core(vm, 2, 255) == ORD_OK);
    fixture_frame(0);
    on_core(0);
    page = (struct ord_event_page *)(GUEST_RAM + 9 * PAGE_SIZE);
    memset(page, 0, PAGE_SIZE);
    page->timebase = (struct ord_timebase){
        .mult = 1000u << 4, .shift = 4, .cycle_last = 1000, .fraction = 8, .base = 5000000};
    vm->event_page = page;
    CHECK(detach_create(vm, frame_address(0), 2, 10, 0, &id) == ORD_OK && context_run(vm, id) == ORD_OK);
    context = vm->context[id];
    fake.counter = 1000;
    CHECK(host() == &context->thread);
}

static void expect_sleeps(uint64_t counter)
{
    CHECK(context->wait && context->stats.waiting && context->thread.state == THREAD_BLOCKED &&
          !core_pick(core_self()));
    CHECK(core_self()->arch.timer_on);
    CHECK_EQUAL(core_self()->arch.timer, counter);
}

static void expect_runs(uint64_t sleeps, uint64_t due)
{
    CHECK(host() == &context->thread && !context->wait && !context->stats.waiting &&
          !core_self()->arch.timer_on);
    CHECK_EQUAL(context->stats.sleeps, sleeps);
    CHECK_EQUAL(context->stats.sleep_end, due);
}

static void test_counter(void)
{
    uint64_t arg[6] = {5000}, out[4] = {77, 78, 79, 80};

    start();
    CHECK(hostcall_dispatch(context, ORD_HOSTCALL_SLEEP_UNTIL, arg, out));
    CHECK(out[0] == 77 && out[3] == 80); /* what an interrupted call is made again with */
    expect_sleeps(5000);
    CHECK(!host());
    fake.counter = 4999;
    CHECK(!host());
    fake.counter = 5003;
    expect_runs(1, 5000);
    CHECK(context->thread.arch.results == 1 && context->thread.arch.value == 0);
    CHECK(frame()->stats.sleeps == 1 && frame()->stats.sleep_end == 5000);
    /* what is over returns at once */
    arg[0] = 5003;
    CHECK(hostcall_dispatch(context, ORD_HOSTCALL_SLEEP_UNTIL, arg, out) && out[0] == 0);
    expect_runs(2, 0);
    /* as far as it gets */
    arg[0] = ~0ull;
    CHECK(hostcall_dispatch(context, ORD_HOSTCALL_SLEEP_UNTIL, arg, out));
    expect_sleeps(~0ull);
    CHECK(context->stats.hostcalls == 3);
}

static void test_clock(void)
{
    start();
    /* 5,000,000.5 ns at 1000: 5,500,000 is between 1499 and 1500 */
    CHECK(wait_clock(context, 5500000));
    expect_sleeps(1500);
    fake.counter = 1500;
    expect_runs(1, 1500);
    /* half a ns earlier would do, and the last tick that is too early */
    CHECK(wait_clock(context, 5600001));
    expect_sleeps(1601);
    fake.counter = 1600;
    CHECK(!host() && context->wait);
    fake.counter = 1601;
    expect_runs(2, 1601);
    /* over already: goes on without being blocked */
    CHECK(wait_clock(context, 5600001) && !context->wait && context->thread.state == THREAD_READY);
    CHECK(wait_clock(context, -1) && !context->wait && context->stats.sleeps == 4);
}

/* A long one is looked at again shortly before its end, and however far away it is. */
static void test_far(void)
{
    uint64_t at;
    int looks = 0;

    start();
    CHECK(wait_clock(context, 5000000 + 1000ll * 1024000));
    expect_sleeps(1000 + 1024000 - 1000 + 0);
    fake.counter = core_self()->arch.timer;
    CHECK(!host());
    expect_sleeps(1000 + 1024000);
    fake.counter = 1000 + 1024000;
    expect_runs(1, 1000 + 1024000);

    /* a day, and nobody updates the timebase */
    uint64_t day = 86400ull * 1000000, due = fake.counter + day;
    CHECK(wait_clock(context, (int64_t)(5000000 + (due - 1000) * 1000)));
    while (context->wait) {
        at = core_self()->arch.timer;
        CHECK(at > fake.counter && at <= due && ++looks < 100000);
        fake.counter = at;
        host();
    }
    expect_runs(2, due);
    /* as far as an int64_t gets, from a base at either end */
    for (int i = 0; i < 2; i++) {
        page->timebase.base = i ? (uint64_t)INT64_MAX - 5 : 0;
        page->timebase.cycle_last = i ? fake.counter + 1000000 : 0; /* also one from the future */
        CHECK(wait_clock_counter(&page->timebase, INT64_MAX, fake.counter, &at));
        CHECK(at > fake.counter || i);
    }
}

/* The clock's rate changes meanwhile. */
static void test_rate(void)
{
    start();
    CHECK(wait_clock(context, 5000000 + 500000));
    expect_sleeps(1500);
    page->timebase.mult = 2000u << 4; /* twice as fast */
    on_core(0);
    detach_time(vm);
    CHECK(!host());
    expect_sleeps(1250);
    /* as slow as before, said by nobody: looked at when it is due */
    page->timebase.mult = 1000u << 4;
    fake.counter = 1250;
    CHECK(!host());
    expect_sleeps(1500);
    fake.counter = 1500;
    expect_runs(1, 1500);
    /* nobody waits, and somebody waits for the counter */
    on_core(0);
    detach_time(vm);
    on_core(2);
    CHECK(!context->thread.ops && wait_counter(context, 9000));
    on_core(0);
    detach_time(vm);
    on_core(2);
    CHECK(!context->thread.ops);
    expect_sleeps(9000);
}

static void expect_event(enum ord_event event)
{
    CHECK(frame()->event == event && !frame()->stats.waiting && context_state(context) == CONTEXT_IDLE &&
          !context->wait);
    CHECK(context->thread.state == THREAD_BLOCKED && !cores[2].arch.timer_on && !context->stats.sleeps);
}

static void test_interrupt(void)
{
    start();
    CHECK(wait_counter(context, 5000));
    on_core(0);
    CHECK(context_recall(vm, context->id) == ORD_OK);
    CHECK(!host());
    expect_event(ORD_EVENT_INTERRUPTED);
    /* the recall was not left over; a late one does not hurt the next run */
    on_core(0);
    CHECK(context_recall(vm, context->id) == ORD_OK && context_run(vm, context->id) == ORD_OK);
    CHECK(host() == &context->thread);
    CHECK(wait_clock(context, 5500000) && context->wait);
    on_core(0);
    CHECK(context_recall(vm, context->id) == ORD_OK && context_recall(vm, context->id) == ORD_OK);
    CHECK(!host());
    expect_event(ORD_EVENT_INTERRUPTED);
    CHECK_EQUAL(context->stats.exceptions, 0);
    CHECK_EQUAL(context->stats.recalls, 2);
    on_core(0);
    CHECK(detach_destroy(vm, context->id) == ORD_OK);
    fake.counter = 99999;
    CHECK(!host() && context->stats.sleeps == 0);
}

static void test_stop(void)
{
    start();
    CHECK(wait_counter(context, 5000));
    on_core(0);
    uint64_t saves = frame()->x[0];
    vm_stop(vm);
    CHECK(!host() && !context->wait && !cores[2].arch.timer_on);
    /* its frame may be somebody else's memory from now on: the core holds nothing that belongs there */
    CHECK(frame()->x[0] == saves + 1 && !context->thread.arch.context_running);
    fake.counter = 5000;
    CHECK(!host() && frame()->event == ORD_EVENT_RUNNING);
}

/* The guest takes its clock away, or is always writing it. */
static void test_no_clock(void)
{
    start();
    page->timebase.mult = 0;
    CHECK(!wait_clock(context, 6000000) && !context->wait && context->thread.state == THREAD_READY);
    page->timebase.mult = 1;
    page->timebase.shift = ORD_TIMEBASE_SHIFT_MAX + 1;
    CHECK(!wait_clock(context, 6000000));
    page->timebase.shift = 0;
    page->timebase.seq = 1;
    CHECK(!wait_clock(context, 6000000));
    page->timebase.seq = 2;
    vm->event_page = NULL;
    CHECK(!wait_clock(context, 6000000));
    vm->event_page = page;
    CHECK(wait_clock(context, 6000000) && context->wait);
    page->timebase.mult = 0;
    on_core(0);
    detach_time(vm);
    CHECK(!host());
    expect_event(ORD_EVENT_INTERRUPTED);
}

/* clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, ...) alone, and only what is usual in it. */
static void test_serve(void)
{
    static uint64_t time[2];
    const uint64_t usual[6] = {1, 1, 0x1000};
    static const uint64_t unusual[][6] = {
        {0, 1, 0x1000}, {1, 0, 0x1000}, {1, 3, 0x1000}, {1, 1, 0x1008}, {1, 1, 0}};

    start();
    fake.user = time;
    fake.user_address = 0x1000;
    fake.user_size = sizeof(time);
    time[1] = 5600000;
    CHECK(!serve_dispatch(context, 115, usual)); /* the guest has not asked for it */
    context->serve = ORD_SERVE_SLEEP;
    CHECK(!serve_dispatch(context, 114, usual));
    for (size_t i = 0; i < ARRAY_SIZE(unusual); i++)
        CHECK(!serve_dispatch(context, 115, unusual[i]));
    time[1] = 1000000000;
    CHECK(!serve_dispatch(context, 115, usual));
    time[1] = 0;
    time[0] = BIT(32) + 1;
    CHECK(!serve_dispatch(context, 115, usual) && !context->wait);
    time[0] = 0;
    time[1] = 5600000;
    context->clock_offset = 100000;
    CHECK(serve_dispatch(context, 115, (uint64_t[6]){1 | BIT(32), 1 | BIT(32), 0x1000})); /* they are ints */
    fake.counter = 1499;
    CHECK(!host());
    fake.counter = 1500;
    expect_runs(1, 1500);
    CHECK(serve_dispatch(context, 115, usual) && !context->wait && context->thread.state == THREAD_READY);
}

/* Never early, never a tick late, whatever the timebase; against exact arithmetic. */
static void test_exact(void)
{
    uint64_t seed = 1, at;

    start();
    for (int i = 0; i < 200000; i++) {
        struct ord_timebase t = {0};
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        t.shift = (uint32_t)(seed >> 33) % 33;
        t.mult = (uint32_t)(seed >> 7) >> (seed & 15);
        t.mult = t.mult ? t.mult : 1;
        t.fraction = (seed >> 20) & (BIT(t.shift) - 1);
        t.cycle_last = seed >> 30;
        t.base = seed >> 24;
        uint64_t now = t.cycle_last + (seed >> 50), ns = t.base + (seed >> 41);
        CHECK(wait_clock_counter(&t, (int64_t)ns, now, &at));
#define CLOCK(c)                                                                                             \
    (t.base + (uint64_t)(((unsigned __int128)((c)-t.cycle_last) * t.mult + t.fraction) >> t.shift))
        if (CLOCK(now) >= ns) {
            CHECK(at <= now);
        } else {
            CHECK(at > now && CLOCK(at - 1) < ns);
            CHECK(CLOCK(at) >= ns);
        }
    }
}

/* ---- channels ---- */

static struct notify to_task, to_guest;
static struct irq *irq;

static void start_channel(void)
{
    start();
    on_core(0);
    CHECK(irq_create(0, &irq) == ORD_OK && irq_bind(irq, vm->vcpu[0], 100, 0) == ORD_OK);
    uint64_t state;
    CHECK(irq_control(irq, ORD_IRQ_ENABLE, &state) == ORD_OK);
    CHECK(channel_create(vm, 3, &to_task, 16, &to_guest, irq) == ORD_OK);
    context->channels = BIT(3);
    on_core(2);
}

/* 1: it waits. */
static int64_t notify_call(uint64_t number, uint64_t channel, uint64_t deadline)
{
    uint64_t arg[6] = {channel, deadline}, out[4] = {channel, 78, 79, 80};

    CHECK(hostcall_dispatch(context, number, arg, out));
    CHECK(out[1] == 78 && out[2] == 79 && out[3] == 80);
    CHECK(!context->wait || out[0] == channel); /* what an interrupted call is made again with */
    return context->wait ? 1000 : (int64_t)out[0];
}

#define SIGNAL(...) notify_call(ORD_HOSTCALL_NOTIFY_SIGNAL, __VA_ARGS__)
#define WAIT(...)   notify_call(ORD_HOSTCALL_NOTIFY_WAIT, __VA_ARGS__)
#define POLL(...)   notify_call(ORD_HOSTCALL_NOTIFY_POLL, __VA_ARGS__)

static bool linux_told(void)
{
    return atomic_exchange(&vm->vcpu[0]->arch.pending[1], 0ull) == BIT(36);
}

static void signal_guest(void)
{
    on_core(0);
    notify_signal(&to_guest, 1);
    on_core(2);
}

static void expect_result(uint64_t count)
{
    CHECK(host() == &context->thread && !context->wait && !context->stats.waiting && !to_guest.waiter);
    CHECK(!core_self()->arch.timer_on);
    CHECK_EQUAL(context->thread.arch.value, count);
}

static void test_notify(void)
{
    start_channel();
    for (uint64_t n = ORD_HOSTCALL_NOTIFY_SIGNAL; n <= ORD_HOSTCALL_NOTIFY_POLL; n++) {
        CHECK_EQUAL(notify_call(n, 2, 0), -ORD_HOSTCALL_ENODEV);
        CHECK_EQUAL(notify_call(n, ~0ull, 0), -ORD_HOSTCALL_ENODEV);
        context->channels = ~BIT(3);
        CHECK_EQUAL(notify_call(n, 3, 0), -ORD_HOSTCALL_EPERM);
        context->channels = BIT(3);
    }
    CHECK(!to_task.bits && SIGNAL(3, 0) == 0 && to_task.bits == 16);
    CHECK(POLL(3, 0) == 0);
    /* Signalled before: Linux is told, and whoever looks first has them. */
    signal_guest();
    signal_guest();
    CHECK(linux_told());
    CHECK(WAIT(3, 0) == 2 && POLL(3, 0) == 0);
    signal_guest();
    CHECK(linux_told() && POLL(3, 0) == 1);
    /* Signalled while it waits: Linux is not. */
    CHECK(WAIT(3, 0) == 1000 && context->thread.state == THREAD_BLOCKED && !core_self()->arch.timer_on);
    CHECK(!host());
    signal_guest();
    expect_result(1);
    CHECK(!linux_told() && frame()->stats.waiting == 0);
    /* A deadline: over, met, not met. */
    CHECK(WAIT(3, 900) == 0 && !to_guest.waiter);
    CHECK(WAIT(3, 2000) == 1000 && core_self()->arch.timer == 2000);
    fake.counter = 2000;
    expect_result(0);
    CHECK(WAIT(3, 3000) == 1000);
    signal_guest();
    expect_result(1);
    /* One waits. */
    to_guest.waiter = vm->vcpu[0]->thread;
    CHECK(WAIT(3, 0) == -ORD_HOSTCALL_EBUSY && context->thread.state == THREAD_READY);
    to_guest.waiter = NULL;
}

/* Recalled while it waits; what is signalled at that moment is not lost: Linux is told. */
static void recall(bool signalled)
{
    start_channel();
    CHECK(WAIT(3, 5000) == 1000);
    on_core(0);
    CHECK(context_recall(vm, context->id) == ORD_OK);
    if (signalled) {
        atomic_add(&to_guest.count, 1ull); /* and its request comes too late */
        CHECK(!linux_told());
    }
    CHECK(!host());
    CHECK(frame()->event == ORD_EVENT_INTERRUPTED && !to_guest.waiter && !context->wait);
    CHECK(linux_told() == signalled && !core_self()->arch.timer_on);
    CHECK_EQUAL(notify_take(&to_guest, true), signalled);
}

static void test_notify_recall(void)
{
    recall(false);
}

static void test_notify_recall_signal(void)
{
    recall(true);
}

static void test_notify_stop(void)
{
    start_channel();
    CHECK(WAIT(3, 5000) == 1000);
    vm_stop(vm);
    CHECK(!host() && !to_guest.waiter && !core_self()->arch.timer_on);
    signal_guest();
    CHECK(linux_told() && !host());
}

int main(void)
{
    test_case("system calls that are served", test_serve);
    test_case("counter", test_counter);
    test_case("clock", test_clock);
    test_case("far", test_far);
    test_case("rate", test_rate);
    test_case("interrupt", test_interrupt);
    test_case("stop", test_stop);
    test_case("no clock", test_no_clock);
    test_case("exact", test_exact);
    test_case("channels", test_notify);
    test_case("recalled from a channel", test_notify_recall);
    test_case("recalled from a channel that is signalled", test_notify_recall_signal);
    test_case("stopped while it waits for a channel", test_notify_stop);
    return 0;
}
