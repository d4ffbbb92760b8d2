/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads: the one thing that is scheduled. A thread has one of two bodies:
 *
 *   host thread      user mode of a host task; if a vCPU is bound to it, vcpu_run() turns it into that
 *                    vCPU until an exit needs the VMM
 *   detached thread  a context of a VM without a guest kernel
 *
 * A thread belongs to one core. Only that core touches its state, its queue and its registers; the others
 * set bits in `ops` and put it into the core's mailbox (core.h).
 */
#ifndef HV_THREAD_H
#define HV_THREAD_H

#include "list.h"
#include "timer.h"
#include "types.h"
#include <arch_thread.h>

struct core;
struct task;
struct vcpu;
struct context;
struct notify;

enum thread_state {
    THREAD_BLOCKED,
    THREAD_READY, /* in its core's queue or running */
    THREAD_DEAD,
};

/* Of a vCPU's thread on a core that detached threads may run on, too, while it is in the guest. They have
 * ORD_PRIO_MIN at least. */
#define THREAD_PRIO_GUEST 0

/* Requests from other cores. */
#define THREAD_OP_WAKE   BIT(0) /* make it ready */
#define THREAD_OP_NOTIFY BIT(1) /* the notification that it waits for has bits */
#define THREAD_OP_IRQ    BIT(2) /* its vCPU has pending interrupts */
#define THREAD_OP_KICK   BIT(3) /* vcpu_kick() */
#define THREAD_OP_RUN    BIT(4) /* detached: load the frame and go */
#define THREAD_OP_RECALL BIT(5) /* detached: write the frame and stop */
#define THREAD_OP_TIME   BIT(7) /* detached: its VM's clock goes at another rate */
#define THREAD_OP_STOP   BIT(6) /* detached: stop without an event; host: end */

struct thread {
    struct arch_thread arch; /* first: assembly finds it by the thread's address */
    struct list ready;       /* in core->queue[prio] */
    struct core *core;
    struct task *task;       /* host threads */
    struct vcpu *vcpu;       /* host threads: bound vCPU or NULL */
    struct context *context; /* detached threads */
    struct notify *waits;    /* notification that it is blocked on */
    struct timer alarm;      /* host threads: ends its sleep, or its wait */
    enum thread_state state;
    uint8_t prio;
    uint64_t slice_left; /* of its turn, in ticks; 0: all of it */
    bool alarmed;        /* the alarm may be armed */
    bool in_guest;       /* a vCPU's thread: inside vcpu_run() */
    bool idle_guest;     /* blocked by the guest's own wait */
    uint32_t splits;     /* of its address space, as last seen (ptab_was_split()) */
    uint32_t ops;
    struct thread *mail_next;
};

/* Sets up a zeroed host thread of a task, blocked. */
void thread_init(struct thread *t, struct task *task, struct core *core, uint8_t prio);
/* Makes a blocked thread of this core ready. */
void thread_wake(struct thread *t);
/* t executes on c from now on, where nobody does; or who does, does no more. How long contexts execute is
 * counted. */
void thread_begin(struct core *c, struct thread *t);
void thread_end(struct core *c);
/* Takes the running or ready thread off its queue. */
void thread_block(struct thread *t);
/* Another priority, for a thread of this core. */
void thread_set_prio(struct thread *t, uint8_t prio);
/* Posts ops to t's core and makes that core look at them. Any core. A context may be moved to another core
 * meanwhile: then its old one passes the request on. */
void thread_post(struct thread *t, uint32_t ops);
/* Posts ops only; the caller makes the core look (core_notify_all()), once for many. */
struct core *thread_request(struct thread *t, uint32_t ops) MUST_CHECK;

#endif
