/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys on the console: what they show, and whom they disturb. */
#include "fixture.h"

#include "console.h"
#include "irq.h"
#include "platform.h"
#include "report.h"
#include "string.h"
#include <arch/thread.h>
#include <arch/timer.h>
#include <outrider/task.h>

#define UART_IRQ 40

static struct vm *vm;
static struct task *task;

static void start(void)
{
    fixture_start(5, 1024);
    task = first_task = fixture_task();
    vm = fixture_vm();
    for (uint32_t i = 0; i < 2; i++) {
        struct vcpu *v = fixture_vcpu(vm, task, i);
        CHECK(task_cap_insert(task, 60 + i, CAP_THREAD, v->thread, 0) == ORD_OK);
    }
    CHECK(task_cap_insert(task, 50, CAP_VM, vm, 0) == ORD_OK);
    CHECK(vm_add_core(vm, 2, 100) == ORD_OK && vm_add_core(vm, 3, 255) == ORD_OK);
    for (uint32_t i = 0; i < 4; i++)
        fixture_frame(i);
    platform.uart_owned = true;
    platform.uart_irq = UART_IRQ;
    console_init(&uart_table[0], pa(0));
    on_core(0);
    report_listen();
    for (uint32_t i = 1; i < 5; i++)
        cores[i].mode = CORE_SLEEP;
    cores[4].mode = CORE_OFF;
}

static uint32_t lines(void)
{
    uint32_t n = 0;

    for (const char *at = fake_console(); *at; at++)
        n += *at == '\n';
    return n;
}

static void (*between)(void); /* two steps */

/* Lets the timer of core 0 fire until nothing is left to do, or so often. */
static void pump(uint32_t limit)
{
    for (uint32_t i = 0; cores[0].arch.timer_on; i++) {
        uint32_t before = lines();
        if (i == limit)
            return;
        fake.counter = MAX(fake.counter, cores[0].arch.timer);
        if (between)
            between();
        timer_expire();
        CHECK(fake.uart_room == 0 || lines() - before <= 2); /* no step is long */
    }
}

#define ALL 1000000u

/* What is shown then. */
static const char *type(const char *keys)
{
    fake_console_clear();
    fake.keys = keys;
    CHECK(report_interrupt(UART_IRQ));
    pump(ALL);
    return fake_console();
}

static void run_context(uint32_t frame, uint32_t core, uint64_t prio)
{
    uint32_t id;

    CHECK(detach_create(vm, frame_address(frame), core, prio, ORD_CREATE_SHARED, &id) == ORD_OK);
    CHECK(context_run(vm, id) == ORD_OK);
    struct core *c = on_core(core);
    c->mode = CORE_HYP;
    arch_core_irqs(c);
    CHECK(scheduler_leave(c));
    on_core(0);
}

static uint32_t kicks(void)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < core_count; i++)
        n += cores[i].arch.kicks;
    return n;
}

static void test_interrupt(void)
{
    struct irq *i;

    start();
    CHECK(fake.listening && fake.routed[UART_IRQ] == 0 && fake.irq_state[UART_IRQ] == ORD_IRQ_STATE_ENABLED);
    CHECK(irq_create(UART_IRQ, &i) == ORD_BUSY && irq_create(UART_IRQ + 1, &i) == ORD_OK);
    CHECK(!report_interrupt(UART_IRQ + 1));
    /* A flood is taken in pieces. */
    const char flood[] = "................................";
    fake.keys = flood;
    CHECK(report_interrupt(UART_IRQ) && fake.keys > flood && fake.keys < flood + sizeof(flood) - 1);
    CHECK_EQUAL(strlen(type("xyz\r\n\0177 ")), 0);
    CHECK(strstr(type("h"), "outrider: v  vCPUs") && strstr(type("?"), "outrider: v  vCPUs"));
    /* What waits has an end. */
    fake_console_clear();
    for (int n = 0; n < 3; n++) {
        fake.keys = "hhhhhhhh";
        CHECK(report_interrupt(UART_IRQ));
    }
    pump(ALL);
    CHECK(lines() >= 8 * 6 && lines() < 24 * 6);
}

/* A console that is the guest's as well takes no keys, and is fed by the timer. */
static void no_kick(const struct core *c UNUSED) {}

static void test_shared(void)
{
    struct irq *i;

    fixture_start(2, 1024);
    platform.uart_irq = UART_IRQ;
    console_init(&uart_table[0], pa(0));
    report_listen();
    CHECK(!platform_console_irq() && !fake.listening && irq_create(UART_IRQ, &i) == ORD_OK);
    CHECK(!report_interrupt(UART_IRQ));
    fake.console_kick = no_kick;
    on_core(1);
    print("a line of more than the thirty-two bytes that are sent at once");
    CHECK(fake.console_kicks == 1 && !fake.console_len);
    on_core(0);
    report_pump();
    CHECK(fake.console_len == CONSOLE_SEND && cores[0].arch.timer_on);
    pump(ALL);
    CHECK(strstr(fake_console(), "sent at once\r\n") && !cores[0].arch.timer_on);
    /* It takes nothing: looked at less and less often. */
    fake.uart_room = 0;
    print("stopped");
    report_pump();
    uint64_t before = fake.counter;
    pump(100);
    CHECK(fake.counter - before > 10 * arch_counter_hz() && fake.counter - before < 14 * arch_counter_hz());
    fake.uart_room = -1;
    pump(ALL);
    CHECK(strstr(fake_console(), "outrider: stopped\r\n"));
}

/* A report of more than the queue holds waits for the UART, and all of it comes. */
static void test_long(void)
{
    uint32_t id;

    start();
    for (uint32_t n = 0; n < 120; n++) {
        fixture_frame(n);
        CHECK(detach_create(vm, frame_address(n), 2, 10, ORD_CREATE_SHARED, &id) == ORD_OK);
    }
    fake.console_kick = no_kick;
    fake.uart_room = 0;
    fake.keys = "dd";
    CHECK(report_interrupt(UART_IRQ));
    pump(2000);
    CHECK(!fake.console_len && console_room() < 1024 && console_room() > 512);
    /* Others have room meanwhile. */
    print("in between");
    fake.uart_room = -1;
    fake.console_kick = NULL;
    report_pump();
    fake_console_clear();
    pump(ALL);
    CHECK(strstr(fake_console(), "context 119 of VM 2") && !strstr(fake_console(), "not shown"));
    CHECK(strstr(fake_console(), "outrider: in between\r\n"));
}

static void test_quiet(void)
{
    start();
    run_context(0, 2, 10);
    run_context(1, 2, 10);
    run_context(2, 3, 77);
    uint32_t before = kicks();
    const char *text = type("c");
    CHECK(strstr(text, "core 0 (hwid 100): in the hypervisor\r\n"));
    CHECK(strstr(text, "core 1 (hwid 101): idle, sleeps\r\n"));
    CHECK(strstr(text, "core 2 (hwid 102): executes, detached thread 0, priority 10\r\n"));
    CHECK(strstr(text, "outrider:   ready: detached thread 1, priority 10\r\n"));
    CHECK(strstr(text, "core 3 (hwid 103): executes, detached thread 2, priority 77\r\n"));
    CHECK(strstr(text, "core 4 (hwid 104): off\r\n"));
    vm->vcpu[1]->arch.pending[0] = 0x80;
    vm->vcpu[1]->arch.pending[1] = 5;
    vm->vcpu[1]->thread->in_guest = true;
    text = type("v");
    CHECK(strstr(text, "vCPU 0 of VM 2 on core 0: in the VMM; waiting interrupts: 0\r\n"));
    CHECK(strstr(text, "vCPU 1 of VM 2 on core 1: runs; waiting interrupts: 3\r\n"));
    text = type("d");
    CHECK(strstr(text, "context 0 of VM 2 on core 2, priority 10, shared: detached\r\n"));
    CHECK(strstr(text, "context 2 of VM 2 on core 3, priority 77, shared: detached\r\n") &&
          !strstr(text, "context 3"));
    CHECK_EQUAL(kicks(), before);
}

/* Core 3 answers, core 1 does not. */
static void core_3_answers(void)
{
    on_core(3);
    scheduler_drain(&cores[3]);
    on_core(0);
}

static void test_registers(void)
{
    start();
    run_context(0, 3, 10);
    between = core_3_answers;
    uint32_t host_kicks = cores[2].arch.kicks + cores[3].arch.kicks;
    const char *text = type("r");
    CHECK(strstr(text, "core 0: idle\r\n") && strstr(text, "core 1 does not answer\r\n"));
    CHECK(!strstr(text, "core 2") && !strstr(text, "core 3") && !strstr(text, "core 4"));
    CHECK_EQUAL(cores[2].arch.kicks + cores[3].arch.kicks, host_kicks);
    text = type("R");
    CHECK(strstr(text, "core 2 does not answer\r\n") && strstr(text, "core 3: detached thread 0\r\n"));
    CHECK(strstr(text, "PC         0000000000001234 core       0000000000000003") && !strstr(text, "core 4"));
    CHECK(cores[3].arch.kicks > 0 && fake.counter < 5 * arch_counter_hz());
}

int main(void)
{
    test_case("the console's interrupt", test_interrupt);
    test_case("a console that is shared", test_shared);
    test_case("a report that is longer than the queue", test_long);
    test_case("what is shown without asking anybody", test_quiet);
    test_case("registers", test_registers);
    return 0;
}
