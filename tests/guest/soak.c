/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * soak: processes that detach, attach, compute, map, fork, execute, signal, trace, kill and end at random,
 * with checks of all registers and of data, while the supervisor signals, stops and freezes them and takes a
 * CPU of Linux away and back. What each process does follows from the seed alone: --list shows it.
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "[--seed N] [--seconds N] [--workers N] [--cgroup DIR] [--hotplug CPU] [--list WORKER.ROUND]";

#define WORKERS_MAX 16
#define OPERATIONS  40 /* of one process */
#define PAGE        4096ul
#define STUCK       300 /* seconds without an operation: hang detection alone */

enum kind {
    DETACH,
    ATTACH,
    COMPUTE,
    MAP,
    REMAP,
    FORK,
    KILL,
    THREAD,
    SIGNAL,
    TIMER,
    EXEC,
    PIPE,
    TRACE,
    STOP,
    REMOTE,
    REMOTE_THREAD,
    BARRIER,
    CRASH,
    YIELD,
    KIND_COUNT
};

static const char *const names[KIND_COUNT] = {
    "detach", "attach", "compute", "map",  "remap",  "fork",          "kill",    "thread", "signal", "timer",
    "exec",   "pipe",   "trace",   "stop", "remote", "remote-thread", "barrier", "crash",  "yield"};
/* Of 100 or so. */
static const unsigned int weights[KIND_COUNT] = {14, 6, 14, 8, 4, 6, 5, 8, 6, 4, 3, 4, 4, 3, 5, 5, 2, 3, 4};

struct operation {
    enum kind kind;
    uint64_t value; /* all that is random in it */
};

/* Shared by all processes. */
struct progress {
    atomic_ulong count[KIND_COUNT];
    atomic_ulong detached, refused, remote; /* detached itself; had no core; detached another one */
    struct {
        atomic_int pid, operation, round;
        atomic_ulong steps;
    } worker[WORKERS_MAX];
    atomic_bool stop;
};

static struct progress *progress;
static int progress_fd = -1;
static uint64_t seed;
static unsigned int worker, round_number;
static volatile sig_atomic_t handled;

static struct operation draw(uint64_t *state)
{
    unsigned int total = 0, pick;
    struct operation operation = {.kind = 0};

    for (int i = 0; i < KIND_COUNT; i++)
        total += weights[i];
    pick = (unsigned int)(random_next(state) >> 33) % total;
    while (pick >= weights[operation.kind])
        pick -= weights[operation.kind++];
    operation.value = random_next(state);
    return operation;
}

static uint64_t state_of(uint64_t of_seed, unsigned int of_worker, unsigned int of_round)
{
    uint64_t state = of_seed * 0x9e3779b97f4a7c15ull + of_worker * 0xbf58476d1ce4e5b9ull +
                     of_round * 0x94d049bb133111ebull;

    state |= 1;
    for (int i = 0; i < 8; i++)
        random_next(&state);
    return state;
}

#define FAIL(format, ...)                                                                                    \
    test_fail("seed %lu, worker %u.%u, operation %d: " format, (unsigned long)seed, worker, round_number,    \
              progress ? atomic_load(&progress->worker[worker].operation) : -1, ##__VA_ARGS__)
#undef CHECK
#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            FAIL("%s:%d: %s (errno %d)", __func__, __LINE__, #condition, errno);                             \
    } while (0)

/* General and FP/SIMD registers keep their values over `loops` rounds without a system call. */
static void check_registers(uint64_t pattern, uint64_t loops)
{
    register uint64_t base __asm__("x16") = pattern;
    register uint64_t count __asm__("x17") = loops + 1;

    __asm__ volatile(
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,19,20,21,22,23,24,25,26,27,28\n"
        "add x\\n, x16, #\\n\n"
        ".endr\n"
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
        "add x30, x16, #(64 + \\n)\n"
        "dup v\\n\\().2d, x30\n"
        ".endr\n"
        "1: subs x17, x17, #1\n"
        "b.ne 1b\n"
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,19,20,21,22,23,24,25,26,27,28\n"
        "sub x\\n, x\\n, #\\n\n"
        "eor x\\n, x\\n, x16\n"
        "orr x17, x17, x\\n\n"
        ".endr\n"
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
        "umov x0, v\\n\\().d[0]\n"
        "umov x1, v\\n\\().d[1]\n"
        "sub x0, x0, #(64 + \\n)\n"
        "sub x1, x1, #(64 + \\n)\n"
        "eor x0, x0, x16\n"
        "eor x1, x1, x16\n"
        "orr x17, x17, x0\n"
        "orr x17, x17, x1\n"
        ".endr\n"
        : "+r"(base), "+r"(count)
        :
        : "memory", "cc", "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",
          "x13", "x14", "x15", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30",
          "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14",
          "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28",
          "v29", "v30", "v31");
    if (base != pattern || count)
        FAIL("registers are damaged: base %#lx for %#lx, differences %#lx", (unsigned long)base,
             (unsigned long)pattern, (unsigned long)count);
}

static void fill(uint64_t *data, size_t bytes, uint64_t value)
{
    for (size_t i = 0; i < bytes / 8; i++)
        data[i] = value + i;
}

static void check_filled(const uint64_t *data, size_t bytes, uint64_t value)
{
    for (size_t i = 0; i < bytes / 8; i++)
        if (data[i] != value + i)
            FAIL("word %zu of %zu is %#lx for %#lx", i, bytes / 8, (unsigned long)data[i],
                 (unsigned long)(value + i));
}

static void handler(int number)
{
    (void)number;
    handled++;
}

static void pause_us(uint64_t us)
{
    struct timespec left = {.tv_sec = 0, .tv_nsec = (long)us * 1000};

    while (nanosleep(&left, &left) && errno == EINTR)
        ;
}

static int wait_for(pid_t child)
{
    int status = 0;

    while (waitpid(child, &status, 0) != child)
        CHECK(errno == EINTR);
    return status;
}

/* There may be no free core; everything else is an error. */
static void detach_somewhere(void)
{
    int error = detach_self(ORD_CORE_ANY, ORD_PRIO_DEFAULT);

    if (!error)
        atomic_fetch_add(&progress->detached, 1);
    else if (error == -ENOSPC || error == -EBUSY)
        atomic_fetch_add(&progress->refused, 1);
    else
        FAIL("detach: %s", strerror(-error));
}

static int device(void)
{
    static int fd = -1;

    if (fd < 0)
        fd = open(ORD_DEVICE, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0);
    return fd;
}

/* Another thread's; what may happen to one that is about to end is no error. */
static void detach_other(pid_t tid)
{
    struct ord_ioc_detach detach = {.head = {sizeof(detach), ORD_ABI_VERSION},
                                    .core = ORD_CORE_ANY,
                                    .prio = ORD_PRIO_DEFAULT,
                                    .tid = tid};

    if (!ioctl(device(), ORD_IOC_DETACH, &detach))
        atomic_fetch_add(&progress->remote, 1);
    else if (errno != ENOSPC && errno != EBUSY && errno != ESRCH)
        FAIL("detach of %d: %s", tid, strerror(errno));
}

static void attach_other(pid_t tid)
{
    struct ord_ioc_attach attach = {.head = {sizeof(attach), ORD_ABI_VERSION}, .tid = tid};

    if (ioctl(device(), ORD_IOC_ATTACH, &attach) && errno != ESRCH)
        FAIL("attach of %d: %s", tid, strerror(errno));
}

static pid_t fork_child(void)
{
    pid_t child;

    fflush(NULL);
    child = fork();
    CHECK(child >= 0);
    if (!child)
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* not left behind, should its parent fail */
    return child;
}

/* ---- Operations ---- */

static void do_map(uint64_t value)
{
    size_t bytes = PAGE * (1 + value % 64);
    int fd = value & 0x100 ? -1 : memfd_create("soak", MFD_CLOEXEC);
    uint64_t *data, *again;

    CHECK(fd < 0 || !ftruncate(fd, (off_t)bytes));
    data =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
    CHECK(data != MAP_FAILED);
    fill(data, bytes, value);
    CHECK(!mprotect(data, bytes, PROT_READ));
    check_filled(data, bytes, value);
    CHECK(!mprotect(data, bytes, PROT_READ | PROT_WRITE));
    data[0] = ~value;
    CHECK(data[0] == ~value);
    if (fd >= 0) {
        again = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
        CHECK(again != MAP_FAILED && again[0] == ~value);
        CHECK(!munmap(again, bytes) && !close(fd));
    } else {
        CHECK(!madvise(data, bytes, MADV_DONTNEED));
        CHECK(data[0] == 0 && data[bytes / 8 - 1] == 0);
    }
    CHECK(!munmap(data, bytes));
}

static void do_remap(uint64_t value)
{
    size_t bytes = PAGE * (1 + value % 32);
    uint64_t *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t *larger;

    CHECK(data != MAP_FAILED);
    fill(data, bytes, value);
    larger = mremap(data, bytes, bytes * 8, MREMAP_MAYMOVE);
    CHECK(larger != MAP_FAILED);
    check_filled(larger, bytes, value);
    CHECK(larger[bytes / 8] == 0);
    CHECK(!munmap(larger, bytes * 8));
}

static void do_fork(uint64_t value)
{
    uint64_t data[512];
    pid_t child;
    int status;

    fill(data, sizeof(data), value);
    child = fork_child();
    if (!child) {
        check_filled(data, sizeof(data), value);
        if (value & 1)
            detach_somewhere();
        fill(data, sizeof(data), ~value);
        check_registers(value, value % 100000);
        check_filled(data, sizeof(data), ~value);
        if (value & 2)
            exit((int)(value % 100));
        _exit((int)(value % 100));
    }
    check_registers(~value, value % 50000);
    status = wait_for(child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != (int)(value % 100))
        FAIL("child: status %#x, expected %d", (unsigned int)status, (int)(value % 100));
    check_filled(data, sizeof(data), value);
}

/* A child that computes for good, detached by itself if it finds a core. */
static pid_t fork_computing(uint64_t value, bool detach)
{
    pid_t child = fork_child();

    if (!child) {
        if (detach)
            detach_somewhere();
        for (;;)
            check_registers(value++, 20000);
    }
    return child;
}

static void do_kill(uint64_t value)
{
    pid_t child = fork_computing(value, true);
    int status;

    pause_us(value >> 8 & 0x1fff);
    CHECK(!kill(child, SIGKILL));
    status = wait_for(child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        FAIL("killed child: status %#x", (unsigned int)status);
}

struct thread {
    uint64_t value;
    bool detach, ends;
    atomic_int tid, stop;
    uint64_t sum;
};

static void *thread_main(void *argument)
{
    struct thread *thread = argument;

    atomic_store(&thread->tid, gettid());
    if (thread->detach)
        detach_somewhere();
    do {
        check_registers(thread->value, 20000);
        thread->sum += thread->value;
    } while (!thread->ends && !atomic_load(&thread->stop));
    return thread;
}

static void do_thread(uint64_t value)
{
    struct thread threads[3];
    pthread_t ids[3];
    unsigned int count = 1 + value % 3;
    void *result;

    for (unsigned int i = 0; i < count; i++) {
        threads[i] = (struct thread){.value = value + i, .detach = value >> (8 + i) & 1, .ends = true};
        CHECK(!pthread_create(&ids[i], NULL, thread_main, &threads[i]));
    }
    check_registers(~value, value % 30000);
    for (unsigned int i = 0; i < count; i++) {
        CHECK(!pthread_join(ids[i], &result) && result == &threads[i]);
        CHECK(threads[i].sum == value + i);
    }
}

static void do_signal(uint64_t value)
{
    sig_atomic_t before = handled;
    int count = 1 + (int)(value % 5);
    sigset_t set, old;

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    CHECK(!sigprocmask(SIG_BLOCK, &set, &old));
    for (int i = 0; i < count; i++)
        CHECK(!sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i}));
    check_registers(value, 1000);
    CHECK(!sigprocmask(SIG_SETMASK, &old, NULL));
    CHECK(handled >= before + count); /* the supervisor sends some of its own */
}

static void do_timer(uint64_t value)
{
    const struct itimerval timer = {{0, 500 + (suseconds_t)(value % 3000)}, {0, 500}}, off = {0};
    sig_atomic_t before = handled;

    CHECK(!setitimer(ITIMER_REAL, &timer, NULL));
    while (handled < before + 3)
        check_registers(value, 5000);
    CHECK(!setitimer(ITIMER_REAL, &off, NULL));
}

/* In place: the process goes on with its next operation, still detached if it was. */
static void do_exec(uint64_t state, int next)
{
    char texts[6][32];
    char *argv[] = {"soak", "--continue", texts[0], texts[1], texts[2], texts[3], texts[4], texts[5], NULL};

    snprintf(texts[0], 32, "%lu", (unsigned long)seed);
    snprintf(texts[1], 32, "%u", worker);
    snprintf(texts[2], 32, "%u", round_number);
    snprintf(texts[3], 32, "%lu", (unsigned long)state);
    snprintf(texts[4], 32, "%d", next);
    snprintf(texts[5], 32, "%d", progress_fd);
    signal(SIGUSR1, SIG_IGN); /* handlers do not outlive this, the supervisor's signals do */
    execv("/proc/self/exe", argv);
    FAIL("execv: %s", strerror(errno));
}

static void do_pipe(uint64_t value)
{
    uint64_t data[256], got[256];
    size_t done = 0;
    int ends[2];
    pid_t child;

    CHECK(!pipe(ends));
    child = fork_child();
    if (!child) {
        close(ends[0]);
        if (value & 1)
            detach_somewhere();
        for (int i = 0; i < 8; i++) {
            fill(data, sizeof(data), value + (uint64_t)i);
            CHECK(write(ends[1], data, sizeof(data)) == sizeof(data));
            check_registers(value, value % 5000);
        }
        _exit(0);
    }
    close(ends[1]); /* the end of the data is seen only if this takes effect, detached or not */
    for (int i = 0; i < 8; i++) {
        for (done = 0; done < sizeof(got);) {
            ssize_t n = read(ends[0], (char *)got + done, sizeof(got) - done);
            CHECK(n > 0 || (n < 0 && errno == EINTR));
            done += n > 0 ? (size_t)n : 0;
        }
        check_filled(got, sizeof(got), value + (uint64_t)i);
    }
    CHECK(read(ends[0], got, 1) == 0);
    close(ends[0]);
    CHECK(wait_for(child) == 0);
}

static void do_trace(uint64_t value)
{
    pid_t child = fork_computing(value, true);
    int status, steps = (int)(value % 5);

    pause_us(value >> 8 & 0xfff);
    CHECK(!ptrace(PTRACE_SEIZE, child, NULL, NULL));
    for (int i = 0; i < 3; i++) {
        CHECK(!ptrace(PTRACE_INTERRUPT, child, NULL, NULL));
        status = wait_for(child);
        CHECK(WIFSTOPPED(status));
        for (int step = 0; step < steps; step++) {
            CHECK(!ptrace(PTRACE_SINGLESTEP, child, NULL, NULL));
            status = wait_for(child);
            CHECK(WIFSTOPPED(status) && (WSTOPSIG(status) == SIGTRAP || status >> 16));
        }
        CHECK(!ptrace(PTRACE_CONT, child, NULL, NULL));
        pause_us(value >> 20 & 0x7ff);
    }
    CHECK(!kill(child, SIGKILL));
    while (status = wait_for(child), WIFSTOPPED(status))
        ;
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void do_stop(uint64_t value)
{
    pid_t child = fork_computing(value, true);
    int status;

    for (int i = 0; i < 3; i++) {
        pause_us(value >> (8 + i) & 0x7ff);
        CHECK(!kill(child, SIGSTOP));
        while (waitpid(child, &status, WUNTRACED) != child)
            CHECK(errno == EINTR);
        CHECK(WIFSTOPPED(status));
        CHECK(!kill(child, SIGCONT));
    }
    CHECK(!kill(child, SIGKILL));
    CHECK(WIFSIGNALED(wait_for(child)));
}

/* In and out from outside, and in again while it ends. */
static void do_remote(uint64_t value)
{
    pid_t child = fork_computing(value, value & 1);

    for (int i = 0; i < 4; i++) {
        if (value >> (8 + i) & 1)
            detach_other(child);
        pause_us(value >> (12 + i) & 0x3ff);
        if (value >> (24 + i) & 1)
            attach_other(child);
    }
    if (value >> 32 & 1)
        detach_other(child);
    CHECK(!kill(child, SIGKILL));
    if (value >> 33 & 1)
        detach_other(child);
    if (value >> 34 & 1)
        attach_other(child);
    CHECK(WIFSIGNALED(wait_for(child)));
}

static void do_remote_thread(uint64_t value)
{
    struct thread thread = {.value = value, .detach = value & 1};
    pthread_t id;

    CHECK(!pthread_create(&id, NULL, thread_main, &thread));
    while (!atomic_load(&thread.tid))
        sched_yield();
    for (int i = 0; i < 3; i++) {
        detach_other(atomic_load(&thread.tid));
        check_registers(value, value >> 8 & 0xffff);
        if (value >> (30 + i) & 1)
            attach_other(atomic_load(&thread.tid));
    }
    atomic_store(&thread.stop, 1);
    attach_other(atomic_load(&thread.tid));
    CHECK(!pthread_join(id, NULL));
    CHECK(thread.sum);
}

/* The signal of a bad access has the right address, wherever the thread runs. */
static void do_crash(uint64_t value)
{
    pid_t child = fork_child();
    int status, expected = value & 1 ? SIGSEGV : SIGILL;

    if (!child) {
        prctl(PR_SET_DUMPABLE, 0);
        detach_somewhere();
        check_registers(value, value % 10000);
        if (value & 1)
            *(volatile char *)0x1000 = 1;
        else
            __asm__ volatile("udf #1");
        _exit(0);
    }
    status = wait_for(child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != expected)
        FAIL("crash: status %#x, expected signal %d", (unsigned int)status, expected);
}

static void perform(struct operation operation, uint64_t state, int index)
{
    const uint64_t value = operation.value;

    switch (operation.kind) {
    case DETACH:
        detach_somewhere();
        break;
    case ATTACH:
        CHECK(!attach_self());
        break;
    case COMPUTE:
        check_registers(value, value % 1000000);
        break;
    case MAP:
        do_map(value);
        break;
    case REMAP:
        do_remap(value);
        break;
    case FORK:
        do_fork(value);
        break;
    case KILL:
        do_kill(value);
        break;
    case THREAD:
        do_thread(value);
        break;
    case SIGNAL:
        do_signal(value);
        break;
    case TIMER:
        do_timer(value);
        break;
    case EXEC:
        do_exec(state, index + 1);
        break;
    case PIPE:
        do_pipe(value);
        break;
    case TRACE:
        do_trace(value);
        break;
    case STOP:
        do_stop(value);
        break;
    case REMOTE:
        do_remote(value);
        break;
    case REMOTE_THREAD:
        do_remote_thread(value | 1);
        break;
    case BARRIER:
        CHECK(!syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0));
        break;
    case CRASH:
        do_crash(value);
        break;
    case YIELD:
    case KIND_COUNT:
        pause_us(value % 1000);
        sched_yield();
        break;
    }
}

static _Noreturn void work(uint64_t state, int first)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

    CHECK(!sigaction(SIGUSR1, &action, NULL) && !sigaction(SIGRTMIN, &action, NULL) &&
          !sigaction(SIGALRM, &action, NULL));
    for (int i = first; i < OPERATIONS && !atomic_load(&progress->stop); i++) {
        struct operation operation = draw(&state);

        atomic_store(&progress->worker[worker].operation, i);
        atomic_fetch_add(&progress->worker[worker].steps, 1);
        atomic_fetch_add(&progress->count[operation.kind], 1);
        perform(operation, state, i);
    }
    exit(0);
}

/* ---- The supervisor ---- */

static void list(const char *which)
{
    uint64_t state;

    if (sscanf(which, "%u.%u", &worker, &round_number) != 2)
        arg_number(NULL, usage);
    state = state_of(seed, worker, round_number);
    for (int i = 0; i < OPERATIONS; i++) {
        struct operation operation = draw(&state);

        printf("%d %s %#lx\n", i, names[operation.kind], (unsigned long)operation.value);
    }
}

static bool put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return good;
}

static void start_worker(unsigned int number, const char *cgroup)
{
    int round = atomic_fetch_add(&progress->worker[number].round, 1);
    char path[128];
    pid_t child;

    fflush(NULL);
    child = fork();
    CHECK(child >= 0);
    if (child) {
        atomic_store(&progress->worker[number].pid, child);
        return;
    }
    worker = number;
    round_number = (unsigned int)round;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (cgroup) {
        snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
        CHECK(put(path, "0"));
    }
    work(state_of(seed, worker, round_number), 0);
}

static void report_stuck(unsigned int workers)
{
    for (unsigned int i = 0; i < workers; i++)
        printf("worker %u.%d, pid %d, operation %d\n", i, atomic_load(&progress->worker[i].round) - 1,
               atomic_load(&progress->worker[i].pid), atomic_load(&progress->worker[i].operation));
    fflush(stdout);
}

/* One thing that happens to the workers from outside. */
static void disturb(uint64_t value, unsigned int workers, const char *cgroup, int cpu, bool *offline)
{
    pid_t victim = atomic_load(&progress->worker[value % workers].pid);
    char path[128];

    switch (value >> 8 & 15) {
    case 0:
        if (!cgroup)
            break;
        snprintf(path, sizeof(path), "%s/cgroup.freeze", cgroup);
        CHECK(put(path, "1"));
        pause_us(value >> 16 & 0xffff);
        CHECK(put(path, "0"));
        break;
    case 1:
        if (cpu < 0)
            break;
        snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
        CHECK(put(path, *offline ? "1" : "0"));
        *offline = !*offline;
        break;
    case 2:
    case 3:
        kill(victim, SIGSTOP);
        pause_us(value >> 16 & 0x1fff);
        kill(victim, SIGCONT);
        break;
    default:
        kill(victim, SIGUSR1);
    }
}

static int supervise(uint64_t seconds, unsigned int workers, const char *cgroup, int cpu)
{
    uint64_t state = state_of(seed, WORKERS_MAX, 0), end = counter() + seconds * counter_hz(), total = 0;
    uint64_t last_steps = 0, last_change = counter();
    bool offline = false;
    unsigned int left = workers;

    printf("soak: seed %lu, %lu s, %u workers\n", (unsigned long)seed, (unsigned long)seconds, workers);
    fflush(stdout);
    signal(SIGUSR1, SIG_IGN); /* of workers that have no handler yet */
    for (unsigned int i = 0; i < workers; i++)
        start_worker(i, cgroup);
    while (left) {
        uint64_t steps = 0;
        int status;
        pid_t child;

        if (counter() >= end)
            atomic_store(&progress->stop, true);
        while ((child = waitpid(-1, &status, WNOHANG)) > 0) {
            unsigned int i = 0;

            while (i < workers && atomic_load(&progress->worker[i].pid) != child)
                i++;
            CHECK(i < workers);
            if (!WIFEXITED(status) || WEXITSTATUS(status))
                test_fail("seed %lu: worker %u.%d ended with status %#x", (unsigned long)seed, i,
                          atomic_load(&progress->worker[i].round) - 1, (unsigned int)status);
            total++;
            if (atomic_load(&progress->stop))
                left--;
            else
                start_worker(i, cgroup);
        }
        for (unsigned int i = 0; i < workers; i++)
            steps += atomic_load(&progress->worker[i].steps);
        if (steps != last_steps) {
            last_steps = steps;
            last_change = counter();
        }
        if (counter() - last_change > STUCK * counter_hz()) {
            report_stuck(workers);
            test_fail("seed %lu: nothing happens any more", (unsigned long)seed);
        }
        if (!atomic_load(&progress->stop))
            disturb(random_next(&state), workers, cgroup, cpu, &offline);
        pause_us(1000 + random_next(&state) % 20000);
    }
    if (offline)
        disturb(1 << 8, workers, cgroup, cpu, &offline);
    for (int i = 0; i < KIND_COUNT; i++)
        printf("%s %lu\n", names[i], (unsigned long)atomic_load(&progress->count[i]));
    printf("detached %lu\nrefused %lu\nothers-detached %lu\n",
           (unsigned long)atomic_load(&progress->detached), (unsigned long)atomic_load(&progress->refused),
           (unsigned long)atomic_load(&progress->remote));
    return test_pass("seed %lu, %lu processes", (unsigned long)seed, (unsigned long)total);
}

static void share(int fd)
{
    progress_fd = fd;
    progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(progress != MAP_FAILED);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"seed", required_argument, NULL, 's'},
                                            {"seconds", required_argument, NULL, 't'},
                                            {"workers", required_argument, NULL, 'w'},
                                            {"cgroup", required_argument, NULL, 'g'},
                                            {"hotplug", required_argument, NULL, 'c'},
                                            {"list", required_argument, NULL, 'l'},
                                            {}};
    uint64_t seconds = 60, workers = 6;
    const char *cgroup = NULL, *listed = NULL;
    int option, fd, cpu = -1;

    if (argc == 8 && !strcmp(argv[1], "--continue")) {
        seed = arg_number(argv[2], usage);
        worker = (unsigned int)arg_number(argv[3], usage);
        round_number = (unsigned int)arg_number(argv[4], usage);
        share((int)arg_number(argv[7], usage));
        work(arg_number(argv[5], usage), (int)arg_number(argv[6], usage));
    }
    seed = counter();
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 's')
            seed = arg_number(optarg, usage);
        else if (option == 't')
            seconds = arg_number(optarg, usage);
        else if (option == 'w')
            workers = arg_number(optarg, usage);
        else if (option == 'g')
            cgroup = optarg;
        else if (option == 'c')
            cpu = (int)arg_number(optarg, usage);
        else if (option == 'l')
            listed = optarg;
        else
            arg_number(NULL, usage);
    }
    if (!workers || workers > WORKERS_MAX)
        arg_number(NULL, usage);
    if (listed) {
        list(listed);
        return 0;
    }
    fd = memfd_create("progress", 0);
    CHECK(fd >= 0 && !ftruncate(fd, sizeof(*progress)));
    share(fd);
    return supervise(seconds, (unsigned int)workers, cgroup, cpu);
}
