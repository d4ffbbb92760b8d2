/* SPDX-License-Identifier: BSD-2-Clause */
/* ioctl-errors: every wrong use of /dev/hvdetach gets the error that outrider/ioctl.h names, and nothing else
 * happens. */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fd;
static struct ord_ioc_info info;

static const char usage[] = "(no arguments)";

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

static void test_others(void)
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
    CHECK(last.thread.stats.runs >= stat.thread.stats.runs);
    expect("attach again", 0, ORD_IOC_ATTACH, &attach);
    stat = (struct ord_ioc_stat){.head = HEAD(stat), .thread.tid = (int)gettid()};
    expect("stat of an attached thread", ESRCH, ORD_IOC_STAT, &stat);
    stat = (struct ord_ioc_stat){.head = HEAD(stat), .thread.tid = -1};
    expect("stat of thread -1", ESRCH, ORD_IOC_STAT, &stat);
    free(list);
}

int main(int argc, char **argv)
{
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
    test_others();
    return test_pass("all errors are as specified");
}
