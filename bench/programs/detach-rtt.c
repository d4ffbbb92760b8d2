/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Leaving Linux and coming back: from the ioctl DETACH to the first instruction on the host core, and from
 * the ioctl ATTACH there to the first one in Linux.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

static long request_ioctl(int fd, unsigned long request, void *argument, bool hist)
{
    long result;

    if (!hist)
        return call4(SYS_ioctl, fd, (long)request, (long)argument, 0);
    insn_hist_start();
    result = call4_plain(SYS_ioctl, fd, (long)request, (long)argument, 0);
    insn_hist_stop();
    return result;
}

int main(int argc, char **argv)
{
    struct bench b;

    bench_options(&b, argc, argv);
    int fd = open(ORD_DEVICE, O_RDWR | O_CLOEXEC);
    if (fd < 0 || b.core == ORD_CORE_ANY)
        test_fail("needs %s and --core", ORD_DEVICE);
    struct ord_ioc_detach detach = {.head = {.size = sizeof(detach), .version = ORD_ABI_VERSION},
                                    .core = b.core,
                                    .prio = ORD_PRIO_DEFAULT};
    struct ord_ioc_attach attach = {.head = {.size = sizeof(attach), .version = ORD_ABI_VERSION}};
    /* Every other one for the histogram, whose start takes so long that a tick is likely to follow. */
    for (uint64_t i = 0; i < 2 * b.count; i++) {
        struct ord_ioc_detach request = detach;
        bench_label(&b, "detach");
        CHECK(!request_ioctl(fd, ORD_IOC_DETACH, &request, i % 2));
        CHECK(is_detached());
        bench_label(&b, "attach");
        CHECK(!request_ioctl(fd, ORD_IOC_ATTACH, &attach, i % 2));
        CHECK(!is_detached());
    }
    bench_label(&b, "end");
    return test_pass("%s", b.config);
}
