/* SPDX-License-Identifier: BSD-2-Clause */
/* Fixed pools of pages and objects. Memory of an object is only ever reused for its own type. */
#ifndef HV_POOL_H
#define HV_POOL_H

#include "atomic.h"
#include "types.h"
#include <outrider/detach.h>

struct pool {
    struct spinlock lock;
    void *free; /* singly linked through the first word */
    uint32_t used, capacity;
    uint32_t size; /* of an object, rounded up */
};

extern struct pool pools[ORD_POOL_COUNT];

/* Hands [start, start + size) to the page pool. */
void pool_init_pages(paddr_t start, uint64_t size);

/* Fills pool p with `count` objects of `size` bytes, cut from the page pool. Panics if there are too few
 * pages: it is only called at start. */
void pool_init(enum ord_pool p, size_t size, uint32_t count);

/* A zeroed object, or NULL if the pool is used up. */
void *pool_alloc(enum ord_pool p) MUST_CHECK;
void pool_free(enum ord_pool p, void *object);

/* 1 << order contiguous, naturally aligned zeroed pages; only for roots of tables, at start. */
void *pool_alloc_pages(unsigned order) MUST_CHECK;

#endif
