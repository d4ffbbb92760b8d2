/* SPDX-License-Identifier: BSD-2-Clause */
/* vCPUs: guest kernels run on these, as a part of their VMM's thread. */
#ifndef HV_VCPU_H
#define HV_VCPU_H

#include "thread.h"
#include "timer.h"
#include "types.h"
#include <arch_vcpu.h>
#include <outrider/task.h>

struct vm;

struct vcpu {
    struct arch_vcpu arch;
    struct vm *vm;
    struct thread *thread;
    struct ord_vcpu_state *state;
    uint32_t index;
    uint64_t hwid;
    bool kicked;
    bool preempted; /* ready, and others run: looks at what is pending before it goes on */
    bool below;     /* its core is for detached threads, too */
    uint8_t prio;   /* of its thread in the VMM */
    /* Watchdog. The timer looks from time to time, while the guest runs; `since` is read by all cores. */
    struct timer watch;
    bool watch_armed, hang;
    uint64_t watch_seen;    /* which interrupt was pending at the last look */
    uint64_t stuck_since;   /* when it was first seen; 0: interrupts are taken */
    uint32_t splits;        /* of its VM's table, as last seen (ptab_was_split()) */
    uint64_t waits;         /* for an interrupt */
    uint64_t exit_count[8]; /* to the VMM, by enum ord_exit */
    uint32_t pending_any;   /* something is pending in `arch`: set by any core, taken by the vCPU's */
};

/* BAD_STATE: the thread has a vCPU. BUSY: the core is a host core or runs a vCPU of this VM. NO_MEMORY. */
status_t vcpu_create(struct vm *vm, struct thread *t, uint64_t hwid, uint64_t state_address,
                     struct vcpu **out) MUST_CHECK;

/* Enters the guest at the next leave. BAD_STATE: the VM was stopped. */
status_t vcpu_run(struct vcpu *v) MUST_CHECK;

/* Leaves the guest: the VMM's thread continues behind vcpu_run with that reason. Own core. */
void vcpu_exit(struct vcpu *v, enum ord_exit reason);

/* Makes a virtual interrupt pending, wakes the vCPU. Any core. */
void vcpu_pend(struct vcpu *v, uint32_t line);

/* THREAD_OP_IRQ / _KICK on the vCPU's core. */
void vcpu_handle_irq(struct vcpu *v);
void vcpu_handle_kick(struct vcpu *v);

/* On each way into the guest, before it is loaded: from now on interrupts must be told to this core. */
void vcpu_resume(struct vcpu *v);

/* On each way into the guest: the watchdog looks on. */
void vcpu_watch(struct vcpu *v);

/* The guest waits for an interrupt: blocks until one is pending. */
void vcpu_wait(struct vcpu *v);

#endif
