/* SPDX-License-Identifier: BSD-2-Clause */
#include "task.h"

#include "atomic.h"
#include "console.h"
#include "core.h"
#include "string.h"
#include "vm.h"
#include <arch/thread.h>

static struct range kept[ORD_RESOURCES_MAX];
static uint32_t kept_count;

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
    uint64_t end = ALIGN_UP(base + size, PAGE_SIZE);

    if (!size)
        return;
    ASSERT(kept_count < ARRAY_SIZE(kept));
    base = ALIGN_DOWN(base, PAGE_SIZE);
    kept[kept_count++] = (struct range){base, end - base};
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
                    uint64_t at, uint64_t size, uint32_t rights)
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
    return ptab_map(space, at, pa(to), size, rights);
}

/* Every object of the one task that there is goes down with it. */
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
    print("task '%s' has ended, nothing is left to run: power-off", t->name);
    arch_power(false);
}
