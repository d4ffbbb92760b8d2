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
    for (uint32_t i = 1; i < 5; i++)
        cores[i].mode = CORE_SLEEP;
    cores[4].mode = CORE_OFF;
}

/* What is shown then. */
static const char *type(const char *keys)
{
    fake_console_clear();
    fake.keys = keys;
    CHECK(report_interrupt(UART_IRQ));
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
    report_listen();
    CHECK(fake.listening && fake.routed[UART_IRQ] == 0 && fake.irq_state[UART_IRQ] == ORD_IRQ_STATE_ENABLED);
    CHECK(irq_create(UART_IRQ, &i) == ORD_BUSY && irq_create(UART_IRQ + 1, &i) == ORD_OK);
    CHECK(!report_interrupt(UART_IRQ + 1) && !report_interrupt(0));
    /* A flood is taken in pieces. */
    const char flood[] = "................................";
    fake.keys = flood;
    CHECK(report_interrupt(UART_IRQ) && fake.keys > flood && fake.keys < flood + sizeof(flood) - 1);
    CHECK_EQUAL(strlen(type("xyz\r\n\0177 ")), 0);
    CHECK(strstr(type("h"), "outrider: v  vCPUs") && strstr(type("?"), "outrider: v  vCPUs"));
    /* A console that is the guest's as well takes no keys. */
    platform.uart_owned = false;
    CHECK(!platform_console_irq() && !report_interrupt(UART_IRQ) && irq_create(UART_IRQ, &i) == ORD_OK);
    fake.listening = false;
    report_listen();
    CHECK(!fake.listening);
}

static void test_quiet(void)
{
    start();
    run_context(0, 2, 10);
    run_context(1, 2, 10);
    run_context(2, 3, 77);
    uint32_t before = kicks();
    const char *text = type("c");
    CHECK(strstr(text, "core 0 (MPIDR 100): in the hypervisor\r\n"));
    CHECK(strstr(text, "core 1 (MPIDR 101): idle, sleeps\r\n"));
    CHECK(strstr(text, "core 2 (MPIDR 102): executes, detached thread 0, priority 10\r\n"));
    CHECK(strstr(text, "outrider:   ready: detached thread 1, priority 10\r\n"));
    CHECK(strstr(text, "core 3 (MPIDR 103): executes, detached thread 2, priority 77\r\n"));
    CHECK(strstr(text, "core 4 (MPIDR 104): off\r\n"));
    vm->vcpu[1]->pending_private = 0x80;
    vm->vcpu[1]->pending_spi[1] = 5;
    vm->vcpu[1]->thread->in_guest = true;
    text = type("v");
    CHECK(strstr(text, "vCPU 0 of VM 2 on core 0: in the VMM; waiting interrupts: private 0, 0 shared"));
    CHECK(strstr(text, "vCPU 1 of VM 2 on core 1: runs; waiting interrupts: private 80, 2 shared"));
    text = type("d");
    CHECK(strstr(text, "context 0 of VM 2 on core 2, priority 10, shared: detached\r\n"));
    CHECK(strstr(text, "context 2 of VM 2 on core 3, priority 77, shared: detached\r\n") &&
          !strstr(text, "context 3"));
    CHECK_EQUAL(kicks(), before);
}

static void relax(void)
{
    fake.counter += 1000;
    /* Core 3 answers, core 1 does not. */
    struct core *self = fake_core;
    on_core(3);
    scheduler_drain(&cores[3]);
    fake_core = self;
}

static void test_registers(void)
{
    start();
    run_context(0, 3, 10);
    fake.relax = relax;
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
    test_case("what is shown without asking anybody", test_quiet);
    test_case("registers", test_registers);
    return 0;
}
