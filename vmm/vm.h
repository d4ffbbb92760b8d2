/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual machine.
 *
 *   vm ── vcpu[0..n)   one per guest core, each with a thread of the VMM on that core
 *      ├─ irqchip      the interrupt controller (arch/)
 *      └─ ram, devices what the guest reaches directly
 */
#ifndef VMM_VM_H
#define VMM_VM_H

#include "arch/irqchip.h"
#include "config.h"
#include "range.h"
#include "spinlock.h"
#include "task.h"
#include "vcpu.h"

struct vm {
    const struct ord_bootinfo *boot;
    struct config config;
    uint32_t cap;
    uint32_t virtual_exception; /* its interrupt */
    uint32_t page;              /* of the guest's own tables: its memory is in whole ones, alone in each */
    uint64_t state_base;        /* the vCPUs' state pages in the VMM's address space, one after the other */
    uint32_t vcpu_count;
    struct vcpu vcpu[ORD_CORES_MAX];
    struct irqchip irqchip;
    struct spinlock power_lock;
    bool dumped;                 /* registers of a vCPU that cannot go on were printed */
    uint32_t hanging;            /* vCPUs that have been reported; under power_lock */
    uint32_t ending;             /* not 0: the VM is on its way out, vCPU threads end */
    struct range_list ram;       /* the guest's memory */
    struct range_list set_aside; /* RAM that is not the guest's */
    struct tasks tasks;
    struct range_list taken; /* guest addresses that are mapped, emulated or kept */
};

/* vm.c */

/* Next free capability, or 0 if there is none left; at start, then only with the interrupt controller's lock
 * held. */
uint32_t vm_cap_alloc(void);

/* Takes back the capability that was handed out last. */
void vm_cap_free(uint32_t cap);

/* The vCPU of that name, or NULL. */
struct vcpu *vm_find_vcpu(struct vm *vm, uint64_t hwid);

/* Wakes the thread of a vCPU: it looks at its power state, and whether the VM ends. */
void vm_wake_vcpu(struct vcpu *vcpu);

/* Whether the VM is on its way out. */
static inline bool vm_ending(const struct vm *vm)
{
    return __atomic_load_n(&vm->ending, __ATOMIC_ACQUIRE);
}

/*
 * Ends the VM as the policy says. Called by a vCPU's thread with the reason that is printed; the first
 * caller acts, and the call returns once `ending` is set, if the machine still runs.
 */
void vm_end(struct vm *vm, enum policy policy, const char *reason);

/* vm_make.c */

/*
 * Creates the VM with its host cores and guest memory (vm->boot, config, page and virtual_exception are set)
 * and lists its vCPUs: the boot core's first. A message says what failed.
 */
bool vm_create(struct vm *vm);

/* Makes the vCPUs and their threads, which wait for power_on(). Their state pages appear from vm->state_base
 * on. */
bool vm_create_vcpus(struct vm *vm);

#endif
