/* SPDX-License-Identifier: BSD-2-Clause */
/* A channel to the host task tasks/test/echo.c: what the device answers, waiting in all ways, and rings both
 * ways. */
#include <errno.h>
#include <fcntl.h>
#include <outrider/ring.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common.h"

#define DEVICE "/dev/outrider/echo"

static int device(int flags)
{
    int fd = open(DEVICE, O_RDWR | O_CLOEXEC | flags);

    CHECK(fd >= 0);
    return fd;
}

static void signal_task(int fd)
{
    uint64_t one = 1;

    CHECK(write(fd, &one, sizeof(one)) == sizeof(one));
}

static uint64_t wait_task(int fd)
{
    uint64_t count = 0;

    CHECK(read(fd, &count, sizeof(count)) == sizeof(count) && count > 0);
    return count;
}

/* Whatever was answered before: none is on its way when each has been waited for. */
static void quiet(void)
{
    uint64_t count;
    int fd = device(O_NONBLOCK);

    while (read(fd, &count, sizeof(count)) == sizeof(count))
        ;
    CHECK(errno == EAGAIN);
    close(fd);
}

#define FAILS(call, error) CHECK((call) == -1 && errno == (error))

static void check_errors(void)
{
    int fd = device(O_NONBLOCK);
    uint64_t word[2] = {0, 1};
    void *volatile nowhere = (void *)16;

    FAILS(read(fd, word, 7), EINVAL);
    FAILS(read(fd, word, 0), EINVAL);
    FAILS(read(fd, word, 8), EAGAIN);
    FAILS(write(fd, word, 8), EINVAL); /* 0 */
    FAILS(write(fd, word, 7), EINVAL);
    FAILS(write(fd, word, 16), EINVAL);
    FAILS(write(fd, nowhere, 8), EFAULT);
    close(fd);
}

static void check_mmap(void)
{
    int fd = device(0);
    off_t size = lseek(fd, 0, SEEK_END);

    CHECK(size > 0 && size % 4096 == 0);
    CHECK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mmap(NULL, size + 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, size) == MAP_FAILED && errno == EINVAL);
    uint64_t *a = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    uint64_t *b = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, size - 4096);
    CHECK(a != MAP_FAILED && b != MAP_FAILED);
    close(fd);
    /* Two views of the same, also after the file is closed. */
    a[size / 8 - 1] = 0x123456789;
    CHECK(b[511] == 0x123456789);
    CHECK(munmap(a, size) == 0 && munmap(b, 4096) == 0);
}

static void check_poll(void)
{
    int fd = device(0);
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

    CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLOUT);
    signal_task(fd);
    p.events = POLLIN;
    CHECK(poll(&p, 1, -1) == 1 && p.revents == POLLIN);
    CHECK(wait_task(fd) == 1);
    CHECK(poll(&p, 1, 0) == 0);
    close(fd);
}

static void no_handler(int number)
{
    (void)number;
}

static void *waiter(void *arg)
{
    uint64_t count;
    ssize_t n = read((int)(intptr_t)arg, &count, sizeof(count));

    return (void *)(intptr_t)(n == sizeof(count) ? (int)count : -errno);
}

/* In state S: it sleeps in the read. */
static void until_blocked(pid_t tid)
{
    char path[64], text[256], *state;

    snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
    for (;;) {
        int fd = open(path, O_RDONLY);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        CHECK(n > 0);
        close(fd);
        text[n] = 0;
        state = text;
        if (strncmp(state, "63 ", 3) == 0) /* read */
            return;
        usleep(1000);
    }
}

static void check_interrupted(void)
{
    struct sigaction action = {.sa_handler = no_handler};
    int fd = device(0), status;

    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    /* EINTR; a restart; killed. */
    for (int how = 0; how < 3; how++) {
        action.sa_flags = how == 1 ? SA_RESTART : 0;
        CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
        pid_t child = fork();
        if (child == 0)
            _exit((int)-(intptr_t)waiter((void *)(intptr_t)fd) & 0xff);
        until_blocked(child);
        CHECK(kill(child, how == 2 ? SIGKILL : SIGUSR1) == 0);
        if (how == 1) {
            until_blocked(child);
            signal_task(fd);
        }
        CHECK(waitpid(child, &status, 0) == child);
        if (how == 0)
            CHECK(WIFEXITED(status) && WEXITSTATUS(status) == EINTR);
        else if (how == 1)
            CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0xff); /* one signal */
        else
            CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    close(fd);
}

/* Closed by another thread while one waits: the wait goes on, and ends as it would have. */
static void check_close(void)
{
    int fd = device(0), other = device(0);
    pid_t child = fork();
    int status;

    if (child == 0) {
        pthread_t id;
        void *result;
        CHECK(pthread_create(&id, NULL, waiter, (void *)(intptr_t)fd) == 0);
        usleep(20000); /* mostly it waits by then; right either way */
        close(fd);
        signal_task(other);
        CHECK(pthread_join(id, &result) == 0);
        _exit((intptr_t)result == 1 || (intptr_t)result == -EBADF ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    close(fd);
    close(other);
    quiet();
}

#define READERS 3
#define SIGNALS 300

static atomic_ulong total;

static void *reader(void *arg)
{
    uint64_t count;

    while (read((int)(intptr_t)arg, &count, sizeof(count)) == sizeof(count) && count < SIGNALS)
        total += count;
    return NULL;
}

/* Each answer is seen by exactly one of them. */
static void check_readers(void)
{
    int fd = device(0);

    for (int i = 0; i < READERS; i++) {
        pthread_t id;
        CHECK(pthread_create(&id, NULL, reader, (void *)(intptr_t)device(0)) == 0);
        pthread_detach(id);
    }
    for (unsigned long i = 1; i <= SIGNALS; i++) {
        signal_task(fd);
        while (total < i)
            sched_yield();
        CHECK(total == i);
    }
    close(fd);
    /* The readers wait on; the process ends under them. */
}

static void check_rings(void)
{
    int fd = device(0);
    size_t size = (size_t)lseek(fd, 0, SEEK_END), half = size / 2, length;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    struct ring to, from;
    uint8_t sent[500], got[500];
    uint64_t seed = 7, asked = 0, answered = 0;

    CHECK(memory != MAP_FAILED);
    CHECK(ring_open(&to, RING_PRODUCER, memory, half) == RING_OK);
    CHECK(ring_open(&from, RING_CONSUMER, memory + half, half) == RING_OK);
    for (int round = 0; round < 2000; round++) {
        uint64_t first = asked;
        for (uint64_t n = random_next(&seed) % 5 + 1; n; n--, asked++) {
            size_t want = 8 + asked * 37 % 400;
            memset(sent, (int)(asked & 0xff), want);
            memcpy(sent, &asked, 8);
            CHECK(ring_write(&to, sent, want) == RING_OK);
        }
        CHECK(first == answered);
        signal_task(fd);
        while (answered < asked) {
            wait_task(fd);
            while (ring_read(&from, got, sizeof(got), &length) == RING_OK) {
                size_t want = 8 + answered * 37 % 400;
                memset(sent, (int)(answered & 0xff), want);
                memcpy(sent, &answered, 8);
                CHECK(length == want && memcmp(sent, got, want) == 0);
                answered++;
            }
        }
    }
    CHECK(munmap(memory, size) == 0);
    close(fd);
}

/* ---- host calls of a detached thread ---- */

/* A wait that Linux has ended (for a moment, it wanted the thread) is made again. */
static int64_t host_call(uint64_t number, uint64_t channel, uint64_t deadline)
{
    uint64_t x[8] = {channel, deadline};

    raw_call(number, x);
    while (x[0] == (uint64_t)-ENOSYS) {
        CHECK(becomes_detached());
        x[0] = channel;
        raw_call(number, x);
    }
    return (int64_t)x[0];
}

static void *poke(void *arg)
{
    usleep(20000); /* mostly the other one waits by then; right either way */
    signal_task((int)(intptr_t)arg);
    return NULL;
}

static void check_hostcalls(void)
{
    uint64_t calls;
    struct ord_ioc_thread before, after;
    pthread_t id;
    int fd = device(0), channel;

    if (!is_detached()) {
        FAILS(ioctl(fd, ORD_IOC_CHANNEL), EINVAL);
        close(fd);
        return;
    }
    CHECK(host_call(ORD_HOSTCALL_NOTIFY_SIGNAL, 0, 0) == -EPERM);
    CHECK(host_call(ORD_HOSTCALL_NOTIFY_WAIT, 0, 0) == -EPERM);
    CHECK(host_call(ORD_HOSTCALL_NOTIFY_POLL, 99, 0) == -ENODEV);
    channel = open(DEVICE, O_RDONLY);
    FAILS(ioctl(channel, ORD_IOC_CHANNEL), EINVAL);
    close(channel);
    channel = ioctl(fd, ORD_IOC_CHANNEL);
    CHECK(channel >= 0);
    CHECK(host_call(ORD_HOSTCALL_NOTIFY_POLL, channel, 0) == 0);
    /* A deadline that is over, and one that comes. */
    CHECK(host_call(ORD_HOSTCALL_NOTIFY_WAIT, channel, 1) == 0);
    uint64_t deadline = counter() + counter_hz() / 100;
    CHECK(host_call(ORD_HOSTCALL_NOTIFY_WAIT, channel, deadline) == 0 && counter() >= deadline);
    /* There and back many times; Linux has nothing to do with it. */
    CHECK(thread_stat(gettid(), &before) == 0 && becomes_detached());
    for (int i = 0; i < 2000; i++) {
        CHECK(host_call(ORD_HOSTCALL_NOTIFY_SIGNAL, channel, 0) == 0);
        CHECK(host_call(ORD_HOSTCALL_NOTIFY_WAIT, channel, 0) == 1);
    }
    CHECK(thread_stat(gettid(), &after) == 0);
    calls = after.stats.syscalls - before.stats.syscalls;
    if (calls > 200)
        test_fail("%lu system calls for 4000 host calls", (unsigned long)calls);
    CHECK(after.stats.hostcalls - before.stats.hostcalls >= 4000);
    /* A Linux thread at the same channel. */
    CHECK(pthread_create(&id, NULL, poke, (void *)(intptr_t)fd) == 0);
    CHECK(host_call(ORD_HOSTCALL_NOTIFY_WAIT, channel, 0) == 1);
    CHECK(pthread_join(id, NULL) == 0);
    close(fd);
}

int main(void)
{
    quiet();
    check_errors();
    check_mmap();
    check_poll();
    check_interrupted();
    check_close();
    check_rings();
    check_hostcalls();
    check_readers();
    return test_pass("the channel");
}
