/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workers: threads of a process that never leave the kernel, here the one by which io_uring polls for
 * requests, cannot be detached. Then prints "computing", and computes until it is killed (--once: ends).
 */
#include "common.h"

#include <dirent.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char usage[] = "[--once]";

/* The one other thread of this process. */
static int other_thread(void)
{
    DIR *folder = opendir("/proc/self/task");
    struct dirent *entry;
    int tid, other = 0;

    CHECK(folder);
    while ((entry = readdir(folder))) {
        tid = atoi(entry->d_name);
        if (tid && tid != gettid())
            other = tid;
    }
    closedir(folder);
    return other;
}

int main(int argc, char **argv)
{
    struct io_uring_params params = {.flags = IORING_SETUP_SQPOLL, .sq_thread_idle = 1000000};
    struct ord_ioc_detach detach = {.head = {.size = sizeof(detach), .version = ORD_ABI_VERSION},
                                    .core = ORD_CORE_ANY,
                                    .prio = ORD_PRIO_DEFAULT};

    if (argc > 2 || (argc > 1 && strcmp(argv[1], "--once")))
        arg_number(NULL, usage);
    CHECK(syscall(SYS_io_uring_setup, 4, &params) >= 0);
    detach.tid = other_thread();
    CHECK(detach.tid);
    if (!ioctl(thread_device(), ORD_IOC_DETACH, &detach))
        test_fail("a thread of the kernel is detached");
    CHECK(errno == EOPNOTSUPP);
    puts("computing");
    fflush(stdout);
    while (argc == 1)
        ;
    return test_pass("io_uring's thread %d stays in Linux", detach.tid);
}
