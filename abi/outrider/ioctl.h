/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Module <-> programs: ioctls of /dev/hvdetach (abi.md, section "Module").
 *
 * Every structure starts with its size and ORD_ABI_VERSION, set by the caller: another major version is
 * refused with EPROTO, another size with EINVAL. Reserved fields must be zero (EINVAL).
 */
#ifndef OUTRIDER_IOCTL_H
#define OUTRIDER_IOCTL_H

#include "detach.h"
#include "types.h"

#ifdef __KERNEL__
#include <linux/ioctl.h>
#else
#include <sys/ioctl.h>
#endif

#define ORD_DEVICE "/dev/hvdetach"

struct ord_ioc_head {
    uint32_t size;
    uint32_t version;
};

#define ORD_IOC_CORES_MAX 32

struct ord_ioc_core {
    uint64_t mpidr;
    uint32_t flags;   /* ORD_CORE_* ; 0: no such core */
    uint32_t context; /* bound context + 1, 0 = none */
    uint64_t entries; /* entries to the hypervisor since boot */
    uint64_t irqs;    /* interrupts taken by the hypervisor since boot */
    uint64_t runs;
    int32_t tid; /* of the thread that is detached there, as the caller's pid namespace sees it; 0 = none */
    uint32_t reserved;
};

struct ord_ioc_info {
    struct ord_ioc_head head;
    uint32_t abi_version; /* the hypervisor's */
    uint32_t core_count;
    uint64_t features;
    uint64_t pool_used[ORD_POOL_COUNT];
    uint64_t pool_capacity[ORD_POOL_COUNT];
    struct ord_ioc_core core[ORD_IOC_CORES_MAX];
};

/*
 * Detaches the calling thread when it next goes to user mode, also across execve.
 * EBUSY: already detached, or the core is taken. ENODEV: no such core. EPERM: Linux owns the core, or the
 * caller may not. EOPNOTSUPP: a 32-bit task or one with hardware breakpoints. ENOMEM: out of contexts.
 * EINVAL: priority outside ORD_PRIO_MIN..ORD_PRIO_MAX or reserved fields.
 */
struct ord_ioc_detach {
    struct ord_ioc_head head;
    uint32_t core; /* or ORD_CORE_ANY: a free host core; ENOSPC if there is none. Out: the core chosen */
    uint32_t prio;
    uint32_t flags; /* 0 */
    uint32_t reserved;
};

enum ord_thread_state {
    ORD_THREAD_ATTACHED = 0, /* runs in Linux for now (system call, signal handler, …) and will go back */
    ORD_THREAD_DETACHED = 1, /* runs on its host core */
    ORD_THREAD_ENDED = 2,    /* only from ORD_IOC_LAST: has exited, or attached itself */
};

struct ord_ioc_thread {
    int32_t tid;
    int32_t tgid;
    uint32_t core;
    uint32_t prio;
    uint32_t state; /* enum ord_thread_state */
    uint32_t context;
    char comm[16];
    uint64_t forwards;   /* native returns to Linux, for whatever reason */
    uint64_t recaptures; /* times that the re-capture timer had to bring it back */
    uint64_t reserved[2];
    struct ord_stats stats; /* the hypervisor's */
};

/* Lists detached threads that the caller may see: those of its pid namespace. */
struct ord_ioc_list {
    struct ord_ioc_head head;
    uint32_t count; /* out */
    uint32_t reserved;
    struct ord_ioc_thread thread[ORD_CONTEXT_MAX];
};

/* One thread, named by thread.tid. ESRCH: no such detached thread. */
struct ord_ioc_stat {
    struct ord_ioc_head head;
    struct ord_ioc_thread thread;
};

/*
 * ORD_IOC_LAST (struct ord_ioc_stat, thread.tid = 0 in): the final record of the thread that ended last
 * among those which were detached through this open file, in whatever process: an open file is shared with
 * children. There before wait() reports the thread's process; tid and tgid as its own pid namespace had
 * them. ESRCH: none has ended yet.
 */

/* Brings the calling thread back to Linux for good. EINVAL-free no-op if it is not detached. */
struct ord_ioc_attach {
    struct ord_ioc_head head;
    uint64_t reserved;
};

#define ORD_IOC_INFO   _IOWR('o', 0x01, struct ord_ioc_info)
#define ORD_IOC_DETACH _IOWR('o', 0x02, struct ord_ioc_detach)
#define ORD_IOC_ATTACH _IOWR('o', 0x03, struct ord_ioc_attach)
/* The list is larger than an ioctl's encoded size may be on some architectures: size travels in head. */
#define ORD_IOC_LIST _IO('o', 0x04)
#define ORD_IOC_STAT _IOWR('o', 0x05, struct ord_ioc_stat)
#define ORD_IOC_LAST _IOWR('o', 0x06, struct ord_ioc_stat)

#endif
