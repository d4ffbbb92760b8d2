/* SPDX-License-Identifier: BSD-2-Clause */
#include "task.h"

#include "atomic.h"
#include "console.h"
#include "core.h"
#include "panic.h"
#include "pool.h"
#include "string.h"
#include "vm.h"
#include <arch/platform.h>
#include <arch/thread.h>
#include <outrider/detach.h>

struct task *first_task;

static struct range kept[ORD_RESOURCES_MAX];
static uint32_t kept_count;
static uint32_t alive; /* tasks that were started and have not ended */

status_t task_cap_insert(struct task *t, uint64_t slot, enum cap_type type, void *object, uint32_t rights)
{
    status_t s = ORD_OK;

    if (slot == ORD_CAP_NULL || slot >= ORD_CAP_COUNT)
        return ORD_BAD_CAP;
    spin_lock(&t->lock);
    struct cap *c = &t->cap[slot];
    if (c->type == CAP_NULL) {
        c->object = object;
        c->rights = rights;
        atomic_store(&c->type, (uint32_t)type);
    } else {
        s = ORD_BUSY;
    }
    spin_unlock(&t->lock);
    return s;
}

status_t task_cap_check(const struct task *t, uint64_t slot)
{
    if (slot == ORD_CAP_NULL || slot >= ORD_CAP_COUNT)
        return ORD_BAD_CAP;
    return atomic_load(&t->cap[slot].type) == CAP_NULL ? ORD_OK : ORD_BUSY;
}

void *task_cap_lookup(const struct task *t, uint64_t slot, enum cap_type type, uint32_t *rights)
{
    if (slot >= ORD_CAP_COUNT || atomic_load(&t->cap[slot].type) != (uint32_t)type)
        return NULL;
    if (rights)
        *rights = t->cap[slot].rights;
    return t->cap[slot].object;
}

static bool name_valid(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (name[i] <= ' ' || name[i] > '~')
            return false;
    return length > 0;
}

status_t task_create(const struct task *creator, const char *name, size_t length, uint64_t core_mask,
                     uint64_t prio_limit, struct task **out)
{
    if (!name_valid(name, length) || length >= sizeof(creator->name) || !core_mask ||
        prio_limit < ORD_PRIO_MIN || prio_limit > creator->prio_limit)
        return ORD_BAD_PARAM;
    if (core_mask & ~(uint64_t)creator->cores)
        return ORD_NO_RIGHT;
    struct task *t = pool_alloc(ORD_POOL_TASK);
    if (!t)
        return ORD_NO_MEMORY;
    if (ptab_init(&t->ptab, PTAB_TASK, arch_space_bits(), 0) != ORD_OK) {
        pool_free(ORD_POOL_TASK, t);
        return ORD_NO_MEMORY;
    }
    memcpy(t->name, name, length);
    t->cores = (uint32_t)core_mask;
    t->prio_limit = (uint8_t)prio_limit;
    t->objects_left = ORD_TASK_OBJECTS_MAX;
    t->ptab.space = (uint16_t)space_id();
    *out = t;
    return ORD_OK;
}

status_t task_place_check(const struct task *t, uint64_t core, uint64_t prio)
{
    if (core >= core_count || READ_ONCE(cores[core].mode) == CORE_OFF)
        return ORD_BAD_CORE;
    if (!(t->cores & BIT(core)))
        return ORD_NO_RIGHT;
    return prio < ORD_PRIO_MIN || prio > t->prio_limit ? ORD_BAD_PARAM : ORD_OK;
}

void task_started(struct task *t)
{
    /* With its first thread: until then nobody waits for its end. */
    if (atomic_add(&t->thread_count, 1u) == 0)
        atomic_add(&alive, 1u);
}

status_t task_thread(struct task *t, uint64_t slot, uint64_t entry, uint64_t sp, uint64_t arg, uint64_t core,
                     uint64_t prio)
{
    status_t s = task_place_check(t, core, prio);

    if (s != ORD_OK)
        return s;
    if (sp % 16)
        return ORD_BAD_PARAM;
    struct thread *n = pool_alloc(ORD_POOL_THREAD);
    if (!n)
        return ORD_NO_MEMORY;
    thread_init(n, t, &cores[core], (uint8_t)prio);
    arch_thread_init(n, &t->ptab, entry, sp, arg);
    s = task_cap_insert(t, slot, CAP_THREAD, n, 0);
    if (s != ORD_OK) {
        pool_free(ORD_POOL_THREAD, n);
        return s;
    }
    task_started(t);
    thread_post(n, THREAD_OP_WAKE);
    smp_mb();
    if (atomic_load(&t->dead)) /* task_kill() may have looked before it was there */
        thread_post(n, THREAD_OP_STOP);
    return ORD_OK;
}

/* What a task may have of that type, at most. */
static uint32_t rights_of(enum cap_type type)
{
    return type == CAP_MEMORY ? ORD_MEM_READ | ORD_MEM_WRITE | ORD_MEM_EXEC : type == CAP_NOTIFY ? ~0u : 0;
}

/* Only one bit can be chosen, and it stays. */
static bool bit_valid(uint32_t had, uint32_t wanted)
{
    uint32_t bit = wanted & ~NOTIFY_RIGHTS;

    return bit <= ORD_NOTIFY_BIT(63) && bit % ORD_NOTIFY_BIT(0) == 0 &&
           ((had & ~NOTIFY_RIGHTS) == 0 || (had & ~NOTIFY_RIGHTS) == bit);
}

status_t task_cap_copy(struct task *to, uint64_t slot, const struct task *from, uint64_t source,
                       uint64_t rights)
{
    static const enum cap_type types[] = {CAP_CONSOLE, CAP_MEMORY, CAP_NOTIFY, CAP_IRQ};
    uint32_t had;

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        void *object = task_cap_lookup(from, source, types[i], &had);
        if (!object)
            continue;
        if (rights & ~(uint64_t)rights_of(types[i]))
            return ORD_BAD_PARAM;
        if (types[i] == CAP_NOTIFY) {
            if (!bit_valid(had, (uint32_t)rights) || !(rights & NOTIFY_RIGHTS))
                return ORD_BAD_PARAM;
            if (rights & NOTIFY_RIGHTS & ~had)
                return ORD_NO_RIGHT;
        } else if (rights & ~had) {
            return ORD_NO_RIGHT;
        }
        return task_cap_insert(to, slot, types[i], object, (uint32_t)rights);
    }
    return ORD_BAD_CAP;
}

bool task_take_object(struct task *t)
{
    uint32_t left = atomic_load(&t->objects_left);

    do {
        if (!left)
            return false;
    } while (!__atomic_compare_exchange_n(&t->objects_left, &left, left - 1, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_ACQUIRE));
    return true;
}

void task_return_object(struct task *t)
{
    atomic_add(&t->objects_left, 1u);
}

status_t task_copy_in(const struct task *t, void *dst, uint64_t src, size_t n)
{
    char *to = dst;

    while (n) {
        size_t part = MIN(n, PAGE_SIZE - src % PAGE_SIZE);
        unsigned rights;
        paddr_t page;
        if (!ptab_lookup(&t->ptab, src, &page, &rights) || (rights & (PTAB_READ | PTAB_DEVICE)) != PTAB_READ)
            return ORD_BAD_ADDRESS;
        memcpy(to, pa_ptr(page), part);
        to += part;
        src += part;
        n -= part;
    }
    return ORD_OK;
}

void memory_keep(uint64_t base, uint64_t size)
{
    if (!range_merge(kept, &kept_count, ARRAY_SIZE(kept), base, size))
        refuse("the machine has too many ranges of memory and registers to keep");
}

uint32_t memory_kept_count(void)
{
    return kept_count;
}

struct range memory_kept(uint32_t i)
{
    return kept[i];
}

status_t memory_map(const struct memory *m, uint32_t cap_rights, struct ptab *space, uint64_t offset,
                    uint64_t at, uint64_t size, uint32_t rights, uint64_t *done)
{
    uint64_t to = m->base + offset;

    if ((offset | at | size) % PAGE_SIZE || !size || offset > m->size || size > m->size - offset)
        return ORD_BAD_ADDRESS;
    if (rights & ~cap_rights & (ORD_MEM_READ | ORD_MEM_WRITE | ORD_MEM_EXEC))
        return ORD_NO_RIGHT;
    for (uint32_t i = 0; i < kept_count; i++)
        if (range_overlaps(to, size, &kept[i]))
            return ORD_BUSY;
    if (m->device) {
        rights |= ORD_MEM_DEVICE;
        for (uint32_t i = 0; i < platform.ram_count; i++)
            if (range_overlaps(to, size, &platform.ram[i]))
                return ORD_BAD_ADDRESS;
    }
    return ptab_map_part(space, at, pa(to), size, rights, done);
}

void task_kill(struct task *t)
{
    if (atomic_exchange(&t->dead, true))
        return;
    for (uint32_t i = 0; i < ORD_CAP_COUNT; i++) {
        struct cap *c = &t->cap[i];
        if (atomic_load(&c->type) == CAP_THREAD)
            thread_post(c->object, THREAD_OP_STOP);
        else if (c->type == CAP_VM)
            vm_stop(c->object);
    }
    uint32_t left = atomic_add(&alive, (uint32_t)-1) - 1;
    if (left) {
        print("task '%s' has ended, %u other%s on", t->name, left, left == 1 ? " goes" : "s go");
        return;
    }
    print("task '%s' has ended, nothing is left to run: power-off", t->name);
    arch_power(false);
}

void task_thread_end(struct thread *t)
{
    thread_block(t);
    t->state = THREAD_DEAD;
    if (atomic_add(&t->task->thread_count, (uint32_t)-1) == 1)
        task_kill(t->task);
}

void task_thread_kill(struct thread *t, const char *reason)
{
    print("thread of task '%s' on core %u: %s", t->task->name, t->core->index, reason);
    thread_block(t);
    t->state = THREAD_DEAD;
    task_kill(t->task);
}
