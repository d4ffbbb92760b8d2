/* SPDX-License-Identifier: BSD-2-Clause */
#include "both.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Hang detection only. */
#define HALF_TIMEOUT_MS 60000

struct both_shared *both_shared;
bool both_detached, both_asks;

static struct log {
    struct both_shared shared;
    uint64_t calls;
    size_t length;
    char text[BOTH_TEXT];
} * record;

void note(const char *format, ...)
{
    size_t room = BOTH_TEXT - record->length;
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(record->text + record->length, room, format, args);
    va_end(args);
    if (length < 0 || (size_t)length + 1 >= room)
        return;
    record->length += (size_t)length;
    record->text[record->length++] = ' ';
    record->text[record->length] = 0;
}

const char *result_name(long result)
{
    static char text[32];

    if (result < 0 && result >= -4095 && strerrorname_np((int)-result))
        snprintf(text, sizeof(text), "-%s", strerrorname_np((int)-result));
    else
        snprintf(text, sizeof(text), "%ld", result);
    return text;
}

long both_call(long number, long a, long b, long c, long d, long e, long f)
{
    uint64_t x[8] = {(uint64_t)a, (uint64_t)b, (uint64_t)c, (uint64_t)d, (uint64_t)e, (uint64_t)f};

    if (both_asks) {
        record->calls++;
        if (both_detached && !becomes_detached())
            note("ATTACHED");
    }
    raw_call((uint64_t)number, x);
    return (long)x[0];
}

long both_note(long result, bool positive_is_any)
{
    if (positive_is_any && result > 0)
        note("positive");
    else
        note("%s", result_name(result));
    return result;
}

pid_t both_fork(void)
{
    pid_t child = fork();

    CHECK(child >= 0);
    if (!child)
        both_asks = false;
    return child;
}

int both_wait(pid_t child)
{
    int status;

    while (waitpid(child, &status, 0) < 0)
        CHECK(errno == EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static bool is_running(pid_t tid)
{
    char path[64], text[256], *end;
    ssize_t length;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/stat", tid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    length = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[length < 0 ? 0 : length] = 0;
    end = strrchr(text, ')');
    return end && end[2] == 'R';
}

static bool is_computing(pid_t tid)
{
    if (!__atomic_load_n(&both_shared->word[15], __ATOMIC_ACQUIRE))
        return false;
    if (!both_detached)
        return is_running(tid);
    return thread_stat(tid, &both_shared->before) == 0 && both_shared->before.state == ORD_THREAD_DETACHED;
}

pid_t both_when_computing(pid_t tid, void (*function)(pid_t))
{
    pid_t child = both_fork();

    if (child)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (!is_computing(tid))
        usleep(1000);
    function(tid);
    _exit(0);
}

static void prepare(void)
{
    struct ord_ioc_thread unused;

    /* Opens the device while that is still possible for sure. */
    thread_stat(0, &unused);
    setsid(); /* no terminal, and a group to kill */
    CHECK(setrlimit(RLIMIT_CORE, &(struct rlimit){0, RLIM_INFINITY}) == 0);
    CHECK(unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS) == 0);
    CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    CHECK(mount("both", BOTH_WORK, "tmpfs", 0, NULL) == 0);
    CHECK(chdir(BOTH_WORK) == 0);
}

static _Noreturn void half_main(void (*function)(void))
{
    int error;

    prepare();
    both_asks = true;
    if (both_detached) {
        error = detach_self(ORD_CORE_ANY, ORD_PRIO_DEFAULT);
        if (error || !becomes_detached())
            test_fail("detach: %s", strerror(-error));
    } else if (is_detached()) {
        test_fail("is detached from the start");
    }
    function();
    _exit(0);
}

static int last_of(int fd, struct ord_ioc_thread *thread)
{
    struct ord_ioc_stat stat = {.head = {.size = sizeof(stat), .version = ORD_ABI_VERSION}};

    if (ioctl(fd, ORD_IOC_LAST, &stat) < 0)
        return -errno;
    *thread = stat.thread;
    return 0;
}

static void run_half(void (*function)(void), bool detached, struct both_half *half)
{
    struct pollfd poll_fd = {.events = POLLIN};
    struct ord_ioc_thread thread = {0};
    pid_t child;

    memset(record, 0, sizeof(*record));
    fflush(stdout);
    both_detached = detached;
    child = fork();
    CHECK(child >= 0);
    if (!child)
        half_main(function);
    poll_fd.fd = (int)syscall(SYS_pidfd_open, child, 0);
    CHECK(poll_fd.fd >= 0);
    half->status = 0;
    if (poll(&poll_fd, 1, HALF_TIMEOUT_MS) != 1) {
        kill(-child, SIGKILL);
        kill(child, SIGKILL);
        half->status = -1;
    }
    close(poll_fd.fd);
    waitpid(child, half->status ? NULL : &half->status, 0);
    kill(-child, SIGKILL);
    half->calls = record->calls;
    half->syscalls = half->recalls = 0;
    if (detached && last_of(thread_device(), &thread) == 0 && thread.tgid == child) {
        half->syscalls = thread.stats.syscalls;
        half->recalls = thread.stats.recalls;
    }
    memcpy(half->text, record->text, sizeof(half->text));
}

bool both_run(void (*function)(void), struct both_result *result)
{
    struct ord_ioc_thread unused;

    if (!record) {
        thread_stat(0, &unused); /* opens the device: children share the open file, and so its last record */
        mkdir(BOTH_WORK, 0755);
        record = mmap(NULL, sizeof(*record), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        CHECK(record != MAP_FAILED);
        both_shared = &record->shared;
    }
    run_half(function, false, &result->attached);
    run_half(function, true, &result->detached);
    return result->attached.status >= 0 && result->attached.status == result->detached.status &&
           result->attached.calls == result->detached.calls &&
           result->detached.syscalls >= result->detached.calls &&
           !strcmp(result->attached.text, result->detached.text);
}

void both_print(const char *more, const struct both_result *result, bool same)
{
    const struct both_half *a = &result->attached, *d = &result->detached;

    printf("{%s\"same\": %s, \"calls\": %lu, \"forwarded\": %lu, \"recalls\": %lu, \"status\": %d, "
           "\"results\": \"%s\"",
           more, same ? "true" : "false", (unsigned long)d->calls, (unsigned long)d->syscalls,
           (unsigned long)d->recalls, a->status, a->text);
    if (!same)
        printf(", \"detached_calls\": %lu, \"detached_status\": %d, \"detached_results\": \"%s\"",
               (unsigned long)d->calls, d->status, d->text);
    printf("}\n");
    fflush(stdout);
}
