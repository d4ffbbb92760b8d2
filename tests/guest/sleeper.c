/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sleeper: sleeps of a detached thread until a time of CLOCK_MONOTONIC, which the hypervisor serves.
 *
 *   clock     never too early, and due within a microsecond of what Linux's clock says, while that is slewed,
 *             stepped and its ticks are made longer and shorter
 *   results   what clock_nanosleep() answers to unusual arguments, and who has served it
 *   signals   handlers end a sleep with EINTR; what has no handler does not
 *   seccomp   a filter that another thread puts on all of them sees the next sleep
 *   host      the host call sleep_until()
 *   calls     no more than N sleeps
 */
#include "common.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char usage[] = "[clock [N]|results|signals|seccomp|host|calls [N]]";

#define NS_PER_SECOND 1000000000ll
#define MS            1000000ll

static volatile sig_atomic_t handled;
static atomic_bool stop;
static atomic_int sleeper_tid;

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * NS_PER_SECOND + t.tv_nsec;
}

static struct timespec spec(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / NS_PER_SECOND, .tv_nsec = ns % NS_PER_SECOND};
}

static int sleep_to(int64_t ns)
{
    struct timespec t = spec(ns);

    return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static struct ord_stats stats(void)
{
    return stat_self().stats;
}

static void must_detach(void)
{
    int error = detach_self(ORD_CORE_ANY, ORD_PRIO_DEFAULT);

    if (error)
        test_fail("detach: %s", strerror(-error));
    if (!becomes_detached())
        test_fail("the thread stays attached");
}

/* ---- clock ---- */

static int by_number(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* What the counter and Linux's clock show at the same time. */
struct reading {
    double counter;
    int64_t ns;
};

static struct reading read_clock(void)
{
    struct reading r = {0};
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < 10; i++) {
        uint64_t before = counter();
        int64_t ns = now_ns();
        uint64_t took = counter() - before;
        if (took < best) {
            best = took;
            r = (struct reading){(double)before + (double)took / 2, ns};
        }
    }
    return r;
}

/* How late Linux's clock would have had a sleep end that ended at the counter `due`, in ns. */
static double error_of(int64_t deadline, uint64_t due, struct reading woken)
{
    struct reading later;

    do
        later = read_clock();
    while (later.counter - woken.counter < (double)counter_hz() / 500);
    double rate = (double)(later.ns - woken.ns) / (later.counter - woken.counter);

    return (double)(woken.ns - deadline) - (woken.counter - (double)due) * rate;
}

static void *disturb_clock(void *argument)
{
    uint64_t seed = 7;

    (void)argument;
    for (int i = 0; !atomic_load(&stop); i++) {
        struct timex t = {.modes = ADJ_FREQUENCY, .freq = (long)(random_next(&seed) % 1001 - 500) * 65536};
        if (adjtimex(&t) < 0)
            test_fail("adjtimex: %s", strerror(errno));
        if (i % 3 == 0) {
            t = (struct timex){.modes = ADJ_TICK, .tick = 9000 + (long)(random_next(&seed) % 2001)};
            if (adjtimex(&t) < 0)
                test_fail("adjtimex tick: %s", strerror(errno));
        }
        if (i % 5 == 0) {
            struct timespec real;
            clock_gettime(CLOCK_REALTIME, &real);
            real.tv_sec += i % 2 ? 1000 : -1000;
            if (clock_settime(CLOCK_REALTIME, &real))
                test_fail("clock_settime: %s", strerror(errno));
        }
        usleep(3000);
    }
    struct timex t = {.modes = ADJ_FREQUENCY | ADJ_TICK, .tick = 10000};
    adjtimex(&t);
    return NULL;
}

static void test_clock(uint64_t count)
{
    uint64_t seed = 3, served = 0, compared = 0;
    double *errors = calloc(count, sizeof(double));
    pthread_t thread;

    CHECK(errors);
    pthread_create(&thread, NULL, disturb_clock, NULL);
    must_detach();
    for (uint64_t i = 0; i < count; i++) {
        uint64_t before = stats().sleeps;
        int64_t length = (int64_t)(random_next(&seed) % (i % 50 ? 5 * MS : 200 * MS));
        int64_t deadline = now_ns() + length;
        CHECK(sleep_to(deadline) == 0);
        struct reading woken = read_clock();
        if (woken.ns < deadline)
            test_fail("%ld ns too early after %ld", (long)(deadline - woken.ns), (long)length);
        struct ord_stats s = stats();
        served += s.sleeps != before;
        /* It may have been over when it began; and what the rate has done since its end is not its fault. */
        if (s.sleeps != before && s.sleep_end &&
            woken.counter - (double)s.sleep_end < (double)counter_hz() / 5000)
            errors[compared++] = error_of(deadline, s.sleep_end, woken);
    }
    attach_self();
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    qsort(errors, compared, sizeof(double), by_number);
    printf("%lu of %lu sleeps served, %lu compared with Linux's clock: %.0f to %.0f ns, middle half %.0f to "
           "%.0f\n",
           (unsigned long)served, (unsigned long)count, (unsigned long)compared, errors[0],
           errors[compared - 1], errors[compared / 4], errors[compared * 3 / 4]);
    fflush(stdout);
    CHECK(served > count / 2 && compared > count / 20);
    /* Reading the clock may be interrupted in the emulator: outliers are of that kind. */
    if (errors[compared / 4] < -1000 || errors[compared * 3 / 4] > 1000)
        test_fail("the hypervisor's clock is not Linux's");
    free(errors);
}

/* ---- results ---- */

static long nanosleep_call(int clock, int flags, const void *time)
{
    return syscall(SYS_clock_nanosleep, clock, flags, time, NULL) ? -errno : 0;
}

static void expect(const char *what, long got, long want, uint64_t sleeps_before, uint64_t sleeps)
{
    struct ord_stats s = stats();

    if (got != want)
        test_fail("%s: %ld, not %ld", what, got, want);
    if (s.sleeps - sleeps_before != sleeps)
        test_fail("%s: served %lu times, not %lu", what, (unsigned long)(s.sleeps - sleeps_before),
                  (unsigned long)sleeps);
}

static void test_results(void)
{
    char *pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct timespec t;
    uint64_t n;

    CHECK(pages != MAP_FAILED && !munmap(pages + 2 * 4096, 4096));
    must_detach();
#define EXPECT(what, call, want, served)                                                                     \
    do {                                                                                                     \
        n = stats().sleeps;                                                                                  \
        expect(what, call, want, n, served);                                                                 \
    } while (0)
    t = spec(now_ns() + 20 * MS);
    EXPECT("soon", nanosleep_call(CLOCK_MONOTONIC, TIMER_ABSTIME, &t), 0, 1);
    EXPECT("the past", nanosleep_call(CLOCK_MONOTONIC, TIMER_ABSTIME, &t), 0, 1);
    t = spec(0);
    EXPECT("the beginning", nanosleep_call(CLOCK_MONOTONIC, TIMER_ABSTIME, &t), 0, 1);
    t = spec(now_ns() + MS);
    memcpy(pages + 4096 - 16, &t, 16);
    EXPECT("last of a page", nanosleep_call(CLOCK_MONOTONIC, TIMER_ABSTIME, pages + 4096 - 16), 0, 1);
    memcpy(pages + 4096 - 8, &t, 16);
    EXPECT("across pages", nanosleep_call(CLOCK_MONOTONIC, TIMER_ABSTIME, pages + 4096 - 8), 0, 1);
    t = spec(now_ns() + 20 * MS);
    memcpy(pages + 4096 - 13, &t, 16);
    EXPECT("across pages, odd", nanosleep_call(CLOCK_MONOTONIC, TIMER_ABSTIME, pages + 4096 - 13), 0, 1);
    CHECK(now_ns() >= t.tv_sec * NS_PER_SECOND + t.tv_nsec);
    EXPECT("not mapped", nanosleep_call(CLOCK_MONOTONIC, TIMER_ABSTIME, pages + 2 * 4096), -EFAULT, 0);
    EXPECT("half mapped", nanosleep_call(CLOCK_MONOTONIC, TIMER_ABSTIME, pages + 2 * 4096 - 8), -EFAULT, 0);
    EXPECT("no address", nanosleep_call(CLOCK_MONOTONIC, TIMER_ABSTIME, NULL), -EFAULT, 0);
    EXPECT("the kernel's", nanosleep_call(CLOCK_MONOTONIC, TIMER_ABSTIME, (void *)0xffff800008000000),
           -EFAULT, 0);
    t = (struct timespec){.tv_sec = 1, .tv_nsec = NS_PER_SECOND};
    EXPECT("too many ns", nanosleep_call(CLOCK_MONOTONIC, TIMER_ABSTIME, &t), -EINVAL, 0);
    t = (struct timespec){.tv_sec = 1, .tv_nsec = -1};
    EXPECT("negative ns", nanosleep_call(CLOCK_MONOTONIC, TIMER_ABSTIME, &t), -EINVAL, 0);
    t = (struct timespec){.tv_sec = -1, .tv_nsec = 0};
    EXPECT("before the beginning", nanosleep_call(CLOCK_MONOTONIC, TIMER_ABSTIME, &t), -EINVAL, 0);
    t = spec(2 * MS);
    EXPECT("relative", nanosleep_call(CLOCK_MONOTONIC, 0, &t), 0, 0);
    clock_gettime(CLOCK_REALTIME, &t);
    EXPECT("real time", nanosleep_call(CLOCK_REALTIME, TIMER_ABSTIME, &t), 0, 0);
    EXPECT("no such clock", nanosleep_call(99, TIMER_ABSTIME, &t), -EINVAL, 0);
    attach_self();
}

/* ---- signals ---- */

static void handler(int number)
{
    (void)number;
    handled++;
}

struct plan {
    int first, second; /* 0: none */
    int64_t deadline;
};

/* Once the sleeper sleeps in the hypervisor. */
static void *send_signals(void *argument)
{
    const struct plan *plan = argument;
    struct ord_ioc_thread thread;

    do
        usleep(1000);
    while (thread_stat(sleeper_tid, &thread) || thread.state != ORD_THREAD_DETACHED || !thread.stats.waiting);
    syscall(SYS_tgkill, getpid(), (int)sleeper_tid, plan->first);
    if (plan->second) {
        usleep(20000);
        syscall(SYS_tgkill, getpid(), (int)sleeper_tid, plan->second);
    }
    return NULL;
}

static void one_signal(const char *what, struct plan plan, int64_t length, int want, int want_handled)
{
    pthread_t thread;

    handled = 0;
    plan.deadline = now_ns() + length;
    sleeper_tid = gettid();
    CHECK(!pthread_create(&thread, NULL, send_signals, &plan));
    CHECK(becomes_detached());
    uint64_t before = stats().recalls;
    int result = sleep_to(plan.deadline);
    int64_t woken = now_ns();
    uint64_t recalls = stats().recalls - before;
    pthread_join(thread, NULL);
    if (result != want || handled != want_handled)
        test_fail("%s: result %d, not %d; %d handlers, not %d", what, result, want, (int)handled,
                  want_handled);
    if ((result == 0) != (woken >= plan.deadline))
        test_fail("%s: result %d, %ld ns after its time", what, result, (long)(woken - plan.deadline));
    if (!recalls)
        test_fail("%s: it did not sleep in the hypervisor", what);
}

static void test_signals(void)
{
    struct sigaction restart = {.sa_handler = handler, .sa_flags = SA_RESTART};

    signal(SIGUSR1, handler);
    CHECK(!sigaction(SIGUSR2, &restart, NULL));
    signal(SIGURG, SIG_DFL);
    signal(SIGCONT, SIG_DFL);
    must_detach();
    for (int i = 0; i < 5; i++) {
        one_signal("handler", (struct plan){.first = SIGUSR1}, 600 * NS_PER_SECOND, EINTR, 1);
        one_signal("handler with SA_RESTART", (struct plan){.first = SIGUSR2}, 600 * NS_PER_SECOND, EINTR, 1);
    }
    /* These are sent by a child: a stopped process cannot wake itself. */
    pid_t self = getpid(), child;
    for (int i = 0; i < 3; i++) {
        int64_t deadline;
        CHECK(becomes_detached());
        child = fork();
        if (!child) {
            struct ord_ioc_thread thread;
            do
                usleep(5000);
            while (thread_stat(self, &thread) || thread.state != ORD_THREAD_DETACHED ||
                   !thread.stats.waiting);
            kill(self, SIGSTOP);
            usleep(50000);
            kill(self, SIGCONT);
            _exit(0);
        }
        deadline = now_ns() + 500 * MS;
        CHECK(sleep_to(deadline) == 0 && now_ns() >= deadline);
        CHECK(waitpid(child, NULL, 0) == child);
    }
    attach_self();
}

/* ---- seccomp ---- */

static void *filter_all(void *argument)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_nanosleep, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EDOM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(*code), code};

    (void)argument;
    CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    CHECK(!syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program));
    atomic_store(&stop, true);
    return NULL;
}

static void test_seccomp(void)
{
    pthread_t thread;

    must_detach();
    sleeper_tid = gettid();
    uint64_t before = stats().sleeps;
    CHECK(sleep_to(now_ns() + MS) == 0);
    CHECK(stats().sleeps == before + 1);
    CHECK(!pthread_create(&thread, NULL, filter_all, NULL));
    bool filtered;
    int result;
    do {
        filtered = atomic_load(&stop);
        result = sleep_to(now_ns() + 2 * MS);
    } while (!filtered && result == 0);
    pthread_join(thread, NULL);
    if (result != EDOM)
        test_fail("the filter was not asked: %d", result);
    CHECK(becomes_detached() && sleep_to(0) == EDOM);
    attach_self();
}

/* ---- the host call ---- */

static void test_host(void)
{
    uint64_t x[8] = {0};

    must_detach();
    uint64_t before = stats().sleeps;
    for (int i = 0; i < 200; i++) {
        uint64_t until = counter() + counter_hz() / 2000;
        do {
            x[0] = until;
            raw_call(ORD_HOSTCALL_SLEEP_UNTIL, x);
        } while (x[0] == (uint64_t)-ENOSYS && becomes_detached());
        CHECK(x[0] == 0 && counter() >= until);
    }
    CHECK(stats().sleeps >= before + 200);
    do {
        x[0] = 0;
        raw_call(ORD_HOSTCALL_SLEEP_UNTIL, x);
    } while (x[0] == (uint64_t)-ENOSYS && becomes_detached());
    CHECK(x[0] == 0);
    attach_self();
}

/* ---- what others see of it ---- */

static void test_calls(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        CHECK(sleep_to(now_ns() + MS) == 0);
}

int main(int argc, char **argv)
{
    const char *part = argc > 1 ? argv[1] : "";
    bool all = !*part;

    if (all || !strcmp(part, "results"))
        test_results();
    if (all || !strcmp(part, "host"))
        test_host();
    if (all || !strcmp(part, "signals"))
        test_signals();
    if (all || !strcmp(part, "clock"))
        test_clock(argc > 2 ? arg_number(argv[2], usage) : 1000);
    if (!strcmp(part, "calls"))
        test_calls(argc > 2 ? arg_number(argv[2], usage) : 100);
    if (all || !strcmp(part, "seccomp"))
        test_seccomp(); /* last: the filter stays */
    return test_pass("%s", all ? "all" : part);
}
