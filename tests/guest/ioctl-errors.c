/* SPDX-License-Identifier: BSD-2-Clause */
/* ioctl-errors: every wrong use of /dev/hvdetach gets the error that outrider/ioctl.h names, and nothing else
 * happens. "info N": INFO, N times. */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int fd;
static struct ord_ioc_info info;

static const char usage[] = "[info N]";

static void expect(const char *what, int expected, unsigned long request, void *argument)
{
    const int result = ioctl(fd, request, argument) < 0 ? errno : 0;

    if (result != expected)
        test_fail("%s: '%s', expected '%s'", what, strerror(result), strerror(expected));
    printf("%s: %s\n", what, strerror(result));
}

#define HEAD(type) ((struct ord_ioc_head){.size = sizeof(type), .version = ORD_ABI_VERSION})

static struct ord_ioc_detach detach(uint32_t core)
{
    return (struct ord_ioc_detach){
        .head = HEAD(struct ord_ioc_detach), .core = core, .prio = ORD_PRIO_DEFAULT};
}

static void test_heads(void)
{
    static const struct {
        const char *name;
        unsigned long request;
        uint32_t size;
    } requests[] = {
        {"info", ORD_IOC_INFO, sizeof(struct ord_ioc_info)},
        {"detach", ORD_IOC_DETACH, sizeof(struct ord_ioc_detach)},
        {"attach", ORD_IOC_ATTACH, sizeof(struct ord_ioc_attach)},
        {"list", ORD_IOC_LIST, sizeof(struct ord_ioc_list)},
        {"stat", ORD_IOC_STAT, sizeof(struct ord_ioc_stat)},
        {"last", ORD_IOC_LAST, sizeof(struct ord_ioc_stat)},
        {"ended", ORD_IOC_ENDED, sizeof(struct ord_ioc_list)},
        {"set", ORD_IOC_SET, sizeof(struct ord_ioc_set)},
        {"group", ORD_IOC_GROUP, sizeof(struct ord_ioc_group)},
        {"trace", ORD_IOC_TRACE, sizeof(struct ord_ioc_trace)},
        {"log", ORD_IOC_LOG, sizeof(struct ord_ioc_log)},
    };
    struct ord_ioc_head *head = calloc(1, sizeof(struct ord_ioc_list));
    char name[64];

    CHECK(head);
    for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
        memset(head, 0, sizeof(struct ord_ioc_list));
        head->size = requests[i].size;
        head->version = ORD_ABI_VERSION + (1u << 16);
        snprintf(name, sizeof(name), "%s, next major version", requests[i].name);
        expect(name, EPROTO, requests[i].request, head);
        head->version = 0;
        snprintf(name, sizeof(name), "%s, version 0", requests[i].name);
        expect(name, EPROTO, requests[i].request, head);
        head->version = ORD_ABI_VERSION;
        head->size += 8;
        snprintf(name, sizeof(name), "%s, wrong size", requests[i].name);
        expect(name, EINVAL, requests[i].request, head);
        head->size = 0;
        snprintf(name, sizeof(name), "%s, no size", requests[i].name);
        expect(name, EINVAL, requests[i].request, head);
        snprintf(name, sizeof(name), "%s, bad address", requests[i].name);
        expect(name, EFAULT, requests[i].request, (void *)16);
    }
    free(head);
    expect("unknown ioctl", ENOTTY, _IO('o', 0x7f), NULL);
}

static void test_detach(void)
{
    struct ord_ioc_detach request = detach(99);
    uint32_t host_core = ORD_CORE_ANY;

    expect("detach, core 99", ENODEV, ORD_IOC_DETACH, &request);
    for (uint32_t core = 0; core < info.core_count && core < ORD_IOC_CORES_MAX; core++) {
        if (info.core[core].flags & ORD_CORE_HOST)
            host_core = core;
        if (!(info.core[core].flags & ORD_CORE_GUEST))
            continue;
        request = detach(core);
        expect("detach, core of Linux", EPERM, ORD_IOC_DETACH, &request);
    }
    if (host_core == ORD_CORE_ANY)
        test_fail("there is no host core");
    request = detach(host_core);
    request.prio = 0;
    expect("detach, priority 0", EINVAL, ORD_IOC_DETACH, &request);
    request.prio = ORD_PRIO_MAX + 1;
    expect("detach, priority 256", EINVAL, ORD_IOC_DETACH, &request);
    request = detach(host_core);
    request.flags = ~ORD_DETACH_FLAGS;
    expect("detach, flags", EINVAL, ORD_IOC_DETACH, &request);
    request = detach(host_core);
    request.tid = -1;
    expect("detach, no such thread", EINVAL, ORD_IOC_DETACH, &request);
    CHECK(!is_detached());

    request = detach(host_core);
    expect("detach", 0, ORD_IOC_DETACH, &request);
    CHECK(becomes_detached());
    request = detach(host_core);
    expect("second detach", EBUSY, ORD_IOC_DETACH, &request);
    request = detach(ORD_CORE_ANY);
    expect("second detach, any core", EBUSY, ORD_IOC_DETACH, &request);
    CHECK(becomes_detached());
}

/* STAT, LAST, LIST, ATTACH of the caller. */
static void test_self(void)
{
    struct ord_ioc_stat stat = {.head = HEAD(stat), .thread.tid = (int)gettid()};
    struct ord_ioc_stat last = {.head = HEAD(last)};
    struct ord_ioc_attach attach = {.head = HEAD(attach)};
    struct ord_ioc_list *list = calloc(1, sizeof(*list));
    uint32_t found = 0;

    CHECK(list);
    expect("last, before one has ended", ESRCH, ORD_IOC_LAST, &last);
    expect("stat", 0, ORD_IOC_STAT, &stat);
    CHECK(stat.thread.tgid == getpid() && stat.thread.stats.runs > 0);
    list->head = HEAD(struct ord_ioc_list);
    expect("list", 0, ORD_IOC_LIST, list);
    CHECK(list->count >= 1 && list->count <= ORD_CONTEXT_MAX);
    for (uint32_t i = 0; i < list->count; i++)
        found += list->thread[i].tid == (int)gettid();
    CHECK(found == 1);
    attach.reserved = 1;
    expect("attach, reserved", EINVAL, ORD_IOC_ATTACH, &attach);
    attach.reserved = 0;
    expect("attach", 0, ORD_IOC_ATTACH, &attach);
    CHECK(!is_detached());
    expect("last", 0, ORD_IOC_LAST, &last);
    CHECK(last.thread.tid == (int)gettid() && last.thread.state == ORD_THREAD_ENDED);
    list->head = HEAD(struct ord_ioc_list);
    expect("ended", 0, ORD_IOC_ENDED, list);
    CHECK(list->count == 1 && list->lost == 0 && list->thread[0].tid == last.thread.tid);
    CHECK(last.thread.stats.runs >= stat.thread.stats.runs);
    expect("attach again", 0, ORD_IOC_ATTACH, &attach);
    stat = (struct ord_ioc_stat){.head = HEAD(stat), .thread.tid = (int)gettid()};
    expect("stat of an attached thread", ESRCH, ORD_IOC_STAT, &stat);
    stat = (struct ord_ioc_stat){.head = HEAD(stat), .thread.tid = -1};
    expect("stat of thread -1", ESRCH, ORD_IOC_STAT, &stat);
    free(list);
}

/* A thread that does nothing, to act upon. */
static void *idle_main(void *argument)
{
    *(volatile int *)argument = (int)gettid();
    for (;;)
        pause();
    return NULL;
}

static uint32_t core_with(uint32_t flags)
{
    for (uint32_t core = 0; core < info.core_count && core < ORD_IOC_CORES_MAX; core++)
        if (info.core[core].flags & flags)
            return core;
    test_fail("no core with flags 0x%x", flags);
}

static struct ord_ioc_set set(int tid, uint32_t core, uint32_t prio)
{
    return (struct ord_ioc_set){.head = HEAD(struct ord_ioc_set), .tid = tid, .core = core, .prio = prio};
}

/* Nobody's thread, in all that take one. Its id has been free since it ended, and ids are not reused soon. */
static void test_no_such_thread(int tid, int error)
{
    struct ord_ioc_detach request = detach(ORD_CORE_ANY);
    struct ord_ioc_attach attach = {.head = HEAD(attach), .tid = tid};
    struct ord_ioc_set other = set(tid, ORD_CORE_ANY, 0);
    struct ord_ioc_group group = {.head = HEAD(group), .pid = tid};
    struct ord_ioc_trace *trace = calloc(1, sizeof(*trace));

    CHECK(trace);
    request.tid = tid;
    trace->head = HEAD(*trace);
    trace->tid = tid;
    printf("thread %d\n", tid);
    expect("detach", error, ORD_IOC_DETACH, &request);
    expect("attach", error, ORD_IOC_ATTACH, &attach);
    expect("set", error, ORD_IOC_SET, &other);
    expect("group", error, ORD_IOC_GROUP, &group);
    expect("trace", error, ORD_IOC_TRACE, trace);
    free(trace);
}

static void test_threads(void)
{
    struct ord_ioc_detach request = detach(ORD_CORE_ANY);
    struct ord_ioc_attach attach = {.head = HEAD(attach)};
    struct ord_ioc_trace *trace = calloc(1, sizeof(*trace));
    const uint32_t linux_core = core_with(ORD_CORE_GUEST);
    uint32_t taken;
    struct ord_ioc_set other;
    volatile int tid = 0;
    pthread_t thread;
    pid_t child;

    CHECK(trace && !pthread_create(&thread, NULL, idle_main, (void *)&tid));
    while (!tid)
        sched_yield();
    child = fork();
    if (!child)
        _exit(0);
    CHECK(child > 0 && waitpid(child, NULL, 0) == child);
    test_no_such_thread(child, ESRCH);
    test_no_such_thread(-1, EINVAL);

    other = set(tid, ORD_CORE_ANY, 0);
    expect("set, not detached", ESRCH, ORD_IOC_SET, &other);
    trace->head = HEAD(*trace);
    trace->tid = tid;
    expect("trace, not detached", ESRCH, ORD_IOC_TRACE, trace);

    request.tid = tid;
    expect("detach another", 0, ORD_IOC_DETACH, &request);
    expect("detach another again", EBUSY, ORD_IOC_DETACH, &request);
    other = set(tid, linux_core, 0);
    expect("set, core of Linux", EPERM, ORD_IOC_SET, &other);
    other = set(tid, 99, 0);
    expect("set, core 99", ENODEV, ORD_IOC_SET, &other);
    other = set(tid, ORD_CORE_ANY, ORD_PRIO_MAX + 1);
    expect("set, priority 256", EINVAL, ORD_IOC_SET, &other);
    other = set(tid, ORD_CORE_ANY, 0);
    other.reserved = 1;
    expect("set, reserved", EINVAL, ORD_IOC_SET, &other);
    other = set(tid, ORD_CORE_ANY, 0);
    expect("set nothing", 0, ORD_IOC_SET, &other);
    expect("trace", 0, ORD_IOC_TRACE, trace);
    CHECK(trace->frequency == counter_hz() && trace->count <= ORD_TRACE_BATCH && !trace->lost);
    /* It has its core for itself. */
    taken = request.core;
    request = detach(taken);
    request.flags = ORD_DETACH_SHARED;
    expect("detach, core taken", EBUSY, ORD_IOC_DETACH, &request);
    attach.tid = tid;
    expect("attach another", 0, ORD_IOC_ATTACH, &attach);
    expect("attach another again", 0, ORD_IOC_ATTACH, &attach);
    expect("trace, attached", ESRCH, ORD_IOC_TRACE, trace);
    free(trace);
}

static void test_group(void)
{
    struct ord_ioc_group group = {.head = HEAD(group), .prio = ORD_PRIO_DEFAULT, .core_count = 1};
    const uint32_t host_core = core_with(ORD_CORE_HOST);

    group.core[0] = core_with(ORD_CORE_GUEST);
    expect("group, core of Linux", EPERM, ORD_IOC_GROUP, &group);
    group.core[0] = 99;
    expect("group, core 99", ENODEV, ORD_IOC_GROUP, &group);
    group.core[0] = host_core;
    group.prio = 0;
    expect("group, priority 0", EINVAL, ORD_IOC_GROUP, &group);
    group.prio = ORD_PRIO_MAX + 1;
    expect("group, priority 256", EINVAL, ORD_IOC_GROUP, &group);
    group.prio = ORD_PRIO_DEFAULT;
    group.flags = ~ORD_DETACH_FLAGS;
    expect("group, flags", EINVAL, ORD_IOC_GROUP, &group);
    group.flags = 0;
    group.core_count = ORD_GROUP_CORES_MAX + 1;
    expect("group, too many cores", EINVAL, ORD_IOC_GROUP, &group);
    group.core_count = 1;
    expect("group", 0, ORD_IOC_GROUP, &group);
    group.core_count = 0;
    expect("group, end", 0, ORD_IOC_GROUP, &group);
    expect("group, end again", 0, ORD_IOC_GROUP, &group);
}

static void test_log(void)
{
    struct ord_ioc_log *log = calloc(1, sizeof(*log));
    uint64_t size = 0;

    CHECK(log);
    log->head = HEAD(*log);
    log->reserved = 1;
    expect("log, reserved", EINVAL, ORD_IOC_LOG, log);
    log->reserved = 0;
    if (!(info.features & ORD_FEATURE_LOG))
        test_fail("the hypervisor has no log");
    do {
        expect("log", 0, ORD_IOC_LOG, log);
        CHECK(log->size <= sizeof(log->text) && !memchr(log->text, 0, log->size));
        size += log->size;
    } while (log->size);
    CHECK(log->position >= size && size > 100);
    log->position = ~0ull;
    expect("log, behind its end", 0, ORD_IOC_LOG, log);
    CHECK(!log->size);
    free(log);
}

/* With the device open for reading, and no right of its own, a program may look, and change nothing. */
static void test_rights(void)
{
    struct ord_ioc_detach request = detach(ORD_CORE_ANY);
    struct ord_ioc_attach attach = {.head = HEAD(attach)};
    struct ord_ioc_set other = set(0, ORD_CORE_ANY, 0);
    struct ord_ioc_group group = {.head = HEAD(group)};
    struct ord_ioc_trace *trace = calloc(1, sizeof(*trace));
    struct ord_ioc_log *log = calloc(1, sizeof(*log));
    struct ord_ioc_list *list = calloc(1, sizeof(*list));

    CHECK(trace && log && list);
    trace->head = HEAD(*trace);
    log->head = HEAD(*log);
    list->head = HEAD(*list);
    if (getuid())
        test_fail("must be started by root");
    /* Open for writing, another user may read the log, and act on himself, not on others. */
    CHECK(!setgid(65534) && !setuid(65534));
    request.tid = getppid();
    expect("detach another's thread", EPERM, ORD_IOC_DETACH, &request);
    attach.tid = getppid();
    expect("attach another's thread", EPERM, ORD_IOC_ATTACH, &attach);
    group.pid = getppid();
    expect("group of another's process", EPERM, ORD_IOC_GROUP, &group);
    trace->tid = getppid();
    expect("trace another's thread", EPERM, ORD_IOC_TRACE, trace);
    expect("log, for writing", 0, ORD_IOC_LOG, log);
    close(fd);
    fd = open(ORD_DEVICE, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    request.tid = 0;
    attach.tid = 0;
    group.pid = 0;
    trace->tid = 0;
    expect("detach, for reading", EPERM, ORD_IOC_DETACH, &request);
    expect("attach, for reading", EPERM, ORD_IOC_ATTACH, &attach);
    expect("set, for reading", EPERM, ORD_IOC_SET, &other);
    expect("group, for reading", EPERM, ORD_IOC_GROUP, &group);
    expect("trace, for reading", EPERM, ORD_IOC_TRACE, trace);
    expect("log, for reading", EPERM, ORD_IOC_LOG, log);
    expect("list, for reading", 0, ORD_IOC_LIST, list);
    info.head = HEAD(struct ord_ioc_info);
    expect("info, for reading", 0, ORD_IOC_INFO, &info);
    free(trace);
    free(log);
    free(list);
}

/* With the device open for reading, as often as somebody likes. */
static int test_flood(uint64_t count)
{
    fd = open(ORD_DEVICE, O_RDONLY | O_CLOEXEC);
    for (uint64_t i = 0; i < count; i++) {
        info.head = HEAD(struct ord_ioc_info);
        CHECK(!ioctl(fd, ORD_IOC_INFO, &info) && info.core_count > 0);
    }
    return test_pass("%lu answers", (unsigned long)count);
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "info"))
        return test_flood(arg_number(argv[2], usage));
    if (argc > 1)
        arg_number(argv[1], usage);
    setvbuf(stdout, NULL, _IOLBF, 0);
    fd = open(ORD_DEVICE, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        test_fail("%s: %s", ORD_DEVICE, strerror(errno));
    info.head = HEAD(struct ord_ioc_info);
    expect("info", 0, ORD_IOC_INFO, &info);
    CHECK(info.abi_version >> 16 == ORD_ABI_MAJOR && info.core_count > 0);
    test_heads();
    test_detach();
    test_self();
    test_threads();
    test_group();
    test_log();
    test_rights();
    return test_pass("all errors are as specified");
}
