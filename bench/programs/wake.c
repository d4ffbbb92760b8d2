/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wake-up from clock_nanosleep until an absolute time, as cyclictest does. The plugin counts from the last
 * WFI before it; on hardware the latency is printed.
 */
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>

#include "bench.h"

#define INTERVAL_NS 2000000

static int64_t nanoseconds(const struct timespec *t)
{
    return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

/* The next time that has not come yet: an emulator may be slower than the interval. */
static void next_advance(struct timespec *next)
{
    struct timespec now;

    CHECK(!clock_gettime(CLOCK_MONOTONIC, &now));
    do {
        next->tv_nsec += INTERVAL_NS;
        next->tv_sec += next->tv_nsec / 1000000000;
        next->tv_nsec %= 1000000000;
    } while (nanoseconds(next) < nanoseconds(&now) + INTERVAL_NS / 2);
}

static void self_test(const struct bench *b)
{
    struct timespec next;

    CHECK(!clock_gettime(CLOCK_MONOTONIC, &next));
    for (int more = 0; more < 2; more++) {
        struct disturbance d = bench_disturbance(more);

        bench_label_disturbed(b, "nanosleep", more);
        for (uint64_t i = 0; i < b->count; i++) {
            next_advance(&next);
            CHECK(!call4_disturbed(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, (long)&next, 0, &d));
        }
    }
}

int main(int argc, char **argv)
{
    struct sched_param param = {.sched_priority = 80};
    struct timespec next, now;
    struct bench b;

    bench_options(&b, argc, argv);
    if (sched_setscheduler(0, SCHED_FIFO, &param))
        test_fail("SCHED_FIFO (%d)", errno);
    bench_detach(&b);
    if (b.disturb) {
        self_test(&b);
    } else {
        bench_label(&b, "nanosleep");
        CHECK(!clock_gettime(CLOCK_MONOTONIC, &next));
        for (uint64_t i = 0; i < b.count; i++) {
            next_advance(&next);
            CHECK(!call4(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, (long)&next, 0));
            CHECK(!clock_gettime(CLOCK_MONOTONIC, &now));
            bench_ticks((uint64_t)(nanoseconds(&now) - nanoseconds(&next)));
        }
    }
    bench_label(&b, "end");
    bench_report("latency, nanoseconds");
    return test_pass("%s", b.config);
}
