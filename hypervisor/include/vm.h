/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM: its table, its vCPUs, its host cores and the detached contexts that run on them. */
#ifndef HV_VM_H
#define HV_VM_H

#include "channel.h"
#include "context.h"
#include "ptab.h"
#include "types.h"
#include "vcpu.h"
#include <arch/irqchip.h>

struct irq;

/* Calls of the machine's firmware, by the architecture's numbers. */
struct firmware_range {
    uint32_t first, last;
};

struct vm {
    struct ptab ptab;
    struct spinlock lock; /* creation: vCPUs, cores, contexts, event page */
    bool stopped;
    bool reported;
    uint64_t watchdog; /* ticks; 0: off */
    bool hung;         /* it hangs, and that was reported */
    uint32_t hangs;
    uint8_t exception;                /* line of the virtual exception */
    uint32_t guest_cores, host_cores; /* masks of core indices */
    uint32_t shared_cores;            /* those of host_cores that run a vCPU, too */
    bool throttled;                   /* it has been said that a budget was used up */
    uint8_t prio_limit[ORD_CORES_MAX];
    struct vcpu *vcpu[ORD_CORES_MAX];
    uint32_t vcpu_count;
    struct ord_event_page *event_page; /* NULL: none */
    struct context *context[ORD_CONTEXT_MAX];
    uint32_t context_count;
    uint8_t irq_priority[ARCH_LINE_LIMIT];
    struct irq *irq[ARCH_LINE_LIMIT]; /* by virtual line: the interrupt object behind it, or NULL */
    struct channel channel[ORD_CHANNELS_MAX];
    struct firmware_range firmware[ORD_FIRMWARE_RANGES_MAX]; /* fixed once there is a vCPU */
    uint32_t firmware_count;
};

/* Of all VMs' irq[], and of who has the interrupts behind it: one interrupt may be wanted by two VMs. Inside
 * vm->lock, if both are held. */
extern struct spinlock vm_irq_lock;

/* A fresh number: spaces are never destroyed. */
uint32_t space_id(void);

/* exception: line of the virtual exception. BAD_PARAM: it cannot be. NO_MEMORY. */
status_t vm_create(uint64_t exception, struct vm **out) MUST_CHECK;
/* BAD_CORE, BUSY (runs a vCPU or is another VM's), BAD_PARAM (limit). */
status_t vm_add_core(struct vm *vm, uint64_t core, uint64_t prio_limit) MUST_CHECK;
/*
 * The same, but the core runs a vCPU of this VM, too, which is created later. Detached threads have a higher
 * priority, and may keep it waiting for `budget` of each `period` (microseconds; the same: always).
 * BAD_PARAM: budget 0 or more than the period; period not 1 ms to 1 s.
 */
status_t vm_share_core(struct vm *vm, uint64_t core, uint64_t prio_limit, uint64_t budget,
                       uint64_t period) MUST_CHECK;
/* With vm->lock held: the core runs a vCPU from now on. BUSY: it runs one of this VM, or is a
 * host core that it does not share. */
status_t vm_take_guest_core(struct vm *vm, uint32_t core) MUST_CHECK;
/* Says once on the console how the VM's memory is mapped. */
void vm_report(struct vm *vm);
/* BAD_PARAM: more than ORD_WATCHDOG_MAX. */
status_t vm_watchdog(struct vm *vm, uint64_t milliseconds) MUST_CHECK;
/* The guest may make the firmware calls `first` to `last`. BAD_PARAM: not for a guest. BAD_STATE: there is a
 * vCPU. NO_MEMORY. */
status_t vm_firmware(struct vm *vm, uint64_t first, uint64_t last) MUST_CHECK;
/* Whether it may. */
bool vm_firmware_allowed(const struct vm *vm, uint32_t function);
/* Stops all detached threads for good. */
void vm_stop(struct vm *vm);

/* Guest RAM at a page-aligned guest address that the guest may read and write; NULL if it is not. */
void *vm_page(struct vm *vm, uint64_t address);

#endif
