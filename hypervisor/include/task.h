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

struct thread;

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

/* A right with ORD_NOTIFY_BIT(n) set allows that bit alone. */
#define NOTIFY_RIGHTS (ORD_NOTIFY_SIGNAL | ORD_NOTIFY_WAIT)

/* Physical memory that may be mapped: RAM, or device space (everything that is not RAM). */
struct memory {
    uint64_t base, size;
    bool device;
};

struct task {
    struct ptab ptab;
    struct spinlock lock; /* creation of capabilities */
    bool dead;
    bool first;            /* may create tasks and VMs */
    uint32_t thread_count; /* not ended */
    uint32_t cores;        /* mask: where it may have threads */
    uint8_t prio_limit;
    uint32_t objects_left; /* that it may create itself */
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

/* Whether the task may have threads on that core with that priority. BAD_CORE: no such core, or not online;
 * NO_RIGHT: not its core. BAD_PARAM: priority. */
status_t task_place_check(const struct task *t, uint64_t core, uint64_t prio) MUST_CHECK;

/* An empty task; cores, prio_limit: no more than the creator's. BAD_PARAM: name, no cores, limit. */
status_t task_create(const struct task *creator, const char *name, size_t length, uint64_t cores,
                     uint64_t prio_limit, struct task **out) MUST_CHECK;

/* A thread of t in its slot `slot`, ready at once. */
status_t task_thread(struct task *t, uint64_t slot, uint64_t entry, uint64_t sp, uint64_t arg, uint64_t core,
                     uint64_t prio) MUST_CHECK;

/* Copies a capability of `from` to another task, with no more rights. */
status_t task_cap_copy(struct task *to, uint64_t slot, const struct task *from, uint64_t source,
                       uint64_t rights) MUST_CHECK;

/* One of the objects that it may make; false: it has made as many as it may. */
bool task_take_object(struct task *t);
void task_return_object(struct task *t);

/* Copies from / to a task's memory. BAD_ADDRESS if a page is not mapped (readable / writable). */
status_t task_copy_in(const struct task *t, void *dst, uint64_t src, size_t n) MUST_CHECK;

/* Maps part of a memory object into a space, checking bounds, rights and what is kept; *done bytes of it, as
 * ptab_map_part(). */
status_t memory_map(const struct memory *m, uint32_t cap_rights, struct ptab *space, uint64_t offset,
                    uint64_t at, uint64_t size, uint32_t rights, uint64_t *done) MUST_CHECK;

/* A physical range that no task may map. */
void memory_keep(uint64_t base, uint64_t size);
uint32_t memory_kept_count(void);
struct range memory_kept(uint32_t i);

/* The first task, from the boot module `vmm`: loads it and makes its first thread ready on this core. */
void task_start_first(void);

/* It was started: it counts as one that the machine is on for. */
void task_started(struct task *t);

/* Ends the task: all its threads, its VMs. Others go on; with the last one the machine is powered off. */
void task_kill(struct task *t);

/* Ends t (this core's) as it asked; its task ends with the last thread. */
void task_thread_end(struct thread *t);
/* Ends t (this core's) with a reason on the console; the whole task goes with it. */
void task_thread_kill(struct thread *t, const char *reason);

extern struct task *first_task;

#endif
