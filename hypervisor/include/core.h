/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Per-core state: the queue of ready threads, the mailbox, and what other cores ask for.
 *
 * mailbox: a lock-free stack of threads with ops set. Senders push, then look at `mode` behind a full
 * barrier; the owner sets `mode`, full barrier, looks at the mailbox. So either the owner sees the thread
 * or the sender sees a mode that needs an interrupt (USER, SLEEP).
 */
#ifndef HV_CORE_H
#define HV_CORE_H

#include "budget.h"
#include "thread.h"
#include "timer.h"
#include "types.h"
#include <arch/registers.h>
#include <arch_core.h>

enum core_mode {
    CORE_HYP = 0,   /* in the hypervisor: drains the mailbox before it leaves */
    CORE_USER = 1,  /* in a guest, detached thread or host task */
    CORE_POLL = 2,  /* idle, waits for the store to the mailbox */
    CORE_SLEEP = 3, /* idle, waits for an interrupt */
    CORE_OFF = 4,   /* not started */
};

struct core {
    uint32_t mode;          /* enum core_mode. First: a store-release has no offset */
    uint64_t stack_top;     /* for assembly (offsets.c) */
    struct thread *current; /* whose registers are in the hardware */
    uint32_t index;
    uint64_t hwid;       /* what the machine calls it */
    struct thread *mail; /* mailbox */
    uint32_t asked;      /* not 0: one of the following, or to halt */
    uint32_t barrier_asked, barrier_done;
    uint32_t registers_asked, registers_done;
    uint32_t contexts;       /* host core: how many contexts it has. Under the lock of its VM, as `shared` */
    bool shared;             /* they may share it */
    struct thread *handling; /* whose requests or event this core has in hand */
    uint64_t ready_map[4];   /* bit p: queue[p] is not empty */
    struct thread *running;  /* ran last, and has not blocked since */
    struct timer slice;      /* end of its turn; armed only while others of its priority are ready */
    bool slice_armed;
    struct budget budget; /* of detached threads, if it runs a vCPU, too */
    struct timer_queue timers;
    struct arch_core arch;
    /* statistics */
    uint64_t entries, irqs, runs;
    /* What is large is last, so that instructions reach the rest by an offset. */
    struct list queue[256];
    /* Of the last time that they were asked for. */
    struct arch_register registers[ARCH_REGISTERS_MAX];
    uint32_t register_count;
    const struct thread *registers_of; /* NULL: it idled */
};

extern struct core cores[];
extern uint32_t core_count;

void core_init(struct core *c, uint32_t index, uint64_t hwid);

/* The highest-priority ready thread, or NULL. */
struct thread *core_pick(struct core *c);
#define CORE_SLICE_MS 10

void core_enqueue(struct core *c, struct thread *t);
void core_dequeue(struct core *c, struct thread *t);

/* Makes c look at its mailbox, timers and barrier requests soon. */
void core_notify(struct core *c);

/* The same for all of the mask but this one. */
void core_notify_all(uint32_t mask);

/* Puts a chain of threads, linked by mail_next, into c's mailbox. Any core. */
void core_mail(struct core *c, struct thread *first, struct thread *last);
/* What c, this core, has taken out of it and not handled, to the end of the chain. */
void core_mail_back(struct core *c, struct thread *first);

/* Does what other cores have asked this one for, if `asked`. */
void core_answer(struct core *c);

/* Asks for c->registers, which interrupts whatever runs on c. They are there when core_told_registers() says
 * so of what this returns. */
uint32_t core_ask_registers(struct core *c);
bool core_told_registers(const struct core *c, uint32_t asked);

/* All other cores halt when they next come by. */
void core_halt_others(void);

/* Every core of the mask that executes user code now executes a full barrier before this returns. */
void core_barrier(uint32_t mask);

#endif
