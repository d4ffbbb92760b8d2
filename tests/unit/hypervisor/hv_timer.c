/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"

#include "string.h"
#include "timer.h"
#include <arch/thread.h>

#define TIMERS 8

static struct timer timer[TIMERS];
static uint32_t fired[32], fired_count;
static uint64_t again; /* not 0: the first timer arms itself for then */
static bool chases;    /* it arms itself for a moment ahead, and that comes meanwhile */

static void fire(struct timer *t)
{
    CHECK(fired_count < ARRAY_SIZE(fired));
    CHECK(t->expires <= fake.counter);
    fired[fired_count++] = (uint32_t)(t - timer);
    if (chases) {
        timer_start(t, fake.counter + 1);
        fake.counter += 10;
    }
    if (t == timer && again) {
        uint64_t at = again;
        again = 0;
        timer_start(t, at);
    }
}

static void start(void)
{
    fake_cores(2);
    for (int i = 0; i < TIMERS; i++)
        timer_init(&timer[i], fire);
}

static void expect_hardware(bool on, uint64_t at)
{
    CHECK_EQUAL(core_self()->arch.timer_on, on);
    if (on)
        CHECK_EQUAL(core_self()->arch.timer, at);
}

static void expire(uint64_t now)
{
    fake.counter = now;
    fired_count = 0;
    timer_expire();
}

static void test_order(void)
{
    static const uint64_t at[TIMERS] = {500, 100, 300, 300, 200, 400, 300, ~0ull};

    start();
    for (int i = 0; i < TIMERS; i++)
        timer_start(&timer[i], at[i]);
    expect_hardware(true, 100);
    expire(99);
    CHECK_EQUAL(fired_count, 0);
    expect_hardware(true, 100);
    expire(100);
    CHECK(fired_count == 1 && fired[0] == 1);
    expect_hardware(true, 200);
    expire(450);
    static const uint32_t want[] = {4, 2, 3, 6, 5}; /* equal ones in the order of arming */
    CHECK(fired_count == 5 && !memcmp(fired, want, sizeof(want)));
    expect_hardware(true, 500);
    expire(1000);
    CHECK(fired_count == 1 && fired[0] == 0);
    expect_hardware(true, ~0ull);
    expire(~0ull);
    CHECK(fired_count == 1);
    expect_hardware(false, 0);
}

static void test_stop(void)
{
    start();
    timer_stop(&timer[0]); /* not armed */
    expect_hardware(false, 0);
    timer_start(&timer[0], 10);
    timer_start(&timer[1], 20);
    timer_start(&timer[2], 30);
    timer_stop(&timer[0]);
    expect_hardware(true, 20);
    timer_stop(&timer[0]);
    expect_hardware(true, 20);
    timer_stop(&timer[2]);
    expect_hardware(true, 20);
    timer_stop(&timer[1]);
    expect_hardware(false, 0);
    expire(100);
    CHECK_EQUAL(fired_count, 0);
}

static void test_again(void)
{
    start();
    timer_start(&timer[0], 10);
    timer_start(&timer[1], 20);
    timer_start(&timer[0], 30); /* moved behind */
    expect_hardware(true, 20);
    timer_start(&timer[0], 5); /* and before */
    expect_hardware(true, 5);
    timer_start(&timer[0], 5);
    again = 15;
    expire(12);
    CHECK(fired_count == 1 && fired[0] == 0);
    expect_hardware(true, 15);
    /* Armed for the past while timers fire: at once, in its turn. */
    timer_start(&timer[0], 18);
    again = 19;
    expire(25);
    CHECK(fired_count == 3 && fired[0] == 0 && fired[1] == 0 && fired[2] == 1);
    expect_hardware(false, 0);
    fake.counter = 100;
    timer_start(&timer[3], 50);
    expect_hardware(true, 50);
    fired_count = 0;
    arch_core_irqs(core_self()); /* the interrupt is there at once */
    CHECK(fired_count == 1 && fired[0] == 3);
}

/* One call ends, however often the next moment comes before it has. */
static void test_chase(void)
{
    start();
    timer_start(&timer[0], 10);
    chases = true;
    expire(10);
    CHECK_EQUAL(fired_count, 1);
    expect_hardware(true, 11);
    fired_count = 0;
    arch_core_irqs(core_self());
    CHECK_EQUAL(fired_count, 1);
    chases = false;
    timer_stop(&timer[0]);
}

/* Each core has a queue of its own. */
static void test_cores(void)
{
    start();
    timer_start(&timer[0], 10);
    on_core(1);
    expect_hardware(false, 0);
    timer_start(&timer[1], 20);
    expire(50);
    CHECK(fired_count == 1 && fired[0] == 1);
    on_core(0);
    expect_hardware(true, 10);
    expire(50);
    CHECK(fired_count == 1 && fired[0] == 0);
}

/* Against an array. */
static void test_random(void)
{
    uint64_t random = 3, at[TIMERS] = {0}, now = 0;

    start();
    for (int step = 0; step < 200000; step++) {
        uint64_t r = random_next(&random), first = 0;
        unsigned i = (r >> 8) % TIMERS;
        switch (r % 3) {
        case 0:
            at[i] = now + 1 + (r >> 16) % 100;
            timer_start(&timer[i], at[i]);
            break;
        case 1:
            at[i] = 0;
            timer_stop(&timer[i]);
            break;
        default:
            now += (r >> 16) % 60;
            expire(now);
            for (uint32_t k = 0; k < fired_count; k++) {
                CHECK(at[fired[k]] && at[fired[k]] <= now);
                CHECK(!k || timer[fired[k - 1]].expires <= timer[fired[k]].expires);
                at[fired[k]] = 0;
            }
        }
        for (int k = 0; k < TIMERS; k++) {
            CHECK(!at[k] || at[k] > now);
            if (at[k] && (!first || at[k] < first))
                first = at[k];
        }
        expect_hardware(first != 0, first);
    }
}

int main(void)
{
    test_case("order", test_order);
    test_case("stop", test_stop);
    test_case("armed again", test_again);
    test_case("armed again and again", test_chase);
    test_case("several cores", test_cores);
    test_case("random", test_random);
    return 0;
}
