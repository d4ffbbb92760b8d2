/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libdetach: every function of the library, with good arguments and bad ones. "attached": on a machine where
 * nobody may detach anything, the same calls do the same by plain Linux.
 */
#include <detach.h>
#include <errno.h>
#include <outrider/ioctl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS 1000000ll

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            printf("FAIL: libdetach: line %d: %s (errno %d)\n", __LINE__, #condition, errno);                \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

static volatile sig_atomic_t handled;
static pthread_t sleeper;

static void handler(int number)
{
    (void)number;
    handled = 1;
}

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static struct timespec spec(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

static void sleeps(void)
{
    struct timespec t = spec(now_ns() + 3 * MS);
    uint64_t hz = detach_counter_hz(), until = detach_counter() + hz / 300;

    CHECK(hz >= 1000000);
    CHECK(sleep_until(CLOCK_MONOTONIC, &t) == 0 && now_ns() >= t.tv_sec * 1000000000ll + t.tv_nsec);
    CHECK(sleep_until(CLOCK_MONOTONIC, &t) == 0);
    CHECK(sleep_until_counter(until) == 0 && detach_counter() >= until);
    CHECK(sleep_until_counter(0) == 0 && sleep_until_counter(until) == 0);
    until = detach_counter() + hz / 300;
    t = (struct timespec){.tv_sec = (time_t)(until / hz), .tv_nsec = (long)((until % hz) * 1000000000 / hz)};
    CHECK(sleep_until(DETACH_CLOCK_COUNTER, &t) == 0);
    CHECK(detach_counter() >= (uint64_t)t.tv_sec * hz + (uint64_t)t.tv_nsec * hz / 1000000000);
    clock_gettime(CLOCK_REALTIME, &t);
    CHECK(sleep_until(CLOCK_REALTIME, &t) == 0);
    t.tv_nsec = 1000000000;
    CHECK(sleep_until(CLOCK_MONOTONIC, &t) == -EINVAL && sleep_until(DETACH_CLOCK_COUNTER, &t) == -EINVAL);
    t = (struct timespec){.tv_sec = -1};
    CHECK(sleep_until(CLOCK_MONOTONIC, &t) == -EINVAL && sleep_until(DETACH_CLOCK_COUNTER, &t) == -EINVAL);
    t = (struct timespec){.tv_sec = 1};
    CHECK(sleep_until(12345, &t) == -EINVAL);
    CHECK(errno == 77); /* none of the library's business */
}

static void *send_signals(void *argument)
{
    (void)argument;
    while (!handled) {
        usleep(20000);
        pthread_kill(sleeper, SIGUSR1);
    }
    return NULL;
}

static void interrupted(void)
{
    struct timespec t = spec(now_ns() + 1000000 * MS);
    pthread_t thread;

    handled = 0;
    sleeper = pthread_self();
    signal(SIGUSR1, handler);
    CHECK(!pthread_create(&thread, NULL, send_signals, NULL));
    CHECK(sleep_until(CLOCK_MONOTONIC, &t) == -EINTR && handled);
    pthread_join(thread, NULL);
    errno = 77;
}

/* ---- a channel to tasks/test/echo.c, which answers each signal with one ---- */

static struct notify echo;

static void one_round(void)
{
    uint64_t count;
    int result;

    CHECK(notify_signal(&echo) == 0);
    CHECK(notify_wait(&echo, 0, &count) == 0 && count == 1);
    CHECK(notify_poll(&echo, &count) == 0 && count == 0);
    result = notify_wait(&echo, detach_counter() + detach_counter_hz() / 1000, &count);
    CHECK((result == -ETIMEDOUT || result == -EINTR) && count == 0);
    CHECK(notify_wait(&echo, 1, NULL) == -ETIMEDOUT);
}

static void channel_interrupted(void)
{
    pthread_t thread;

    handled = 0;
    sleeper = pthread_self();
    CHECK(!pthread_create(&thread, NULL, send_signals, NULL));
    CHECK(notify_wait(&echo, 0, NULL) == -EINTR && handled);
    pthread_join(thread, NULL);
    errno = 77;
}

static void channel(void)
{
    CHECK(notify_open(&echo, "") == -EINVAL && notify_open(&echo, "../hvdetach") == -EINVAL);
    CHECK(notify_open(&echo, "none") == -ENOENT && echo.fd == -1);
    CHECK(notify_signal(&echo) == -EBADF && notify_wait(&echo, 0, NULL) == -EBADF);
    CHECK(notify_open(&echo, "echo") == 0);
    signal(SIGUSR1, handler);
    for (int round = 0; round < 3; round++) {
        one_round();
        channel_interrupted();
        CHECK(detach_self(DETACH_CORE_ANY, DETACH_PRIO_DEFAULT, 0) >= 0);
        for (int i = 0; i < 300; i++)
            one_round();
        channel_interrupted();
        one_round();
        CHECK(attach_self() == 0);
    }
    notify_close(&echo);
    CHECK(notify_signal(&echo) == -EBADF && errno == 77);
}

/* A signal or debugger may have it in Linux for a moment. */
static void expect_core(int core, int prio)
{
    struct detach_info info;
    int result = -1;

    for (int i = 0; i < 1000000 && result; i++)
        result = detach_info(&info);
    CHECK(result == 0 && (int)info.core == core && (int)info.prio == prio);
}

static void attached(int result)
{
    int got = detach_self(DETACH_CORE_ANY, DETACH_PRIO_DEFAULT, 0);

    if (got != result)
        printf("detach_self: %d\n", got);
    CHECK(got == result);
    CHECK(detach_info(NULL) == -ENOENT);
    sleeps();
    interrupted();
}

int main(int argc, char **argv)
{
    errno = 77;
    if (argc > 1 && !strcmp(argv[1], "channel")) {
        channel();
        puts("PASS: libdetach: channel");
        return 0;
    }
    if (argc > 1) {
        attached(-atoi(argv[1]));
        puts("PASS: libdetach: attached");
        return 0;
    }
    CHECK(attach_self() == 0);
    CHECK(detach_self(DETACH_CORE_ANY, 0, 0) == -EINVAL && detach_self(DETACH_CORE_ANY, 256, 0) == -EINVAL);
    CHECK(detach_self(DETACH_CORE_ANY, 1, 1u << 31) == -EINVAL && detach_self(-2, 1, 0) == -EINVAL);
    CHECK(detach_self(31, 1, 0) == -ENXIO && detach_self(0, 1, 0) == -EPERM);
    CHECK(detach_info(NULL) == -ENOENT);
    CHECK(errno == 77);

    int core = detach_self(DETACH_CORE_ANY, DETACH_PRIO_DEFAULT, 0);
    CHECK(core >= 0);
    expect_core(core, DETACH_PRIO_DEFAULT);
    sleeps();
    interrupted();
    expect_core(core, DETACH_PRIO_DEFAULT);
    CHECK(detach_self(core, 200, 0) == core); /* again: another priority */
    expect_core(core, 200);
    CHECK(attach_self() == 0 && detach_info(NULL) == -ENOENT && attach_self() == 0);
    sleeps();
    CHECK(!strcmp(detach_sigdebug_cause((int)(ORD_SIGDEBUG_MARKER | ORD_CAUSE_SYSCALL)), "system call"));
    CHECK(!detach_sigdebug_cause(0) && !detach_sigdebug_cause(-1));
    puts("PASS: libdetach: detached");
    return 0;
}
