/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cputime: the time that a thread computes is CPU time to all who ask Linux for it, and what it sleeps is
 * not.
 *
 * The same program attached and detached: each figure is compared with the system counter around the same
 * piece of code, generously where others may have the CPU meanwhile (--detached: nobody has, and nothing may
 * be missing).
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char usage[] = "[--detached]";

#define MS            1000000ll
#define COMPUTE       (300 * MS)
#define TICK          (11 * MS) /* of times() and /proc, and a bit */
#define TIMER_PERIOD  (40 * MS)
#define TIMER_SIGNALS 3
#define WATCHED       (1500 * MS)
#define LATE          (1000 * MS)

enum clock { THREAD, PROCESS, RUSAGE_OF_THREAD, RUSAGE_OF_PROCESS, TIMES, CLOCKS };
static const char *const clock_names[CLOCKS] = {"CLOCK_THREAD_CPUTIME_ID", "CLOCK_PROCESS_CPUTIME_ID",
                                                "getrusage(RUSAGE_THREAD)", "getrusage(RUSAGE_SELF)",
                                                "times()"};

static bool detached;

static int64_t counter_ns(void)
{
    return (int64_t)((unsigned __int128)counter() * 1000000000u / counter_hz());
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec t;

    CHECK(clock_gettime(clock, &t) == 0);
    return t.tv_sec * 1000 * MS + t.tv_nsec;
}

static int64_t rusage_ns(int who)
{
    struct rusage r;

    CHECK(getrusage(who, &r) == 0);
    return ((int64_t)r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000 * MS +
           ((int64_t)r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1000;
}

static void read_clocks(int64_t ns[CLOCKS])
{
    struct tms t;

    CHECK(times(&t) != (clock_t)-1);
    ns[THREAD] = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    ns[PROCESS] = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    ns[RUSAGE_OF_THREAD] = rusage_ns(RUSAGE_THREAD);
    ns[RUSAGE_OF_PROCESS] = rusage_ns(RUSAGE_SELF);
    ns[TIMES] = (t.tms_utime + t.tms_stime) * (1000 * MS / sysconf(_SC_CLK_TCK));
}

/* No system call. */
static void compute(int64_t ns)
{
    int64_t end = counter_ns() + ns;

    while (counter_ns() < end)
        ;
}

/* What is counted of a span of time, of which `computed` are for sure: all of that, unless others had the
 * CPU. */
static void expect_counted(const char *what, int64_t counted, int64_t computed, int64_t span)
{
    if (counted > span + span / 20 + TICK)
        test_fail("%s: %lld ns of %lld: too much", what, (long long)counted, (long long)span);
    if (counted < (detached ? computed - computed / 20 : computed / 10) - TICK)
        test_fail("%s: %lld ns of %lld: too little", what, (long long)counted, (long long)computed);
}

static void test_computed(void)
{
    int64_t before[CLOCKS], after[CLOCKS], start, end;

    CHECK(!detached || becomes_detached());
    start = counter_ns();
    read_clocks(before);
    compute(COMPUTE);
    read_clocks(after);
    end = counter_ns();
    for (int i = 0; i < CLOCKS; i++)
        expect_counted(clock_names[i], after[i] - before[i], COMPUTE, end - start);
    /* Short runs between calls, where the kernel side spins, or not. */
    start = counter_ns();
    read_clocks(before);
    for (int i = 1; i < 2000; i++) {
        compute(i % 7 * 4000);
        getppid();
    }
    read_clocks(after);
    end = counter_ns();
    if (after[THREAD] - before[THREAD] > end - start)
        test_fail("%lld ns are counted of %lld with many calls", (long long)(after[THREAD] - before[THREAD]),
                  (long long)(end - start));
}

/* A sleep that the hypervisor serves, and one that Linux does. */
static void test_slept(void)
{
    int64_t before[CLOCKS], after[CLOCKS], start = counter_ns();
    struct timespec t;

    CHECK(!detached || becomes_detached());
    read_clocks(before);
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += 300 * MS;
    t.tv_sec += t.tv_nsec / (1000 * MS);
    t.tv_nsec %= 1000 * MS;
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == 0);
    CHECK(usleep(100000) == 0);
    read_clocks(after);
    for (int i = 0; i < CLOCKS; i++)
        if (after[i] - before[i] > (counter_ns() - start) / 4 + TICK)
            test_fail("%s: %lld ns for a sleep", clock_names[i], (long long)(after[i] - before[i]));
}

static volatile sig_atomic_t signals;
static volatile int64_t signal_time;
static clockid_t signal_clock;

static void on_signal(int number)
{
    (void)number;
    signal_time = clock_ns(signal_clock);
    signals++;
}

static int64_t begin_signals(int number, clockid_t clock)
{
    struct sigaction action = {.sa_handler = on_signal};

    CHECK(sigaction(number, &action, NULL) == 0);
    signals = 0;
    signal_clock = clock;
    CHECK(!detached || becomes_detached());
    return clock_ns(clock);
}

/* Without a system call, until they have come: a timer that nobody looks at is a test that does not end. */
static void await_signals(const char *what, sig_atomic_t count, int64_t due)
{
    while (signals < count)
        ;
    if (signal_time < due)
        test_fail("%s: a signal after %lld ns, due at %lld", what, (long long)signal_time, (long long)due);
}

static void test_itimer(const char *name, int which, int number)
{
    const struct itimerval off = {}, on = {.it_value.tv_usec = TIMER_PERIOD / 1000,
                                           .it_interval.tv_usec = TIMER_PERIOD / 1000};
    int64_t start = begin_signals(number, CLOCK_PROCESS_CPUTIME_ID);

    CHECK(setitimer(which, &on, NULL) == 0);
    /* Its clock is counted in ticks where Linux runs the program. */
    await_signals(name, TIMER_SIGNALS, start + TIMER_SIGNALS * TIMER_PERIOD - (detached ? 0 : 2 * TICK));
    CHECK(setitimer(which, &off, NULL) == 0);
}

static void test_timer(const char *name, clockid_t clock)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    const struct itimerspec on = {.it_value.tv_nsec = TIMER_PERIOD, .it_interval.tv_nsec = TIMER_PERIOD};
    int64_t start = begin_signals(SIGUSR1, clock);
    timer_t timer;

    CHECK(timer_create(clock, &event, &timer) == 0);
    CHECK(timer_settime(timer, 0, &on, NULL) == 0);
    await_signals(name, TIMER_SIGNALS, start + TIMER_SIGNALS * TIMER_PERIOD);
    CHECK(timer_delete(timer) == 0);
}

static void test_rlimit(void)
{
    int64_t used = begin_signals(SIGXCPU, CLOCK_PROCESS_CPUTIME_ID), due = used / (1000 * MS) + 1;
    struct rlimit limit;

    CHECK(getrlimit(RLIMIT_CPU, &limit) == 0);
    limit.rlim_cur = (rlim_t)due;
    CHECK(setrlimit(RLIMIT_CPU, &limit) == 0);
    await_signals("RLIMIT_CPU", 1, due * 1000 * MS - (detached ? 0 : 2 * TICK));
    limit.rlim_cur = RLIM_INFINITY;
    CHECK(setrlimit(RLIMIT_CPU, &limit) == 0);
}

/* What a file of /proc says, as text. */
static void read_proc(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    ssize_t length = read(fd, text, size - 1);
    CHECK(length > 0 && close(fd) == 0);
    text[length] = 0;
}

static int64_t stat_ns(pid_t pid)
{
    char text[1024];
    unsigned long utime, stime;

    read_proc(pid, "stat", text, sizeof(text));
    CHECK(sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &utime,
                 &stime) == 2);
    return (int64_t)(utime + stime) * (1000 * MS / sysconf(_SC_CLK_TCK));
}

/* Another process looks at a thread that computes and makes no call. */
static void watch(pid_t parent)
{
    struct ord_ioc_thread before, after;
    int64_t start, end, first, last, clock_first, clock_last;
    clockid_t clock;
    char text[128];

    CHECK(clock_getcpuclockid(parent, &clock) == 0);
    for (int i = 0; detached && (thread_stat(parent, &before) || before.state != ORD_THREAD_DETACHED); i++) {
        CHECK(i < 10000);
        usleep(1000);
    }
    usleep(100000);
    thread_stat(parent, &before);
    start = counter_ns();
    first = stat_ns(parent);
    clock_first = clock_ns(clock);
    usleep(WATCHED / 1000);
    last = stat_ns(parent);
    clock_last = clock_ns(clock);
    end = counter_ns();
    read_proc(parent, "syscall", text, sizeof(text));
    if (detached) {
        int error = thread_stat(parent, &after);
        CHECK(!error && after.forwards == before.forwards);
        if (after.stats.exits != before.stats.exits)
            test_fail("its core has been disturbed %lu times", after.stats.exits - before.stats.exits);
        /* As of a quarter of a second before, or more if Linux is busy; it may have been older at the start.
         */
        expect_counted("/proc/PID/stat", last - first, WATCHED / 3, end - start + LATE);
        expect_counted("its clock", clock_last - clock_first, WATCHED / 3, end - start + LATE);
        if ((int64_t)((after.stats.run_time - before.stats.run_time) * 1000 * MS / (int64_t)counter_hz()) <
            end - start)
            test_fail("run_time: %lu ticks", after.stats.run_time - before.stats.run_time);
        if (strncmp(text, "-1 ", 3))
            test_fail("/proc/PID/syscall of a thread that computes: %s", text);
    }
    if (last == first || clock_last == clock_first)
        test_fail("seen from outside, no time passes");
}

static volatile sig_atomic_t watched;

static void on_child(int number)
{
    (void)number;
    watched = 1;
}

static void test_watched(void)
{
    struct sigaction action = {.sa_handler = on_child};
    pid_t parent = getpid(), child;
    int status;

    CHECK(sigaction(SIGCHLD, &action, NULL) == 0);
    thread_device(); /* the child finds it open */
    fflush(stdout);
    child = fork();
    CHECK(child >= 0);
    if (!child) {
        watch(parent);
        _exit(0);
    }
    while (!watched)
        ;
    CHECK(waitpid(child, &status, 0) == child);
    if (status)
        exit(1); /* it has said why */
}

/* What a child has used is its parent's to know. */
static void test_children(void)
{
    struct rusage usage;
    pid_t child;
    int64_t used;

    CHECK(!detached || attach_self() == 0); /* there may be just one core */
    child = fork();
    CHECK(child >= 0);
    if (!child) {
        CHECK(!detached || detach_self(ORD_CORE_ANY, ORD_PRIO_DEFAULT) == 0);
        compute(COMPUTE);
        raise(SIGKILL);
    }
    CHECK(wait4(child, NULL, 0, &usage) == child);
    used = (int64_t)usage.ru_utime.tv_sec * 1000 * MS + usage.ru_utime.tv_usec * 1000ll;
    if (used < COMPUTE / (detached ? 2 : 20))
        test_fail("wait4(): %lld ns of %lld", (long long)used, COMPUTE);
}

int main(int argc, char **argv)
{
    detached = argc > 1 && !strcmp(argv[1], "--detached");
    if (argc > 1 && !detached)
        arg_number(NULL, usage);
    test_computed();
    test_slept();
    test_itimer("ITIMER_PROF", ITIMER_PROF, SIGPROF);
    test_itimer("ITIMER_VIRTUAL", ITIMER_VIRTUAL, SIGVTALRM);
    test_timer("timer of CLOCK_PROCESS_CPUTIME_ID", CLOCK_PROCESS_CPUTIME_ID);
    test_timer("timer of CLOCK_THREAD_CPUTIME_ID", CLOCK_THREAD_CPUTIME_ID);
    test_rlimit();
    test_watched();
    test_children();
    return test_pass("all that is computed is counted");
}
