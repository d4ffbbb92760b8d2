/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rseq: restartable sequences of a thread that is detached. Its area says "no CPU" while it is on a host
 * core, so that libraries fall back; a thread inside of a sequence is not captured; a sequence that Linux has
 * to abort is aborted. --own: registers an area itself (start with GLIBC_TUNABLES=glibc.pthread.rseq=0).
 */
#include "common.h"

#include <errno.h>
#include <linux/rseq.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] = "[--own] [ROUNDS]";

#define SIGNATURE 0xd428bc00 /* RSEQ_SIG of arm64: brk #0x45e0 */

extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

static __thread struct rseq own_area __attribute__((aligned(32)));
static struct rseq *area;
static uint64_t rounds = 300;
static bool own;

static uint32_t cpu_id(void)
{
    return *(volatile uint32_t *)&area->cpu_id;
}

static void find_area(void)
{
    if (own) {
        long result = syscall(SYS_rseq, &own_area, sizeof(own_area), 0, SIGNATURE);

        if (result)
            test_fail("registration: %s (GLIBC_TUNABLES=glibc.pthread.rseq=0?)", strerror(errno));
        area = &own_area;
    } else {
        CHECK(&__rseq_size && __rseq_size);
        area = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
    }
}

/* A look at cpu_id that says in which world it was taken: detached before and after. */
static void check_detached(const char *when)
{
    for (int i = 0; i < 1000; i++) {
        bool before = becomes_detached();
        uint32_t seen = cpu_id();

        if (!before)
            test_fail("%s: stays attached", when);
        if (is_detached()) {
            if (seen != (uint32_t)RSEQ_CPU_ID_UNINITIALIZED)
                test_fail("%s: cpu_id is %d while detached", when, (int)seen);
            return;
        }
    }
    test_fail("%s: never detached for long enough", when);
}

static void check_attached(const char *when)
{
    uint32_t seen = cpu_id();

    if (is_detached())
        test_fail("%s: is detached", when);
    if (seen >= (uint32_t)sysconf(_SC_NPROCESSORS_CONF))
        test_fail("%s: cpu_id is %d in Linux", when, (int)seen);
}

static volatile uint32_t seen_in_handler;
static volatile bool handled, detached_in_handler;

static void handler(int number)
{
    (void)number;
    seen_in_handler = cpu_id();
    detached_in_handler = is_detached();
    handled = true;
}

static void test_states(void)
{
    int status;
    pid_t child;

    check_attached("at first");
    CHECK(detach_self(ORD_CORE_ANY, ORD_PRIO_DEFAULT) == 0);
    check_detached("detached");
    /* A handler may run in Linux, where there is a CPU; whatever it saw must fit. */
    CHECK(signal(SIGUSR1, handler) != SIG_ERR && raise(SIGUSR1) == 0);
    CHECK(handled);
    check_detached("after a handler");
    /* A child is attached, with a number of its own. */
    child = fork();
    CHECK(child >= 0);
    if (!child) {
        check_attached("after fork");
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && !status);
    check_detached("after fork");
    CHECK(sched_getcpu() >= 0);
    CHECK(attach_self() == 0);
    check_attached("attached again");
    CHECK(detach_self(ORD_CORE_ANY, ORD_PRIO_DEFAULT) == 0);
    check_detached("detached again");
}

/*
 * A long sequence: counts in a register until *stop or, when Linux aborts it, goes to the abort handler. It
 * commits by storing the count. Returns whether it was aborted.
 */
static __attribute__((noinline)) bool run_sequence(uint64_t count, uint64_t *committed)
{
    uint64_t aborted;

    /* The signature precedes the abort handler; glibc's on arm64 is that of a brk. */
    __asm__ volatile(".pushsection .data.rel, \"aw\"\n\t"
                     ".balign 32\n\t"
                     ".globl sequence\n"
                     "sequence: .long 0, 0\n\t"
                     ".quad sequence_start, sequence_end - sequence_start, 4f\n\t"
                     ".popsection\n\t"
                     "mov x9, #0\n\t"
                     "adrp x10, sequence\n\t"
                     "add x10, x10, :lo12:sequence\n\t"
                     "str x10, [%1]\n\t"
                     ".globl sequence_start\n"
                     "sequence_start:\n"
                     "1: add x9, x9, #1\n\t"
                     "cmp x9, %2\n\t"
                     "b.lo 1b\n\t"
                     "str x9, [%3]\n\t"
                     ".globl sequence_end\n"
                     "sequence_end: mov %0, #0\n\t"
                     "b 5f\n\t"
                     ".inst %c4\n"
                     "4: mov %0, #1\n"
                     "5: str xzr, [%1]\n"
                     : "=&r"(aborted)
                     : "r"(&area->rseq_cs), "r"(count), "r"(committed), "i"(SIGNATURE)
                     : "x9", "x10", "cc", "memory");
    return aborted;
}

static volatile uint64_t alarms;

static void on_alarm(int number)
{
    (void)number;
    alarms++;
}

/*
 * Detached or not, a sequence either commits all of it, or is aborted and commits nothing. A thread that is
 * captured again (after each signal) in the middle of one would be neither restarted nor left alone.
 */
static void test_sequences(void)
{
    const struct itimerval timer = {{0, 3000}, {0, 3000}}, off = {0};
    uint64_t aborts = 0, commits = 0;

    CHECK(signal(SIGALRM, on_alarm) != SIG_ERR);
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    for (uint64_t i = 0; i < rounds || aborts < 5 || alarms < 20; i++) {
        uint64_t count = 100000 + i % 10 * 300000, committed = 0;
        bool aborted = run_sequence(count, &committed);

        if (committed != (aborted ? 0 : count))
            test_fail("round %lu: aborted %d, but %lu committed", (unsigned long)i, aborted,
                      (unsigned long)committed);
        aborts += aborted;
        commits += !aborted;
        if (i > rounds * 1000)
            test_fail("%lu rounds, %lu aborts, %lu signals", (unsigned long)i, (unsigned long)aborts,
                      (unsigned long)alarms);
    }
    CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
    printf("rseq: %lu sequences committed, %lu aborted, %lu signals\n", (unsigned long)commits,
           (unsigned long)aborts, (unsigned long)alarms);
    fflush(stdout);
    check_detached("after sequences");
}

/* The area of the new program belongs to it. */
static int executed(void)
{
    check_detached("after exec");
    return 0;
}

int main(int argc, char **argv)
{
    pid_t child;
    int status;

    if (argc > 1 && !strncmp(argv[1], "--own", 5)) {
        own = true;
        argc--;
        argv++;
    }
    if (argc > 1 && !strcmp(argv[1], "--executed")) {
        find_area();
        return executed();
    }
    if (argc > 1)
        rounds = arg_number(argv[1], usage);
    find_area();
    test_states();
    test_sequences();
    CHECK(attach_self() == 0);
    check_attached("at the end");
    fflush(stdout);
    child = fork();
    CHECK(child >= 0);
    if (!child) {
        CHECK(detach_self(ORD_CORE_ANY, ORD_PRIO_DEFAULT) == 0);
        if (own)
            execl("/proc/self/exe", "rseq", "--own", "--executed", NULL);
        else
            execl("/proc/self/exe", "rseq", "--executed", NULL);
        _exit(1);
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (status)
        test_fail("after exec: status %x", (unsigned int)status);
    return test_pass("%lu rounds, %s", (unsigned long)rounds, own ? "own area" : "glibc's area");
}
