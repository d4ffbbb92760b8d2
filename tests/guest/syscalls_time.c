/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals, time, waiting. */
#include "syscalls.h"

#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>

#define MASK_SIZE 8 /* the kernel's sigset_t */

static const struct timespec soon = {0, 2000000}, none;
static volatile sig_atomic_t handled;

static void handler(int number)
{
    handled += number;
}

static void block(int number)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, number);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
}

static uint64_t mask_of(int number)
{
    return 1ull << (number - 1);
}

CASE(19, eventfd2, "")
{
    uint64_t value = 0;
    int fd = (int)P(SYS_eventfd2, 5, EFD_NONBLOCK);

    R(SYS_eventfd2, 5, 0x7777);
    note("%ld", (long)read(fd, &value, 8));
    note("%lu", (unsigned long)value);
}

CASE(20, epoll_create1, "")
{
    P(SYS_epoll_create1, EPOLL_CLOEXEC);
    R(SYS_epoll_create1, 0x7777);
}

CASE(21, epoll_ctl, "")
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = 5};
    int fd = epoll_create1(0), other = eventfd(0, 0);

    R(SYS_epoll_ctl, fd, EPOLL_CTL_ADD, other, &event);
    R(SYS_epoll_ctl, fd, EPOLL_CTL_ADD, other, &event);
    R(SYS_epoll_ctl, fd, EPOLL_CTL_MOD, other, &event);
    R(SYS_epoll_ctl, fd, EPOLL_CTL_DEL, other, NULL);
    R(SYS_epoll_ctl, fd, EPOLL_CTL_DEL, other, NULL);
}

static int epoll_of(int other)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = 5};
    int fd = epoll_create1(0);

    CHECK(epoll_ctl(fd, EPOLL_CTL_ADD, other, &event) == 0);
    return fd;
}

CASE(22, epoll_pwait, "")
{
    struct epoll_event got = {0};

    R(SYS_epoll_pwait, epoll_of(eventfd(1, 0)), &got, 1, -1, NULL, MASK_SIZE);
    note("%x %u", got.events, got.data.u32);
    R(SYS_epoll_pwait, epoll_of(eventfd(0, 0)), &got, 1, 2, NULL, MASK_SIZE);
    R(SYS_epoll_pwait, 1, &got, 1, 2, NULL, MASK_SIZE);
}

CASE(72, pselect6, "")
{
    int fd = eventfd(1, 0);
    struct timespec time = soon;
    fd_set set;

    FD_ZERO(&set);
    FD_SET(fd, &set);
    R(SYS_pselect6, fd + 1, &set, NULL, NULL, &time, NULL);
    FD_ZERO(&set);
    R(SYS_pselect6, fd + 1, &set, NULL, NULL, &time, NULL);
    R(SYS_pselect6, -1, NULL, NULL, NULL, &time, NULL);
}

CASE(73, ppoll, "")
{
    struct pollfd poll_fd = {.fd = eventfd(1, 0), .events = POLLIN};
    struct timespec time = soon;

    R(SYS_ppoll, &poll_fd, 1, NULL, NULL, MASK_SIZE);
    note("%x", poll_fd.revents);
    poll_fd.fd = eventfd(0, 0);
    R(SYS_ppoll, &poll_fd, 1, &time, NULL, MASK_SIZE);
    R(SYS_ppoll, 8, 1, NULL, NULL, MASK_SIZE);
}

CASE(74, signalfd4, "")
{
    struct signalfd_siginfo info = {0};
    uint64_t mask = mask_of(SIGUSR1);
    int fd;

    block(SIGUSR1);
    fd = (int)P(SYS_signalfd4, -1, &mask, MASK_SIZE, SFD_NONBLOCK);
    R(SYS_signalfd4, -1, &mask, 1, 0);
    CHECK(kill(getpid(), SIGUSR1) == 0);
    note("%ld", (long)read(fd, &info, sizeof(info)));
    note("%u %d self=%d", info.ssi_signo, info.ssi_code, info.ssi_pid == (uint32_t)getpid());
}

CASE(85, timerfd_create, "")
{
    P(SYS_timerfd_create, CLOCK_MONOTONIC, TFD_NONBLOCK);
    R(SYS_timerfd_create, 99, 0);
}

CASE(86, timerfd_settime, "")
{
    struct itimerspec when = {.it_value = soon}, old;
    uint64_t count = 0;
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);

    R(SYS_timerfd_settime, fd, 0, &when, &old);
    note("%ld", (long)read(fd, &count, 8));
    note("%d", count >= 1);
    R(SYS_timerfd_settime, 1, 0, &when, &old);
}

CASE(87, timerfd_gettime, "")
{
    struct itimerspec when = {.it_value.tv_sec = 1000}, now;
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);

    CHECK(timerfd_settime(fd, 0, &when, NULL) == 0);
    R(SYS_timerfd_gettime, fd, &now);
    note("%d", now.it_value.tv_sec > 0);
    R(SYS_timerfd_gettime, 1, &now);
}

CASE(98, futex, "tests threads, mm-race use it between detached threads")
{
    static uint32_t word = 5, pi;

    R(SYS_futex, &word, FUTEX_WAIT, 4, NULL);
    R(SYS_futex, &word, FUTEX_WAIT, 5, &soon);
    R(SYS_futex, &word, FUTEX_WAKE, 1);
    R(SYS_futex, &pi, FUTEX_LOCK_PI, 0, NULL);
    note("owner=%d", (pi & FUTEX_TID_MASK) == (uint32_t)gettid());
    R(SYS_futex, &pi, FUTEX_LOCK_PI, 0, NULL);
    R(SYS_futex, &pi, FUTEX_UNLOCK_PI);
    R(SYS_futex, 1, FUTEX_WAKE, 1);
}

CASE(101, nanosleep, "")
{
    const struct timespec bad = {0, -1};

    R(SYS_nanosleep, &soon, NULL);
    R(SYS_nanosleep, &bad, NULL);
}

CASE(102, getitimer, "")
{
    struct itimerval timer;

    R(SYS_getitimer, ITIMER_REAL, &timer);
    note("%ld", timer.it_value.tv_sec);
    R(SYS_getitimer, 99, &timer);
}

CASE(103, setitimer, "")
{
    const struct itimerval timer = {.it_value.tv_usec = 2000}, bad = {.it_value.tv_usec = -1};

    CHECK(signal(SIGALRM, handler) != SIG_ERR);
    R(SYS_setitimer, ITIMER_REAL, &bad, NULL);
    R(SYS_setitimer, ITIMER_REAL, &timer, NULL);
    while (!handled)
        ;
    note("%d", handled);
}

static int new_timer(int number)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = number};
    int timer = -1;

    CHECK(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) == 0);
    return timer;
}

static const struct itimerspec once = {.it_value = {0, 2000000}}, later = {.it_value.tv_sec = 1000};

CASE(107, timer_create, "")
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    int timer = -1;

    R(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer);
    note("%d", timer);
    R(SYS_timer_create, 99, &event, &timer);
    R(SYS_timer_create, CLOCK_MONOTONIC, 8, &timer);
}

CASE(108, timer_gettime, "")
{
    struct itimerspec now;
    int timer = new_timer(SIGUSR1);

    R(SYS_timer_gettime, timer, &now);
    note("%ld", now.it_value.tv_sec);
    R(SYS_timer_gettime, 99, &now);
}

CASE(109, timer_getoverrun, "")
{
    R(SYS_timer_getoverrun, new_timer(SIGUSR1));
    R(SYS_timer_getoverrun, 99);
}

CASE(110, timer_settime, "")
{
    int timer = new_timer(SIGUSR1);

    CHECK(signal(SIGUSR1, handler) != SIG_ERR);
    R(SYS_timer_settime, timer, 0, &later, NULL);
    R(SYS_timer_settime, timer, 0, &once, NULL);
    while (!handled)
        ;
    note("%d", handled);
    R(SYS_timer_settime, 99, 0, &once, NULL);
}

CASE(111, timer_delete, "")
{
    int timer = new_timer(SIGUSR1);

    R(SYS_timer_delete, timer);
    R(SYS_timer_delete, timer);
}

CASE(112, clock_settime, "")
{
    R(SYS_clock_settime, CLOCK_MONOTONIC, &soon);
    R(SYS_clock_settime, CLOCK_REALTIME, 8);
    R(SYS_clock_settime, 99, &soon);
}

CASE(113, clock_gettime, "")
{
    struct timespec times[3];

    for (int i = 0; i < 3; i++)
        R(SYS_clock_gettime, CLOCK_MONOTONIC, &times[i]);
    note("%d", times[2].tv_sec > times[0].tv_sec || times[2].tv_nsec >= times[0].tv_nsec);
    R(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &times[0]);
    R(SYS_clock_gettime, 99, &times[0]);
}

CASE(114, clock_getres, "")
{
    struct timespec time;

    R(SYS_clock_getres, CLOCK_MONOTONIC, &time);
    note("%ld", time.tv_nsec);
    R(SYS_clock_getres, 99, &time);
}

CASE(115, clock_nanosleep, "")
{
    struct timespec now;

    R(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &soon, NULL);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    R(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &now, NULL);
    R(SYS_clock_nanosleep, 99, 0, &soon, NULL);
}

CASE(128, restart_syscall, "")
{
    R(SYS_restart_syscall);
}

CASE(129, kill, "")
{
    CHECK(signal(SIGUSR1, handler) != SIG_ERR);
    R(SYS_kill, getpid(), SIGUSR1);
    note("%d", handled);
    R(SYS_kill, 99999999, 0);
    R(SYS_kill, getpid(), 99);
}

CASE(130, tkill, "")
{
    CHECK(signal(SIGUSR1, handler) != SIG_ERR);
    R(SYS_tkill, gettid(), SIGUSR1);
    note("%d", handled);
    R(SYS_tkill, -1, 0);
}

CASE(131, tgkill, "")
{
    CHECK(signal(SIGUSR1, handler) != SIG_ERR);
    R(SYS_tgkill, getpid(), gettid(), SIGUSR1);
    note("%d", handled);
    R(SYS_tgkill, getpid(), 99999999, SIGUSR1);
}

CASE(132, sigaltstack, "")
{
    static char space[32768];
    stack_t stack = {.ss_sp = space, .ss_size = sizeof(space)}, old, small = {.ss_sp = space, .ss_size = 5};

    R(SYS_sigaltstack, &stack, NULL);
    R(SYS_sigaltstack, NULL, &old);
    note("%d %lu", old.ss_sp == space, (unsigned long)old.ss_size);
    R(SYS_sigaltstack, &small, NULL);
}

CASE(133, rt_sigsuspend, "")
{
    uint64_t mask = 0;

    block(SIGUSR1);
    CHECK(signal(SIGUSR1, handler) != SIG_ERR && kill(getpid(), SIGUSR1) == 0);
    note("%d", handled);
    R(SYS_rt_sigsuspend, &mask, MASK_SIZE);
    note("%d", handled);
    R(SYS_rt_sigsuspend, &mask, 1);
}

struct kernel_sigaction {
    void (*handler)(int);
    unsigned long flags;
    void *restorer;
    uint64_t mask;
};

CASE(134, rt_sigaction, "")
{
    struct kernel_sigaction action = {.handler = handler, .flags = SA_RESTART}, old = {0};

    R(SYS_rt_sigaction, SIGUSR1, &action, &old, MASK_SIZE);
    R(SYS_rt_sigaction, SIGUSR1, NULL, &old, MASK_SIZE);
    note("%d %lx", old.handler == handler, old.flags & SA_RESTART);
    R(SYS_rt_sigaction, SIGKILL, &action, NULL, MASK_SIZE);
}

CASE(135, rt_sigprocmask, "")
{
    uint64_t mask = mask_of(SIGUSR1), old = 99;

    CHECK(signal(SIGUSR1, handler) != SIG_ERR);
    R(SYS_rt_sigprocmask, SIG_BLOCK, &mask, &old, MASK_SIZE);
    note("%lx", (unsigned long)old);
    CHECK(kill(getpid(), SIGUSR1) == 0);
    note("%d", handled);
    R(SYS_rt_sigprocmask, SIG_UNBLOCK, &mask, &old, MASK_SIZE);
    note("%lx %d", (unsigned long)old, handled);
    R(SYS_rt_sigprocmask, 99, &mask, &old, MASK_SIZE);
}

CASE(136, rt_sigpending, "")
{
    uint64_t mask = 0;

    block(SIGUSR1);
    CHECK(kill(getpid(), SIGUSR1) == 0);
    R(SYS_rt_sigpending, &mask, MASK_SIZE);
    note("%lx", (unsigned long)mask);
    R(SYS_rt_sigpending, &mask, 99);
}

CASE(137, rt_sigtimedwait, "")
{
    uint64_t mask = mask_of(SIGUSR1);
    siginfo_t info = {0};

    block(SIGUSR1);
    CHECK(kill(getpid(), SIGUSR1) == 0);
    R(SYS_rt_sigtimedwait, &mask, &info, NULL, MASK_SIZE);
    note("%d %d self=%d", info.si_signo, info.si_code, info.si_pid == getpid());
    R(SYS_rt_sigtimedwait, &mask, &info, &soon, MASK_SIZE);
    R(SYS_rt_sigtimedwait, &mask, &info, &none, 99);
}

static siginfo_t queued(void)
{
    siginfo_t info = {.si_signo = SIGRTMIN + 1, .si_code = SI_QUEUE};

    info.si_pid = getpid();
    info.si_value.sival_int = 4711;
    return info;
}

static void take(int number)
{
    uint64_t mask = mask_of(number);
    siginfo_t info = {0};

    note("%ld", C(SYS_rt_sigtimedwait, &mask, &info, &none, MASK_SIZE));
    note("%d %d", info.si_code, info.si_value.sival_int);
}

CASE(138, rt_sigqueueinfo, "")
{
    siginfo_t info = queued();

    block(SIGRTMIN + 1);
    R(SYS_rt_sigqueueinfo, getpid(), SIGRTMIN + 1, &info);
    take(SIGRTMIN + 1);
    R(SYS_rt_sigqueueinfo, 99999999, SIGRTMIN + 1, &info);
}

CASE(139, rt_sigreturn, "")
{
    register uint64_t kept __asm__("x25");

    CHECK(signal(SIGUSR1, handler) != SIG_ERR);
    /* The handler returns through it, with all registers as they were. */
    __asm__ volatile("mov %0, #0x1234" : "=r"(kept));
    R(SYS_kill, getpid(), SIGUSR1);
    note("%d %lx", handled, (unsigned long)kept);
    /* Without a frame it is a crash. */
    C(SYS_rt_sigreturn);
}

CASE(240, rt_tgsigqueueinfo, "")
{
    siginfo_t info = queued();

    block(SIGRTMIN + 1);
    R(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGRTMIN + 1, &info);
    take(SIGRTMIN + 1);
    R(SYS_rt_tgsigqueueinfo, getpid(), 99999999, SIGRTMIN + 1, &info);
}

CASE(169, gettimeofday, "")
{
    struct timeval time = {0};

    R(SYS_gettimeofday, &time, NULL);
    note("%d", time.tv_sec != 0);
    R(SYS_gettimeofday, 8, NULL);
}

CASE(170, settimeofday, "")
{
    const struct timeval bad = {0, -1}, past = {1000, 0};

    R(SYS_settimeofday, &bad, NULL);
    CHECK(setresuid(1000, 1000, 1000) == 0);
    R(SYS_settimeofday, &past, NULL);
}

CASE(171, adjtimex, "")
{
    struct timex time = {0};

    note("%d", C(SYS_adjtimex, &time) >= 0);
    time.modes = ADJ_TICK;
    R(SYS_adjtimex, &time);
    R(SYS_adjtimex, 8);
}

CASE(179, sysinfo, "")
{
    uint64_t info[32] = {0};

    R(SYS_sysinfo, info);
    note("%d", info[4] > 0);
    R(SYS_sysinfo, 8);
}

CASE(266, clock_adjtime, "")
{
    struct timex time = {0};

    note("%d", C(SYS_clock_adjtime, CLOCK_REALTIME, &time) >= 0);
    R(SYS_clock_adjtime, CLOCK_MONOTONIC, &time);
}

CASE(441, epoll_pwait2, "")
{
    struct epoll_event got = {0};

    R(SYS_epoll_pwait2, epoll_of(eventfd(1, 0)), &got, 1, NULL, NULL, MASK_SIZE);
    note("%x %u", got.events, got.data.u32);
    R(SYS_epoll_pwait2, epoll_of(eventfd(0, 0)), &got, 1, &soon, NULL, MASK_SIZE);
}

struct futex_vector {
    uint64_t value, address;
    uint32_t flags, reserved;
};

CASE(449, futex_waitv, "")
{
    static uint32_t words[2] = {1, 2};
    struct futex_vector vector[2] = {{1, (unsigned long)&words[0], 2, 0},
                                     {9, (unsigned long)&words[1], 2, 0}};
    struct timespec end;

    R(SYS_futex_waitv, vector, 2, 0, NULL, 0);
    vector[1].value = 2;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &end) == 0);
    R(SYS_futex_waitv, vector, 2, 0, &end, CLOCK_MONOTONIC);
    R(SYS_futex_waitv, vector, 200, 0, NULL, 0);
}

CASE(454, futex_wake, "")
{
    static uint32_t word;

    R(NEW(454), &word, ~0ul, 1, 2);
    R(NEW(454), 1, ~0ul, 1, 2);
}

CASE(455, futex_wait, "")
{
    static uint32_t word = 5;
    struct timespec end;

    R(NEW(455), &word, 4, 0xffffffff, 2, NULL, 0);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &end) == 0);
    R(NEW(455), &word, 5, 0xffffffff, 2, &end, CLOCK_MONOTONIC);
}

CASE(456, futex_requeue, "")
{
    static uint32_t words[2] = {1, 2};
    struct futex_vector vector[2] = {{1, (unsigned long)&words[0], 2, 0},
                                     {2, (unsigned long)&words[1], 2, 0}};

    R(NEW(456), vector, 0, 1, 1);
    vector[0].value = 7;
    R(NEW(456), vector, 0, 1, 1);
}
