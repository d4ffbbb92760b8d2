/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls, from the instruction before the call to the one behind it: getppid, a write to /dev/null, a
 * futex wake that finds nobody. Attached or detached, as the options say.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

#define WARM_UP 50

struct kind {
    const char *name;
    long number, a, b, c;
};

static void self_test(const struct bench *b, const struct kind *k)
{
    for (int more = 0; more < 2; more++) {
        struct disturbance d = bench_disturbance(more);

        bench_label_disturbed(b, k->name, more);
        for (uint64_t i = 0; i < b->count; i++)
            call4_disturbed(k->number, k->a, k->b, k->c, 0, &d);
    }
}

static void measure(const struct bench *b, const struct kind *k)
{
    for (int i = 0; i < WARM_UP; i++)
        call4_plain(k->number, k->a, k->b, k->c, 0);
    if (b->disturb)
        return self_test(b, k);
    bench_label(b, k->name);
    for (uint64_t i = 0; i < b->count; i++) {
        uint64_t start = counter();
        call4(k->number, k->a, k->b, k->c, 0);
        bench_ticks(counter() - start);
        bench_gap(b);
    }
    insn_hist_start();
    for (uint64_t i = 0; i < b->count; i++) {
        call4_plain(k->number, k->a, k->b, k->c, 0);
        bench_gap(b);
    }
    insn_hist_stop();
    bench_label(b, "end");
    bench_report(k->name);
}

int main(int argc, char **argv)
{
    static uint32_t word;
    struct bench b;
    int null = open("/dev/null", O_WRONLY);

    bench_options(&b, argc, argv);
    const struct kind kinds[] = {
        {"getppid", SYS_getppid, 0, 0, 0},
        {"write", SYS_write, null, (long)"x", 1},
        {"futex-wake", SYS_futex, (long)&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1},
    };
    CHECK(null >= 0);
    bench_detach(&b);
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        measure(&b, &kinds[i]);
    return test_pass("%s", b.config);
}
