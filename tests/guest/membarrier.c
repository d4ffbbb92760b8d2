/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * membarrier: a thread that computes, detached, has no barrier of its own; membarrier() of another one must
 * be one for it, too. Two proofs for each command:
 *
 *   counted: each call interrupts the core of the detached thread once, which computes on
 *   spared:  what another process asks for itself interrupts nobody, nor do questions
 *   litmus:  x = 1; read y  against  y = 1; membarrier(); read x: both may not read 0
 *
 * The caller is a thread of the same process, or (--other) another process on shared memory, which only the
 * GLOBAL commands reach. --attached: nobody is detached, for comparison.
 */
#include "common.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] = "[--attached] [ROUNDS]";

/* One line each, so that they do not travel together. */
static struct shared {
    _Alignas(128) volatile uint64_t x;
    _Alignas(128) volatile uint64_t y;
    _Alignas(128) volatile uint64_t turn; /* ~0: the end */
    _Alignas(128) volatile uint64_t seen, done;
    _Alignas(128) volatile pid_t tid;
} * shared;

static bool attached;
static uint64_t rounds = 20000;

static const struct {
    const char *name;
    int command, registration;
    bool global;
} commands[] = {
    {"PRIVATE_EXPEDITED", MEMBARRIER_CMD_PRIVATE_EXPEDITED, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, false},
    {"PRIVATE_EXPEDITED_SYNC_CORE", MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE,
     MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, false},
    {"PRIVATE_EXPEDITED_RSEQ", MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ,
     MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, false},
    {"GLOBAL_EXPEDITED", MEMBARRIER_CMD_GLOBAL_EXPEDITED, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, true},
    {"GLOBAL", MEMBARRIER_CMD_GLOBAL, 0, true},
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

static long membarrier(int command)
{
    return syscall(SYS_membarrier, command, 0, 0);
}

/* What Linux refuses at once. */
static void membarrier_refused(void)
{
    CHECK(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 1, 0) < 0 && errno == EINVAL);
}

static bool on_its_core(void)
{
    struct ord_ioc_thread thread;

    return attached || (!thread_stat(shared->tid, &thread) && thread.state == ORD_THREAD_DETACHED);
}

/* The litmus test's other half: no call, no barrier. */
static void *litmus_main(void *argument)
{
    uint64_t turn = 0, now;
    int error = attached ? 0 : detach_self(ORD_CORE_ANY, ORD_PRIO_DEFAULT);

    if (error || (!attached && !becomes_detached()))
        test_fail("detach: %s", strerror(-error));
    shared->tid = gettid();
    for (;;) {
        do
            now = __atomic_load_n(&shared->turn, __ATOMIC_ACQUIRE);
        while (now == turn);
        if (now == ~0ull)
            return argument;
        turn = now;
        __atomic_store_n(&shared->x, turn, __ATOMIC_RELAXED);
        __asm__ volatile("" ::: "memory");
        now = __atomic_load_n(&shared->y, __ATOMIC_RELAXED);
        __atomic_store_n(&shared->seen, now == turn, __ATOMIC_RELAXED);
        __atomic_store_n(&shared->done, turn, __ATOMIC_RELEASE);
    }
}

static void litmus(unsigned int i, uint64_t *turn)
{
    uint64_t count = commands[i].command == MEMBARRIER_CMD_GLOBAL ? rounds / 100 + 1 : rounds;
    uint64_t first_none = 0;

    for (uint64_t round = 0; round < count; round++) {
        bool saw;

        __atomic_store_n(&shared->turn, ++*turn, __ATOMIC_RELEASE);
        for (volatile uint64_t pause = 0; pause < *turn % 97; pause++)
            ;
        __atomic_store_n(&shared->y, *turn, __ATOMIC_RELAXED);
        CHECK(membarrier(commands[i].command) == 0);
        saw = __atomic_load_n(&shared->x, __ATOMIC_RELAXED) == *turn;
        first_none += saw;
        while (__atomic_load_n(&shared->done, __ATOMIC_ACQUIRE) != *turn)
            ;
        if (!saw && !__atomic_load_n(&shared->seen, __ATOMIC_RELAXED))
            test_fail("%s: round %lu: neither saw the other", commands[i].name, (unsigned long)round);
    }
    printf("litmus %s: %lu rounds, seen by the caller in %lu\n", commands[i].name, (unsigned long)count,
           (unsigned long)first_none);
}

/* The thread waits for its turn meanwhile: it computes, and its counters rise by our calls alone. */
static void counted(unsigned int i)
{
    struct ord_ioc_thread before, after;
    const uint64_t calls = commands[i].command == MEMBARRIER_CMD_GLOBAL ? 20 : 200;
    uint64_t interrupts;

    if (attached)
        return;
    while (!on_its_core())
        usleep(1000);
    CHECK(thread_stat(shared->tid, &before) == 0);
    for (uint64_t call = 0; call < calls; call++) {
        CHECK(membarrier(commands[i].command) == 0);
        for (volatile int pause = 0; pause < 3000; pause++)
            ;
    }
    CHECK(thread_stat(shared->tid, &after) == 0);
    /* Recalls are interrupts, too. */
    interrupts = after.stats.irqs - before.stats.irqs - (after.stats.recalls - before.stats.recalls);
    printf("counted %s: %lu calls, %lu interrupts; %lu runs, %lu syscalls, %lu faults, %lu recalls\n",
           commands[i].name, (unsigned long)calls, (unsigned long)interrupts,
           (unsigned long)(after.stats.runs - before.stats.runs),
           (unsigned long)(after.stats.syscalls - before.stats.syscalls),
           (unsigned long)(after.stats.faults - before.stats.faults),
           (unsigned long)(after.stats.recalls - before.stats.recalls));
    fflush(stdout);
    /* A core that is still in the hypervisor for the call before is told without an interrupt. */
    if (interrupts < calls / 20)
        test_fail("%s: %lu calls, but %lu interrupts of the detached thread's core", commands[i].name,
                  (unsigned long)calls, (unsigned long)interrupts);
}

/* Another process, of nobody, and a thread whose process has registered for nothing. */
static void spared(void)
{
    static const int calls[] = {MEMBARRIER_CMD_QUERY,
                                MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
                                MEMBARRIER_CMD_PRIVATE_EXPEDITED,
                                MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
                                MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE,
                                MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED,
                                MEMBARRIER_CMD_GLOBAL_EXPEDITED,
                                1 << 9, /* MEMBARRIER_CMD_GET_REGISTRATIONS, or unknown */
                                1 << 30};
    struct ord_ioc_thread before, after;

    while (!on_its_core())
        usleep(1000);
    CHECK(thread_stat(shared->tid, &before) == 0);
    CHECK(setresuid(65534, 65534, 65534) == 0);
    for (int round = 0; round < 200; round++, membarrier_refused())
        for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
            if (membarrier(calls[i]) < 0 && i < 7)
                test_fail("membarrier(%d): %s", calls[i], strerror(errno));
    CHECK(thread_stat(shared->tid, &after) == 0);
    if (after.stats.irqs - before.stats.irqs != after.stats.recalls - before.stats.recalls)
        test_fail("%lu interrupts for what others ask",
                  (unsigned long)(after.stats.irqs - before.stats.irqs));
}

static void test_spared(void)
{
    pid_t child;
    int status;

    if (attached)
        return;
    child = fork();
    CHECK(child >= 0);
    if (!child) {
        spared();
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (status)
        exit(1); /* it has said why */
}

int main(int argc, char **argv)
{
    pthread_t thread;
    uint64_t turn = 0;
    pid_t child;
    int status;

    if (argc > 1 && !strcmp(argv[1], "--attached")) {
        attached = true;
        argc--;
        argv++;
    }
    if (argc > 1)
        rounds = arg_number(argv[1], usage);
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    CHECK(pthread_create(&thread, NULL, litmus_main, NULL) == 0);
    while (!shared->tid)
        ;
    test_spared();
    /* GLOBAL_EXPEDITED reaches those who have registered. */
    for (unsigned int i = 0; i < COMMANDS; i++)
        CHECK(!commands[i].registration || membarrier(commands[i].registration) == 0);
    for (unsigned int i = 0; i < COMMANDS; i++) {
        counted(i);
        litmus(i, &turn);
    }
    fflush(stdout);
    child = fork();
    CHECK(child >= 0);
    if (!child) {
        for (unsigned int i = 0; i < COMMANDS; i++)
            if (commands[i].global) {
                printf("other process: ");
                counted(i);
                printf("other process: ");
                litmus(i, &turn);
            }
        fflush(stdout);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (status)
        return 1;
    shared->turn = ~0ull;
    CHECK(pthread_join(thread, NULL) == 0);
    return test_pass("%lu rounds", (unsigned long)rounds);
}
