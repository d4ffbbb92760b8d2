// SPDX-License-Identifier: BSD-2-Clause
/* /dev/hvdetach, the module's side of it is in outrider/ioctl.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hvctl.h"

#define AS_STRING_(x) #x
#define AS_STRING(x)  AS_STRING_(x)

static struct ord_ioc_head head(size_t size)
{
    return (struct ord_ioc_head){.size = (uint32_t)size, .version = ORD_ABI_VERSION};
}

/* Of an ioctl without a priority: EINVAL can only be that of a structure's size. */
static int plain_error(int err)
{
    return err == EINVAL ? EPROTO : err;
}

static void complain_ioctl(const char *what)
{
    complain("%s: %s", what, device_explain(plain_error(errno)));
}

const char *device_explain(int err)
{
    switch (err) {
    case EPERM:
    case EACCES:
        return "not permitted; that needs " ORD_DEVICE
               " open for writing or CAP_SYS_NICE (the latter for a core "
               "that Linux runs on), and for another process the right to ptrace it, with no tracer of its "
               "own";
    case EPROTO:
    case ENOTTY:
        return "the loaded module hvdetach is not of this hvctl's ABI " AS_STRING(
            ORD_ABI_MAJOR) "." AS_STRING(ORD_ABI_MINOR) "; install both from one build, then 'modprobe -r "
                                                        "hvdetach; modprobe hvdetach'";
    case ESRCH:
        return "there is no such thread any more";
    case EOPNOTSUPP:
        return "cannot be detached: a 32-bit program, a kernel thread, or one with hardware breakpoints or "
               "watchpoints";
    case ENOMEM:
        return "out of memory, or the hypervisor has no room for another thread";
    case ESHUTDOWN:
        return "the machine is shutting down";
    case EINVAL:
        return "the hypervisor does not allow this priority on that core, or the loaded module hvdetach is "
               "of "
               "another build than this hvctl";
    case ENOSPC:
        return "no host core is free; 'hvctl info' lists the cores";
    case EIO:
        return "the hypervisor refused without a reason; 'dmesg' may know more";
    default:
        return strerror(err);
    }
}

/* Opens the device, close-on-exec. Reading is enough to look, and to change with CAP_SYS_NICE. */
int device_open(void)
{
    int fd = open(ORD_DEVICE, O_RDWR | O_CLOEXEC);

    if (fd < 0 && errno == EACCES)
        fd = open(ORD_DEVICE, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    if (errno == ENOENT || errno == ENXIO || errno == ENODEV)
        complain("no %s: the module is not loaded; try 'modprobe hvdetach'", ORD_DEVICE);
    else if (errno == EACCES || errno == EPERM)
        complain("%s: permission denied; its mode and group say who may (ls -l %s)", ORD_DEVICE, ORD_DEVICE);
    else
        complain("%s: %s", ORD_DEVICE, strerror(errno));
    return -1;
}

bool device_info(int fd, struct ord_ioc_info *info)
{
    memset(info, 0, sizeof(*info));
    info->head = head(sizeof(*info));
    if (!ioctl(fd, ORD_IOC_INFO, info)) {
        if (info->core_count > ORD_IOC_CORES_MAX)
            info->core_count = ORD_IOC_CORES_MAX;
        return true;
    }
    complain_ioctl("cannot ask the hypervisor");
    return false;
}

static bool get_list(int fd, unsigned long request, struct ord_ioc_list *list)
{
    memset(list, 0, sizeof(*list));
    list->head = head(sizeof(*list));
    if (!ioctl(fd, request, list)) {
        if (list->count > ORD_CONTEXT_MAX)
            list->count = ORD_CONTEXT_MAX;
        return true;
    }
    complain_ioctl("cannot list threads");
    return false;
}

bool device_list(int fd, struct ord_ioc_list *list)
{
    return get_list(fd, ORD_IOC_LIST, list);
}

bool device_ended(int fd, struct ord_ioc_list *list)
{
    return get_list(fd, ORD_IOC_ENDED, list);
}

static int call(int fd, unsigned long request, void *arg)
{
    return ioctl(fd, request, arg) ? errno : 0;
}

/* The same for what acts on a thread, 0 for hvctl's own. */
static int call_on(int fd, unsigned long request, void *arg, size_t size, int32_t tid)
{
    int err = call(fd, request, arg);

    return err == EPERM && tid ? seize_call(fd, request, arg, size, tid) : err;
}

/* detach->core may be ORD_CORE_ANY, and is the one taken afterwards. */
int device_detach(int fd, struct ord_ioc_detach *detach)
{
    detach->head = head(sizeof(*detach));
    return call_on(fd, ORD_IOC_DETACH, detach, sizeof(*detach), detach->tid);
}

int device_attach(int fd, int32_t tid)
{
    struct ord_ioc_attach arg = {.head = head(sizeof(arg)), .tid = tid};

    return plain_error(call_on(fd, ORD_IOC_ATTACH, &arg, sizeof(arg), tid));
}

int device_set(int fd, int32_t tid, uint32_t core, uint32_t prio)
{
    struct ord_ioc_set arg = {.head = head(sizeof(arg)), .tid = tid, .core = core, .prio = prio};

    return call_on(fd, ORD_IOC_SET, &arg, sizeof(arg), tid);
}

int device_group(int fd, struct ord_ioc_group *group)
{
    group->head = head(sizeof(*group));
    return call_on(fd, ORD_IOC_GROUP, group, sizeof(*group), group->pid);
}

int device_trace(int fd, struct ord_ioc_trace *trace)
{
    trace->head = head(sizeof(*trace));
    return plain_error(call_on(fd, ORD_IOC_TRACE, trace, sizeof(*trace), trace->tid));
}

int device_log(int fd, struct ord_ioc_log *log)
{
    log->head = head(sizeof(*log));
    return plain_error(call(fd, ORD_IOC_LOG, log));
}

/* A detached thread's record, by its thread id. */
int device_stat(int fd, int32_t tid, struct ord_ioc_thread *thread)
{
    struct ord_ioc_stat arg = {.head = head(sizeof(arg)), .thread.tid = tid};
    int err = plain_error(call(fd, ORD_IOC_STAT, &arg));

    if (!err)
        *thread = arg.thread;
    return err;
}
