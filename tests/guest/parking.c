/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parking: what Linux would get wrong if a thread were parked carelessly. Each part detaches itself, then
 * computes without a system call while somebody else looks.
 *
 *   close    a pipe that was closed just before is closed for its reader, too
 *   restart  a signal does not restart a system call that is long over, whatever x0 holds
 *   migrate  the kernel side wakes up on other CPUs; FP/SIMD registers are the program's all the same
 */
#include "common.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static const char usage[] = "[close|restart|migrate]";

#define ROUNDS 50

static atomic_int other_done;
static volatile sig_atomic_t handled;

static void must_detach(void)
{
    int error = detach_self(ORD_CORE_ANY, ORD_PRIO_DEFAULT);

    if (error)
        test_fail("detach: %s", strerror(-error));
    if (!becomes_detached())
        test_fail("the thread stays attached");
}

static void handler(int number)
{
    (void)number;
    handled++;
}

/* ---- close ---- */

static void *read_to_end(void *argument)
{
    char byte;

    while (read(*(int *)argument, &byte, 1) > 0)
        ;
    atomic_store(&other_done, 1);
    return NULL;
}

static void test_close(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t reader;
        int ends[2];
        uint64_t patience = 400000000;

        CHECK(pipe(ends) == 0);
        atomic_store(&other_done, 0);
        CHECK(pthread_create(&reader, NULL, read_to_end, &ends[0]) == 0);
        CHECK(write(ends[1], "x", 1) == 1);
        CHECK(close(ends[1]) == 0);
        /* No call from here on: the last reference to the pipe's end must be gone by now. */
        while (!atomic_load(&other_done) && --patience)
            ;
        if (!patience)
            test_fail("close, round %d: the pipe's reader still waits", i);
        CHECK(pthread_join(reader, NULL) == 0);
        CHECK(close(ends[0]) == 0);
    }
}

/* ---- restart ---- */

/* A call with `first` as its first argument, then a loop with `result` in x0, until a signal was handled. */
static uint64_t call_and_loop(uint64_t first, uint64_t result, const volatile sig_atomic_t *value,
                              sig_atomic_t wanted)
{
    register uint64_t x0 __asm__("x0") = first;
    register uint64_t x1 __asm__("x1") = result;
    register const volatile sig_atomic_t *x2 __asm__("x2") = value;
    register uint64_t x3 __asm__("x3") = (uint64_t)wanted;
    register uint64_t x8 __asm__("x8") = SYS_getppid;

    __asm__ volatile("svc #0\n"
                     "mov x0, x1\n"
                     "nop\n"
                     "1: ldr w4, [x2]\n"
                     "cmp w4, w3\n"
                     "b.lt 1b\n"
                     : "+r"(x0), "+r"(x8)
                     : "r"(x1), "r"(x2), "r"(x3)
                     : "x4", "cc", "memory");
    return x0;
}

static void test_restart(void)
{
    static const int results[] = {-512, -513, -514,
                                  -516}; /* ERESTARTSYS and its kin, as Linux has them in x0 */
    const struct itimerval timer = {{0, 2000}, {0, 2000}}, off = {0};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    for (int i = 0; i < ROUNDS * 4; i++) {
        const uint64_t wanted = (uint64_t)(int64_t)results[i % 4];
        const uint64_t got = call_and_loop(0x1234, wanted, &handled, handled + 2);

        if (got != wanted)
            test_fail("restart, round %d: x0 is %#lx for %#lx after a signal", i, (unsigned long)got,
                      (unsigned long)wanted);
    }
    CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
}

/* ---- migrate ---- */

static pid_t main_tid;

static void *migrate_main(void *argument)
{
    cpu_set_t allowed, one;

    (void)argument;
    CHECK(sched_getaffinity(0, sizeof(allowed), &allowed) == 0);
    for (int i = 0, cpu = 0; i < ROUNDS * 8; i++) {
        do
            cpu = (cpu + 1) % CPU_SETSIZE;
        while (!CPU_ISSET(cpu, &allowed));
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        CHECK(sched_setaffinity(main_tid, sizeof(one), &one) == 0);
        CHECK(syscall(SYS_tgkill, getpid(), main_tid, SIGUSR1) == 0);
        usleep(500);
    }
    CHECK(sched_setaffinity(main_tid, sizeof(allowed), &allowed) == 0);
    atomic_store(&other_done, 1);
    return NULL;
}

static void test_migrate(void)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    double a[16];
    pthread_t thread;
    uint64_t round = 0;

    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    main_tid = gettid();
    atomic_store(&other_done, 0);
    CHECK(pthread_create(&thread, NULL, migrate_main, NULL) == 0);
    while (!atomic_load(&other_done)) {
        /* Other values each time, so that registers left on some CPU are wrong ones. */
        const double base = (double)++round;

        for (int i = 0; i < 16; i++)
            a[i] = base + i;
        __asm__ volatile("ldp d16, d17, [%0]\n ldp d18, d19, [%0, #16]\n"
                         "ldp d20, d21, [%0, #32]\n ldp d22, d23, [%0, #48]\n"
                         "mov x9, #20000\n"
                         "1: subs x9, x9, #1\n b.ne 1b\n"
                         "stp d16, d17, [%0]\n stp d18, d19, [%0, #16]\n"
                         "stp d20, d21, [%0, #32]\n stp d22, d23, [%0, #48]\n"
                         :
                         : "r"(a)
                         : "x9", "cc", "memory", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23");
        for (int i = 0; i < 16; i++)
            if (a[i] != base + i)
                test_fail("migrate, round %lu: register %d is %f for %f", (unsigned long)round, 16 + i, a[i],
                          base + i);
    }
    CHECK(pthread_join(thread, NULL) == 0);
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : NULL;

    if (argc > 2 || (only && strcmp(only, "close") && strcmp(only, "restart") && strcmp(only, "migrate")))
        arg_number(NULL, usage);
    must_detach();
    if (!only || !strcmp(only, "close"))
        test_close();
    if (!only || !strcmp(only, "restart"))
        test_restart();
    if (!only || !strcmp(only, "migrate"))
        test_migrate();
    return test_pass("%s", only ? only : "close, restart, migrate");
}
