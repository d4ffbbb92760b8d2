/* SPDX-License-Identifier: BSD-2-Clause */
/* sig: signals reach a thread that makes no system call: handlers, masks, queues, jumps, alternate stacks,
 * stop. */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char usage[] = "[COUNT]";

static volatile sig_atomic_t handled;
static volatile int last_value, out_of_order;
static volatile uintptr_t handler_stack;
static sigjmp_buf jump;

static void count_handler(int number)
{
    (void)number;
    handled++;
}

static void queue_handler(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    if (info->si_value.sival_int != last_value + 1)
        out_of_order = info->si_value.sival_int;
    last_value = info->si_value.sival_int;
}

static void stack_handler(int number)
{
    (void)number;
    handler_stack = (uintptr_t)__builtin_frame_address(0);
}

static void jump_handler(int number)
{
    (void)number;
    siglongjmp(jump, 1);
}

static void install(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

    CHECK(sigaction(number, &action, NULL) == 0);
}

/* A computation which notices any register that a handler's return does not restore. */
static void loop_until(volatile sig_atomic_t *value, sig_atomic_t wanted)
{
    uint64_t a = 1, b = 3, c = 7;
    double x = 1.5, y = 2.5;

    while (*value < wanted) {
        for (int i = 0; i < 1000; i++) {
            a = a * 3 + b;
            b ^= a >> 3;
            c = c * 3 + (b ^ a) - (b ^ a) + 1;
            x = x * 2.0 - 1.5;
            y += x - 1.5;
        }
        if (x != 1.5 || y != 2.5)
            test_fail("floating-point registers are damaged: %f %f", x, y);
        __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c));
    }
}

static void test_timer(sig_atomic_t count)
{
    const struct itimerval timer = {{0, 5000}, {0, 5000}}, stop = {0};

    install(SIGALRM, count_handler, SA_RESTART);
    handled = 0;
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    loop_until(&handled, count);
    CHECK(setitimer(ITIMER_REAL, &stop, NULL) == 0);
}

static void test_child(sig_atomic_t count)
{
    const pid_t parent = getpid();
    pid_t child;
    int status;

    install(SIGUSR1, count_handler, 0);
    handled = 0;
    child = fork();
    CHECK(child >= 0);
    if (!child) {
        while (getppid() == parent) {
            kill(parent, SIGUSR1);
            usleep(1000);
        }
        _exit(0);
    }
    loop_until(&handled, count);
    CHECK(kill(child, SIGKILL) == 0);
    while (waitpid(child, &status, 0) < 0)
        CHECK(errno == EINTR);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void test_queue(void)
{
    struct sigaction action = {.sa_sigaction = queue_handler, .sa_flags = SA_SIGINFO};
    const int count = 50;
    sigset_t set, old;

    CHECK(sigaction(SIGRTMIN, &action, NULL) == 0);
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
    for (int i = 1; i <= count; i++)
        CHECK(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i}) == 0);
    CHECK(last_value == 0);
    CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
    if (last_value != count || out_of_order)
        test_fail("queued signals: last %d, out of order %d", last_value, out_of_order);
}

static void test_stack(void)
{
    stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536}, off = {.ss_flags = SS_DISABLE};

    CHECK(stack.ss_sp && sigaltstack(&stack, NULL) == 0);
    install(SIGUSR2, stack_handler, SA_ONSTACK);
    CHECK(raise(SIGUSR2) == 0);
    if (handler_stack < (uintptr_t)stack.ss_sp || handler_stack > (uintptr_t)stack.ss_sp + stack.ss_size)
        test_fail("the handler ran at %#lx, not on its stack", (unsigned long)handler_stack);
    CHECK(sigaltstack(&off, NULL) == 0);
    free(stack.ss_sp);
}

static void test_jump(void)
{
    const struct itimerval timer = {{0, 0}, {0, 3000}};
    volatile int jumps = 0;

    install(SIGALRM, jump_handler, 0);
    sigsetjmp(jump, 1);
    if (jumps++ < 20) {
        CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
        for (;;)
            __asm__ volatile("" ::: "memory");
    }
}

static void test_restart(void)
{
    const struct itimerval timer = {{0, 2000}, {0, 2000}}, stop = {0};
    /* Long: on a slow machine the timer may come late, but not that late. */
    struct timespec request = {.tv_sec = 10}, left;
    int ends[2], slept;
    char byte = 0;
    pid_t child;

    /* A read with SA_RESTART goes on after the handler; a sleep is interrupted and says what is left. */
    install(SIGALRM, count_handler, SA_RESTART);
    handled = 0;
    CHECK(pipe(ends) == 0);
    child = fork();
    CHECK(child >= 0);
    if (!child) {
        usleep(50000);
        CHECK(write(ends[1], "x", 1) == 1);
        _exit(0);
    }
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    CHECK(read(ends[0], &byte, 1) == 1 && byte == 'x');
    CHECK(handled > 0);
    slept = clock_nanosleep(CLOCK_MONOTONIC, 0, &request, &left);
    CHECK(setitimer(ITIMER_REAL, &stop, NULL) == 0);
    CHECK(slept == EINTR && left.tv_sec < request.tv_sec);
    CHECK(waitpid(child, NULL, 0) == child);
    close(ends[0]);
    close(ends[1]);
}

static void test_stop(void)
{
    pid_t child = fork();
    int status;

    CHECK(child >= 0);
    if (!child) {
        /* Stops and continues its parent, which loops meanwhile. */
        const pid_t parent = getppid();

        for (int i = 0; i < 20; i++) {
            usleep(1000);
            kill(parent, SIGSTOP);
            usleep(1000);
            kill(parent, SIGCONT);
        }
        kill(parent, SIGUSR1);
        _exit(0);
    }
    install(SIGUSR1, count_handler, 0);
    handled = 0;
    loop_until(&handled, 1);
    while (waitpid(child, &status, 0) < 0)
        CHECK(errno == EINTR);
    CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
}

/* The default actions, on children that loop; each inherits whatever the parent's thread is not: they are
 * attached. */
static void test_default(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGKILL, SIGHUP};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        /* Before there is a child: it may be late, and a background job of a shell ignores SIGINT. */
        signal(numbers[i], SIG_DFL);
        pid_t child = fork();
        int status;

        CHECK(child >= 0);
        if (!child) {
            for (;;)
                __asm__ volatile("");
        }
        usleep(2000);
        CHECK(kill(child, numbers[i]) == 0);
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == numbers[i]);
    }
}

int main(int argc, char **argv)
{
    const uint64_t count = argc > 1 ? arg_number(argv[1], usage) : 100;

    test_timer((sig_atomic_t)count);
    test_child((sig_atomic_t)count);
    test_queue();
    test_stack();
    test_jump();
    test_restart();
    test_stop();
    test_default();
    return test_pass("%lu signals of each kind", (unsigned long)count);
}
