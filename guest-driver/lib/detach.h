/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libdetach: what a program asks of Outrider. libdetach(3) has the whole story.
 *
 * Functions return 0 or more, or a negative errno, as those of EVL's libevl do. Each works in any thread and
 * on any machine: where the thread is not detached, or there is no Outrider, plain Linux does the same, only
 * not undisturbed. Under seccomp see libdetach(3): the filter has to allow what the library asks.
 */
#ifndef DETACH_H
#define DETACH_H

#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DETACH_CORE_ANY     (-1)
#define DETACH_PRIO_MIN     1
#define DETACH_PRIO_MAX     255
#define DETACH_PRIO_DEFAULT 100

#define DETACH_SHARED                                                                                        \
    (1u << 0) /* others with this flag may share the core: by priority, in turns within one */
#define DETACH_SIGDEBUG (1u << 1) /* SIGXCPU when it needs Linux: detach_sigdebug_cause() */

/*
 * Detaches the calling thread: it leaves Linux and runs on a host core. System calls, faults and signals go
 * on working. Called again, it moves the thread.
 *
 * core: DETACH_CORE_ANY takes a free one; 'hvctl info' lists them.
 * prio: DETACH_PRIO_*, among the detached threads of its core.
 * flags: DETACH_*
 *
 * Return: the core. -ENODEV: no Outrider, or its module is not loaded. -EACCES, -EPERM: not permitted.
 * -EINVAL: flags or priority. -ENXIO, -EBUSY, -ENOSPC: there is no such host core; it is taken; none is free.
 * -EOPNOTSUPP: this kind of thread cannot be detached (32-bit, hardware breakpoints). -ENOMEM.
 */
int detach_self(int core, int prio, unsigned int flags);

/*
 * Attaches the calling thread for good.
 *
 * Return: 0, also if it was not detached. -ENODEV.
 */
int detach_attach_self(void);

struct detach_info {
    uint32_t size; /* in: sizeof(struct detach_info); out: as much of it as this library knows */
    uint32_t core;
    uint32_t prio;
    uint32_t context; /* the hypervisor's number of it */
};

/*
 * Whether the calling thread is detached right now, and where. Costs no system call if it is.
 *
 * Return: 0, or -ENOENT: it is in Linux, for good or for the moment (after a signal, say). info may be NULL;
 * -EINVAL: its size is none.
 */
int detach_info(struct detach_info *info);

/* Clocks of detach_sleep_until(): those of Linux, and the system counter (CNTVCT_EL0 on arm64). */
#define DETACH_CLOCK_COUNTER (-1000)

/* The system counter, and its frequency in Hz. No system call. */
uint64_t detach_counter(void);
uint64_t detach_counter_hz(void);

/*
 * Sleeps until an absolute time. Of a detached thread the hypervisor does it for CLOCK_MONOTONIC and
 * DETACH_CLOCK_COUNTER: Linux is not asked, whatever it does meanwhile. A time in the past returns at once.
 *
 * time: of DETACH_CLOCK_COUNTER, in ns: counter values count as ticks * 10^9 / detach_counter_hz().
 *       detach_sleep_until_counter() takes the value itself.
 *
 * Return: 0. -EINTR: a signal handler ran (a sleep on the counter may go on instead). -EINVAL: no such clock,
 * or not a time.
 */
int detach_sleep_until(int clock, const struct timespec *time);
int detach_sleep_until_counter(uint64_t value);

/*
 * Channels to host tasks (doc/host-tasks.md): /dev/outrider/NAME. The memory is mmap()ed from the file; these
 * are the notifications that go with it. Of a detached thread the hypervisor does it, without Linux. Any
 * number of threads may signal; one at a time waits.
 */
struct detach_notify {
    int fd; /* for mmap(), poll(), fcntl() */
    int channel;
    uint64_t reserved[3];
};

/*
 * Return: 0. -ENOENT, -ENODEV: there is no channel of that name, no module. -EACCES. -EINVAL: not a name.
 */
int detach_notify_open(struct detach_notify *n, const char *name);
void detach_notify_close(struct detach_notify *n);

/* Signals the task. Return: 0, or -EBADF. */
int detach_notify_signal(struct detach_notify *n);

/*
 * Waits until the task has signalled.
 *
 * until: a value of the system counter, after which to give up; 0: never.
 * count: how often it has signalled since somebody took that. May be NULL.
 *
 * Return: 0. -ETIMEDOUT. -EBUSY: another thread waits. -EINTR: a signal handler ran. -EBADF.
 */
int detach_notify_wait(struct detach_notify *n, uint64_t until, uint64_t *count);

/* The same without waiting: *count is 0 if the task has not signalled. */
int detach_notify_poll(struct detach_notify *n, uint64_t *count);

/*
 * The interrupt of a device, with the conventions of Linux's UIO: the device's registers are mmap()ed from
 * the file. For a detached thread the hypervisor waits and acknowledges, without Linux; that needs the driver
 * outrider-uio (doc/uio.md). For others, and other drivers of UIO, the file does it.
 */
struct detach_irq {
    int fd; /* for mmap() */
    uint32_t number;
    uint64_t reserved[3];
};

/*
 * path: /dev/uioN.
 *
 * Return: 0, or a negative errno of open().
 */
int detach_irq_open(struct detach_irq *i, const char *path);
void detach_irq_close(struct detach_irq *i);

/*
 * Waits until the interrupt has come. It does not come again until detach_irq_ack().
 *
 * until: a value of the system counter, after which to give up; 0: never.
 *
 * Return: 0. -ETIMEDOUT. -EBUSY: another thread has it, or waits. -EINTR: a signal handler ran. -EBADF.
 */
int detach_irq_wait(struct detach_irq *i, uint64_t until);

/* The device asks no more: the interrupt may come again. Return: 0, or -EBADF. */
int detach_irq_ack(struct detach_irq *i);

/* The cause in a SIGDEBUG signal's si_value.sival_int: "system call", …; NULL if it is another signal. */
const char *detach_sigdebug_cause(int value);

#ifdef __cplusplus
}
#endif

#endif
