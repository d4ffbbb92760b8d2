/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Detach ABI: guest kernel <-> hypervisor (abi.md, section "Detach").
 *
 * How a hypercall is made, and the number of function 0 (ORD_HC_BASE), are the architecture's
 * (arch/NAME/detach.h). Each takes up to five arguments and returns an ord_status and up to three values:
 * x1..x3 here. A program cannot make one.
 */
#ifndef OUTRIDER_DETACH_H
#define OUTRIDER_DETACH_H

#include "arch.h"
#include "types.h"

#define ORD_HC(n) (ORD_HC_BASE + (n))

/* info(version) -> x1 ABI version, x2 feature bits, x3 context_max. BAD_VERSION if the major differs. */
#define ORD_HC_INFO ORD_HC(0x01)
/* core_info(core) -> x1 flags ORD_CORE_* (15:0) and number of contexts on it (31:16), x2 one of these + 1 (0
 * = none), x3 what the machine calls it (arm64: MPIDR affinity). */
#define ORD_HC_CORE_INFO ORD_HC(0x02)
/* pool_info(pool ORD_POOL_*) -> x1 in use, x2 capacity. */
#define ORD_HC_POOL_INFO ORD_HC(0x03)
/* setup(guest address of the event page or ORD_SETUP_NONE). Page-aligned guest RAM. BUSY while contexts
 * exist. */
#define ORD_HC_SETUP ORD_HC(0x04)
/* create(guest address of the frame, core or ORD_CORE_ANY, priority, flags ORD_CREATE_*) -> x1 context id. */
#define ORD_HC_CREATE ORD_HC(0x05)
/* run(context): the hypervisor owns the frame until it writes an event other than RUNNING. */
#define ORD_HC_RUN ORD_HC(0x06)
/* recall(context): asks for an event; OK also if one is already there. Wait for the frame's event word. */
#define ORD_HC_RECALL ORD_HC(0x07)
/* destroy(context): BUSY while it runs (recall first). */
#define ORD_HC_DESTROY ORD_HC(0x08)
/* set(context, core or ORD_CORE_ANY to keep, priority): BUSY while it runs. */
#define ORD_HC_SET ORD_HC(0x09)
/* flush(asid, address or ORD_FLUSH_ALL, page count): invalidates stage-1 translations on all host cores. */
#define ORD_HC_FLUSH ORD_HC(0x0a)
/* barrier(): every host core that runs a thread of this VM executes a full barrier before this returns. */
#define ORD_HC_BARRIER ORD_HC(0x0b)
/* core_stats(core) -> x1 entries to the hypervisor, x2 interrupts, x3 exits from it, since boot. */
#define ORD_HC_CORE_STATS ORD_HC(0x0c)
/* log(position, guest address of a page of RAM) -> x1 next position, x2 bytes written to the page, x3 bytes
 * lost before. */
#define ORD_HC_LOG ORD_HC(0x0d)

/* time(): CLOCK_MONOTONIC goes at another rate from now on; what waits for it computes its time again. */
#define ORD_HC_TIME ORD_HC(0x0e)
/*
 * irq_grant(context, virtual line): that interrupt of a device is the context's from now on: its thread
 * waits for it and acknowledges it by host calls, and no vCPU gets it. BAD_CAP: no such context. BAD_PARAM:
 * the VM has no such interrupt. BUSY: it is granted. Ends with the context.
 */
#define ORD_HC_IRQ_GRANT ORD_HC(0x0f)
/* irq_revoke(virtual line): Linux's again, also one that is pending or was not acknowledged. BAD_PARAM: it
 * is not granted. */
#define ORD_HC_IRQ_REVOKE ORD_HC(0x10)
/* notify_signal(channel): signals the other end. BAD_CAP: no such channel. */
#define ORD_HC_NOTIFY_SIGNAL ORD_HC(0x18)
/* notify_take(channel, flags ORD_TAKE_*) -> x1 number of signals since the last take. */
#define ORD_HC_NOTIFY_TAKE ORD_HC(0x19)

#define ORD_SETUP_NONE (~0ull)
#define ORD_FLUSH_ALL  (~0ull)
#define ORD_CORE_ANY   0xffffffffu

/* Feature bits of info(). */
#define ORD_FEATURE_HW_TLB (1ull << 0) /* Linux's own TLB invalidation reaches host cores */

#define ORD_FEATURE_SHARED (1ull << 1) /* ORD_CREATE_SHARED */
#define ORD_FEATURE_LOG    (1ull << 2) /* ORD_HC_LOG */
#define ORD_FEATURE_SLEEP  (1ull << 3) /* ord_timebase, ORD_SERVE_SLEEP, ORD_HC_TIME */
#define ORD_FEATURE_IRQ    (1ull << 4) /* ORD_HC_IRQ_* */
#define ORD_FEATURE_NOTIFY (1ull << 8) /* ORD_HC_NOTIFY_* */

/* Flags of notify_take(). */
#define ORD_TAKE_PEEK (1u << 0) /* leave them */

/* Channels of a VM (notify_signal, notify_take). */
#define ORD_CHANNELS_MAX 16

/*
 * Flags of create(). A context without SHARED has its core for itself: BUSY if there is another one, and
 * for each that comes. Contexts with SHARED share a core by priority, and round-robin within one.
 */
#define ORD_CREATE_SHARED (1u << 0)

/* Flags of core_info(). */
#define ORD_CORE_GUEST       (1u << 0) /* runs vCPUs of this VM */
#define ORD_CORE_HOST        (1u << 1) /* detached threads of this VM may run on it; with GUEST: before its vCPU */
#define ORD_CORE_RUNNING     (1u << 2) /* a detached thread executes on it now */
#define ORD_CORE_SHARED      (1u << 3) /* has contexts, all of them created with ORD_CREATE_SHARED */
#define ORD_CORE_FLAGS       0xffffu
#define ORD_CORE_COUNT_SHIFT 16 /* number of contexts */

/* Pools of pool_info(). */
enum ord_pool {
    ORD_POOL_PAGE = 0,    /* 4 KiB pages (tables, state pages) */
    ORD_POOL_TASK = 1,    /* tasks, also VMs */
    ORD_POOL_THREAD = 2,  /* threads of all three kinds */
    ORD_POOL_NOTIFY = 3,  /* notifications */
    ORD_POOL_IRQ = 4,     /* bound interrupts */
    ORD_POOL_MEMORY = 5,  /* memory objects */
    ORD_POOL_CONTEXT = 6, /* detached contexts of this VM */
    ORD_POOL_COUNT = 7,
};

#define ORD_PRIO_MIN     1
#define ORD_PRIO_MAX     255
#define ORD_PRIO_DEFAULT 100

/* Contexts per VM; also the number of bits in the event page's bitmap. */
#define ORD_CONTEXT_MAX 128

/*
 * Linux's CLOCK_MONOTONIC, as the vDSO computes it:
 *
 *   ns = base + ((((counter - cycle_last) * mult) + fraction) >> shift)
 *
 * Written by the guest when its timekeeping changes. mult 0, or a shift above ORD_TIMEBASE_SHIFT_MAX: there
 * is none, and what needs it is forwarded. Writer: seq odd, barrier, values, barrier, seq even.
 */
struct ord_timebase {
    uint32_t seq;
    uint32_t mult;
    uint32_t shift;
    uint32_t reserved;
    uint64_t cycle_last;
    uint64_t fraction; /* ns << shift */
    uint64_t base;     /* ns */
};
ORD_ASSERT(sizeof(struct ord_timebase) == 40);
#define ORD_TIMEBASE_SHIFT_MAX 32

/*
 * Event page of a VM. The hypervisor sets a context's bit, then injects the virtual exception; any CPU
 * clears bits (atomic exchange) and looks at the frames. A context has one event at most, so no bit is lost.
 * If the guest changes a word so often that the bit does not get into it, `all` is set instead: any context
 * may have an event. It is cleared before the frames are looked at, too.
 */
struct ord_event_page {
    uint64_t pending[ORD_CONTEXT_MAX / 64];
    uint64_t all;
    uint64_t reserved0[5];
    struct ord_timebase timebase;
    uint64_t reserved[499];
};
ORD_ASSERT(offsetof(struct ord_event_page, timebase) == 64);
ORD_ASSERT(sizeof(struct ord_event_page) == ORD_PAGE_SIZE);

#define ORD_FRAME_MAGIC 0x3166726fu /* "orf1" */

/* Values of ord_frame.event. Everything but RUNNING means: the frame is the guest's. */
enum ord_event {
    ORD_EVENT_NONE = 0,      /* created, never run */
    ORD_EVENT_RUNNING = 1,   /* the hypervisor owns the frame */
    ORD_EVENT_SYSCALL = 2,   /* pc is behind the instruction */
    ORD_EVENT_FAULT = 3,     /* page fault, of data or an instruction: code, address */
    ORD_EVENT_EXCEPTION = 4, /* any other exception: code, address */
    ORD_EVENT_STAGE2 = 5,    /* address not backed by the VM's memory: code, address, physical */
    ORD_EVENT_RECALLED = 6,  /* answer to recall() */
    ORD_EVENT_REJECTED = 7,  /* run() found the frame invalid; reason in code (an ord_status) */
    /* Recalled out of a wait that the hypervisor serves: pc behind the instruction, arguments as it was
       called. */
    ORD_EVENT_INTERRUPTED = 8,
};

/*
 * Flags of ord_frame.serve: system calls that the hypervisor may serve itself.
 *   SLEEP  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, …), by the VM's ord_timebase. Anything unusual in
 *          its arguments is forwarded.
 */
#define ORD_SERVE_SLEEP (1ull << 0)

/* Counters: written by the hypervisor, monotonic over the life of the context. */
struct ord_stats {
    uint64_t runs;       /* times run() was served, rejected ones included */
    uint64_t syscalls;   /* ORD_EVENT_SYSCALL */
    uint64_t faults;     /* ORD_EVENT_FAULT and _STAGE2 */
    uint64_t exceptions; /* ORD_EVENT_EXCEPTION and _REJECTED */
    uint64_t recalls;    /* ORD_EVENT_RECALLED */
    uint64_t irqs;       /* interrupts taken by the core while the thread ran, recalls included */
    uint64_t hostcalls;  /* served by the hypervisor, without leaving */
    uint64_t exits;      /* all entries to the hypervisor while the thread ran */
    uint64_t preempted;  /* times that another thread of its core went before it */
    uint64_t throttled;  /* times that it waited for its core's vCPU: the budget was used up */
    uint64_t sleeps;     /* waits for a time that the hypervisor served to their end */
    uint64_t sleep_end;  /* counter at which the last one was due; 0: when it began, it was over */
    uint64_t waiting;    /* not 0: it waits in the hypervisor now */
    uint64_t run_time;   /* ticks that it has executed; negative: add the counter, it executes now */
    uint64_t reserved[2];
};
ORD_ASSERT(sizeof(struct ord_stats) == 128);

/*
 * Frame: one page of guest RAM per context, normal memory, mapped cacheable by both sides. The hypervisor
 * copies and checks it at run(); nothing in it lets the thread reach beyond its own VM.
 *
 *   0    header, event       64   wait word
 *   128  registers, as the architecture has them (arch/NAME/detach.h)
 *   1248 statistics
 */
struct ord_frame {
    /* header: set by the guest before create() */
    uint32_t magic;   /* ORD_FRAME_MAGIC */
    uint32_t version; /* ORD_ABI_VERSION */
    uint32_t context; /* set by create() */
    uint32_t core;    /* core that it last ran on */
    /* event: written by the hypervisor, the word last (store-release) */
    uint32_t event; /* enum ord_event */
    uint32_t event_reserved;
    uint64_t code;     /* what has happened, as the architecture says it */
    uint64_t address;  /* of the access, as the thread sees it */
    uint64_t physical; /* STAGE2: likewise, as its VM does; 0 if not known (permission) */
    uint64_t header_reserved[2];
    /*
     * wait word: written by the guest. Not 0: whoever waits sleeps and wants the virtual exception on
     * the vCPU `wait_cpu` (index into the VM's vCPUs). Guest: set it, full barrier, look at event, sleep.
     * Hypervisor: write event, full barrier, look at it.
     */
    uint32_t wait;
    uint32_t wait_cpu;
    uint64_t wait_reserved[7];
    ORD_FRAME_REGISTERS; /* up to offset 1248 */
    /* statistics, hypervisor to guest */
    struct ord_stats stats;
    uint8_t reserved[ORD_PAGE_SIZE - 1376];
};
ORD_ASSERT(offsetof(struct ord_frame, wait) == 64);
ORD_FRAME_ASSERT;
ORD_ASSERT(offsetof(struct ord_frame, stats) == 1248);
ORD_ASSERT(sizeof(struct ord_frame) == ORD_PAGE_SIZE);

#endif
