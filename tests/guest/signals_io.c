/* SPDX-License-Identifier: BSD-2-Clause */
/* O_ASYNC: signals that say that a file is ready, while the thread that asked for them computes. */
#include "signals.h"

#include <fcntl.h>
#include <sys/socket.h>

#define ROUNDS 5
#define FLOOD  200

static int from, to;
static volatile uint64_t handled, received, signals, flooded;

static void take(void)
{
    char bytes[64];
    ssize_t length;

    while ((length = read(from, bytes, sizeof(bytes))) > 0)
        received += (uint64_t)length;
    if (length < 0 && errno != EAGAIN)
        note("%s", result_name(-errno));
}

static void ready(int number, siginfo_t *info, void *context)
{
    (void)context;
    prove();
    /* Only with F_SETSIG does it say which file, and what for. */
    if (info->si_code == SI_KERNEL)
        note("signal=%d kernel", number);
    else
        note("signal=%d code=%d fd=%d band=%lx", number, info->si_code, info->si_fd == from,
             (unsigned long)info->si_band);
    take();
    handled = 1;
}

static void send_byte(pid_t tid)
{
    (void)tid;
    CHECK(write(to, "x", 1) == 1);
}

static void make_async(int fd)
{
    CHECK(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC | O_NONBLOCK) == 0);
}

static void rounds(void)
{
    received = 0;
    for (int i = 0; i < ROUNDS; i++) {
        pid_t sender = both_when_computing(gettid(), send_byte);

        handled = 0;
        compute(&handled);
        note("sender=%d", both_wait(sender));
    }
    note("received=%lu", (unsigned long)received);
}

/* To the process, then with a signal of our choice, then to the thread. */
static void ask_for_signals(void)
{
    const struct f_owner_ex thread = {.type = F_OWNER_TID, .pid = gettid()};

    install(SIGIO, ready, 0);
    install(SIGRTMIN + 6, ready, 0);
    CHECK(fcntl(from, F_SETOWN, getpid()) == 0);
    make_async(from);
    rounds();
    CHECK(fcntl(from, F_SETSIG, SIGRTMIN + 6) == 0);
    rounds();
    CHECK(fcntl(from, F_SETOWN_EX, &thread) == 0);
    rounds();
}

CASE(async_pipe)
{
    int fd[2];

    CHECK(pipe(fd) == 0);
    from = fd[0];
    to = fd[1];
    ask_for_signals();
}

CASE(async_socket)
{
    int fd[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
    from = fd[0];
    to = fd[1];
    ask_for_signals();
}

static void drain(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
    signals++;
    take();
    if (received >= FLOOD)
        flooded = 1;
}

static void send_many(pid_t tid)
{
    (void)tid;
    for (int i = 0; i < FLOOD; i++)
        CHECK(write(to, "x", 1) == 1);
}

/* As fast as they come, and wherever they meet the thread: no byte is left without a signal for it. */
CASE(async_flood)
{
    pid_t sender;
    int fd[2];

    CHECK(pipe(fd) == 0);
    from = fd[0];
    to = fd[1];
    install(SIGIO, drain, 0);
    CHECK(fcntl(from, F_SETOWN, getpid()) == 0);
    make_async(from);
    for (int i = 0; i < ROUNDS; i++) {
        received = flooded = 0;
        sender = both_when_computing(gettid(), send_many);
        compute(&flooded);
        note("sender=%d received=%lu", both_wait(sender), (unsigned long)received);
    }
}

static void told(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
    handled = 1;
}

static void send_usr1(pid_t tid)
{
    CHECK(kill(tid, SIGUSR1) == 0);
}

/* What was there before somebody asked for signals gives none: a writer that waits for room waits for good.
 */
CASE(async_late)
{
    pid_t sender;
    int fd[2];

    CHECK(pipe(fd) == 0);
    from = fd[0];
    to = fd[1];
    install(SIGIO, drain, 0);
    install(SIGUSR1, told, 0);
    CHECK(fcntl(from, F_SETOWN, getpid()) == 0);
    send_byte(0);
    make_async(from);
    sender = both_when_computing(gettid(), send_usr1);
    compute(&handled);
    note("sender=%d signals=%lu", both_wait(sender), (unsigned long)signals);
    take();
    note("received=%lu", (unsigned long)received);
}
