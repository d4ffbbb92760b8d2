// SPDX-License-Identifier: BSD-2-Clause
/* /dev/hvdetach, the module's side of it is in outrider/ioctl.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hvctl.h"

static struct ord_ioc_head head(size_t size)
{
    return (struct ord_ioc_head){.size = (uint32_t)size, .version = ORD_ABI_VERSION};
}

static void complain_ioctl(const char *what)
{
    if (errno == EPROTO || errno == EINVAL)
        complain("%s: the module speaks another ABI than %d.%d", what, ORD_ABI_MAJOR, ORD_ABI_MINOR);
    else
        complain("%s: %s", what, strerror(errno));
}

/* Opens the device, close-on-exec. */
int device_open(void)
{
    int fd = open(ORD_DEVICE, O_RDWR | O_CLOEXEC);

    if (fd >= 0)
        return fd;
    if (errno == ENOENT || errno == ENXIO || errno == ENODEV)
        complain("no %s: the module is not loaded; try 'modprobe hvdetach'", ORD_DEVICE);
    else
        complain("%s: %s", ORD_DEVICE, strerror(errno));
    return -1;
}

bool device_info(int fd, struct ord_ioc_info *info)
{
    memset(info, 0, sizeof(*info));
    info->head = head(sizeof(*info));
    if (!ioctl(fd, ORD_IOC_INFO, info))
        return true;
    complain_ioctl("cannot ask the hypervisor");
    return false;
}

bool device_list(int fd, struct ord_ioc_list *list)
{
    memset(list, 0, sizeof(*list));
    list->head = head(sizeof(*list));
    if (!ioctl(fd, ORD_IOC_LIST, list))
        return true;
    complain_ioctl("cannot list threads");
    return false;
}

/* Detaches the calling thread: *core may be ORD_CORE_ANY, and is the one taken afterwards. */
int device_detach(int fd, uint32_t *core, uint32_t prio)
{
    struct ord_ioc_detach arg = {.head = head(sizeof(arg)), .core = *core, .prio = prio};

    if (ioctl(fd, ORD_IOC_DETACH, &arg))
        return errno;
    *core = arg.core;
    return 0;
}

static int device_get(int fd, unsigned long request, int32_t tid, struct ord_ioc_thread *thread)
{
    struct ord_ioc_stat arg = {.head = head(sizeof(arg)), .thread.tid = tid};

    if (ioctl(fd, request, &arg))
        return errno;
    *thread = arg.thread;
    return 0;
}

/* A detached thread's record, by its thread id. */
int device_stat(int fd, int32_t tid, struct ord_ioc_thread *thread)
{
    return device_get(fd, ORD_IOC_STAT, tid, thread);
}

/* The final record of the thread that was detached through this open file and has ended. */
int device_last(int fd, struct ord_ioc_thread *thread)
{
    return device_get(fd, ORD_IOC_LAST, 0, thread);
}
