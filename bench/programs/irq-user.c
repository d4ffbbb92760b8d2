/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * irq-user [OPTIONS] /dev/uioN [page]: the alarm of a PL031 real-time clock (ARM DDI0224), once a second,
 * handled in user mode: from before detach_irq_wait() (begin) to the first instruction behind it (end). The
 * core sleeps in between, so since its last WFI it has executed what is from the interrupt to the program.
 * The gap is between the acknowledgement and the next alarm. Linux must see none of a detached thread's
 * interrupts.
 *
 * --count 0: for ever. "page": prints where struct look is in physical memory.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../tests/guest/library.h"
#include "bench.h"

#define PATIENCE 60 /* seconds for an alarm that takes one */

enum { DR, MR, LR, CR, IMSC, RIS, MIS, ICR };

/* For those who look from outside. */
struct look {
    volatile uint64_t alarms;
    volatile uint64_t failed;
};

static volatile uint32_t *rtc;
static struct detach_irq alarm_irq;
static struct look *look;

/* The next second; again if that has come before it was set. */
static void set_alarm(void)
{
    rtc[ICR] = 1;
    do
        rtc[MR] = rtc[DR] + 1;
    while ((int32_t)(rtc[DR] - rtc[MR]) > 0 && !(rtc[RIS] & 1));
}

static int wait_marked(uint64_t until)
{
    int result;

    insn_begin();
    result = detach_irq_wait(&alarm_irq, until);
    insn_end();
    return result;
}

static int wait_disturbed(uint64_t until, uint64_t rounds)
{
    int result;

    insn_begin();
    result = detach_irq_wait(&alarm_irq, until);
    bench_more(rounds);
    insn_end();
    return result;
}

/* rounds: of a disturbance; 0: none. */
static void one(const struct bench *b, uint64_t rounds)
{
    int result;

    set_alarm();
    uint64_t until = counter() + PATIENCE * counter_hz();
    do
        result = rounds ? wait_disturbed(until, rounds) : wait_marked(until);
    while (result == -EINTR);
    if (result || !(rtc[RIS] & 1)) {
        look->failed++;
        test_fail("alarm %lu: %s, raw status %u", (unsigned long)look->alarms, strerror(-result), rtc[RIS]);
    }
    rtc[ICR] = 1;
    CHECK(detach_irq_ack(&alarm_irq) == 0);
    look->alarms++;
    bench_gap(b);
}

static void self_test(const struct bench *b)
{
    for (int more = 0; more < 2; more++) {
        bench_label_disturbed(b, "alarm", more);
        for (uint64_t i = 0; i < b->count; i++)
            one(b, more ? BENCH_ROUNDS_MORE : BENCH_ROUNDS);
    }
}

static void measure(const struct bench *b)
{
    if (b->disturb) {
        self_test(b);
    } else {
        bench_label(b, "alarm");
        for (uint64_t i = 0; !b->count || i < b->count; i++)
            one(b, 0);
    }
    bench_label(b, "end");
}

/* The same, with a look at what Linux has to do with it: nothing. */
static void measure_detached(const struct bench *b)
{
    one(b, 0); /* gets it granted */
    uint64_t before = interrupts_count("outrider-uio");
    CHECK(becomes_detached());
    struct ord_ioc_thread begin = stat_self();
    CHECK(becomes_detached());
    measure(b);
    struct ord_ioc_thread end = stat_self();
    uint64_t seen = interrupts_count("outrider-uio") - before;
    if (seen)
        test_fail("Linux has seen %lu interrupts", (unsigned long)seen);
    /* the two ioctls */
    if (end.stats.syscalls - begin.stats.syscalls > 2 || end.stats.faults != begin.stats.faults)
        test_fail("%lu system calls, %lu faults", (unsigned long)(end.stats.syscalls - begin.stats.syscalls),
                  (unsigned long)(end.stats.faults - begin.stats.faults));
}

int main(int argc, char **argv)
{
    struct bench b;
    int error;

    bench_options(&b, argc, argv);
    if (optind + 1 != argc && (optind + 2 != argc || strcmp(argv[optind + 1], "page") != 0)) {
        fprintf(stderr,
                "usage: irq-user [--config NAME] [--core N] [--count N] [--cpu N] [--gap N] /dev/uioN "
                "[page]\n");
        return 2;
    }
    error = detach_irq_open(&alarm_irq, argv[optind]);
    if (error)
        test_fail("%s: %s", argv[optind], strerror(-error));
    rtc = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, alarm_irq.fd, 0);
    if (rtc == MAP_FAILED)
        test_fail("%s: no registers: %s", argv[optind], strerror(errno));
    look = page_map(NULL);
    CHECK(!mlockall(MCL_CURRENT | MCL_FUTURE));
    rtc[IMSC] = 1;
    if (optind + 1 < argc) {
        printf("page %#lx\n", (unsigned long)physical_address(look));
        fflush(stdout);
    }
    bench_detach(&b);
    if (b.core == ORD_CORE_ANY) {
        one(&b, 0);
        measure(&b);
    } else {
        measure_detached(&b);
        CHECK(attach_self() == 0);
    }
    rtc[IMSC] = 0;
    detach_irq_close(&alarm_irq);
    return test_pass("%s, %lu alarms", b.config, (unsigned long)look->alarms);
}
