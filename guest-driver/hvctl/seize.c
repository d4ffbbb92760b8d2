// SPDX-License-Identifier: BSD-2-Clause
/*
 * Acting on another's thread without CAP_SYS_PTRACE: the module lets a thread's tracer do so, since only
 * ptrace(2) asks everybody who has a say in that, security modules among them. PTRACE_SEIZE stops nothing;
 * but only a thread that is stopped can be let go, unless its tracer ends. So a child does both, and ends.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hvctl.h"

struct seize {
    int err;
    char arg[]; /* of the ioctl */
};

static int seize_child(int fd, unsigned long request, struct seize *shared, int32_t tid)
{
    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL))
        return errno;
    return ioctl(fd, request, shared->arg) ? errno : 0;
}

int seize_call(int fd, unsigned long request, void *arg, size_t size, int32_t tid)
{
    struct seize *shared =
        mmap(NULL, sizeof(*shared) + size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child;
    int err;

    if (shared == MAP_FAILED)
        return errno;
    memcpy(shared->arg, arg, size);
    shared->err = EINTR; /* if it is killed */
    child = fork();
    if (child == 0) {
        shared->err = seize_child(fd, request, shared, tid);
        _exit(0);
    }
    if (child > 0)
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
            ;
    err = child < 0 ? errno : shared->err;
    if (!err)
        memcpy(arg, shared->arg, size);
    munmap(shared, sizeof(*shared) + size);
    return err;
}
