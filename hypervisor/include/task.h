/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Host tasks: an address space and a table of capabilities. A slot is written once (type last) and never
 * reused, and an object lives as long as the machine runs its task, so a look-up needs no lock and no
 * reference.
 */
#ifndef HV_TASK_H
#define HV_TASK_H

#include "ptab.h"
#include "types.h"
#include "platform.h"

enum cap_type {
    CAP_NULL = 0,
    CAP_TASK,
    CAP_CONSOLE,
    CAP_POWER,
    CAP_IRQ_CONTROL,
    CAP_MEMORY,
    CAP_VM,
    CAP_THREAD,
    CAP_VCPU,
    CAP_NOTIFY,
    CAP_IRQ,
};

struct cap {
    void *object;
    uint32_t type; /* enum cap_type */
    uint32_t rights;
};

/* Physical memory that may be mapped: RAM, or device space (everything that is not RAM). */
struct memory {
    uint64_t base, size;
    bool device;
};

struct task {
    struct ptab ptab;
    struct spinlock lock; /* creation of capabilities */
    bool dead;
    uint32_t thread_count; /* not ended */
    char name[16];
    struct cap cap[ORD_CAP_COUNT];
};

/* Puts an object into an empty slot. BAD_CAP: no such slot. BUSY: taken. */
status_t task_cap_insert(struct task *t, uint64_t slot, enum cap_type type, void *object,
                         uint32_t rights) MUST_CHECK;
/* Whether an insertion there would fail, before anything is created for it. */
status_t task_cap_check(const struct task *t, uint64_t slot) MUST_CHECK;
/* The object behind a capability of that type, or NULL. */
void *task_cap_lookup(const struct task *t, uint64_t slot, enum cap_type type, uint32_t *rights);

/* Copies from / to a task's memory. BAD_ADDRESS if a page is not mapped (readable / writable). */
status_t task_copy_in(const struct task *t, void *dst, uint64_t src, size_t n) MUST_CHECK;

/* Maps part of a memory object into a space, checking bounds, rights and what is kept. */
status_t memory_map(const struct memory *m, uint32_t cap_rights, struct ptab *space, uint64_t offset,
                    uint64_t at, uint64_t size, uint32_t rights) MUST_CHECK;

/* A physical range that no task may map. */
void memory_keep(uint64_t base, uint64_t size);
uint32_t memory_kept_count(void);
struct range memory_kept(uint32_t i);

/* The first task, from the boot module `vmm`: loads it and makes its first thread ready on this core. */
void task_start_first(void);

/* Ends the task: all its threads, its VMs. If none is left, the machine is powered off. */
void task_kill(struct task *t);

extern struct task *first_task;

#endif
