// SPDX-License-Identifier: BSD-2-Clause
/* What a program can do instead of a system call in its loop. */
#include <string.h>

#include "advice.h"

static const struct advice {
    const char *calls; /* blanks around each */
    const char *text;
} advices[] = {
    {" clock_gettime gettimeofday clock_getres ", "the vDSO answers this without a call for CLOCK_MONOTONIC, "
                                                  "CLOCK_REALTIME and their coarse variants; CPU-time "
                                                  "clocks need Linux"},
    {" nanosleep clock_nanosleep ",
     "sleep until an absolute time of CLOCK_MONOTONIC (clock_nanosleep() with TIMER_ABSTIME): that needs no "
     "Linux; other sleeps do"},
    {" futex futex_waitv ",
     "a lock was contended, or a condition was waited for or signalled; share data by atomics or "
     "single-producer queues, and wait by reading"},
    {" brk mmap munmap mremap madvise mprotect ",
     "allocate before the loop; --prefault keeps malloc() from giving memory back"},
    {" write writev pwrite64 pwritev sendto sendmsg sendmmsg fsync fdatasync ",
     "put the data into a buffer in memory, and let another thread write it"},
    {" read readv pread64 preadv recvfrom recvmsg recvmmsg accept accept4 ",
     "let another thread read, and hand the data over in memory"},
    {" ppoll pselect6 epoll_pwait epoll_pwait2 io_uring_enter io_getevents rt_sigtimedwait ",
     "let another thread wait for it, and tell this one in memory"},
    {" ioctl ", "map the device's memory if it can be mapped, or let another thread talk to it"},
    {" sched_yield ", "it has the core for itself: not needed"},
    {" rt_sigreturn rt_sigprocmask rt_sigaction sigaltstack setitimer timer_settime ",
     "part of handling signals: let another thread handle them"},
    {" getpid gettid getppid getuid geteuid getcpu uname sysinfo getrusage times ",
     "ask once, before the loop"},
    {" openat close fstat newfstatat lseek statx faccessat ", "open and look at files before the loop"},
    {" clone clone3 execve wait4 waitid ", "start threads and programs before the loop"},
    {" membarrier rseq ", "of a library's lock-free code: choose another implementation"},
};

const char *advice_syscall(const char *name)
{
    const char *found;
    size_t size = name ? strlen(name) : 0;

    for (size_t i = 0; name && i < sizeof(advices) / sizeof(advices[0]); i++)
        for (found = advices[i].calls; (found = strstr(found, name)) != NULL; found += size)
            if (found[-1] == ' ' && found[size] == ' ')
                return advices[i].text;
    return "move it out of the loop, or to another thread";
}

const char *advice_signal(void)
{
    return "block it in this thread (pthread_sigmask) and let another one take it; of a timer: read the "
           "clock instead";
}
