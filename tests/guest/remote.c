/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that are detached, moved and attached by others, and new threads that start detached.
 *
 *   remote ROUNDS   needs two host cores for the moves; does without them on one
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define USAGE "ROUNDS"
#define TRIES 200000

static int fd;
static uint32_t host_core[32], host_count;

#define HEAD(arg)                                                                                            \
    {                                                                                                        \
        .size = sizeof(arg), .version = ORD_ABI_VERSION                                                      \
    }

static int detach(int tid, uint32_t core, uint32_t flags)
{
    struct ord_ioc_detach arg = {
        .head = HEAD(arg), .core = core, .prio = ORD_PRIO_DEFAULT, .flags = flags, .tid = tid};

    return ioctl(fd, ORD_IOC_DETACH, &arg) ? -errno : 0;
}

static int attach(int tid)
{
    struct ord_ioc_attach arg = {.head = HEAD(arg), .tid = tid};

    return ioctl(fd, ORD_IOC_ATTACH, &arg) ? -errno : 0;
}

static int set(int tid, uint32_t core, uint32_t prio)
{
    struct ord_ioc_set arg = {.head = HEAD(arg), .core = core, .prio = prio, .tid = tid};

    return ioctl(fd, ORD_IOC_SET, &arg) ? -errno : 0;
}

static int group(int pid, uint32_t flags, uint32_t count)
{
    struct ord_ioc_group arg = {
        .head = HEAD(arg), .pid = pid, .flags = flags, .prio = ORD_PRIO_DEFAULT, .core_count = count};

    for (uint32_t i = 0; i < count; i++)
        arg.core[i] = host_core[i % host_count];
    return ioctl(fd, ORD_IOC_GROUP, &arg) ? -errno : 0;
}

static void find_cores(void)
{
    static struct ord_ioc_info info = {.head = HEAD(info)};

    CHECK(!ioctl(fd, ORD_IOC_INFO, &info));
    for (uint32_t i = 0; i < info.core_count && host_count < 32; i++)
        if (info.core[i].flags & ORD_CORE_HOST)
            host_core[host_count++] = i;
    CHECK(host_count);
}

/* ---- a thread that computes, and one that sleeps ---- */

struct worker {
    pthread_t thread;
    volatile int tid;
    volatile uint64_t loops;
    volatile bool stop;
    int pipe[2];
    uint64_t bytes;
};

static void *compute(void *arg)
{
    struct worker *w = arg;
    double sum = 0;

    w->tid = gettid();
    while (!w->stop) {
        /* values in FP registers over everything that happens */
        double a = (double)(w->loops & 1023), b = a * 0.5 + 1;
        for (int i = 0; i < 100; i++)
            sum += a / b;
        if (sum < 0)
            test_fail("wrong sum");
        sum = 0;
        w->loops++;
    }
    return NULL;
}

static void *doze(void *arg)
{
    struct worker *w = arg;
    char c;

    w->tid = gettid();
    while (read(w->pipe[0], &c, 1) == 1) {
        w->bytes++;
        w->loops++;
    }
    return NULL;
}

static void start(struct worker *w, void *(*function)(void *))
{
    memset(w, 0, sizeof(*w));
    CHECK(!pipe(w->pipe));
    CHECK(!pthread_create(&w->thread, NULL, function, w));
    while (!w->tid)
        sched_yield();
}

static void join(struct worker *w)
{
    w->stop = true;
    close(w->pipe[1]);
    CHECK(!pthread_join(w->thread, NULL));
    close(w->pipe[0]);
}

static struct ord_ioc_thread wait_state(int tid, uint32_t state)
{
    struct ord_ioc_thread record;

    for (int i = 0; i < TRIES; i++) {
        if (thread_stat(tid, &record))
            test_fail("thread %d is not detached any more", tid);
        if (record.state == state)
            return record;
        usleep(100);
    }
    test_fail("thread %d does not get to state %u", tid, state);
}

static void wait_progress(struct worker *w)
{
    uint64_t before = w->loops;

    for (int i = 0; i < TRIES; i++) {
        if (w->loops > before + 2)
            return;
        usleep(100);
    }
    test_fail("thread %d makes no progress", w->tid);
}

static void test_compute(uint64_t rounds)
{
    struct ord_ioc_thread record;
    struct worker w;

    start(&w, compute);
    for (uint64_t i = 0; i < rounds; i++) {
        uint32_t core = host_core[i % host_count], other = host_core[(i + 1) % host_count];
        CHECK(detach(w.tid, core, 0) == 0);
        CHECK(detach(w.tid, core, 0) == -EBUSY);
        if (i % 3 == 0) { /* not always: the next steps are to meet it on its way, too */
            record = wait_state(w.tid, ORD_THREAD_DETACHED);
            CHECK(record.core == core && record.prio == ORD_PRIO_DEFAULT);
            wait_progress(&w);
        }
        CHECK(set(w.tid, other, 7) == 0);
        CHECK(thread_stat(w.tid, &record) == 0 && record.core == other && record.prio == 7);
        if (i % 3 == 1) {
            record = wait_state(w.tid, ORD_THREAD_DETACHED);
            wait_progress(&w);
            CHECK(thread_stat(w.tid, &record) == 0 && record.core == other);
        }
        CHECK(set(w.tid, 99, 0) == -ENODEV && set(w.tid, 0, 0) == -EPERM);
        CHECK(attach(w.tid) == 0);
        CHECK(thread_stat(w.tid, &record) == -ESRCH && set(w.tid, core, 0) == -ESRCH);
        if (i % 3 == 2)
            wait_progress(&w);
    }
    join(&w);
}

static void feed(struct worker *w, uint64_t *written)
{
    CHECK(write(w->pipe[1], "x", 1) == 1);
    ++*written;
    for (int tries = 0; w->bytes != *written; tries++) {
        CHECK(tries < TRIES);
        usleep(100);
    }
}

static void test_doze(uint64_t rounds)
{
    struct ord_ioc_thread record;
    uint64_t written = 0;
    struct worker w;

    start(&w, doze);
    for (uint64_t i = 0; i < rounds; i++) {
        CHECK(detach(w.tid, ORD_CORE_ANY, 0) == 0);
        /* asleep in read() from before: attached, and on its core after that */
        do {
            feed(&w, &written);
            CHECK(thread_stat(w.tid, &record) == 0);
        } while (record.stats.syscalls < 2);
        CHECK(attach(w.tid) == 0); /* asleep again, most likely */
        CHECK(thread_stat(w.tid, &record) == -ESRCH);
    }
    join(&w);
}

/* ---- races: two who detach, one that exits ---- */

static void *brief(void *arg)
{
    struct worker *w = arg;

    w->tid = gettid();
    for (volatile int i = 0; i < 1000; i++)
        ;
    return NULL;
}

static void *detacher(void *arg)
{
    struct worker *w = arg;
    int err = detach(w->tid, ORD_CORE_ANY, 0);

    if (err && err != -EBUSY && err != -ESRCH && err != -ENOSPC)
        test_fail("detach of a thread that exits: %d", err);
    return (void *)(intptr_t)err;
}

static void test_races(uint64_t rounds)
{
    for (uint64_t i = 0; i < rounds; i++) {
        struct worker w = {.tid = 0};
        pthread_t one, two;
        CHECK(!pthread_create(&w.thread, NULL, brief, &w));
        while (!w.tid)
            ;
        CHECK(!pthread_create(&one, NULL, detacher, &w));
        CHECK(!pthread_create(&two, NULL, detacher, &w));
        int err = attach(w.tid);
        CHECK(!err || err == -ESRCH);
        CHECK(!pthread_join(one, NULL) && !pthread_join(two, NULL) && !pthread_join(w.thread, NULL));
    }
}

/* ---- new threads ---- */

static void *newborn(void *arg)
{
    (void)arg;
    return (void *)(intptr_t)becomes_detached();
}

static void test_group(uint64_t rounds)
{
    uint32_t count = host_count;
    struct ord_ioc_thread record;
    pthread_t thread[32];
    void *detached;

    CHECK(group(0, 1u << 31, 1) == -EINVAL);
    /* Shared: a thread that is joined may still be on its core when the next one starts. */
    CHECK(group(0, ORD_DETACH_SHARED, 1) == 0);
    for (uint64_t i = 0; i < rounds; i++) {
        CHECK(!pthread_create(&thread[0], NULL, newborn, NULL));
        CHECK(!pthread_join(thread[0], &detached));
        CHECK(detached);
    }
    CHECK(thread_stat(gettid(), &record) == -ESRCH); /* it does not mean the caller */
    /* children have none */
    pid_t child = fork();
    if (!child) {
        CHECK(!pthread_create(&thread[0], NULL, newborn, NULL));
        CHECK(thread_stat(gettid(), &record) == -ESRCH);
        _exit(!is_detached() ? 0 : 1);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && !WEXITSTATUS(status));

    CHECK(group(0, ORD_DETACH_SHARED, count) == 0);
    for (uint64_t i = 0; i < rounds; i++) {
        for (uint32_t n = 0; n < count; n++)
            CHECK(!pthread_create(&thread[n], NULL, newborn, NULL));
        for (uint32_t n = 0; n < count; n++) {
            CHECK(!pthread_join(thread[n], &detached));
            CHECK(detached);
        }
    }
    CHECK(group(0, 0, 0) == 0);
    CHECK(!pthread_create(&thread[0], NULL, newborn, NULL));
    struct timespec pause = {0, 1000000};
    nanosleep(&pause, NULL);
    CHECK(!pthread_kill(thread[0], 0));
    CHECK(!pthread_cancel(thread[0]) && !pthread_join(thread[0], &detached));
    CHECK(detached == PTHREAD_CANCELED || !detached);
}

int main(int argc, char **argv)
{
    uint64_t rounds = arg_number(argc == 2 ? argv[1] : NULL, USAGE);

    setvbuf(stdout, NULL, _IOLBF, 0);
    fd = open(ORD_DEVICE, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0);
    find_cores();
    test_compute(rounds);
    puts("compute: ok");
    test_doze(rounds / 4 + 1);
    puts("doze: ok");
    test_races(rounds);
    puts("races: ok");
    test_group(rounds / 4 + 1);
    return test_pass("%lu rounds on %u host cores", (unsigned long)rounds, host_count);
}
