/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that wait and are interrupted: what they return, and whether they go on, with and without
 * SA_RESTART. A child sends the signal when the thread sleeps in the call, and ends the call if it goes on.
 */
#include "signals.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

enum { HANDLED, RETURNED, WENT_ON, FUTEX };

static int ends[2], file, id;
static char buffer[65536];
static pid_t waited;

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    note("signal=%d code=%d", number, info->si_code);
    both_shared->word[HANDLED]++;
}

static bool sleeps_in(pid_t tid, long number)
{
    char path[64], text[64] = "", state = '?';
    struct ord_ioc_thread thread;
    FILE *proc;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/stat", tid);
    proc = fopen(path, "r");
    if (!proc || fscanf(proc, "%*d (%*[^)]) %c", &state) != 1)
        state = '?';
    if (proc)
        fclose(proc);
    if (state != 'S' || (both_detached && thread_stat(tid, &thread)))
        return false;
    if (both_detached && thread.state == ORD_THREAD_DETACHED)
        return number == SYS_clock_nanosleep && thread.stats.waiting;
    snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof(text) - 1) < 1)
        state = '?';
    close(fd);
    /* A sleep that was stopped goes on as restart_syscall(). */
    return state == 'S' &&
           (strtol(text, NULL, 10) == number || strtol(text, NULL, 10) == SYS_restart_syscall);
}

struct waiting {
    const char *name;
    long number;
    long arguments[6];
    void (*end)(pid_t tid);
};

static struct waiting *current;

static bool has(unsigned int word)
{
    return __atomic_load_n(&both_shared->word[word], __ATOMIC_ACQUIRE);
}

static void interrupt(pid_t tid)
{
    while (!sleeps_in(tid, current->number))
        usleep(1000);
    CHECK(syscall(SYS_tgkill, tid, tid, SIGUSR1) == 0);
    while (!has(HANDLED))
        usleep(1000);
    while (!has(RETURNED) && !sleeps_in(tid, current->number))
        usleep(1000);
    if (has(RETURNED))
        return;
    both_shared->word[WENT_ON] = 1;
    current->end(tid);
}

static void run(struct waiting waiting)
{
    for (int restart = 0; restart < 2; restart++) {
        struct waiting *w = &waiting;
        pid_t sender, tid = gettid();

        install(SIGUSR1, on_signal, restart ? SA_RESTART : 0);
        memset(both_shared->word, 0, sizeof(both_shared->word));
        current = w;
        sender = both_fork();
        if (!sender) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            interrupt(tid);
            _exit(0);
        }
        note("%s%s:", w->name, restart ? " SA_RESTART" : "");
        R(w->number, w->arguments[0], w->arguments[1], w->arguments[2], w->arguments[3], w->arguments[4],
          w->arguments[5]);
        both_shared->word[RETURNED] = 1;
        note("handled=%lu went_on=%lu %d", (unsigned long)both_shared->word[HANDLED],
             (unsigned long)both_shared->word[WENT_ON], both_wait(sender));
    }
}

#define RUN(call, end, ...) run((struct waiting){#call, SYS_##call, {__VA_ARGS__}, end})
#define A(x)                (long)(x)

static void end_write(pid_t tid)
{
    (void)tid;
    CHECK(write(ends[1], "x", 1) == 1);
}

static void end_drain(pid_t tid)
{
    (void)tid;
    CHECK(read(ends[0], buffer, sizeof(buffer)) > 0);
}

/* A second signal ends what nothing else does. */
static void end_signal(pid_t tid)
{
    install(SIGUSR1, on_signal, 0);
    CHECK(syscall(SYS_tgkill, tid, tid, SIGUSR2) == 0);
}

CASE(restart_pipe)
{
    struct iovec part = {buffer, 8};

    CHECK(pipe(ends) == 0);
    RUN(read, end_write, ends[0], A(buffer), 8);
    RUN(readv, end_write, ends[0], A(&part), 1);
    RUN(splice, end_write, ends[0], 0, open("/dev/null", O_WRONLY), 0, 1, 0);
    CHECK(fcntl(ends[1], F_SETPIPE_SZ, 4096) == 4096 && write(ends[1], buffer, 4096) == 4096);
    RUN(write, end_drain, ends[1], A(buffer), 1);
}

CASE(restart_poll)
{
    struct pollfd poll_fd;
    struct epoll_event event = {.events = EPOLLIN}, got;
    int epoll = epoll_create1(0);
    fd_set set;

    CHECK(pipe(ends) == 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0);
    poll_fd = (struct pollfd){.fd = ends[0], .events = POLLIN};
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    RUN(ppoll, end_write, A(&poll_fd), 1, 0, 0, 8);
    RUN(pselect6, end_write, ends[0] + 1, A(&set), 0, 0, 0, 0);
    RUN(epoll_pwait, end_write, epoll, A(&got), 1, -1, 0, 8);
    RUN(epoll_pwait2, end_write, epoll, A(&got), 1, 0, 0, 8);
}

CASE(restart_sleep)
{
    struct timespec longer = {1000, 0}, left = {0}, at;

    RUN(nanosleep, end_signal, A(&longer), A(&left));
    note("left=%d", left.tv_sec > 900 && left.tv_sec < 1000);
    RUN(clock_nanosleep, end_signal, CLOCK_MONOTONIC, 0, A(&longer), A(&left));
    CHECK(clock_gettime(CLOCK_MONOTONIC, &at) == 0);
    at.tv_sec += 100;
    install(SIGUSR2, on_signal, 0);
    run((struct waiting){
        "absolute", SYS_clock_nanosleep, {CLOCK_MONOTONIC, TIMER_ABSTIME, A(&at), 0}, end_signal});
}

static void end_futex(pid_t tid)
{
    (void)tid;
    CHECK(syscall(SYS_futex, &both_shared->word[FUTEX], FUTEX_WAKE, 1) == 1);
}

CASE(restart_futex)
{
    struct timespec longer = {1000, 0};

    RUN(futex, end_futex, A(&both_shared->word[FUTEX]), FUTEX_WAIT, 0, 0, 0, 0);
    RUN(futex, end_futex, A(&both_shared->word[FUTEX]), FUTEX_WAIT, 0, A(&longer), 0, 0);
    RUN(futex, end_futex, A(&both_shared->word[FUTEX]), FUTEX_WAIT_BITSET, 0, 0, 0, ~0u);
}

static void end_child(pid_t tid)
{
    (void)tid;
    CHECK(write(ends[1], "x", 1) == 1);
}

static void new_child(void)
{
    CHECK(pipe(ends) == 0);
    waited = both_fork();
    if (!waited) {
        char byte;

        CHECK(read(ends[0], &byte, 1) == 1);
        _exit(21);
    }
}

CASE(restart_wait)
{
    siginfo_t info = {0};
    int status = 0;

    new_child();
    run((struct waiting){"waitid", SYS_waitid, {P_PID, waited, A(&info), WEXITED | WNOWAIT, 0}, end_child});
    note("%d", info.si_status);
    new_child();
    run((struct waiting){
        "waitid again", SYS_waitid, {P_PID, waited, A(&info), WEXITED | WNOWAIT, 0}, end_child});
    CHECK(waitpid(waited, &status, 0) == waited);
    note("%x", status);
}

static struct sockaddr_in address = {.sin_family = AF_INET};
static int client;

static void end_connect(pid_t tid)
{
    (void)tid;
    CHECK(connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&address, sizeof(address)) == 0);
}

static void end_send(pid_t tid)
{
    (void)tid;
    CHECK(send(client, "x", 1, 0) == 1);
}

CASE(restart_socket)
{
    struct iovec part = {buffer, 8};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    struct mmsghdr messages = {.msg_hdr = message};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0), pair[2];
    struct timeval limit = {1000, 0};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(fd, (void *)&address, size) == 0 && listen(fd, 5) == 0);
    CHECK(getsockname(fd, (void *)&address, &size) == 0);
    RUN(accept, end_connect, fd, 0, 0);
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    client = pair[0];
    RUN(recvfrom, end_send, pair[1], A(buffer), 8, 0, 0, 0);
    RUN(recvmsg, end_send, pair[1], A(&message), 0);
    RUN(recvmmsg, end_send, pair[1], A(&messages), 1, 0, 0);
    /* With a time limit it is never restarted. */
    CHECK(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
    RUN(recvfrom, end_send, pair[1], A(buffer), 8, 0, 0, 0);
}

static void end_unlock(pid_t tid)
{
    (void)tid;
    CHECK(kill(waited, SIGKILL) == 0);
}

static void new_holder(void)
{
    struct flock lock = {.l_type = F_WRLCK};

    CHECK(pipe(ends) == 0);
    waited = both_fork();
    if (!waited) {
        int own = open("lock", O_RDWR | O_CREAT, 0600);

        CHECK(own >= 0 && flock(own, LOCK_EX) == 0 && fcntl(own, F_SETLK, &lock) == 0);
        CHECK(write(ends[1], "x", 1) == 1);
        for (;;)
            pause();
    }
    CHECK(read(ends[0], buffer, 1) == 1);
}

CASE(restart_lock)
{
    struct flock lock = {.l_type = F_WRLCK};

    new_holder();
    file = open("lock", O_RDWR);
    RUN(flock, end_unlock, file, LOCK_EX);
    CHECK(flock(file, LOCK_UN) == 0);
    new_holder();
    RUN(fcntl, end_unlock, file, F_SETLKW, A(&lock));
}

static void end_message(pid_t tid)
{
    static struct {
        long type;
        char text[8];
    } message = {3, "abc"};

    (void)tid;
    CHECK(msgsnd(id, &message, 4, 0) == 0);
}

static void end_up(pid_t tid)
{
    struct sembuf up = {0, 1, 0};

    (void)tid;
    CHECK(semop(id, &up, 1) == 0);
}

static void end_mq(pid_t tid)
{
    (void)tid;
    CHECK(syscall(SYS_mq_timedsend, file, "abc", 3, 0, NULL) == 0);
}

CASE(restart_ipc)
{
    struct mq_attr attr = {.mq_maxmsg = 2, .mq_msgsize = 16};
    struct sembuf down = {0, -1, 0};

    id = msgget(IPC_PRIVATE, 0600);
    RUN(msgrcv, end_message, id, A(buffer), 8, 0, 0);
    id = semget(IPC_PRIVATE, 1, 0600);
    RUN(semtimedop, end_up, id, A(&down), 1, 0);
    file = (int)syscall(SYS_mq_open, "both", O_CREAT | O_RDWR, 0600, &attr);
    CHECK(file >= 0);
    RUN(mq_timedreceive, end_mq, file, A(buffer), 16, 0, 0);
}

static void end_event(pid_t tid)
{
    uint64_t one = 1;

    (void)tid;
    CHECK(write(file, &one, 8) == 8);
}

static void end_timer(pid_t tid)
{
    struct itimerspec soon = {.it_value.tv_nsec = 1};

    (void)tid;
    CHECK(timerfd_settime(file, 0, &soon, NULL) == 0);
}

static void end_create(pid_t tid)
{
    (void)tid;
    close(open("new", O_CREAT | O_RDWR, 0600));
    unlink("new");
}

CASE(restart_files)
{
    file = eventfd(0, 0);
    run((struct waiting){"eventfd", SYS_read, {file, A(buffer), 8}, end_event});
    file = timerfd_create(CLOCK_MONOTONIC, 0);
    run((struct waiting){"timerfd", SYS_read, {file, A(buffer), 8}, end_timer});
    file = inotify_init1(0);
    CHECK(inotify_add_watch(file, ".", IN_DELETE) > 0);
    run((struct waiting){"inotify", SYS_read, {file, A(buffer), 64}, end_create});
}

/* Waiting for signals: the blocked one that arrives is taken, not handled. */

static long awaited;
static uint64_t mask;

static void send_awaited(pid_t tid)
{
    while (!sleeps_in(tid, awaited))
        usleep(1000);
    CHECK(sigqueue(tid, SIGUSR2, (union sigval){.sival_int = 4711}) == 0);
}

static pid_t when_waiting(long number)
{
    pid_t tid = gettid(), sender;

    awaited = number;
    sender = both_fork();
    if (!sender) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        send_awaited(tid);
        _exit(0);
    }
    return sender;
}

CASE(awaited)
{
    struct signalfd_siginfo read_info = {0};
    struct timespec longer = {100, 0};
    siginfo_t info = {0};
    uint64_t empty = 0;
    sigset_t set;
    pid_t sender;

    mask = 1ull << (SIGUSR2 - 1);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    install(SIGUSR2, on_signal, SA_RESTART);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    file = signalfd(-1, &set, 0);

    sender = when_waiting(SYS_rt_sigtimedwait);
    R(SYS_rt_sigtimedwait, &mask, &info, NULL, 8);
    note("code=%d value=%d sender=%d", info.si_code, info.si_value.sival_int, info.si_pid == sender);
    both_wait(sender);
    sender = when_waiting(SYS_rt_sigtimedwait);
    R(SYS_rt_sigtimedwait, &mask, &info, &longer, 8);
    both_wait(sender);
    sender = when_waiting(SYS_read);
    R(SYS_read, file, &read_info, sizeof(read_info));
    note("%u %d %d", read_info.ssi_signo, read_info.ssi_code, read_info.ssi_int);
    both_wait(sender);
    /* Handled inside, then EINTR, and the mask is what it was. */
    sender = when_waiting(SYS_rt_sigsuspend);
    R(SYS_rt_sigsuspend, &empty, 8);
    both_wait(sender);
    sender = when_waiting(SYS_ppoll);
    R(SYS_ppoll, NULL, 0, NULL, &empty, 8);
    both_wait(sender);
    CHECK(sigprocmask(SIG_BLOCK, NULL, &set) == 0);
    note("blocked=%d", sigismember(&set, SIGUSR2));
}

/* Stopped and continued in a call: it goes on as if nothing had been. */
static void stop_continue(pid_t tid)
{
    char path[64], state = '?';

    for (int i = 0; i < 3; i++) {
        while (!sleeps_in(tid, current->number))
            usleep(1000);
        CHECK(kill(tid, SIGSTOP) == 0);
        do {
            snprintf(path, sizeof(path), "/proc/%d/stat", tid);
            FILE *proc = fopen(path, "r");

            CHECK(proc && fscanf(proc, "%*d (%*[^)]) %c", &state) == 1);
            fclose(proc);
        } while (state != 'T');
        CHECK(kill(tid, SIGCONT) == 0);
    }
    while (!sleeps_in(tid, current->number))
        usleep(1000);
    current->end(tid);
}

static void end_nothing(pid_t tid)
{
    (void)tid;
}

static void stopped(struct waiting waiting)
{
    pid_t sender, tid = gettid();

    current = &waiting;
    sender = both_fork();
    if (!sender) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        stop_continue(tid);
        _exit(0);
    }
    note("%s:", waiting.name);
    R(waiting.number, waiting.arguments[0], waiting.arguments[1], waiting.arguments[2], waiting.arguments[3]);
    note("%d", both_wait(sender));
}

CASE(stopped_in_call)
{
    struct timespec some = {2, 0}, before, after;
    struct pollfd poll_fd;

    CHECK(pipe(ends) == 0);
    poll_fd = (struct pollfd){.fd = ends[0], .events = POLLIN};
    stopped((struct waiting){"read", SYS_read, {ends[0], A(buffer), 8}, end_write});
    stopped((struct waiting){"ppoll", SYS_ppoll, {A(&poll_fd), 1, 0, 0}, end_write});
    CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0);
    stopped((struct waiting){"nanosleep", SYS_nanosleep, {A(&some), 0}, end_nothing});
    CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
    note("long enough=%d", after.tv_sec - before.tv_sec >= 2);
}
