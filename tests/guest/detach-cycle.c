/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * detach-cycle: N times detach, look, attach, look; then threads and processes that end while they are
 * detached. Uses host calls to see where it runs, and rseq's cpu_id, which must not name a Linux CPU while
 * detached.
 */
#include "common.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/rseq.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] = "[--core N] [N]";

static uint32_t wanted_core = ORD_CORE_ANY;
static atomic_int thread_tid;

static int rseq_cpu(void)
{
    const struct rseq *rseq = (const struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);

    return __rseq_size ? (int)*(volatile const uint32_t *)&rseq->cpu_id : -1;
}

static void must_detach(const char *what)
{
    const int error = detach_self(wanted_core, ORD_PRIO_DEFAULT);

    if (error)
        test_fail("%s: detach: %s", what, strerror(-error));
    if (!becomes_detached())
        test_fail("%s: the thread stays attached", what);
}

static void cycle(uint64_t number)
{
    int error;

    must_detach("cycle");
    if (rseq_cpu() >= 0)
        test_fail("cycle %lu: rseq's cpu_id is %d while detached", (unsigned long)number, rseq_cpu());
    error = attach_self();
    if (error)
        test_fail("cycle %lu: attach: %s", (unsigned long)number, strerror(-error));
    for (int i = 0; i < 10; i++)
        if (is_detached())
            test_fail("cycle %lu: still detached after attach", (unsigned long)number);
    if (__rseq_size && rseq_cpu() < 0)
        test_fail("cycle %lu: rseq's cpu_id is %d while attached", (unsigned long)number, rseq_cpu());
}

static void *thread_main(void *argument)
{
    atomic_store(&thread_tid, (int)gettid());
    must_detach("thread");
    if (argument)
        pthread_exit(NULL);
    return NULL;
}

static void end_thread(uint64_t number)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, thread_main, number % 2 ? &thread : NULL))
        test_fail("thread %lu: pthread_create", (unsigned long)number);
    pthread_join(thread, NULL);
    /* pthread_join() returns when the thread gives its stack back; it has its core for a little longer. */
    while (!tgkill(getpid(), atomic_load(&thread_tid), 0))
        sched_yield();
}

/* Ends in one of several ways while detached; only the exit status says that all went well. */
static void end_process(uint64_t number)
{
    int status, expected = 0;
    pid_t child = fork();

    if (child < 0)
        test_fail("process %lu: fork: %s", (unsigned long)number, strerror(errno));
    if (!child) {
        must_detach("process");
        switch (number % 3) {
        case 0:
            _exit(0);
        case 1:
            __builtin_trap();
        default:
            for (;;)
                __asm__ volatile("");
        }
    }
    if (number % 3 == 1)
        expected = SIGTRAP;
    if (number % 3 == 2) {
        expected = SIGKILL;
        usleep((useconds_t)(number * 37 % 5000));
        kill(child, SIGKILL);
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (number % 3 == 0 ? !WIFEXITED(status) || WEXITSTATUS(status) : !WIFSIGNALED(status))
        test_fail("process %lu: status %#x, expected signal %d", (unsigned long)number, status, expected);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"core", required_argument, NULL, 'c'}, {}};
    uint64_t count = 1000;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'c')
            arg_number(NULL, usage);
        wanted_core = (uint32_t)arg_number(optarg, usage);
    }
    if (optind < argc)
        count = arg_number(argv[optind], usage);
    for (uint64_t i = 0; i < count; i++)
        cycle(i);
    for (uint64_t i = 0; i < count / 10; i++)
        end_thread(i);
    for (uint64_t i = 0; i < count / 20; i++)
        end_process(i);
    return test_pass("%lu cycles, %lu threads, %lu processes", (unsigned long)count,
                     (unsigned long)(count / 10), (unsigned long)(count / 20));
}
