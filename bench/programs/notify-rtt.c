/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A notification to the host task at the other end of a channel, and its answer: from detach_notify_signal()
 * to the first instruction behind detach_notify_wait(). The channel is "echo", the task tasks/test/echo.c. Of
 * a detached thread the hypervisor does all of it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "../../tests/guest/library.h"
#include "bench.h"

#define WARM_UP 10

static struct detach_notify echo;

/* rounds: of a disturbance; 0: none. */
static inline __attribute__((always_inline)) void signal_and_wait(bool marked, uint64_t rounds)
{
    uint64_t count;
    int signalled, waited;

    if (marked)
        insn_begin();
    signalled = detach_notify_signal(&echo);
    waited = detach_notify_wait(&echo, 0, &count);
    if (rounds)
        bench_more(rounds);
    if (marked)
        insn_end();
    if (signalled || waited || count != 1)
        test_fail("%s, %s, %lu answers", strerror(-signalled), strerror(-waited), (unsigned long)count);
}

static void self_test(const struct bench *b)
{
    bench_label_disturbed(b, "echo", false);
    for (uint64_t i = 0; i < b->count; i++)
        signal_and_wait(true, BENCH_ROUNDS);
    bench_label_disturbed(b, "echo", true);
    for (uint64_t i = 0; i < b->count; i++)
        signal_and_wait(true, BENCH_ROUNDS_MORE);
}

static void measure(const struct bench *b)
{
    bench_label(b, "echo");
    for (uint64_t i = 0; i < b->count; i++) {
        uint64_t start = counter();
        signal_and_wait(true, 0);
        bench_ticks(counter() - start);
        bench_gap(b);
    }
    insn_hist_start();
    for (uint64_t i = 0; i < b->count; i++) {
        signal_and_wait(false, 0);
        bench_gap(b);
    }
    insn_hist_stop();
}

int main(int argc, char **argv)
{
    struct bench b;
    int error;

    bench_options(&b, argc, argv);
    error = detach_notify_open(&echo, "echo");
    if (error)
        test_fail("channel echo: %s", strerror(-error));
    CHECK(!mlockall(MCL_CURRENT | MCL_FUTURE));
    bench_detach(&b);
    for (int i = 0; i < WARM_UP; i++) /* gets it granted */
        signal_and_wait(false, 0);
    CHECK(b.core == ORD_CORE_ANY || becomes_detached());
    if (b.disturb)
        self_test(&b);
    else
        measure(&b);
    bench_label(&b, "end");
    bench_report("echo");
    detach_notify_close(&echo);
    return test_pass("%s", b.config);
}
