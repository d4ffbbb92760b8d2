/* SPDX-License-Identifier: BSD-2-Clause */
/* Physical address ranges and sorted lists of them. */
#ifndef VMM_RANGE_H
#define VMM_RANGE_H

#include <stdbool.h>
#include <stdint.h>

struct range {
    uint64_t base, size; /* bytes; base + size does not wrap */
};

#define RANGE_LIST_MAX 384

/* Sorted by base, disjoint; neighbours that touch are one. */
struct range_list {
    uint32_t count;
    struct range range[RANGE_LIST_MAX];
};

/* Whether the range is sound: not empty, no wrap-around. */
bool range_valid(struct range r);

/* Whether the two have an address in common. */
bool range_overlap(struct range a, struct range b);

/* Grows the range to whole units of `align` (a power of two). */
struct range range_widen(struct range r, uint64_t align);

/* Leaves the whole units of `align` (a power of two) that are in the range; size 0: there are none. */
struct range range_narrow(struct range r, uint64_t align);

/* Adds a valid range; false if the list is full. */
bool range_list_add(struct range_list *list, struct range r);

/* Whether any range of the list has an address in common with r. */
bool range_list_overlap(const struct range_list *list, struct range r);

/* Whether one range of the list holds all of r. */
bool range_list_holds(const struct range_list *list, struct range r);

/*
 * Next part of *rest that no range of the list covers, in *part; *rest becomes what is behind it. False when
 * nothing is left.
 */
bool range_list_gap(const struct range_list *list, struct range *rest, struct range *part);

/*
 * Lowest place of `size` bytes at a multiple of `align` plus `offset` (offset < align) within one range of
 * `ram` and free of `used`. False if there is none.
 */
bool range_find(const struct range_list *ram, const struct range_list *used, uint64_t size, uint64_t align,
                uint64_t offset, uint64_t *base);

#endif
