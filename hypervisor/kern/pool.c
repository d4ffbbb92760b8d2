/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page pool:  [ bump ->            free pages linked through their first word ]
 * object pool: slots cut from whole pages once, linked the same way
 */
#include "pool.h"

#include "panic.h"
#include "string.h"

struct pool pools[ORD_POOL_COUNT];

static uint64_t bump, bump_end; /* pages never handed out yet */

void pool_init_pages(paddr_t start, uint64_t size)
{
    bump = ALIGN_UP(start.v, PAGE_SIZE);
    bump_end = ALIGN_DOWN(start.v + size, PAGE_SIZE);
    pools[ORD_POOL_PAGE].size = PAGE_SIZE;
    pools[ORD_POOL_PAGE].capacity = (uint32_t)((bump_end - bump) / PAGE_SIZE);
}

void *pool_alloc_pages(unsigned order)
{
    struct pool *p = &pools[ORD_POOL_PAGE];
    uint64_t size = PAGE_SIZE << order;
    void *page = NULL;

    spin_lock(&p->lock);
    uint64_t at = ALIGN_UP(bump, size);
    if (at + size <= bump_end) {
        for (; bump < at; bump += PAGE_SIZE) {
            void *gap = pa_ptr(pa(bump));
            *(void **)gap = p->free;
            p->free = gap;
        }
        bump = at + size;
        page = pa_ptr(pa(at));
        p->used += 1u << order;
    }
    spin_unlock(&p->lock);
    return page ? memset(page, 0, size) : NULL;
}

void pool_init(enum ord_pool which, size_t size, uint32_t count)
{
    struct pool *p = &pools[which];
    uint32_t per_page;

    p->size = (uint32_t)ALIGN_UP(size, 64);
    per_page = p->size <= PAGE_SIZE ? (uint32_t)(PAGE_SIZE / p->size) : 1;
    while (p->capacity < count) {
        unsigned order = 0;
        while (PAGE_SIZE << order < p->size)
            order++;
        char *page = pool_alloc_pages(order);
        if (!page)
            refuse("the hypervisor's memory is too small for pool %d", which);
        for (uint32_t i = 0; i < per_page && p->capacity < count; i++, p->capacity++) {
            void *object = page + i * p->size;
            *(void **)object = p->free;
            p->free = object;
        }
    }
}

void *pool_alloc(enum ord_pool which)
{
    struct pool *p = &pools[which];

    spin_lock(&p->lock);
    void *object = p->free;
    if (object) {
        p->free = *(void **)object;
        p->used++;
    }
    spin_unlock(&p->lock);
    if (!object)
        return which == ORD_POOL_PAGE ? pool_alloc_pages(0) : NULL;
    return memset(object, 0, p->size);
}

void pool_free(enum ord_pool which, void *object)
{
    struct pool *p = &pools[which];

    spin_lock(&p->lock);
    *(void **)object = p->free;
    p->free = object;
    p->used--;
    spin_unlock(&p->lock);
}
