/* SPDX-License-Identifier: BSD-2-Clause */
/* A hypervisor for tests: it implements call.h, checks what it is asked for, and remembers it. */
#ifndef TEST_FAKE_H
#define TEST_FAKE_H

#include <setjmp.h>
#include <stdbool.h>
#include "call.h"
#include "range.h"
#include "vm.h"

struct fake_irq {
    bool exists, enabled, edge, bound;
    uint64_t vcpu, priority;
    uint64_t state;  /* ORD_IRQ_STATE_PENDING, _ACTIVE */
    bool line;       /* the device asks, if it is level-triggered */
    uint64_t holder; /* the vCPU that has it in its list registers, while it is active */
    uint32_t taken;  /* how often one got it */
};

struct fake {
    char log[65536];
    size_t log_length;
    uint32_t vm_cap; /* 0: none was created */
    uint64_t vppi;
    uint32_t host_cores, shared_cores;
    uint64_t budget, period;                             /* of the last core */
    struct range_list guest_ram, guest_devices, own_ram; /* mapped */
    struct range_list kept;                              /* mem_map of devices says BUSY here */
    struct fake_irq irq[GIC_INTID_MAX];
    uint32_t irq_of_cap[ORD_CAP_COUNT]; /* INTID */
    bool virtual_irq[ORD_CAP_COUNT];
    uint32_t irq_limit; /* objects left, NO_MEMORY behind it */
    uint32_t busy_irq;  /* BUSY for this one */
    uint32_t vcpu_count;
    struct ord_vcpu_state *state[ORD_CORES_MAX]; /* given by the test */
    uint64_t vcpu_hwid[ORD_CORES_MAX], vcpu_core[ORD_CORES_MAX];
    uint32_t kicks, injections, last_injected;
    uint64_t signals[ORD_CAP_COUNT]; /* notification bits that wait */
    uint32_t task_of_cap[ORD_CAP_COUNT], task_count, task_starts;
    int power; /* -1: power was not called */
    bool power_fails;
    uint32_t vm_stops, syncs, resets;
    struct range_list synced;               /* pages */
    uint64_t watchdog;                      /* milliseconds */
    uint32_t firmware_count;                /* ranges that were given */
    uint64_t firmware_first, firmware_last; /* the last of them */
    status_t firmware_status;
    jmp_buf *exit;    /* where thread_exit goes, with 1 */
    jmp_buf *blocked; /* where a wait goes that nothing ends, with 2; NULL: it fails */
    /* vcpu_run asks the test what the guest does; ORD_OK or an error */
    status_t (*run)(uint64_t vcpu);
};

extern struct fake fake;

/* Where state pages of vCPUs are: vm->state_base. */
extern const uint64_t fake_state_base;

/* Everything back to the start. */
void fake_reset(void);

/* Whether the console has shown the text. */
bool fake_logged(const char *text);

/* Boot information of a machine like QEMU's: cores 0..n-1, 0 boots; RAM as given. */
void fake_bootinfo(struct ord_bootinfo *info, uint32_t core_count, uint64_t ram_base, uint64_t ram_size);

/* Adds a resource that the hypervisor keeps. */
void fake_keep(struct ord_bootinfo *info, uint64_t base, uint64_t size);

/* A device raises its interrupt: the hypervisor takes it for the vCPU, if it is enabled. */
void fake_raise(uint32_t intid);

/* Makes `count` vCPUs of a VM, with state pages, without the rest of the boot. */
void fake_vm(struct vm *vm, struct ord_bootinfo *info, uint32_t count);

#endif
