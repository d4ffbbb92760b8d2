/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libride: an LD_PRELOAD library that lets every process and thread of a program ride.
 *
 * A child starts attached, so of a program that forks its workers only the first process would be detached.
 * With this library in LD_PRELOAD each image that is started, each child of fork() and clone() and each new
 * POSIX thread detaches itself before it runs the program's own code, onto one host core after the other,
 * which they share. Children of vfork() and posix_spawn() ride from their execve() on.
 *
 * RIDE_LOG names a file of one struct ride_log. Every rider has a record there: its name, and, once it has
 * ended by itself, the hypervisor's counters. Shared memory, because riders may change limits, descriptors
 * and root directories at will.
 */
#include "common.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RIDE_MAX  2046
#define RIDE_NONE UINT32_MAX

struct ride {
    char comm[16]; /* when it ended, or else when it started */
    int32_t tid;
    uint32_t core;
    uint32_t ended; /* the rest is valid */
    uint32_t reserved;
    uint64_t forwards;
    uint64_t runs;
    uint64_t syscalls;
    uint64_t faults;
};

struct ride_log {
    atomic_uint rides;   /* detached */
    atomic_uint refused; /* no core, or the device could not be opened */
    atomic_uint cores;   /* host cores, a bit each; 0: nobody has asked yet */
    atomic_uint turn;    /* cores given out */
    uint32_t reserved[28];
    struct ride ride[RIDE_MAX]; /* the first of them */
};

static struct ride_log *ride_log;
static uint32_t process_ride = RIDE_NONE; /* index of the record of this process's first thread */

/*
 * System calls by hand: a child of clone() may share its parent's thread-local storage, where errno is, and
 * the program's errno is its own.
 */
static int64_t call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    uint64_t x[8] = {a, b, c, d};

    raw_call(number, x);
    return (int64_t)x[0];
}

static int64_t device_call(uint64_t request, void *argument)
{
    int64_t fd = call(SYS_openat, (uint64_t)AT_FDCWD, (uint64_t)ORD_DEVICE, O_RDWR | O_CLOEXEC, 0);
    int64_t result;

    if (fd < 0)
        return fd;
    result = call(SYS_ioctl, (uint64_t)fd, request, (uint64_t)argument, 0);
    call(SYS_close, (uint64_t)fd, 0, 0, 0);
    return result;
}

/* Asks for the host cores once for all riders: the answer is large for some of their stacks. */
static void ride_find_cores(void)
{
    struct ord_ioc_info info = {.head = {.size = sizeof(info), .version = ORD_ABI_VERSION}};
    unsigned int cores = 0;

    if (!ride_log || atomic_load(&ride_log->cores) || device_call(ORD_IOC_INFO, &info))
        return;
    for (uint32_t core = 0; core < info.core_count; core++)
        if (info.core[core].flags & ORD_CORE_HOST)
            cores |= 1u << core;
    atomic_store(&ride_log->cores, cores);
}

static uint32_t ride_core(void)
{
    unsigned int cores = atomic_load(&ride_log->cores);
    unsigned int turn;

    if (!cores)
        return ORD_CORE_ANY;
    turn = atomic_fetch_add(&ride_log->turn, 1) % (unsigned int)__builtin_popcount(cores);
    while (turn--)
        cores &= cores - 1;
    return (uint32_t)__builtin_ctz(cores);
}

/* Detaches the calling thread; returns the index of its record, or RIDE_NONE. */
static uint32_t ride_begin(void)
{
    struct ord_ioc_detach detach = {
        .head = {.size = sizeof(detach), .version = ORD_ABI_VERSION},
        .prio = ORD_PRIO_DEFAULT,
        .flags = ORD_DETACH_SHARED,
    };
    int64_t result;
    struct ride *ride;
    uint32_t index;

    if (!ride_log)
        return RIDE_NONE;
    detach.core = ride_core();
    result = device_call(ORD_IOC_DETACH, &detach);
    if (result < 0) {
        if (result != -EBUSY || !is_detached()) /* across execve it stays detached */
            atomic_fetch_add(&ride_log->refused, 1);
        return RIDE_NONE;
    }
    index = atomic_fetch_add(&ride_log->rides, 1);
    if (index >= RIDE_MAX)
        return RIDE_NONE;
    ride = &ride_log->ride[index];
    call(SYS_prctl, PR_GET_NAME, (uint64_t)ride->comm, 0, 0);
    ride->tid = (int32_t)call(SYS_gettid, 0, 0, 0, 0);
    ride->core = detach.core;
    return index;
}

/* Notes what the calling thread has done so far. */
static void ride_end(uint32_t index)
{
    struct ord_ioc_stat stat = {.head = {.size = sizeof(stat), .version = ORD_ABI_VERSION}};
    struct ride *ride;

    if (index == RIDE_NONE)
        return;
    ride = &ride_log->ride[index];
    stat.thread.tid = (int32_t)call(SYS_gettid, 0, 0, 0, 0);
    if (stat.thread.tid != ride->tid || device_call(ORD_IOC_STAT, &stat))
        return;
    memcpy(ride->comm, stat.thread.comm, sizeof(ride->comm));
    ride->forwards = stat.thread.forwards;
    ride->runs = stat.thread.stats.runs;
    ride->syscalls = stat.thread.stats.syscalls;
    ride->faults = stat.thread.stats.faults;
    ride->ended = 1;
}

static void *next(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (!found)
        abort();
    return found;
}

__attribute__((constructor)) static void ride_load(void)
{
    const char *name = getenv("RIDE_LOG");
    int fd = name ? open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    void *map;

    if (fd < 0)
        return;
    if (!ftruncate(fd, sizeof(struct ride_log))) {
        map = mmap(NULL, sizeof(struct ride_log), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map != MAP_FAILED)
            ride_log = map;
    }
    close(fd);
    ride_find_cores();
    process_ride = ride_begin();
}

__attribute__((destructor)) static void ride_unload(void)
{
    ride_end(process_ride);
}

void _exit(int status)
{
    void (*next_exit)(int) __attribute__((noreturn)) = next("_exit");

    ride_end(process_ride);
    next_exit(status);
}

pid_t fork(void)
{
    pid_t (*next_fork)(void) = next("fork");
    pid_t pid = next_fork();

    if (!pid)
        process_ride = ride_begin();
    return pid;
}

/* What a new thread is to do; at the top of its stack for clone(). */
struct start {
    union {
        int (*process)(void *);
        void *(*thread)(void *);
    };
    void *argument;
    bool own_memory;
};

static int clone_main(void *argument)
{
    const struct start *start = argument;
    uint32_t index = ride_begin();
    int status;

    if (start->own_memory)
        process_ride = index;
    status = start->process(start->argument);
    ride_end(index);
    return status;
}

int clone(int (*process)(void *), void *stack, int flags, void *argument, ...)
{
    int (*next_clone)(int (*)(void *), void *, int, void *, ...) = next("clone");
    struct start *start = (struct start *)((uint64_t)stack & ~15ul) - 1;
    pid_t *parent_tid, *child_tid;
    void *tls;
    va_list args;

    va_start(args, argument);
    parent_tid = va_arg(args, pid_t *);
    tls = va_arg(args, void *);
    child_tid = va_arg(args, pid_t *);
    va_end(args);
    if (!stack || !process)
        return next_clone(process, stack, flags, argument, parent_tid, tls, child_tid);
    start = (struct start *)((uint64_t)start & ~15ul);
    *start = (struct start){.process = process, .argument = argument, .own_memory = !(flags & CLONE_VM)};
    return next_clone(clone_main, start, flags, start, parent_tid, tls, child_tid);
}

static void thread_end(void *argument)
{
    ride_end((uint32_t)(uint64_t)argument);
}

static void *thread_main(void *argument)
{
    struct start start = *(struct start *)argument;
    uint32_t index = ride_begin();
    void *result;

    free(argument);
    pthread_cleanup_push(thread_end, (void *)(uint64_t)index);
    result = start.thread(start.argument);
    pthread_cleanup_pop(1);
    return result;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
                   void *argument)
{
    int (*next_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
        next("pthread_create");
    struct start *start = malloc(sizeof(*start));
    int error;

    if (!start)
        return EAGAIN;
    *start = (struct start){.thread = function, .argument = argument};
    error = next_create(thread, attributes, thread_main, start);
    if (error)
        free(start);
    return error;
}
