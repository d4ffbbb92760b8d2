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
    uint64_t hwid;    /* what the machine calls it (arm64: MPIDR affinity) */
    uint32_t flags;   /* ORD_CORE_*, without the number; 0: no such core */
    uint32_t context; /* one of its contexts + 1, 0 = none */
    uint64_t entries; /* entries to the hypervisor since boot */
    uint64_t irqs;    /* interrupts taken by the hypervisor since boot */
    uint64_t runs;
    int32_t tid; /* of that context's thread, as the caller's pid namespace sees it; 0 = none */
    uint32_t context_count;
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

/* Flags of a thread or group. */
#define ORD_DETACH_SHARED   (1u << 0) /* may share its core: by priority, then round-robin */
#define ORD_DETACH_SIGDEBUG (1u << 1) /* wants SIGXCPU when it leaves its core (below) */
#define ORD_DETACH_TRACE    (1u << 2) /* records for TRACE from its start on, not from the first TRACE */
#define ORD_DETACH_FLAGS    (ORD_DETACH_SHARED | ORD_DETACH_SIGDEBUG | ORD_DETACH_TRACE)

/*
 * Who may: a file that is open for writing, or CAP_SYS_NICE. For a thread of another process its tracer
 * (PTRACE_SEIZE stops nothing), or CAP_SYS_PTRACE. EPERM otherwise. The same for ATTACH, SET, GROUP and
 * TRACE.
 *
 * Detaches a thread when it next goes to user mode, also across execve, but not into a set-user-id program.
 * EBUSY: already detached, or the core is taken. ENODEV: no such core. EPERM: Linux owns the core, or runs on
 * it, too, without CAP_SYS_NICE; or the caller may not. ESRCH: no such thread, or it is exiting. EOPNOTSUPP:
 * a 32-bit task, a kernel thread, or (the caller itself) one with hardware breakpoints. ENOMEM: out of
 * contexts or memory. ESHUTDOWN: Linux goes down. EIO: the hypervisor broke its word. EINVAL: priority
 * outside ORD_PRIO_MIN..ORD_PRIO_MAX, unknown flags.
 */
struct ord_ioc_detach {
    struct ord_ioc_head head;
    uint32_t core; /* or ORD_CORE_ANY: a free host core; ENOSPC if there is none. Out: the core chosen */
    uint32_t prio;
    uint32_t flags; /* ORD_DETACH_* */
    int32_t tid;    /* 0: the caller */
};

enum ord_thread_state {
    ORD_THREAD_ATTACHED = 0, /* runs in Linux for now (system call, signal handler, …) and will go back */
    ORD_THREAD_DETACHED = 1, /* runs on its host core */
    ORD_THREAD_ENDED = 2,    /* only from ORD_IOC_LAST: has exited, or was attached for good */
};

/* Why a detached thread left its core. */
enum ord_cause {
    ORD_CAUSE_NONE = 0,
    ORD_CAUSE_SYSCALL = 1,   /* number: of the call; address: its first argument */
    ORD_CAUSE_FAULT = 2,     /* page fault, resolved without native execution. number: ESR; address */
    ORD_CAUSE_NATIVE = 3,    /* page fault that Linux has to see natively. number: ESR; address */
    ORD_CAUSE_EXCEPTION = 4, /* number: ESR; address: FAR */
    ORD_CAUSE_SIGNAL =
        5,               /* recalled: a signal, stop, freezer or debugger. number: of the signal, 0 if none */
    ORD_CAUSE_DEBUG = 6, /* not captured: breakpoints, watchpoints, single step */
    ORD_CAUSE_OTHER = 7, /* not captured: restartable sequence, no ASID, … */
    ORD_CAUSE_COUNT = 8,
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
    uint32_t flags;      /* ORD_DETACH_* */
    uint32_t sigdebugs;  /* sent */
    uint64_t reserved;
    uint64_t cause_count[ORD_CAUSE_COUNT];
    uint64_t cause_ticks[ORD_CAUSE_COUNT]; /* of the system counter, from the event to the next run */
    struct ord_stats stats;                /* the hypervisor's */
};

/*
 * SIGDEBUG, as EVL's: with ORD_DETACH_SIGDEBUG a thread gets SIGXCPU, code SI_QUEUE, value
 * ORD_SIGDEBUG_MARKER | cause, when it has left its core for one of the causes SYSCALL to EXCEPTION. Only
 * while it has a handler for that signal and does not block it, so that start-up and the handler are left in
 * peace.
 */
#define ORD_SIGDEBUG_MARKER 0x4f524400u

/* Lists detached threads that the caller may see: those of its pid namespace. */
struct ord_ioc_list {
    struct ord_ioc_head head;
    uint32_t count; /* out */
    uint32_t lost;  /* out, of ORD_IOC_ENDED: records that were not kept */
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
 * ORD_IOC_ENDED (struct ord_ioc_list): those of all of them, oldest first. From the first ORD_IOC_GROUP on
 * the last ORD_CONTEXT_MAX are kept, before that the last one.
 */

/*
 * Brings a thread back to Linux for good; it is an ordinary thread on return, but for a call or fault that it
 * waits in. No error if it is not detached. ESRCH: no such thread. EPERM as at DETACH.
 */
struct ord_ioc_attach {
    struct ord_ioc_head head;
    int32_t tid; /* 0: the caller */
    uint32_t reserved;
};

/*
 * Moves a detached thread to another core (ORD_CORE_ANY: stays), gives it a priority (0: keeps). It leaves
 * its core for a moment. Errors as DETACH; ESRCH: not detached.
 */
struct ord_ioc_set {
    struct ord_ioc_head head;
    uint32_t core;
    uint32_t prio;
    int32_t tid; /* 0: the caller */
    uint32_t reserved;
};

/*
 * New threads of a process are detached as they start, before their first instruction, each onto the next
 * core of the list. Goes on across execve, but not into a set-user-id program; ends with the process; its
 * children do not have it. core_count 0
 * ends it; threads that are detached stay so. What fails for a new thread is in the kernel's log, and that
 * thread runs in Linux.
 */
#define ORD_GROUP_CORES_MAX 32

struct ord_ioc_group {
    struct ord_ioc_head head;
    int32_t pid;    /* of the process, 0: the caller's */
    uint32_t flags; /* ORD_DETACH_* of these threads */
    uint32_t prio;
    uint32_t core_count;
    uint32_t core[ORD_GROUP_CORES_MAX];
};

/*
 * What a thread left its core for, oldest first. The first call starts recording; entries are kept for about
 * a thousand events. Of a thread that has ended: ESRCH. EPERM as at DETACH.
 */
#define ORD_TRACE_BATCH 64

struct ord_trace_entry {
    uint64_t time; /* of the event, in ticks of the system counter */
    uint64_t cost; /* ticks from the event to the next run; 0: has not run again yet */
    uint64_t pc;   /* of the instruction; behind it for SYSCALL */
    uint64_t address;
    uint32_t cause; /* enum ord_cause, with number and address as said there */
    uint32_t number;
    uint64_t argument[5]; /* SYSCALL: the second to the sixth one */
};
ORD_ASSERT(sizeof(struct ord_trace_entry) == 80);

struct ord_ioc_trace {
    struct ord_ioc_head head;
    int32_t tid;        /* 0: the caller */
    uint32_t count;     /* out */
    uint64_t position;  /* of the next entry to read; 0 at first. Out: behind the last one */
    uint64_t lost;      /* out: overwritten before they were read */
    uint64_t frequency; /* out: ticks per second */
    struct ord_trace_entry entry[ORD_TRACE_BATCH];
};

/* The hypervisor's log: text from `position` on. For files open for writing, and CAP_SYSLOG. */
struct ord_ioc_log {
    struct ord_ioc_head head;
    uint64_t position; /* 0 at first; out: of the next byte */
    uint64_t lost;     /* out: bytes that were overwritten before they were read */
    uint32_t size;     /* out */
    uint32_t reserved;
    char text[ORD_PAGE_SIZE];
};

#define ORD_IOC_INFO   _IOWR('o', 0x01, struct ord_ioc_info)
#define ORD_IOC_DETACH _IOWR('o', 0x02, struct ord_ioc_detach)
#define ORD_IOC_ATTACH _IOWR('o', 0x03, struct ord_ioc_attach)
/* The list is larger than an ioctl's encoded size may be on some architectures: size travels in head. */
#define ORD_IOC_LIST  _IO('o', 0x04)
#define ORD_IOC_STAT  _IOWR('o', 0x05, struct ord_ioc_stat)
#define ORD_IOC_LAST  _IOWR('o', 0x06, struct ord_ioc_stat)
#define ORD_IOC_SET   _IOWR('o', 0x07, struct ord_ioc_set)
#define ORD_IOC_GROUP _IOWR('o', 0x08, struct ord_ioc_group)
#define ORD_IOC_TRACE _IOWR('o', 0x09, struct ord_ioc_trace)
#define ORD_IOC_LOG   _IOWR('o', 0x0a, struct ord_ioc_log)
/*
 * Grants the interrupt of a UIO device of hvdetach_uio to the calling thread, which is detached, for its host
 * calls, as long as it stays detached and executes no other program. Linux does not get it then. EBADF: fd is
 * not such a device, open for writing. EINVAL: the thread is not detached, or the interrupt is not a line of
 * the distributor's. EBUSY: granted to another one.
 */
struct ord_ioc_irq {
    struct ord_ioc_head head;
    int32_t fd;
    uint32_t intid; /* out: what the host calls want */
};
#define ORD_IOC_IRQ   _IOWR('o', 0x0b, struct ord_ioc_irq)
#define ORD_IOC_ENDED _IO('o', 0x0c) /* as LIST */

/* On /dev/outrider/NAME: grants the channel to the calling thread, which is detached, for its host calls.
 * Returns the channel's number. EINVAL: it is not detached. */
#define ORD_IOC_CHANNEL _IO('o', 0x10)

#endif
