// SPDX-License-Identifier: BSD-2-Clause
/* Names of Linux's system calls, from the headers that this was built with. */
#include <asm/unistd.h>
#include <stddef.h>
#include <string.h>

#include "tracer.h"

static const char *const names[] = {
#include "syscalls.inc"
};

#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

const char *syscall_name(uint32_t number)
{
    return number < NAME_COUNT ? names[number] : NULL;
}

long syscall_number(const char *name)
{
    for (size_t i = 0; i < NAME_COUNT; i++)
        if (names[i] && !strcmp(names[i], name))
            return (long)i;
    return -1;
}
