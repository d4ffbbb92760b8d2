/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rtc-alarm /dev/uioN [N [detached | at-once]]: the alarm of a PL031 real-time clock (ARM DDI0224), once a
 * second, handled in user mode through UIO: attached (or not), then detached, where Linux gets none of it and
 * is asked for nothing; twice. Or at once, attached, as fast as they come.
 */
#include "library.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char usage[] = "/dev/uioN [N [detached | at-once]]";

enum { DR, MR, LR, CR, IMSC, RIS, MIS, ICR };

static volatile uint32_t *rtc;
static struct detach_irq alarm_irq;

static void alarms(uint64_t count)
{
    for (uint64_t n = 0; n < count; n++) {
        int result;
        rtc[ICR] = 1;
        rtc[MR] = rtc[DR] + 1;
        rtc[IMSC] = 1;
        while ((result = detach_irq_wait(&alarm_irq, counter() + 60 * counter_hz())) == -EINTR)
            ;
        if (result)
            test_fail("alarm %lu: %s", (unsigned long)n, strerror(-result));
        if (!(rtc[RIS] & 1))
            test_fail("alarm %lu: the clock has not asked for it", (unsigned long)n);
        rtc[ICR] = 1;
        CHECK(detach_irq_ack(&alarm_irq) == 0);
    }
}

/* One that is due when it is set. */
static void alarm_now(void)
{
    while (!(rtc[RIS] & 1)) /* again if a second has just passed */
        rtc[MR] = rtc[DR];
}

/* What Linux has taken before the thread had the interrupt is not lost. */
static void alarm_before(void)
{
    uint64_t before = interrupts_count("outrider-uio");

    rtc[IMSC] = 1;
    alarm_now();
    while (interrupts_count("outrider-uio") == before)
        ;
    CHECK(detach_self(ORD_CORE_ANY, ORD_PRIO_DEFAULT) == 0);
    CHECK(becomes_detached());
    CHECK(detach_irq_wait(&alarm_irq, counter() + 60 * counter_hz()) == 0 && rtc[RIS] & 1);
    rtc[ICR] = 1;
    CHECK(detach_irq_ack(&alarm_irq) == 0);
}

/*
 * Alarms that are due when they are set, taken by a program that looks for them all the time: it has
 * acknowledged one before Linux's handler has returned, or some time after that. No interrupt may come that
 * the clock has not asked for.
 */
static void alarms_at_once(uint64_t count)
{
    for (uint64_t n = 0; n < count; n++) {
        uint32_t events, status;

        alarm_now();
        while (read(alarm_irq.fd, &events, sizeof(events)) != sizeof(events))
            if (errno != EAGAIN)
                test_fail("alarm %lu: %s", (unsigned long)n, strerror(errno));
        for (uint64_t until = counter() + n % 2 * (counter_hz() / 10000); counter() < until;)
            ;
        status = rtc[RIS];
        rtc[ICR] = 1;
        CHECK(detach_irq_ack(&alarm_irq) == 0);
        if (!(status & 1))
            test_fail("alarm %lu: the clock has not asked for it", (unsigned long)n);
    }
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 2 ? arg_number(argv[2], usage) : 3, before, now;
    struct ord_ioc_thread begin, end;
    int error;

    if (argc < 2)
        arg_number(NULL, usage);
    CHECK(detach_irq_open(&alarm_irq, "/dev/null/x") == -ENOTDIR && detach_irq_wait(&alarm_irq, 0) == -EBADF);
    error = detach_irq_open(&alarm_irq, argv[1]);
    if (error)
        test_fail("%s: %s", argv[1], strerror(-error));
    rtc = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, alarm_irq.fd, 0);
    CHECK(rtc != MAP_FAILED);

    if (argc > 3 && !strcmp(argv[3], "at-once")) {
        rtc[ICR] = 1;
        rtc[IMSC] = 1;
        alarms_at_once(count);
        rtc[IMSC] = 0;
        detach_irq_close(&alarm_irq);
        return test_pass("%lu alarms at once", (unsigned long)count);
    }
    for (int round = 0; round < 2; round++) {
        uint64_t attached = argc > 3 ? 0 : count;
        before = interrupts_count("outrider-uio");
        alarms(attached);
        now = interrupts_count("outrider-uio");
        if (now - before < attached)
            test_fail("attached: Linux has seen %lu interrupts, not %lu", (unsigned long)(now - before),
                      (unsigned long)attached);

        if (round == 0) {
            error = detach_self(ORD_CORE_ANY, ORD_PRIO_DEFAULT);
            if (error)
                test_fail("detach: %s", strerror(-error));
        } else {
            alarm_before();
        }
        alarms(1); /* gets it granted, and its pages */
        before = interrupts_count("outrider-uio");
        CHECK(becomes_detached());
        begin = stat_self();
        CHECK(becomes_detached());
        alarms(count);
        end = stat_self();
        now = interrupts_count("outrider-uio");
        if (now != before)
            test_fail("detached: Linux has seen %lu interrupts", (unsigned long)(now - before));
        /* the two ioctls */
        if (end.stats.syscalls - begin.stats.syscalls > 2 || end.stats.faults != begin.stats.faults)
            test_fail("detached: %lu system calls, %lu faults",
                      (unsigned long)(end.stats.syscalls - begin.stats.syscalls),
                      (unsigned long)(end.stats.faults - begin.stats.faults));
        CHECK(detach_irq_wait(&alarm_irq, counter() + counter_hz() / 100) == -ETIMEDOUT);
        /* one that nobody has taken when it goes back to Linux */
        if (round == 0) {
            rtc[MR] = rtc[DR] + 1;
            while (!(rtc[RIS] & 1))
                ;
            for (uint64_t until = counter() + counter_hz() / 100; counter() < until;)
                ;
        }
        CHECK(attach_self() == 0);
        if (round == 0) {
            CHECK(detach_irq_wait(&alarm_irq, counter() + 60 * counter_hz()) == 0);
            rtc[ICR] = 1;
            CHECK(detach_irq_ack(&alarm_irq) == 0);
        }
    }
    rtc[IMSC] = 0;
    detach_irq_close(&alarm_irq);
    return test_pass("%lu alarms attached and detached, twice", (unsigned long)count);
}
