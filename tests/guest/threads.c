/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * threads: mutexes, conditions, barriers, atomics, thread-local storage and membarrier between threads, some
 * of which detach themselves with --detach (as many as there are free host cores).
 */
#include "common.h"

#include <errno.h>
#include <getopt.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char usage[] = "[--detach] [ROUNDS]";

#define THREADS 6

static uint64_t rounds = 2000;
static bool detach;
static atomic_uint detached_count;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t barrier;
static uint64_t counted;        /* under mutex */
static atomic_ulong added;      /* without */
static __thread uint64_t local; /* per thread */

static void maybe_detach(void)
{
    int error;

    if (!detach)
        return;
    error = detach_self(ORD_CORE_ANY, ORD_PRIO_DEFAULT);
    if (!error)
        atomic_fetch_add(&detached_count, 1);
    else if (error != -ENOSPC && error != -EBUSY)
        test_fail("detach: %s", strerror(-error));
}

static void *count_main(void *argument)
{
    const uint64_t id = (uint64_t)argument;

    maybe_detach();
    for (uint64_t i = 0; i < rounds; i++) {
        pthread_mutex_lock(&mutex);
        counted++;
        pthread_mutex_unlock(&mutex);
        atomic_fetch_add(&added, id);
        local += id;
        if (i % 64 == 0)
            pthread_barrier_wait(&barrier);
    }
    return (void *)local;
}

static void test_counting(void)
{
    pthread_t thread[THREADS];
    uint64_t expected = 0;
    void *result;

    pthread_barrier_init(&barrier, NULL, THREADS);
    for (uint64_t i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], NULL, count_main, (void *)(i + 1)))
            test_fail("pthread_create");
    for (uint64_t i = 0; i < THREADS; i++) {
        pthread_join(thread[i], &result);
        if ((uint64_t)result != rounds * (i + 1))
            test_fail("thread-local sum of thread %lu is %lu", (unsigned long)i,
                      (unsigned long)(uint64_t)result);
        expected += rounds * (i + 1);
    }
    if (counted != rounds * THREADS || atomic_load(&added) != expected)
        test_fail("counted %lu, added %lu", (unsigned long)counted, (unsigned long)atomic_load(&added));
}

/* A ring of threads that pass a token by condition variables. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t token;
} ring = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static void *ring_main(void *argument)
{
    const uint64_t id = (uint64_t)argument;

    maybe_detach();
    for (uint64_t i = 0; i < rounds / 10; i++) {
        pthread_mutex_lock(&ring.lock);
        while (ring.token % 3 != id)
            pthread_cond_wait(&ring.changed, &ring.lock);
        ring.token++;
        pthread_cond_broadcast(&ring.changed);
        pthread_mutex_unlock(&ring.lock);
    }
    return NULL;
}

static void test_ring(void)
{
    pthread_t thread[3];

    for (uint64_t i = 0; i < 3; i++)
        if (pthread_create(&thread[i], NULL, ring_main, (void *)i))
            test_fail("pthread_create");
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    if (ring.token != 3 * (rounds / 10))
        test_fail("the ring's token is %lu", (unsigned long)ring.token);
}

/*
 * Dekker's pattern with an asymmetric barrier: the reader has none at all, main calls membarrier(). Both
 * stores may not stay invisible to the other's load.
 */
static struct {
    _Alignas(64) atomic_uint reader_flag;
    _Alignas(64) atomic_uint main_flag;
    _Alignas(64) atomic_uint turn;
    atomic_uint seen;
    atomic_uint done;
} dekker;

static void *dekker_main(void *argument)
{
    unsigned int turn = 0;

    (void)argument;
    maybe_detach();
    for (;;) {
        unsigned int now;

        do
            now = atomic_load_explicit(&dekker.turn, memory_order_acquire);
        while (now == turn);
        if (now == ~0u)
            return NULL;
        turn = now;
        atomic_store_explicit(&dekker.reader_flag, turn, memory_order_relaxed);
        __asm__ volatile("" ::: "memory");
        atomic_store_explicit(&dekker.seen,
                              atomic_load_explicit(&dekker.main_flag, memory_order_relaxed) == turn,
                              memory_order_relaxed);
        atomic_store_explicit(&dekker.done, turn, memory_order_release);
    }
}

static void test_membarrier(void)
{
    pthread_t thread;

    if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0))
        test_fail("membarrier registration: %s", strerror(errno));
    if (pthread_create(&thread, NULL, dekker_main, NULL))
        test_fail("pthread_create");
    for (unsigned int turn = 1; turn <= rounds; turn++) {
        bool main_saw;

        atomic_store_explicit(&dekker.turn, turn, memory_order_release);
        for (volatile unsigned int i = 0; i < turn % 97; i++)
            ;
        atomic_store_explicit(&dekker.main_flag, turn, memory_order_relaxed);
        if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0))
            test_fail("membarrier: %s", strerror(errno));
        main_saw = atomic_load_explicit(&dekker.reader_flag, memory_order_relaxed) == turn;
        while (atomic_load_explicit(&dekker.done, memory_order_acquire) != turn)
            ;
        if (!main_saw && !atomic_load_explicit(&dekker.seen, memory_order_relaxed))
            test_fail("membarrier: turn %u: neither side saw the other", turn);
    }
    atomic_store(&dekker.turn, ~0u);
    pthread_join(thread, NULL);
}

/* Many threads that live for a moment. */
static void *short_main(void *argument)
{
    if ((uint64_t)argument % 8 == 0)
        maybe_detach();
    sem_post((sem_t *)((uint64_t)argument & ~7ull));
    return argument;
}

static void test_short(void)
{
    static _Alignas(64) sem_t semaphore;
    pthread_t thread;
    void *result;

    sem_init(&semaphore, 0, 0);
    for (uint64_t i = 0; i < rounds / 20; i++) {
        void *argument = (char *)&semaphore + i % 8;

        if (pthread_create(&thread, NULL, short_main, argument))
            test_fail("pthread_create");
        while (sem_wait(&semaphore))
            CHECK(errno == EINTR);
        pthread_join(thread, &result);
        CHECK(result == argument);
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"detach", no_argument, NULL, 'd'}, {}};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'd')
            arg_number(NULL, usage);
        detach = true;
    }
    if (optind < argc)
        rounds = arg_number(argv[optind], usage);
    test_counting();
    test_ring();
    test_membarrier();
    test_short();
    if (detach && !atomic_load(&detached_count))
        test_fail("no thread could be detached");
    if (detach)
        printf("threads: %u times a thread was detached\n", atomic_load(&detached_count));
    return test_pass("%lu rounds", (unsigned long)rounds);
}
