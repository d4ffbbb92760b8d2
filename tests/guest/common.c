/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LINE_MAX_BYTES 512

static size_t line_format(char *line, const char *verdict, const char *format, va_list args)
{
    int length = snprintf(line, LINE_MAX_BYTES - 1, "%s: %s: ", verdict, program_invocation_short_name);

    length += vsnprintf(line + length, (size_t)(LINE_MAX_BYTES - 1 - length), format, args);
    if (length > LINE_MAX_BYTES - 2)
        length = LINE_MAX_BYTES - 2;
    line[length++] = '\n';
    return (size_t)length;
}

void test_fail(const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    ssize_t done;

    va_start(args, format);
    done = write(STDOUT_FILENO, line, line_format(line, "FAIL", format, args));
    va_end(args);
    (void)done;
    _exit(1);
}

int test_pass(const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    size_t length;
    va_list args;

    fflush(stdout);
    va_start(args, format);
    length = line_format(line, "PASS", format, args);
    va_end(args);
    return write(STDOUT_FILENO, line, length) == (ssize_t)length ? 0 : 1;
}

uint64_t arg_number(const char *text, const char *usage)
{
    char *end;
    uint64_t value;

    errno = 0;
    value = text ? strtoull(text, &end, 0) : 0;
    if (!text || errno || end == text || *end || *text == '-') {
        fprintf(stderr, "%s: '%s' is not a number\nusage: %s %s\n", program_invocation_short_name,
                text ? text : "", program_invocation_short_name, usage);
        exit(2);
    }
    return value;
}

bool becomes_detached(void)
{
    for (int i = 0; i < 200000; i++) {
        if (is_detached())
            return true;
        for (volatile int pause = 0; pause < 1000; pause++)
            ;
    }
    return false;
}

int thread_device(void)
{
    static int fd = -1;
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

    pthread_mutex_lock(&lock);
    if (fd < 0)
        fd = open(ORD_DEVICE, O_RDWR | O_CLOEXEC);
    pthread_mutex_unlock(&lock);
    return fd;
}

static int device_ioctl(unsigned long request, void *argument)
{
    int fd = thread_device();

    if (fd < 0 || ioctl(fd, request, argument) < 0)
        return -errno;
    return 0;
}

int detach_self(uint32_t core, uint32_t prio)
{
    struct ord_ioc_detach detach = {
        .head = {.size = sizeof(detach), .version = ORD_ABI_VERSION},
        .core = core,
        .prio = prio,
    };

    return device_ioctl(ORD_IOC_DETACH, &detach);
}

int attach_self(void)
{
    struct ord_ioc_attach attach = {.head = {.size = sizeof(attach), .version = ORD_ABI_VERSION}};

    return device_ioctl(ORD_IOC_ATTACH, &attach);
}

int thread_stat(int tid, struct ord_ioc_thread *thread)
{
    struct ord_ioc_stat stat = {
        .head = {.size = sizeof(stat), .version = ORD_ABI_VERSION},
        .thread = {.tid = tid},
    };
    int error = device_ioctl(ORD_IOC_STAT, &stat);

    *thread = stat.thread;
    return error;
}

struct ord_ioc_thread stat_self(void)
{
    struct ord_ioc_thread thread;
    int error = thread_stat(gettid(), &thread);

    if (error)
        test_fail("no statistics: %s", strerror(-error));
    return thread;
}

#define PAGE 4096ul

void *page_map(const char *file)
{
    int fd = -1;
    void *page;

    if (file) {
        fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0 || ftruncate(fd, PAGE))
            test_fail("%s: %s", file, strerror(errno));
    }
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
                (file ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS) | MAP_POPULATE, fd, 0);
    CHECK(page != MAP_FAILED);
    if (file)
        close(fd);
    return page;
}

/* Documentation/admin-guide/mm/pagemap.rst; the frame's number is 0 without CAP_SYS_ADMIN. */
uint64_t physical_address(const void *address)
{
    const int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    uint64_t entry = 0;

    CHECK(fd >= 0);
    CHECK(pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)address / PAGE * sizeof(entry))) ==
          sizeof(entry));
    close(fd);
    CHECK(entry >> 63); /* present */
    return (entry & ((1ull << 55) - 1)) * PAGE + (uintptr_t)address % PAGE;
}

uint64_t interrupts_count(const char *name)
{
    char line[512];
    uint64_t sum = 0, count;
    FILE *file = fopen("/proc/interrupts", "r");

    CHECK(file);
    while (fgets(line, sizeof(line), file)) {
        char *at = strchr(line, ':');
        int used;
        if (!strstr(line, name) || !at)
            continue;
        for (at++; sscanf(at, " %lu%n", &count, &used) == 1; at += used)
            sum += count;
    }
    fclose(file);
    return sum;
}

void print_stats(const char *name, const struct ord_ioc_thread *thread)
{
    const struct ord_stats *stats = &thread->stats;

    printf("%s: core %u, %s; runs %lu, syscalls %lu, faults %lu, exceptions %lu, recalls %lu, irqs %lu, "
           "hostcalls %lu, exits %lu, forwards %lu, recaptures %lu\n",
           name, thread->core, thread->state == ORD_THREAD_DETACHED ? "detached" : "attached",
           (unsigned long)stats->runs, (unsigned long)stats->syscalls, (unsigned long)stats->faults,
           (unsigned long)stats->exceptions, (unsigned long)stats->recalls, (unsigned long)stats->irqs,
           (unsigned long)stats->hostcalls, (unsigned long)stats->exits, (unsigned long)thread->forwards,
           (unsigned long)thread->recaptures);
    fflush(stdout);
}
