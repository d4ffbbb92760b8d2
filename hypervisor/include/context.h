/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Detached contexts. A VM's slot keeps its context's memory for good, so whoever has looked a slot up may use
 * it without a lock: at worst it is another thread's by then, of the same VM.
 *
 *            create                    run                     (host core)
 *   free ---------------> IDLE ---------------------> RUNNING -----------------+
 *     ^                    | ^                                                 |
 *     |  destroy           | |        event written to the frame               |
 *     +--------------------+ +-------------------------------------------------+
 *
 * The state changes by compare-and-swap. The frame is the guest's while IDLE, the hypervisor's while
 * RUNNING. Only the context's core takes RUNNING to IDLE; only hypercalls do the rest.
 */
#ifndef HV_CONTEXT_H
#define HV_CONTEXT_H

#include "thread.h"
#include "timer.h"
#include "types.h"
#include <outrider/detach.h>

struct irq;
struct vm;

enum context_state {
    CONTEXT_CLOSED = 0, /* free, or being created, changed or destroyed */
    CONTEXT_IDLE = 1,
    CONTEXT_RUNNING = 2,
};
#define CONTEXT_STATE 3u /* of context->state; above: the number of the run, modulo 2^30 */
#define CONTEXT_RUN   4u

/* What a RUNNING context waits for in the hypervisor; its thread is blocked then. */
enum context_wait {
    WAIT_NONE = 0,
    WAIT_COUNTER = 1, /* deadline in ticks of the counter */
    WAIT_CLOCK = 2,   /* deadline in ns of the VM's timebase */
    WAIT_NOTIFY = 3,  /* for signals; deadline in ticks, or 0 */
    WAIT_IRQ = 4,     /* for an interrupt (grant.h); likewise */
};

struct context {
    struct thread thread; /* first */
    struct vm *vm;
    struct ord_frame *frame; /* guest memory: nothing read from it is trusted */
    uint32_t id;
    uint32_t state;        /* enum context_state, and which run */
    bool taken;            /* created and not destroyed; under vm->lock, as `shared` */
    uint32_t irqs;         /* that are granted to it; under vm_irq_lock */
    bool shared;           /* may share its core with others that may */
    uint32_t recall_asked; /* by the guest: the state that it is for, if it is still that one */
    /* the core's, from here */
    uint32_t wait; /* enum context_wait */
    uint64_t deadline;
    uint64_t due;          /* as it was known when the timer was armed; in ticks */
    struct notify *notify; /* that it waits for */
    struct irq *irq;       /* that it has waited for last */
    uint64_t channels;     /* that it may use, of this run */
    struct timer timer;    /* armed while it waits for a time */
    uint64_t serve;        /* ORD_SERVE_*, of this run */
    uint64_t clock_offset; /* ns, modulo 2^64 */
    struct ord_stats stats;
};

static inline enum context_state context_state(const struct context *c)
{
    return READ_ONCE(c->state) & CONTEXT_STATE;
}

/* Shows the guest its statistics. Word by word: the compiler would call memcpy(), of which the frequent paths
 * have no need. */
static ALWAYS_INLINE void context_publish(struct context *c)
{
    const uint64_t *from = (const uint64_t *)(const void *)&c->stats;
    uint64_t *to = (uint64_t *)(void *)&c->frame->stats;

#pragma GCC unroll 4
    for (size_t i = 0; i < sizeof(c->stats) / 8; i += 4) {
        const uint64_t a = from[i], b = from[i + 1], d = from[i + 2], e = from[i + 3];
        to[i] = a;
        to[i + 1] = b;
        to[i + 2] = d;
        to[i + 3] = e;
    }
}

/* From one state to another one; a new run has a new number. False: it is not in `from`. Any core. */
bool context_change(struct context *c, enum context_state from, enum context_state to) MUST_CHECK;

/* Sets up a zeroed one for slot `id`. */
void context_init(struct context *c, struct vm *vm, uint32_t id);

/* What is in slot `id`, if anything was ever: who looks into it must see whether it is taken. */
struct context *context_find(struct vm *vm, uint64_t id);

/* ORD_HC_RUN, _RECALL. Any core. */
status_t context_run(struct vm *vm, uint64_t id) MUST_CHECK;
status_t context_recall(struct vm *vm, uint64_t id) MUST_CHECK;

/* On the context's core: THREAD_OP_RUN, _RECALL, _STOP, _TIME and _NOTIFY. */
void context_handle_run(struct context *c);
void context_handle_recall(struct context *c);
void context_handle_stop(struct context *c);
void context_handle_time(struct context *c);
void context_handle_notify(struct context *c);

/* Another thread of its core goes before it. */
void context_preempted(struct context *c);

/* It could run, but the budget of its core is used up. */
void context_throttled(struct context *c);

/*
 * Ends a run: registers are in the frame already; writes the event and tells the guest. The last three say
 * what has happened, as the architecture does: its code, the address of the access as the thread sees it, and
 * as its VM does. Not a structure, which would go through memory.
 */
void context_event(struct context *c, enum ord_event event, uint64_t code, uint64_t address,
                   uint64_t physical);

#endif
