/* SPDX-License-Identifier: BSD-2-Clause */
#include "heap.h"

static uint64_t heap_next, heap_end;

void heap_init(uint64_t base, uint64_t size)
{
    heap_next = base;
    heap_end = base + size;
}

void *heap_alloc(size_t size, size_t align)
{
    uint64_t start = (heap_next + align - 1) & ~(uint64_t)(align - 1);

    if (start > heap_end || size > heap_end - start)
        return NULL;
    heap_next = start + size;
    return (void *)(uintptr_t)start;
}
