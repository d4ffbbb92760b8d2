/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU: its thread, and what the thread shares with others. */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include <stdbool.h>
#include <stdint.h>
#include <outrider/task.h>
#include "arch/vcpu.h"

struct vm;

enum vcpu_power { VCPU_OFF, VCPU_ON_PENDING, VCPU_ON };

struct vcpu {
    struct vm *vm;
    uint32_t index; /* the guest kernel's CPU number, if it counts in the machine's order */
    uint32_t core;  /* index in the boot information */
    uint64_t hwid;  /* of its core, and its own */
    uint32_t cap, thread_cap, notify_cap;
    struct ord_vcpu_state *state;
    struct vcpu_arch arch;
    /* under vm->power_lock: */
    enum vcpu_power power;
    uint64_t entry, context; /* for ON_PENDING */
};

/* Body of a vCPU's thread. Runs on its own stack, with the vCPU as argument; never returns. */
void vcpu_thread(void *vcpu);

/* Handles the exit that is in the state page. False: this vCPU is off now (or the VM ends). */
bool vcpu_handle_exit(struct vcpu *vcpu);

#endif
