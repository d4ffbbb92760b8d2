// SPDX-License-Identifier: BSD-2-Clause
/*
 * libdetach-prefault.so: locks the memory of a program that does not do so, before its main(). With
 * `prefault`, what the stack and the heap will need is there from the start, and the heap neither shrinks nor
 * makes mappings of its own.
 *
 * The variables that have brought it here stay for what the program executes in its place, and go from the
 * environment of its children: where they begin, by fork() or by execve().
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
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

static const char variable[] = PREFAULT_VARIABLE "=", preload[] = "LD_PRELOAD=";
static char *with, *without; /* the entries of LD_PRELOAD; NULL: there is none */

/* The list without this library, in memory of its own: a shell keeps its own pointers into the environment.
 */
static void remember(void)
{
    const char *list = getenv("LD_PRELOAD");
    const size_t own = strlen(PREFAULT_LIBRARY);
    char *to;

    if (!list)
        return;
    with = malloc(sizeof(preload) + strlen(list));
    without = malloc(sizeof(preload) + strlen(list));
    if (!with || !without)
        return;
    sprintf(with, "%s%s", preload, list);
    to = without + sprintf(without, "%s", preload);
    for (size_t size; *list; list += size) {
        size = strcspn(list, ": ");
        if (size < own || memcmp(list + size - own, PREFAULT_LIBRARY, own))
            to += sprintf(to, "%s%.*s", to[-1] == '=' ? "" : ":", (int)size, list);
        size += list[size] != '\0';
    }
    if (to[-1] == '=') {
        free(without);
        without = NULL;
    }
}

/* Takes no lock and allocates nothing: in a child of one of several threads there may be nobody to unlock. */
static void forget(void)
{
    char **to = environ;

    for (char **from = environ; from && *from; from++) {
        if (!strncmp(*from, variable, sizeof(variable) - 1))
            continue;
        if (!with || strcmp(*from, with))
            *to++ = *from;
        else if (without)
            *to++ = without;
    }
    if (to)
        *to = NULL;
}

static void __attribute__((constructor)) prefault_begin(void)
{
    const char *text = getenv(PREFAULT_VARIABLE);
    char *mode;

    if (!text)
        return;
    remember();
    if (strtol(text, &mode, 10) != getpid()) {
        forget();
        return; /* `without` is in the environment now */
    }
    pthread_atfork(NULL, NULL, forget);
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
