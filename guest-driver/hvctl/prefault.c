// SPDX-License-Identifier: BSD-2-Clause
/*
 * libdetach-prefault.so: locks the memory of a program that does not do so, before its main(). With
 * `prefault`, what the stack and the heap will need is there from the start, and the heap neither shrinks nor
 * makes mappings of its own.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "prefault.h"

/* hvctl's status for its own failures: the program has not begun. */
#define EXIT_FAILED 125

static void touch(volatile char *memory, size_t size)
{
    for (size_t i = 0; i < size; i += 4096)
        memory[i] = 0;
}

static void __attribute__((noinline)) touch_stack(void)
{
    struct rlimit limit;
    size_t size = PREFAULT_STACK;

    if (!getrlimit(RLIMIT_STACK, &limit) && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur / 2 < size)
        size = limit.rlim_cur / 2;
    touch(__builtin_alloca(size), size);
}

static void grow_heap(void)
{
    char *memory;

    mallopt(M_TRIM_THRESHOLD, -1);
    mallopt(M_MMAP_MAX, 0);
    memory = malloc(PREFAULT_HEAP);
    if (memory)
        touch(memory, PREFAULT_HEAP);
    free(memory);
}

static void __attribute__((constructor)) prefault_begin(void)
{
    const char *text = getenv(PREFAULT_VARIABLE);
    char *mode;

    if (!text || strtol(text, &mode, 10) != getpid())
        return;
    if (mlockall(MCL_CURRENT | MCL_FUTURE)) {
        fprintf(stderr, "hvctl: cannot lock the program's memory: %s%s\n", strerror(errno),
                errno == EPERM || errno == ENOMEM || errno == EAGAIN ? "; see 'ulimit -l'" : "");
        _exit(EXIT_FAILED);
    }
    if (!strcmp(mode, ":prefault")) {
        touch_stack();
        grow_heap();
    }
}
