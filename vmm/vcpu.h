/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU: its thread, what the thread shares with others, and its part of the GIC. */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include <stdbool.h>
#include <stdint.h>
#include <outrider/task.h>

struct vm;

enum vcpu_power { VCPU_OFF, VCPU_ON_PENDING, VCPU_ON };

struct vcpu {
    struct vm *vm;
    uint32_t index; /* the guest kernel's CPU number, if it counts in device tree order */
    uint32_t core;  /* index in the boot information */
    uint64_t affinity;
    uint32_t cap, thread_cap, notify_cap;
    struct ord_vcpu_state *state;
    /* under vm->power_lock: */
    enum vcpu_power power;
    uint64_t entry, context; /* for ON_PENDING */
    /* under gic->lock: */
    bool online; /* it runs: takes SPIs */
    /* its redistributor: */
    bool sleeping;    /* GICR_WAKER.ProcessorSleep */
    uint32_t enabled; /* GICR_ISENABLER0 */
    uint32_t group;   /* GICR_IGROUPR0: 1 = group 1 */
    uint32_t edge;    /* GICR_ICFGR0/1, one bit per interrupt */
};

/* Body of a vCPU's thread. Runs on its own stack, with the vCPU as argument; never returns. */
void vcpu_thread(void *vcpu);

/* Handles the exit that is in the state page. False: this vCPU is off now (or the VM ends). */
bool vcpu_handle_exit(struct vcpu *vcpu);

/* Registers a vCPU starts with; the architecture's part of a power-on. Needs entry and context. */
void vcpu_set_entry(struct vcpu *vcpu);

/*
 * HVC or SMC of the guest that the hypervisor did not take: PSCI and SMCCC. Arguments and results are in
 * the state page. False: this vCPU is off now (or the VM ends). Implemented by the architecture.
 */
bool vcpu_handle_call(struct vcpu *vcpu);

#endif
