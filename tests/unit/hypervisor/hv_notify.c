/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"

#include "atomic.h"
#include "notify.h"
#include "string.h"
#include <arch/thread.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

static struct notify *n;
static struct thread *a, *b;

static void start(void)
{
    fixture_start(4, 1024);
    struct task *task = fixture_task();
    n = pool_alloc(ORD_POOL_NOTIFY);
    a = fixture_thread(task, 0, 10);
    b = fixture_thread(task, 0, 10);
    thread_wake(a);
    thread_wake(b);
}

static void expect_result(struct thread *t, uint32_t results, uint64_t bits)
{
    CHECK_EQUAL(t->arch.results, results);
    CHECK_EQUAL(t->arch.status, ORD_OK);
    CHECK_EQUAL(t->arch.value, bits);
    CHECK(t->state == THREAD_READY && !t->waits);
}

static void test_signal_first(void)
{
    start();
    notify_signal(n, 5);
    notify_signal(n, BIT(63));
    CHECK(notify_wait(n, a, 0) == ORD_OK);
    expect_result(a, 1, 5 | BIT(63));
    CHECK(!n->bits && !n->waiter && core_pick(core_self()) == b);
    /* They are gone: the next wait blocks. */
    CHECK(notify_wait(n, a, 0) == ORD_OK);
    CHECK(a->state == THREAD_BLOCKED && a->arch.results == 1 && n->waiter == a);
}

static void test_wait_first(void)
{
    start();
    CHECK(notify_wait(n, a, 0) == ORD_OK);
    CHECK(a->state == THREAD_BLOCKED && a->arch.results == 0);
    notify_signal(n, 2);
    CHECK(a->state == THREAD_BLOCKED); /* until the core looks into its mailbox */
    notify_signal(n, 4);
    scheduler_drain(core_self());
    expect_result(a, 1, 6);
    /* From another core. */
    CHECK(notify_wait(n, a, 0) == ORD_OK);
    on_core(1);
    cores[0].mode = CORE_USER;
    notify_signal(n, 8);
    CHECK_EQUAL(cores[0].arch.kicks, 1);
    on_core(0);
    cores[0].mode = CORE_HYP;
    scheduler_drain(core_self());
    expect_result(a, 2, 8);
}

static void test_busy(void)
{
    start();
    CHECK(notify_wait(n, a, 0) == ORD_OK);
    CHECK(notify_wait(n, b, 0) == ORD_BUSY);
    CHECK(b->state == THREAD_READY && !b->waits && n->waiter == a);
    notify_signal(n, 1);
    CHECK(notify_wait(n, b, 0) == ORD_BUSY); /* the first one has not been told yet */
    scheduler_drain(core_self());
    expect_result(a, 1, 1);
    CHECK(notify_wait(n, b, 0) == ORD_OK && b->state == THREAD_BLOCKED);
}

/* A request that was posted for an earlier wait ends no later one. */
static void test_stale(void)
{
    start();
    struct notify *m = pool_alloc(ORD_POOL_NOTIFY);
    CHECK(notify_wait(n, a, 0) == ORD_OK);
    notify_signal(n, 1);
    notify_complete(a); /* as if the mailbox had been looked at on another way */
    expect_result(a, 1, 1);
    CHECK(notify_wait(m, a, 0) == ORD_OK);
    scheduler_drain(core_self());
    CHECK(a->state == THREAD_BLOCKED && a->waits == m && a->arch.results == 1);
    notify_signal(m, 2);
    scheduler_drain(core_self());
    expect_result(a, 2, 2);
    notify_complete(a); /* waits for nothing */
    CHECK_EQUAL(a->arch.results, 2);
}

/* ---- several signallers ---- */

#define SIGNALLERS 3
#define BITS       20u
#define ROUNDS     3000u

static uint32_t acknowledged[SIGNALLERS][BITS];
static uint32_t finished;

/* Bits of its own, each signalled again when it has been received. */
static void *signaller(void *arg)
{
    uint64_t i = (uint64_t)arg;
    uint32_t sent[BITS] = {0}, left = BITS * ROUNDS;

    on_core((uint32_t)i + 1);
    while (left) {
        uint32_t before = left;
        for (unsigned k = 0; k < BITS; k++)
            if (sent[k] < ROUNDS && atomic_load(&acknowledged[i][k]) == sent[k]) {
                sent[k]++;
                left--;
                notify_signal(n, BIT(i * BITS + k));
            }
        if (left == before)
            sched_yield();
    }
    atomic_add(&finished, 1u);
    return NULL;
}

static void test_race(void)
{
    pthread_t id[SIGNALLERS];
    uint32_t total = 0, results = 0;

    start();
    struct core *c = core_self();
    alarm(110);
    thread_block(b);
    for (uint64_t i = 0; i < SIGNALLERS; i++)
        CHECK(!pthread_create(&id[i], NULL, signaller, (void *)i));
    while (total < SIGNALLERS * BITS * ROUNDS) {
        /* The thread calls, and maybe blocks; scheduler_leave() comes back when it has its result. */
        CHECK(notify_wait(n, a, 0) == ORD_OK);
        CHECK(scheduler_leave(c) == a);
        c->mode = CORE_HYP;
        arch_core_irqs(c);
        CHECK_EQUAL(a->arch.results, ++results);
        CHECK(a->arch.value);
        for (uint32_t i = 0; i < SIGNALLERS; i++)
            for (uint32_t k = 0; k < BITS; k++)
                if (a->arch.value & BIT(i * BITS + k)) {
                    atomic_add(&acknowledged[i][k], 1u);
                    total++;
                }
    }
    for (int i = 0; i < SIGNALLERS; i++)
        pthread_join(id[i], NULL);
    for (uint32_t i = 0; i < SIGNALLERS; i++)
        for (uint32_t k = 0; k < BITS; k++)
            CHECK_EQUAL(acknowledged[i][k], ROUNDS);
    CHECK(!n->bits && finished == SIGNALLERS);
}

int main(void)
{
    test_case("signal, then wait", test_signal_first);
    test_case("wait, then signal", test_wait_first);
    test_case("a second waiter", test_busy);
    test_case("a request that comes late", test_stale);
    test_case("several signallers: no bit is lost", test_race);
    return 0;
}
