/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * steady: a loop that is disturbed as it is told to be. Its steady part is between two calls of
 * sched_yield(). With --threads, each of that many threads has such a loop of its own.
 */
#include "common.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static const char usage[] = "[--calls N] [--faults N] [--exceptions N] [--signals N] [--threads N] "
                            "[--seconds S] [--wait]";

#define PAGE 4096

static uint64_t calls, faults, exceptions, signals, threads, seconds;
static bool wait_first;
static volatile sig_atomic_t signals_seen, xcpu_seen, xcpu_wrong;

static void on_alarm(int number)
{
    (void)number;
    signals_seen++;
}

static void on_xcpu(int number, siginfo_t *info, void *context)
{
    const uint32_t cause = (uint32_t)info->si_value.sival_int - ORD_SIGDEBUG_MARKER;

    (void)number;
    (void)context;
    if (info->si_code != SI_QUEUE || cause < ORD_CAUSE_SYSCALL || cause > ORD_CAUSE_EXCEPTION)
        xcpu_wrong++;
    xcpu_seen++;
}

static void compute(void)
{
    uint64_t state = 1;

    for (int i = 0; i < 20000; i++) {
        random_next(&state);
        __asm__ volatile("" : "+r"(state));
    }
}

/* Linux emulates the read, from user mode, of a register that only it may read. */
static void exception(void)
{
    uint64_t value;

    __asm__ volatile("mrs %0, midr_el1" : "=r"(value));
}

static void loop(volatile char *memory)
{
    const struct itimerval timer = {{0, 100000}, {0, 100000}}, off = {{0, 0}, {0, 0}};
    uint64_t end;

    if (signals)
        setitimer(ITIMER_REAL, &timer, NULL);
    sched_yield();
    for (uint64_t i = 0; i < calls; i++) {
        compute();
        syscall(SYS_getppid);
    }
    for (uint64_t i = 0; i < faults; i++) {
        compute();
        memory[i * PAGE] = 1;
    }
    for (uint64_t i = 0; i < exceptions; i++) {
        compute();
        exception();
    }
    while ((uint64_t)signals_seen < signals)
        compute();
    end = counter() + seconds * counter_hz();
    do
        compute();
    while (counter() < end);
    sched_yield();
    if (signals)
        setitimer(ITIMER_REAL, &off, NULL);
}

static void *thread_main(void *argument)
{
    char *memory = mmap(NULL, (faults + 1) * PAGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    (void)argument;
    if (memory == MAP_FAILED)
        test_fail("mmap: %s", strerror(errno));
    loop(memory);
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"calls", required_argument, NULL, 'c'},
                                            {"faults", required_argument, NULL, 'f'},
                                            {"exceptions", required_argument, NULL, 'e'},
                                            {"signals", required_argument, NULL, 's'},
                                            {"threads", required_argument, NULL, 't'},
                                            {"seconds", required_argument, NULL, 'S'},
                                            {"wait", no_argument, NULL, 'w'},
                                            {}};
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct sigaction xcpu = {.sa_sigaction = on_xcpu, .sa_flags = SA_SIGINFO | SA_RESTART};
    pthread_t thread[32];
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            calls = arg_number(optarg, usage);
            break;
        case 'f':
            faults = arg_number(optarg, usage);
            break;
        case 'e':
            exceptions = arg_number(optarg, usage);
            break;
        case 's':
            signals = arg_number(optarg, usage);
            break;
        case 't':
            threads = arg_number(optarg, usage);
            break;
        case 'S':
            seconds = arg_number(optarg, usage);
            break;
        case 'w':
            wait_first = true;
            break;
        default:
            arg_number(NULL, usage);
        }
    }
    if (threads > sizeof(thread) / sizeof(*thread))
        arg_number(NULL, usage);
    sigaction(SIGALRM, &action, NULL);
    if (getenv("STEADY_XCPU"))
        sigaction(SIGXCPU, &xcpu, NULL);
    if (wait_first) {
        /* Until somebody who has seen it here writes a line. */
        puts("waiting");
        fflush(stdout);
        if (getchar() == EOF)
            test_fail("nobody has written");
    }
    for (uint64_t i = 0; i < threads; i++)
        if (pthread_create(&thread[i], NULL, thread_main, NULL))
            test_fail("pthread_create");
    for (uint64_t i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    if (!threads)
        thread_main(NULL);
    if (xcpu_wrong)
        test_fail("%d of %d signals SIGXCPU are not as specified", (int)xcpu_wrong, (int)xcpu_seen);
    return test_pass("%d signals, %d SIGXCPU", (int)signals_seen, (int)xcpu_seen);
}
