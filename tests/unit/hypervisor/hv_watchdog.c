/* SPDX-License-Identifier: BSD-2-Clause */
/* The watchdog of a VM: who looks when, and what is a hang. Cores 0 to 2 run vCPUs. */
#include "fixture.h"

#include "console.h"
#include "notify.h"
#include "string.h"
#include <arch/thread.h>
#include <arch/timer.h>

#define VCPUS 3
#define LIMIT (2 * arch_counter_hz()) /* the watchdog's time */

static struct vm *vm;
static struct vcpu *vcpu[VCPUS];

static void start(void)
{
    fixture_start(4, 1024);
    struct task *task = fixture_task();
    vm = fixture_vm();
    console_init(&uart_table[0], pa(0));
    CHECK(vm_watchdog(vm, ORD_WATCHDOG_MAX + 1) == ORD_BAD_PARAM && vm_watchdog(vm, ~0ull) == ORD_BAD_PARAM);
    CHECK(vm_watchdog(vm, 2000) == ORD_OK && vm->watchdog == LIMIT);
    for (uint32_t i = 0; i < VCPUS; i++) {
        vcpu[i] = fixture_vcpu(vm, task, i);
        on_core(i);
        thread_wake(vcpu[i]->thread);
    }
    fake.counter = 1000;
}

/* Its VMM enters the guest. */
static void enter(uint32_t i)
{
    struct core *c = on_core(i);

    CHECK(vcpu_run(vcpu[i]) == ORD_OK && scheduler_leave(c) == vcpu[i]->thread);
}

/* Interrupts of core i are handled; it goes on. */
static void interrupts(uint32_t i)
{
    struct core *c = on_core(i);

    c->mode = CORE_HYP;
    arch_core_irqs(c);
    scheduler_drain(c);
    if (core_pick(c))
        scheduler_leave(c);
}

/* Time goes on in steps; the guest's timers fire again where `taken` has a bit. */
static void pass(uint64_t ticks, uint32_t taken)
{
    for (uint64_t end = fake.counter + ticks; fake.counter < end;) {
        fake.counter += LIMIT / 100;
        for (uint32_t i = 0; i < VCPUS; i++) {
            vcpu[i]->arch.timer_pending += taken >> i & 1;
            interrupts(i);
        }
    }
}

static bool exited(uint32_t i, enum ord_exit how)
{
    return !vcpu[i]->thread->in_guest && vcpu[i]->state->exit == how;
}

static uint32_t hangs(void)
{
    uint32_t n = 0;

    for (const char *at = fake_console(); (at = strstr(at, " hangs: ")); at++)
        n++;
    return n;
}

static void test_healthy(void)
{
    start();
    for (uint32_t i = 0; i < VCPUS; i++)
        enter(i);
    /* No timer interrupt at all; then some, all the time; then two of three are stuck. */
    pass(5 * LIMIT, 0);
    pass(5 * LIMIT, 7);
    pass(5 * LIMIT, 4);
    CHECK(vcpu[0]->stuck_since && vcpu[1]->stuck_since && hangs() == 0);
    for (uint32_t i = 0; i < VCPUS; i++)
        CHECK(vcpu[i]->thread->in_guest);
}

static void test_hang(void)
{
    start();
    for (uint32_t i = 0; i < VCPUS; i++)
        enter(i);
    pass(LIMIT, 7);
    pass(LIMIT * 9 / 10, 0);
    CHECK(hangs() == 0);
    pass(LIMIT, 0);
    CHECK(hangs() == 1 && strstr(fake_console(), "VM 2 hangs: its vCPUs have taken no interrupt for 2 s"));
    for (uint32_t i = 0; i < VCPUS; i++)
        CHECK(exited(i, ORD_EXIT_HANG) && vcpu[i]->exit_count[ORD_EXIT_HANG] == 1);
    /* Its VMM lets it go on: reported once, until it is well again. */
    for (uint32_t i = 0; i < VCPUS; i++)
        enter(i);
    pass(5 * LIMIT, 0);
    CHECK(hangs() == 1 && vcpu[0]->thread->in_guest && !strstr(fake_console(), "again"));
    pass(LIMIT, 2);
    CHECK(strstr(fake_console(), "VM 2 takes interrupts again"));
    pass(2 * LIMIT, 0);
    CHECK(hangs() == 2 && exited(1, ORD_EXIT_HANG));
}

/* A kick that comes with it is not lost. */
static void test_kick(void)
{
    start();
    for (uint32_t i = 0; i < VCPUS; i++)
        enter(i);
    pass(LIMIT, 7);
    while (!hangs())
        pass(1, 0);
    CHECK(exited(0, ORD_EXIT_HANG));
    vcpu[0]->kicked = true;
    thread_post(vcpu[0]->thread, THREAD_OP_KICK);
    on_core(0);
    CHECK(vcpu_run(vcpu[0]) == ORD_OK && exited(0, ORD_EXIT_KICK));
}

/* Those that are off do not count, those that idle are well. */
static void test_off_and_idle(void)
{
    struct notify never = {0};

    start();
    on_core(2);
    CHECK(notify_wait(&never, vcpu[2]->thread, 0) == ORD_OK);
    enter(0);
    enter(1);
    pass(LIMIT, 3);
    on_core(1);
    vcpu_wait(vcpu[1]);
    CHECK(vcpu[1]->thread->idle_guest);
    pass(5 * LIMIT, 0);
    CHECK(hangs() == 0 && !cores[1].arch.timer_on); /* nobody looks while it idles */
    vcpu_pend(vcpu[1], 40);
    interrupts(1);
    CHECK(!vcpu[1]->thread->idle_guest && cores[1].arch.timer_on);
    pass(3 * LIMIT, 0);
    CHECK(hangs() == 1 && exited(0, ORD_EXIT_HANG) && exited(1, ORD_EXIT_HANG) && !vcpu[2]->hang);
}

/* A guest that hangs again and again does not fill the console. */
static void test_bounded(void)
{
    start();
    for (int round = 0; round < 30; round++) {
        for (uint32_t i = 0; i < VCPUS; i++)
            if (!vcpu[i]->thread->in_guest)
                enter(i);
        pass(LIMIT, 7);
        pass(2 * LIMIT, 0);
    }
    CHECK(hangs() > 1 && hangs() < 10);
}

/* Without it nobody looks. */
static void test_none(void)
{
    start();
    CHECK(vm_watchdog(vm, 0) == ORD_OK);
    for (uint32_t i = 0; i < VCPUS; i++) {
        enter(i);
        CHECK(!cores[i].arch.timer_on);
    }
    pass(LIMIT, 7);
    pass(5 * LIMIT, 0);
    CHECK(hangs() == 0 && !cores[0].arch.timer_on);
    /* Switched off while it is armed. */
    CHECK(vm_watchdog(vm, 2000) == ORD_OK);
    interrupts(0);
    CHECK(cores[0].arch.timer_on && vm_watchdog(vm, 0) == ORD_OK);
    pass(5 * LIMIT, 0);
    CHECK(hangs() == 0 && !cores[0].arch.timer_on);
}

int main(void)
{
    test_case("no hang", test_healthy);
    test_case("a hang, reported once", test_hang);
    test_case("a hang and a kick", test_kick);
    test_case("vCPUs that are off or idle", test_off_and_idle);
    test_case("reports are bounded", test_bounded);
    test_case("no watchdog", test_none);
    return 0;
}
