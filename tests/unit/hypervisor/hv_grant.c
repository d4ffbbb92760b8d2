/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts of detached threads: granted, waited for, acknowledged, moved, taken back. Core 0: vCPU; 2, 3:
 * host cores. */
#include "fixture.h"

#include "call.h"
#include "grant.h"
#include "string.h"
#include "wait.h"
#include <arch/thread.h>
#include <outrider/hostcall.h>
#include <outrider/task.h>

#define INTID  40 /* physical */
#define VINTID 50

static struct vm *vm;
static struct vcpu *vcpu;
static struct context *context;
static struct irq *irq;
static uint64_t out[4];

/* The device asks, and core takes it. */
static void raise(uint32_t core)
{
    on_core(core);
    fake.irq_state[INTID] |= ORD_IRQ_STATE_ACTIVE;
    CHECK(irq_deliver(INTID));
}

static uint64_t call(uint64_t number, uint64_t a, uint64_t b)
{
    uint64_t arg[6] = {a, b, 2, 3, 4, 5};

    memcpy(out, arg, sizeof(out));
    CHECK(hostcall_dispatch(context, number, arg, out));
    CHECK(out[1] == b && out[2] == 2 && out[3] == 3);
    return out[0];
}

static bool active(void)
{
    return fake.irq_state[INTID] & ORD_IRQ_STATE_ACTIVE;
}

static bool linux_has(void)
{
    return vcpu->arch.pending[0] & BIT(VINTID);
}

static void start(void)
{
    uint32_t id;

    fixture_start(4, 1024);
    fake.counter = 1000;
    memset(fake.irq_state, 0, sizeof(fake.irq_state));
    vm = fixture_vm();
    vcpu = fixture_vcpu(vm, fixture_task(), 0);
    CHECK(vm_add_core(vm, 2, 255) == ORD_OK && vm_add_core(vm, 3, 255) == ORD_OK);
    fixture_frame(0);
    fixture_frame(1);
    on_core(0);
    CHECK(irq_create(INTID, &irq) == ORD_OK && irq_bind(irq, vcpu, VINTID, 0) == ORD_OK);
    CHECK(detach_create(vm, frame_address(0), 2, 10, 0, &id) == ORD_OK && context_run(vm, id) == ORD_OK);
    context = vm->context[id];
    CHECK(fixture_host(2) == &context->thread);
    on_core(0);
}

static void grant(void)
{
    on_core(0);
    CHECK(detach_grant(vm, context->id, VINTID) == ORD_OK);
    CHECK(fake.routed[INTID] == 2 && context->irqs == 1);
    on_core(2);
}

static void test_errors(void)
{
    uint32_t other;

    start();
    CHECK(detach_grant(vm, 99, VINTID) == ORD_BAD_CAP && detach_grant(vm, ~0ull, VINTID) == ORD_BAD_CAP);
    for (uint64_t n = 0; n < 2000; n++)
        CHECK(n == VINTID || detach_grant(vm, context->id, n) == ORD_BAD_PARAM);
    CHECK(detach_grant(vm, context->id, ~0ull) == ORD_BAD_PARAM);
    CHECK(grant_revoke(vm, VINTID) == ORD_BAD_PARAM && grant_revoke(vm, ~0ull) == ORD_BAD_PARAM);
    CHECK((int64_t)call(ORD_HOSTCALL_IRQ_WAIT, VINTID, 1) == -ORD_HOSTCALL_EPERM);
    CHECK((int64_t)call(ORD_HOSTCALL_IRQ_ACK, VINTID, 1) == -ORD_HOSTCALL_EPERM);
    grant();
    on_core(0);
    CHECK(detach_grant(vm, context->id, VINTID) == ORD_BUSY);
    CHECK(detach_create(vm, frame_address(1), 3, 10, 0, &other) == ORD_OK);
    CHECK(detach_grant(vm, other, VINTID) == ORD_BUSY);
    /* The number must stay while it is granted; the vCPU and the priority may change. */
    CHECK(irq_bind(irq, vcpu, VINTID + 1, 0) == ORD_BUSY && irq_bind(irq, vcpu, VINTID, 7) == ORD_OK);
    CHECK(fake.routed[INTID] == 2);
    on_core(2);
    CHECK((int64_t)call(ORD_HOSTCALL_IRQ_WAIT, VINTID + 1, 1) == -ORD_HOSTCALL_EPERM);
    CHECK((int64_t)call(ORD_HOSTCALL_IRQ_WAIT, ~0ull, 1) == -ORD_HOSTCALL_EPERM);
    CHECK((int64_t)call(ORD_HOSTCALL_IRQ_ACK, VINTID, 0) == -ORD_HOSTCALL_EINVAL);
}

static void test_wait(void)
{
    start();
    grant();
    /* It sleeps, and is woken. */
    CHECK(call(ORD_HOSTCALL_IRQ_WAIT, VINTID, 0) == VINTID && context->wait && !fixture_host(2));
    raise(2);
    CHECK(fixture_host(2) == &context->thread && context->thread.arch.value == 1 && !context->wait &&
          !linux_has());
    CHECK(active() && call(ORD_HOSTCALL_IRQ_ACK, VINTID, 0) == 0 && !active());
    CHECK((int64_t)call(ORD_HOSTCALL_IRQ_ACK, VINTID, 0) == -ORD_HOSTCALL_EINVAL);
    /* It has come before. */
    raise(2);
    CHECK(fixture_host(2) == &context->thread && call(ORD_HOSTCALL_IRQ_WAIT, VINTID, 0) == 1 &&
          !context->wait);
    CHECK(call(ORD_HOSTCALL_IRQ_ACK, VINTID, 0) == 0 && !active());
    /* It comes while the thread is in Linux. */
    arch_context_save(context);
    context_event(context, ORD_EVENT_SYSCALL, 0, 0, 0);
    raise(2);
    CHECK(!fixture_host(2) && !linux_has());
    on_core(0);
    CHECK(context_run(vm, context->id) == ORD_OK && fixture_host(2) == &context->thread);
    CHECK(call(ORD_HOSTCALL_IRQ_WAIT, VINTID, 0) == 1 && call(ORD_HOSTCALL_IRQ_ACK, VINTID, 0) == 0);
    /* It does not come in time. */
    CHECK(call(ORD_HOSTCALL_IRQ_WAIT, VINTID, fake.counter) == 0 && !context->wait);
    CHECK(call(ORD_HOSTCALL_IRQ_WAIT, VINTID, fake.counter + 100) == VINTID && context->wait);
    fake.counter += 100;
    CHECK(fixture_host(2) == &context->thread && context->thread.arch.value == 0);
    CHECK((int64_t)call(ORD_HOSTCALL_IRQ_ACK, VINTID, 0) == -ORD_HOSTCALL_EINVAL);
    /* A recall ends the wait, and loses nothing. */
    CHECK(call(ORD_HOSTCALL_IRQ_WAIT, VINTID, 0) == VINTID && context->wait);
    on_core(0);
    CHECK(context_recall(vm, context->id) == ORD_OK && !fixture_host(2));
    CHECK(context->frame->event == ORD_EVENT_INTERRUPTED && !context->wait);
    raise(2);
    on_core(0);
    CHECK(context_run(vm, context->id) == ORD_OK && fixture_host(2) == &context->thread);
    CHECK(call(ORD_HOSTCALL_IRQ_WAIT, VINTID, 0) == 1);
}

/* What is to happen before the end, and whether Linux has to have it then. */
static void taken_back(bool raised, bool taken, bool acked, bool by_revoke)
{
    start();
    grant();
    if (raised)
        raise(2);
    if (taken)
        CHECK(fixture_host(2) == &context->thread && call(ORD_HOSTCALL_IRQ_WAIT, VINTID, 0) == 1);
    if (acked)
        CHECK(call(ORD_HOSTCALL_IRQ_ACK, VINTID, 0) == 0);
    fixture_host(2);
    if (!by_revoke) {
        arch_context_save(context);
        context_event(context, ORD_EVENT_SYSCALL, 0, 0, 0);
    }
    on_core(0);
    CHECK((by_revoke ? grant_revoke(vm, VINTID) : detach_destroy(vm, context->id)) == ORD_OK);
    CHECK(linux_has() == (raised && !acked) && fake.routed[INTID] == 0 && !context->irqs);
    CHECK(!irq->grant);
    /* And it is Linux's. */
    vcpu->arch.pending[0] = 0;
    raise(0);
    CHECK(linux_has());
    if (!by_revoke)
        return;
    on_core(2);
    CHECK((int64_t)call(ORD_HOSTCALL_IRQ_WAIT, VINTID, 0) == -ORD_HOSTCALL_EPERM);
    CHECK((int64_t)call(ORD_HOSTCALL_IRQ_ACK, VINTID, 0) == -ORD_HOSTCALL_EPERM);
}

static int variant;

static void test_taken_back(void)
{
    int steps = variant / 2; /* raised, taken, acknowledged */

    taken_back(steps > 0, steps > 1, steps > 2, variant % 2);
}

/* Who waits for it is told. */
static void test_revoked_wait(void)
{
    start();
    grant();
    CHECK(call(ORD_HOSTCALL_IRQ_WAIT, VINTID, 0) == VINTID && context->wait);
    on_core(0);
    CHECK(grant_revoke(vm, VINTID) == ORD_OK);
    CHECK(fixture_host(2) == &context->thread && !context->wait);
    CHECK((int64_t)context->thread.arch.value == -ORD_HOSTCALL_EPERM && !irq->grant);
}

static void test_move(void)
{
    start();
    grant();
    arch_context_save(context);
    context_event(context, ORD_EVENT_SYSCALL, 0, 0, 0);
    on_core(0);
    CHECK(detach_set(vm, context->id, 3, 10) == ORD_OK && fake.routed[INTID] == 3);
    CHECK(context_run(vm, context->id) == ORD_OK && fixture_host(3) == &context->thread);
    /* The old core has taken it just before. */
    CHECK(call(ORD_HOSTCALL_IRQ_WAIT, VINTID, 0) == VINTID && context->wait);
    raise(2);
    CHECK(fixture_host(3) == &context->thread && context->thread.arch.value == 1);
    CHECK(call(ORD_HOSTCALL_IRQ_ACK, VINTID, 0) == 0);
}

int main(void)
{
    test_case("errors", test_errors);
    test_case("wait", test_wait);
    for (variant = 0; variant < 8; variant++)
        test_case("taken back", test_taken_back);
    test_case("taken away from who waits", test_revoked_wait);
    test_case("moved", test_move);
    return 0;
}
