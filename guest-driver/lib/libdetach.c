/* SPDX-License-Identifier: BSD-2-Clause */
#include "detach.h"

#include <errno.h>
#include <fcntl.h>
#include <outrider/hostcall.h>
#include <outrider/ioctl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <counter.h>
#include <detach_arch.h>

#define NS_PER_SECOND 1000000000ull

_Static_assert(DETACH_SHARED == ORD_DETACH_SHARED && DETACH_SIGDEBUG == ORD_DETACH_SIGDEBUG, "flags");
_Static_assert(DETACH_PRIO_MIN == ORD_PRIO_MIN && DETACH_PRIO_MAX == ORD_PRIO_MAX &&
                   DETACH_PRIO_DEFAULT == ORD_PRIO_DEFAULT,
               "priorities");

#define HEAD(object)                                                                                         \
    {                                                                                                        \
        .size = sizeof(object), .version = ORD_ABI_VERSION                                                   \
    }

/* Whether there is Outrider: host_known(). */
static int outrider;
static long refusal; /* what Linux or a filter last said to a host call */
enum { OUTRIDER_ASK, OUTRIDER_HERE, OUTRIDER_NONE };

/* ---- The module ---- */

/*
 * One file for the whole process, opened when first needed: what a thread has detached stays when it is
 * closed. A program may close it, by closefrom(3) for one, and the number may be another file's then. So it
 * is looked at before it is used, and left alone if it is not the device.
 */
static struct {
    int fd; /* -1: none. Stored after its number */
    uint64_t number;
} device = {.fd = -1};

static bool is_device(int fd)
{
    struct stat info;

    return fd >= 0 && !fstat(fd, &info) && S_ISCHR(info.st_mode) &&
           info.st_rdev == __atomic_load_n(&device.number, __ATOMIC_RELAXED);
}

static int device_open(void)
{
    int fd = __atomic_load_n(&device.fd, __ATOMIC_ACQUIRE), before = fd;
    struct stat info;

    if (is_device(fd))
        return fd;
    fd = open(ORD_DEVICE, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno == EACCES)
        fd = open(ORD_DEVICE, O_RDONLY | O_CLOEXEC); /* CAP_SYS_NICE will do */
    if (fd < 0)
        return errno == ENOENT || errno == ENXIO ? -ENODEV : -errno;
    if (fstat(fd, &info) || !S_ISCHR(info.st_mode)) {
        close(fd);
        return -ENODEV;
    }
    __atomic_store_n(&device.number, info.st_rdev, __ATOMIC_RELAXED);
    if (!__atomic_compare_exchange_n(&device.fd, &before, fd, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        close(fd); /* another thread was faster */
        fd = before;
    }
    return fd;
}

static int device_call(unsigned long request, void *argument)
{
    int saved = errno, fd = device_open(), result = fd;

    if (fd >= 0)
        result = ioctl(fd, request, argument) < 0 ? -errno : 0;
    errno = saved;
    return result;
}

static int move_self(int core, int prio)
{
    struct ord_ioc_set set = {
        .head = HEAD(set), .tid = gettid(), .core = (uint32_t)core, .prio = (uint32_t)prio};
    struct ord_ioc_stat stat = {.head = HEAD(stat), .thread.tid = gettid()};
    int result = device_call(ORD_IOC_SET, &set);

    if (result < 0)
        return result;
    result = device_call(ORD_IOC_STAT, &stat);
    return result < 0 ? result : (int)stat.thread.core;
}

int detach_self(int core, int prio, unsigned int flags)
{
    struct ord_ioc_detach detach = {
        .head = HEAD(detach), .core = (uint32_t)core, .prio = (uint32_t)prio, .flags = flags};
    struct ord_ioc_stat stat = {.head = HEAD(stat), .thread.tid = gettid()};
    struct ord_ioc_info info = {.head = HEAD(info)};
    int result;

    if (core < DETACH_CORE_ANY || flags & ~(DETACH_SHARED | DETACH_SIGDEBUG))
        return -EINVAL;
    if (prio < DETACH_PRIO_MIN || prio > DETACH_PRIO_MAX)
        return -EINVAL;
    result = device_call(ORD_IOC_DETACH, &detach);
    if (result == -EBUSY && !device_call(ORD_IOC_STAT, &stat))
        return move_self(core, prio); /* not the core is taken: this thread is detached already */
    if (result == -ENODEV && !device_call(ORD_IOC_INFO, &info))
        return -ENXIO; /* there is Outrider, but no such core */
    if (result < 0)
        return result;
    __atomic_store_n(&outrider, OUTRIDER_HERE, __ATOMIC_RELAXED);
    return (int)detach.core;
}

int detach_attach_self(void)
{
    struct ord_ioc_attach attach = {.head = HEAD(attach)};

    return device_call(ORD_IOC_ATTACH, &attach);
}

/* ---- Host calls ---- */

uint64_t detach_counter(void)
{
    return counter_now();
}

uint64_t detach_counter_hz(void)
{
    return counter_hz();
}

/*
 * To Linux a host call is a system call that it does not know: -ENOSYS. A seccomp filter may have another
 * answer, or end the program. So none is made where there is no Outrider, which is asked once, by a call that
 * filters allow; and whatever the error, in a thread that is not detached it is not the hypervisor's.
 */
static __attribute__((noinline)) bool host_look(void)
{
    static const char *const places[] = {ORD_DEVICE, "/sys/kernel/outrider"};
    int saved = errno, found = OUTRIDER_NONE;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (!access(places[i], F_OK) || (errno != ENOENT && errno != ENOTDIR))
            found = OUTRIDER_HERE;
    __atomic_store_n(&outrider, found, __ATOMIC_RELAXED);
    errno = saved;
    return found == OUTRIDER_HERE;
}

static inline bool host_known(void)
{
    int known = __atomic_load_n(&outrider, __ATOMIC_RELAXED);

    return __builtin_expect(known == OUTRIDER_HERE, 1) || (known == OUTRIDER_ASK && host_look());
}

static bool is_detached(uint64_t result[3])
{
    long error;

    if (!host_known())
        return false;
    error = host_call(ORD_HOSTCALL_INFO, 0, 0, result);
    if (error > 0)
        return true;
    __atomic_store_n(&refusal, error, __ATOMIC_RELAXED);
    return false;
}

/* Errors of the hypervisor. Another one is Linux's or a filter's, and the thread has gone back since. */
static bool is_answer(long error)
{
    return error == -ORD_HOSTCALL_EPERM || error == -ORD_HOSTCALL_EBUSY || error == -ORD_HOSTCALL_ENODEV ||
           error == -ORD_HOSTCALL_EINVAL;
}

/* A host call has ended with an error; apart, so that the way of one that has not saves no registers for it.
 * EINTR is always Linux's, behind a signal handler. */
static __attribute__((noinline)) long host_failed(uint64_t number, uint64_t argument, uint64_t argument2,
                                                  long result)
{
    uint64_t ignored[3];
    bool doubted = false;

    while (result < 0 && result != -EINTR) {
        if (!is_detached(ignored))
            return -ENOSYS;
        if (is_answer(result) && (doubted || result != __atomic_load_n(&refusal, __ATOMIC_RELAXED)))
            return result;
        doubted = is_answer(result); /* it is what the filter says, too: twice in a row is believed */
        result = host_call(number, argument, argument2, ignored);
    }
    return result;
}

/* By the hypervisor. -ENOSYS: the thread is in Linux, which has to do it. */
static inline long host_ask(uint64_t number, uint64_t argument, uint64_t argument2)
{
    uint64_t ignored[3];
    long result;

    if (!host_known())
        return -ENOSYS;
    result = host_call(number, argument, argument2, ignored);
    return __builtin_expect(result >= 0, 1) ? result : host_failed(number, argument, argument2, result);
}

int detach_info(struct detach_info *info)
{
    uint64_t result[3];

    if (info && info->size < sizeof(*info))
        return -EINVAL;
    if (!is_detached(result))
        return -ENOENT;
    if (info)
        *info = (struct detach_info){.size = sizeof(*info),
                                     .core = (uint32_t)result[0],
                                     .context = (uint32_t)result[1],
                                     .prio = (uint32_t)result[2]};
    return 0;
}

/* ---- Time ---- */

static int sleep_in_linux(int clock, const struct timespec *time)
{
    return -clock_nanosleep(clock, TIMER_ABSTIME, time, NULL);
}

/* Plain Linux: by its clock, as often as that is too early. */
static int sleep_attached(uint64_t value)
{
    uint64_t hz = detach_counter_hz(), now;
    struct timespec time;
    int result = 0;

    while (!result && (now = detach_counter()) < value) {
        uint64_t seconds = (value - now) / hz, rest = (value - now) % hz;
        clock_gettime(CLOCK_MONOTONIC, &time);
        if (seconds > INT64_MAX / 2 - (uint64_t)time.tv_sec)
            seconds = INT64_MAX / 2 - (uint64_t)time.tv_sec;
        time.tv_sec += (time_t)seconds;
        time.tv_nsec += (long)(rest * NS_PER_SECOND / hz) + 1;
        if (time.tv_nsec >= (long)NS_PER_SECOND) {
            time.tv_sec++;
            time.tv_nsec -= (long)NS_PER_SECOND;
        }
        result = sleep_in_linux(CLOCK_MONOTONIC, &time);
    }
    return result;
}

int detach_sleep_until_counter(uint64_t value)
{
    long result = host_ask(ORD_HOSTCALL_SLEEP_UNTIL, value, 0);

    /* The hypervisor has no errors for this: what is left was a filter's. */
    return result < 0 && result != -EINTR ? sleep_attached(value) : (int)result;
}

int detach_sleep_until(int clock, const struct timespec *time)
{
    uint64_t hz = detach_counter_hz();

    if (clock != DETACH_CLOCK_COUNTER)
        return sleep_in_linux(clock, time);
    if (time->tv_sec < 0 || time->tv_nsec < 0 || time->tv_nsec >= (long)NS_PER_SECOND)
        return -EINVAL;
    if ((uint64_t)time->tv_sec >= UINT64_MAX / hz)
        return detach_sleep_until_counter(UINT64_MAX);
    /* Rounded up: never early. */
    return detach_sleep_until_counter((uint64_t)time->tv_sec * hz +
                                      ((uint64_t)time->tv_nsec * hz + NS_PER_SECOND - 1) / NS_PER_SECOND);
}

/* ---- Channels ---- */

int detach_notify_open(struct detach_notify *n, const char *name)
{
    char path[64];
    int saved = errno, result = 0;

    *n = (struct detach_notify){.fd = -1, .channel = -1};
    if (!*name || strchr(name, '/') ||
        snprintf(path, sizeof(path), "/dev/outrider/%s", name) >= (int)sizeof(path))
        return -EINVAL;
    n->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (n->fd < 0)
        result = errno == ENXIO ? -ENODEV : -errno;
    errno = saved;
    return result;
}

void detach_notify_close(struct detach_notify *n)
{
    int saved = errno;

    if (n->fd >= 0)
        close(n->fd);
    *n = (struct detach_notify){.fd = -1, .channel = -1};
    errno = saved;
}

/* The thread may use the channel: once for each time that it is detached. False: it is not, now. */
static bool notify_grant(struct detach_notify *n)
{
    int saved = errno, channel = ioctl(n->fd, ORD_IOC_CHANNEL);

    errno = saved;
    if (channel < 0)
        return false;
    __atomic_store_n(&n->channel, channel, __ATOMIC_RELAXED);
    return true;
}

/* By the hypervisor. -ENOSYS: the thread is in Linux, which has to do it. */
static long notify_host(struct detach_notify *n, uint64_t number, uint64_t until)
{
    long result;

    for (;;) {
        int channel = __atomic_load_n(&n->channel, __ATOMIC_RELAXED);
        result = channel < 0 ? -ORD_HOSTCALL_EPERM : host_ask(number, (uint64_t)channel, until);
        if (result != -ORD_HOSTCALL_EPERM)
            return result;
        if (detach_info(NULL) || !notify_grant(n))
            return -ENOSYS;
    }
}

static int notify_read(struct detach_notify *n, uint64_t *count)
{
    uint64_t value = 0;

    if (read(n->fd, &value, sizeof(value)) != sizeof(value) && errno != EAGAIN)
        return -errno;
    *count = value;
    return 0;
}

/* Until the file has something, or the counter has reached `until`. */
static int file_await(int fd, uint64_t until)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    uint64_t hz = detach_counter_hz(), now = detach_counter();
    struct timespec left;
    int ready;

    if (until && now >= until)
        return -ETIMEDOUT;
    left.tv_sec = (time_t)((until - now) / hz);
    left.tv_nsec = (long)((until - now) % hz * NS_PER_SECOND / hz);
    ready = ppoll(&p, 1, until ? &left : NULL, NULL);
    if (ready < 0)
        return -errno;
    return ready && p.revents & POLLNVAL ? -EBADF : 0;
}

static int notify_linux_wait(struct detach_notify *n, uint64_t until, uint64_t *count)
{
    int saved = errno, result, waited = 0;

    while (!(result = notify_read(n, count)) && !*count && !waited)
        waited = file_await(n->fd, until);
    errno = saved;
    return result < 0 || *count ? result : waited;
}

int detach_notify_signal(struct detach_notify *n)
{
    long result = notify_host(n, ORD_HOSTCALL_NOTIFY_SIGNAL, 0);
    uint64_t one = 1;
    int saved = errno;

    if (result != -ENOSYS)
        return (int)result;
    result = write(n->fd, &one, sizeof(one)) == sizeof(one) ? 0 : -errno;
    errno = saved;
    return (int)result;
}

int detach_notify_wait(struct detach_notify *n, uint64_t until, uint64_t *count)
{
    long result = notify_host(n, ORD_HOSTCALL_NOTIFY_WAIT, until);
    uint64_t value = result > 0 ? (uint64_t)result : 0;
    int error = result < 0 ? (int)result : value ? 0 : -ETIMEDOUT;

    if (result == -ENOSYS)
        error = notify_linux_wait(n, until, &value);
    if (count)
        *count = value;
    return error;
}

int detach_notify_poll(struct detach_notify *n, uint64_t *count)
{
    long result = notify_host(n, ORD_HOSTCALL_NOTIFY_POLL, 0);
    int saved = errno, error = result < 0 ? (int)result : 0;

    *count = result > 0 ? (uint64_t)result : 0;
    if (result != -ENOSYS)
        return error;
    error = notify_read(n, count);
    errno = saved;
    return error;
}

/* ---- Interrupts ---- */

int detach_irq_open(struct detach_irq *i, const char *path)
{
    int saved = errno, result = 0;

    *i = (struct detach_irq){.fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK)};
    if (i->fd < 0)
        result = -errno;
    errno = saved;
    return result;
}

void detach_irq_close(struct detach_irq *i)
{
    int saved = errno;

    if (i->fd >= 0)
        close(i->fd);
    *i = (struct detach_irq){.fd = -1};
    errno = saved;
}

/* UIO: what is read is the number of interrupts, and there is something to read when it has changed. */
static bool irq_read(struct detach_irq *i)
{
    uint32_t count;

    return read(i->fd, &count, sizeof(count)) == sizeof(count);
}

/*
 * Asks for the interrupt: 0 if it is the thread's now. 1: one came before, so it went to Linux, which has
 * masked it since; that ends a wait. Apart, so that the way that waits and acknowledges saves no registers
 * for it.
 */
static __attribute__((noinline)) long irq_ask(struct detach_irq *i, uint64_t call)
{
    struct ord_ioc_irq grant = {.head = HEAD(grant), .fd = i->fd};
    int saved = errno;

    if (detach_info(NULL))
        return -ENOSYS;
    long result = device_call(ORD_IOC_IRQ, &grant);
    if (result)
        return result == -EBUSY ? result : -ENOSYS;
    __atomic_store_n(&i->number, grant.intid, __ATOMIC_RELAXED);
    result = call == ORD_HOSTCALL_IRQ_WAIT && irq_read(i);
    errno = saved;
    return result;
}

/* By the hypervisor. -ENOSYS: the thread is in Linux, or the device is not one that can be granted. */
static long irq_host(struct detach_irq *i, uint64_t call, uint64_t until)
{
    long result;

    for (;;) {
        uint32_t number = __atomic_load_n(&i->number, __ATOMIC_RELAXED);
        result = number ? host_ask(call, number, until) : -ORD_HOSTCALL_EPERM;
        if (result != -ORD_HOSTCALL_EPERM)
            return result;
        result = irq_ask(i, call);
        if (result)
            return result;
    }
}

static __attribute__((noinline)) int irq_linux_wait(struct detach_irq *i, uint64_t until)
{
    int saved = errno, waited = 0;
    bool got;

    while (!(got = irq_read(i)) && errno == EAGAIN && !waited)
        waited = file_await(i->fd, until);
    if (!got && errno != EAGAIN)
        waited = -errno;
    errno = saved;
    return got ? 0 : waited;
}

int detach_irq_wait(struct detach_irq *i, uint64_t until)
{
    long result = irq_host(i, ORD_HOSTCALL_IRQ_WAIT, until);

    if (result == -ENOSYS)
        return irq_linux_wait(i, until);
    return result < 0 ? (int)result : result ? 0 : -ETIMEDOUT;
}

int detach_irq_ack(struct detach_irq *i)
{
    long result = irq_host(i, ORD_HOSTCALL_IRQ_ACK, 0);
    int32_t on = 1, saved = errno;

    /* EINVAL: it was Linux that it came to, before the thread was detached. */
    if (result != -ENOSYS && result != -ORD_HOSTCALL_EINVAL)
        return (int)result;
    result = write(i->fd, &on, sizeof(on)) == sizeof(on) ? 0 : -errno;
    errno = saved;
    return (int)result;
}

const char *detach_sigdebug_cause(int value)
{
    static const char *const names[ORD_CAUSE_COUNT] = {[ORD_CAUSE_SYSCALL] = "system call",
                                                       [ORD_CAUSE_FAULT] = "page fault",
                                                       [ORD_CAUSE_NATIVE] = "page fault",
                                                       [ORD_CAUSE_EXCEPTION] = "exception"};
    uint32_t cause = (uint32_t)value ^ ORD_SIGDEBUG_MARKER;

    return cause < ORD_CAUSE_COUNT ? names[cause] : NULL;
}
