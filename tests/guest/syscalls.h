/* SPDX-License-Identifier: BSD-2-Clause */
/* The cases of syscalls.c: one for each system call of arm64. */
#ifndef TESTS_GUEST_SYSCALLS_H
#define TESTS_GUEST_SYSCALLS_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "both.h"

struct syscall_case {
    uint64_t number;
    const char *name;
    const char *remark; /* what is special about it for a detached thread; "" if nothing */
    void (*function)(void);
};

/* CASE(63, read, "") { … } */
#define CASE(number, name, remark)                                                                           \
    static void case_##name(void);                                                                           \
    static const struct syscall_case entry_##name                                                            \
        __attribute__((used, section("cases"))) = {number, #name, remark, case_##name};                      \
    static void case_##name(void)

/* A new file with this text, open for reading and writing at its start. */
static inline int make_file(const char *name, const char *text)
{
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

    CHECK(fd >= 0 && pwrite(fd, text, strlen(text), 0) == (ssize_t)strlen(text));
    return fd;
}

/* For calls newer than the headers that this is built with. */
#define NEW(number) (number)

#endif
