/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libdetach: every function of the library, with good arguments and bad ones. ERRNO: on a machine where
 * nobody may detach anything, the same calls do the same by plain Linux. "seccomp": filters that refuse host
 * calls, and one that allows what libdetach(3) says. "kill": on a machine without Outrider, a filter that
 * ends a program for a host call.
 */
#include <detach.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <outrider/hostcall.h>
#include <outrider/ioctl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS 1000000ll

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            printf("FAIL: libdetach: line %d: %s (errno %d)\n", __LINE__, #condition, errno);                \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

/* A program's names are its own: these are none of the library's. */
struct irq {
    int none;
};
struct notify {
    int none;
};
int sleep_until(struct irq *irq);
int irq_wait(struct irq *irq);
int attach_self(struct notify *notify);

int sleep_until(struct irq *irq)
{
    return irq->none + 1;
}

int irq_wait(struct irq *irq)
{
    return irq->none + 2;
}

int attach_self(struct notify *notify)
{
    return notify->none + 3;
}

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
    CHECK(detach_sleep_until(CLOCK_MONOTONIC, &t) == 0 && now_ns() >= t.tv_sec * 1000000000ll + t.tv_nsec);
    CHECK(detach_sleep_until(CLOCK_MONOTONIC, &t) == 0);
    CHECK(detach_sleep_until_counter(until) == 0 && detach_counter() >= until);
    CHECK(detach_sleep_until_counter(0) == 0 && detach_sleep_until_counter(until) == 0);
    until = detach_counter() + hz / 300;
    t = (struct timespec){.tv_sec = (time_t)(until / hz), .tv_nsec = (long)((until % hz) * 1000000000 / hz)};
    CHECK(detach_sleep_until(DETACH_CLOCK_COUNTER, &t) == 0);
    CHECK(detach_counter() >= (uint64_t)t.tv_sec * hz + (uint64_t)t.tv_nsec * hz / 1000000000);
    clock_gettime(CLOCK_REALTIME, &t);
    CHECK(detach_sleep_until(CLOCK_REALTIME, &t) == 0);
    t.tv_nsec = 1000000000;
    CHECK(detach_sleep_until(CLOCK_MONOTONIC, &t) == -EINVAL &&
          detach_sleep_until(DETACH_CLOCK_COUNTER, &t) == -EINVAL);
    t = (struct timespec){.tv_sec = -1};
    CHECK(detach_sleep_until(CLOCK_MONOTONIC, &t) == -EINVAL &&
          detach_sleep_until(DETACH_CLOCK_COUNTER, &t) == -EINVAL);
    t = (struct timespec){.tv_sec = 1};
    CHECK(detach_sleep_until(12345, &t) == -EINVAL);
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
    CHECK(detach_sleep_until(CLOCK_MONOTONIC, &t) == -EINTR && handled);
    pthread_join(thread, NULL);
    errno = 77;
}

/* ---- a channel to tasks/test/echo.c, which answers each signal with one ---- */

static struct detach_notify echo;

static void one_round(void)
{
    uint64_t count;
    int result;

    CHECK(detach_notify_signal(&echo) == 0);
    CHECK(detach_notify_wait(&echo, 0, &count) == 0 && count == 1);
    CHECK(detach_notify_poll(&echo, &count) == 0 && count == 0);
    result = detach_notify_wait(&echo, detach_counter() + detach_counter_hz() / 1000, &count);
    CHECK((result == -ETIMEDOUT || result == -EINTR) && count == 0);
    CHECK(detach_notify_wait(&echo, 1, NULL) == -ETIMEDOUT);
}

static void channel_interrupted(void)
{
    pthread_t thread;

    handled = 0;
    sleeper = pthread_self();
    CHECK(!pthread_create(&thread, NULL, send_signals, NULL));
    CHECK(detach_notify_wait(&echo, 0, NULL) == -EINTR && handled);
    pthread_join(thread, NULL);
    errno = 77;
}

static void channel(void)
{
    CHECK(detach_notify_open(&echo, "") == -EINVAL && detach_notify_open(&echo, "../hvdetach") == -EINVAL);
    CHECK(detach_notify_open(&echo, "none") == -ENOENT && echo.fd == -1);
    CHECK(detach_notify_signal(&echo) == -EBADF && detach_notify_wait(&echo, 0, NULL) == -EBADF);
    CHECK(detach_notify_open(&echo, "echo") == 0);
    signal(SIGUSR1, handler);
    for (int round = 0; round < 3; round++) {
        one_round();
        channel_interrupted();
        CHECK(detach_self(DETACH_CORE_ANY, DETACH_PRIO_DEFAULT, 0) >= 0);
        for (int i = 0; i < 300; i++)
            one_round();
        channel_interrupted();
        one_round();
        CHECK(detach_attach_self() == 0);
    }
    detach_notify_close(&echo);
    CHECK(detach_notify_signal(&echo) == -EBADF && errno == 77);
}

/* A signal or debugger may have it in Linux for a moment. */
static void expect_core(int core, int prio)
{
    struct detach_info info = {.size = sizeof(info)};
    int result = -1;

    for (int i = 0; i < 1000000 && result; i++)
        result = detach_info(&info);
    CHECK(result == 0 && (int)info.core == core && (int)info.prio == prio && info.size == sizeof(info));
}

/* The library's file is closed, and its number is another file's, which is to be left alone. */
static void file_closed(int core)
{
    int files[8];

    closefrom(3);
    for (int i = 0; i < 8; i++)
        CHECK((files[i] = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0);
    CHECK(detach_self(core, 100, 0) == core && detach_attach_self() == 0);
    for (int i = 0; i < 8; i++)
        CHECK(write(files[i], "", 1) == 1 && !close(files[i]));
    CHECK(detach_self(core, 100, 0) == core && detach_attach_self() == 0);
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

/* ---- seccomp ---- */

#define STATEMENT(code, value)        ((struct sock_filter)BPF_STMT(code, value))
#define JUMP(code, value, then, else) ((struct sock_filter)BPF_JUMP(code, value, then, else))

static void filter_install(const struct sock_filter *filter, size_t count)
{
    const struct sock_fprog program = {.len = (unsigned short)count, .filter = (struct sock_filter *)filter};

    CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

/* A filter with that answer to calls that Linux does not know. */
static void refuse(uint32_t action)
{
    const struct sock_filter filter[] = {
        STATEMENT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        JUMP(BPF_JMP | BPF_JGE | BPF_K, ORD_HOSTCALL_BASE, 0, 1),
        STATEMENT(BPF_RET | BPF_K, action),
        STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };

    filter_install(filter, sizeof(filter) / sizeof(filter[0]));
}

/* Only what libdetach(3) names, and what this program itself needs: the end for everything else. */
static void allow_documented(void)
{
    static const uint32_t calls[] = {
        /* libdetach(3), "SECCOMP" */
        SYS_faccessat, SYS_openat, SYS_close, SYS_fstat, SYS_newfstatat, SYS_ioctl, SYS_gettid,
        SYS_clock_gettime, SYS_clock_nanosleep, SYS_ppoll, SYS_read, SYS_write,
        /* this program's */
        SYS_exit_group, SYS_exit, SYS_rt_sigreturn, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_futex, SYS_mmap,
        SYS_munmap, SYS_mprotect, SYS_madvise, SYS_brk, SYS_clone, SYS_clone3, SYS_set_robust_list, SYS_rseq,
        SYS_prlimit64, SYS_getrandom, SYS_getpid, SYS_tgkill};
    struct sock_filter filter[2 * (sizeof(calls) / sizeof(calls[0])) + 5];
    size_t count = 0;

    filter[count++] = STATEMENT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        filter[count++] = JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
        filter[count++] = STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    filter[count++] = JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x0f520000, 0, 2);
    filter[count++] = JUMP(BPF_JMP | BPF_JGT | BPF_K, 0x0f5200ff, 1, 0);
    filter[count++] = STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[count++] = STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    filter_install(filter, count);
}

/* Stops and continues the caller some times: its sleeps go on in Linux. */
static pid_t stop_often(void)
{
    pid_t parent = getpid(), child = fork();

    CHECK(child >= 0);
    if (child)
        return child;
    for (int i = 0; i < 8; i++) {
        usleep(5000);
        kill(parent, SIGSTOP);
        usleep(5000);
        kill(parent, SIGCONT);
    }
    _exit(0);
}

static void sleep_stopped(void)
{
    pid_t child = stop_often();
    int status;

    while (waitpid(child, &status, WNOHANG) != child)
        sleeps();
    CHECK(status == 0);
    errno = 77;
}

static void seccomp(void)
{
    static const uint32_t answers[] = {EPERM, EACCES, EINVAL, EBUSY, ENODEV, ENOSYS};
    int core;

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        refuse(SECCOMP_RET_ERRNO | answers[i]);
        CHECK(detach_info(NULL) == -ENOENT);
        errno = 77;
        sleeps();
        interrupted();
        core = detach_self(DETACH_CORE_ANY, DETACH_PRIO_DEFAULT, 0);
        CHECK(core >= 0);
        expect_core(core, DETACH_PRIO_DEFAULT);
        errno = 77;
        sleep_stopped();
        interrupted();
        expect_core(core, DETACH_PRIO_DEFAULT);
        CHECK(detach_attach_self() == 0);
    }
}

static void documented(void)
{
    int core;

    allow_documented();
    errno = 77;
    sleeps();
    core = detach_self(DETACH_CORE_ANY, DETACH_PRIO_DEFAULT, 0);
    CHECK(core >= 0);
    expect_core(core, DETACH_PRIO_DEFAULT);
    errno = 77;
    sleeps();
    interrupted();
    CHECK(detach_attach_self() == 0);
    sleeps();
}

static int finish(const char *what)
{
    printf("PASS: libdetach: %s\n", what);
    return 0;
}

int main(int argc, char **argv)
{
    errno = 77;
    if (argc > 1 && !strcmp(argv[1], "seccomp")) {
        seccomp();
        return finish("seccomp");
    }
    if (argc > 1 && !strcmp(argv[1], "documented")) {
        documented();
        return finish("documented");
    }
    if (argc > 1 && !strcmp(argv[1], "kill")) {
        refuse(SECCOMP_RET_KILL_PROCESS);
        errno = 77;
        attached(-ENODEV);
        return finish("kill");
    }
    if (argc > 1 && !strcmp(argv[1], "channel")) {
        if (argc > 2)
            refuse(SECCOMP_RET_ERRNO | EPERM);
        errno = 77;
        channel();
        return finish("channel");
    }
    if (argc > 1) {
        attached(-atoi(argv[1]));
        return finish("attached");
    }
    CHECK(detach_attach_self() == 0);
    CHECK(detach_self(DETACH_CORE_ANY, 0, 0) == -EINVAL && detach_self(DETACH_CORE_ANY, 256, 0) == -EINVAL);
    CHECK(detach_self(DETACH_CORE_ANY, 1, 1u << 31) == -EINVAL && detach_self(-2, 1, 0) == -EINVAL);
    CHECK(detach_self(31, 1, 0) == -ENXIO && detach_self(0, 1, 0) == -EPERM);
    CHECK(detach_info(NULL) == -ENOENT && detach_info(&(struct detach_info){.size = 0}) == -EINVAL);
    CHECK(errno == 77);

    int core = detach_self(DETACH_CORE_ANY, DETACH_PRIO_DEFAULT, 0);
    CHECK(core >= 0);
    expect_core(core, DETACH_PRIO_DEFAULT);
    sleeps();
    interrupted();
    expect_core(core, DETACH_PRIO_DEFAULT);
    CHECK(detach_self(core, 200, 0) == core); /* again: another priority */
    expect_core(core, 200);
    CHECK(detach_attach_self() == 0 && detach_info(NULL) == -ENOENT && detach_attach_self() == 0);
    sleeps();
    CHECK(!strcmp(detach_sigdebug_cause((int)(ORD_SIGDEBUG_MARKER | ORD_CAUSE_SYSCALL)), "system call"));
    CHECK(!detach_sigdebug_cause(0) && !detach_sigdebug_cause(-1));
    file_closed(core);
    CHECK(sleep_until(&(struct irq){1}) == 2 && irq_wait(&(struct irq){1}) == 3);
    CHECK(attach_self(&(struct notify){1}) == 4);
    return finish("detached");
}
