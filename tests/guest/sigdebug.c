/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ORD_DETACH_SIGDEBUG: a thread is told whenever it leaves its core, and only then; TRACE shows the same.
 *
 *   sigdebug ROUNDS
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define USAGE "ROUNDS"
#define HEAD(arg)                                                                                            \
    {                                                                                                        \
        .size = sizeof(arg), .version = ORD_ABI_VERSION                                                      \
    }

static volatile sig_atomic_t told[ORD_CAUSE_COUNT], wrong;
static int fd;

static void handler(int signal, siginfo_t *info, void *context)
{
    int cause = info->si_value.sival_int & 0xff;

    (void)context;
    if (signal != SIGXCPU || info->si_code != SI_QUEUE || info->si_pid != getpid() ||
        (info->si_value.sival_int & ~0xff) != (int)ORD_SIGDEBUG_MARKER || cause >= ORD_CAUSE_COUNT)
        wrong++;
    else
        told[cause]++;
    getppid(); /* a call in here is nobody's business */
}

/* Leaves the core for sure, if it is on it. */
static void call(void)
{
    CHECK(becomes_detached());
    syscall(SYS_getppid);
}

static uint64_t count_calls(uint64_t *position, uint64_t number)
{
    static struct ord_ioc_trace arg;
    uint64_t count = 0;

    do {
        memset(&arg, 0, sizeof(arg));
        arg = (struct ord_ioc_trace){.head = HEAD(arg), .position = *position};
        CHECK(!ioctl(fd, ORD_IOC_TRACE, &arg) && !arg.lost && arg.frequency == counter_hz());
        for (uint32_t i = 0; i < arg.count; i++) {
            CHECK(arg.entry[i].cause > ORD_CAUSE_NONE && arg.entry[i].cause < ORD_CAUSE_COUNT);
            /* The last one goes on: it is this call. */
            CHECK(arg.entry[i].time && arg.entry[i].pc && (arg.entry[i].cost || i == arg.count - 1));
            count += arg.entry[i].cause == ORD_CAUSE_SYSCALL && arg.entry[i].number == number;
        }
        *position = arg.position;
    } while (arg.count == ORD_TRACE_BATCH); /* this call makes an entry, too */
    return count;
}

int main(int argc, char **argv)
{
    uint64_t rounds = arg_number(argc == 2 ? argv[1] : NULL, USAGE);
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    struct ord_ioc_detach arg = {
        .head = HEAD(arg), .core = ORD_CORE_ANY, .prio = ORD_PRIO_DEFAULT, .flags = ORD_DETACH_SIGDEBUG};
    struct ord_ioc_thread record;
    uint64_t position = 0;
    sigset_t set;

    fd = open(ORD_DEVICE, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0 && !ioctl(fd, ORD_IOC_DETACH, &arg));
    /* without a handler it would be killed */
    for (int i = 0; i < 10; i++)
        call();
    CHECK(!sigaction(SIGXCPU, &action, NULL));
    CHECK(!told[ORD_CAUSE_SYSCALL]);
    count_calls(&position, 0); /* starts recording */

    /*
     * Once for each, or more often: the timer may bring it back in front of the call, and it leaves again.
     * And not at all if another thread of Linux came between: then the call is made in Linux, before it is
     * back.
     */
    for (uint64_t i = 0; i < rounds; i++) {
        int before = told[ORD_CAUSE_SYSCALL], tries = 0;
        do {
            if (tries++ == 100)
                test_fail("call %lu: not told", (unsigned long)i);
            call();
        } while (told[ORD_CAUSE_SYSCALL] == before);
        if (i % 16 == 15) {
            uint64_t seen = count_calls(&position, SYS_getppid);
            if (seen < 16)
                test_fail("trace shows %lu of 16 calls", (unsigned long)seen);
        }
    }
    CHECK(!thread_stat(gettid(), &record));
    if (record.sigdebugs > record.cause_count[ORD_CAUSE_SYSCALL] + record.cause_count[ORD_CAUSE_FAULT] +
                               record.cause_count[ORD_CAUSE_NATIVE])
        test_fail("told more often than it has left");

    /* blocked: none is sent, not even later */
    sigemptyset(&set);
    sigaddset(&set, SIGXCPU);
    CHECK(!sigprocmask(SIG_BLOCK, &set, NULL));
    int blocked = told[ORD_CAUSE_SYSCALL];
    for (int i = 0; i < 10; i++)
        call();
    CHECK(!sigpending(&set) && !sigismember(&set, SIGXCPU));
    CHECK(told[ORD_CAUSE_SYSCALL] == blocked);
    sigemptyset(&set);
    sigaddset(&set, SIGXCPU);
    CHECK(!sigprocmask(SIG_UNBLOCK, &set, NULL));

    /* a page fault that Linux resolves */
    char *memory = mmap(NULL, rounds * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    CHECK(!madvise(memory, rounds * 4096, MADV_NOHUGEPAGE) ||
          errno == EINVAL); /* EINVAL: a kernel without them */
    int faults = told[ORD_CAUSE_FAULT] + told[ORD_CAUSE_NATIVE];
    for (uint64_t i = 0; i < rounds; i++) {
        CHECK(becomes_detached());
        memory[i * 4096] = 1;
    }
    call();
    faults = told[ORD_CAUSE_FAULT] + told[ORD_CAUSE_NATIVE] - faults;
    if (faults < (int)rounds)
        test_fail("told about %d of %lu faults", faults, (unsigned long)rounds);

    CHECK(!thread_stat(gettid(), &record));
    CHECK(record.flags == ORD_DETACH_SIGDEBUG && record.sigdebugs >= rounds);
    CHECK(record.cause_count[ORD_CAUSE_SYSCALL] && record.cause_ticks[ORD_CAUSE_SYSCALL]);
    CHECK(!wrong);
    return test_pass("told %d times about calls, %d times about faults", told[ORD_CAUSE_SYSCALL], faults);
}
