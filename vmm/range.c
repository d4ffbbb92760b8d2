/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include "range.h"

bool range_valid(struct range r)
{
    return r.size && r.base + r.size > r.base;
}

bool range_overlap(struct range a, struct range b)
{
    return a.base < b.base + b.size && b.base < a.base + a.size;
}

struct range range_widen(struct range r, uint64_t align)
{
    uint64_t base = r.base & ~(align - 1);
    uint64_t end = (r.base + r.size + align - 1) & ~(align - 1);

    return (struct range){base, end - base};
}

struct range range_narrow(struct range r, uint64_t align)
{
    uint64_t base = (r.base + align - 1) & ~(align - 1);
    uint64_t end = (r.base + r.size) & ~(align - 1);

    return (struct range){base, end > base ? end - base : 0};
}

bool range_list_add(struct range_list *list, struct range r)
{
    uint32_t first = 0, last;

    while (first < list->count && list->range[first].base + list->range[first].size < r.base)
        first++;
    /* first..last-1 touch r: they become one with it */
    uint64_t end = r.base + r.size;
    for (last = first; last < list->count && list->range[last].base <= end; last++) {
        uint64_t last_end = list->range[last].base + list->range[last].size;
        if (list->range[last].base < r.base)
            r.base = list->range[last].base;
        if (last_end > end)
            end = last_end;
    }
    r.size = end - r.base;
    if (last == first && list->count == RANGE_LIST_MAX)
        return false;
    memmove(&list->range[first + 1], &list->range[last], (list->count - last) * sizeof(struct range));
    list->range[first] = r;
    list->count = list->count - (last - first) + 1;
    return true;
}

bool range_list_overlap(const struct range_list *list, struct range r)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (range_overlap(list->range[i], r))
            return true;
    return false;
}

bool range_list_holds(const struct range_list *list, struct range r)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (r.base >= list->range[i].base && r.base - list->range[i].base <= list->range[i].size &&
            r.size <= list->range[i].size - (r.base - list->range[i].base))
            return true;
    return false;
}

bool range_list_gap(const struct range_list *list, struct range *rest, struct range *part)
{
    uint64_t at = rest->base, end = rest->base + rest->size;
    uint64_t stop = end;

    for (uint32_t i = 0; i < list->count && at < end; i++) {
        struct range r = list->range[i];
        if (r.base + r.size <= at)
            continue;
        if (r.base > at) {
            stop = r.base < end ? r.base : end;
            break;
        }
        at = r.base + r.size;
    }
    if (at >= end) {
        *rest = (struct range){end, 0};
        return false;
    }
    *part = (struct range){at, stop - at};
    *rest = (struct range){stop, end - stop};
    return true;
}

bool range_find(const struct range_list *ram, const struct range_list *used, uint64_t size, uint64_t align,
                uint64_t offset, uint64_t *base)
{
    for (uint32_t i = 0; i < ram->count; i++) {
        struct range rest = ram->range[i], part;
        while (range_list_gap(used, &rest, &part)) {
            uint64_t start = ((part.base + align - 1 - offset) & ~(align - 1)) + offset;
            if (start >= part.base && start - part.base <= part.size &&
                size <= part.size - (start - part.base)) {
                *base = start;
                return true;
            }
        }
    }
    return false;
}
