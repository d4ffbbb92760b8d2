/* SPDX-License-Identifier: BSD-2-Clause */
#include "ptab.h"

#include "pool.h"
#include "string.h"
#include <arch/ptab.h>

#define ENTRIES 512u

/*
 * How much of a range is left to be done, in entries looked at or written: who serves somebody else does so
 * many, and leaves the rest for the next call. At each level one is done in any case, so that it goes on.
 */
struct part {
    int64_t entries;
    uint64_t done; /* bytes */
};
#define NEW_TABLE   64 /* entries' worth of work: zeroed, made visible */
#define SPLIT_TABLE (int64_t) ENTRIES

static uint64_t level_size(unsigned level)
{
    return PAGE_SIZE << (9 * (3 - level));
}

/* The root may be larger than a page. */
static uint64_t index_of(const struct ptab *p, uint64_t at, unsigned level)
{
    uint64_t i = at / level_size(level);

    return level == p->root_level ? i : i % ENTRIES;
}

status_t ptab_init(struct ptab *p, enum ptab_kind kind, unsigned bits, uint16_t space)
{
    p->bits = (uint8_t)bits;
    p->kind = kind;
    p->space = space;
    arch_ptab_shape(p);
    p->root = pool_alloc_pages(p->root_order);
    if (!p->root)
        return ORD_NO_MEMORY;
    arch_ptab_sync(p->root, PAGE_SIZE << p->root_order);
    return ORD_OK;
}

static void free_level(uint64_t *table, unsigned level, unsigned pages)
{
    for (unsigned i = 0; i < pages * ENTRIES; i++)
        if (arch_pte_is_table(table[i], level))
            free_level(pa_ptr(pa(arch_pte_address(table[i]))), level + 1, 1);
    for (unsigned i = 0; i < pages; i++)
        pool_free(ORD_POOL_PAGE, &table[i * ENTRIES]);
}

void ptab_free(struct ptab *p)
{
    free_level(p->root, p->root_level, 1u << p->root_order);
    p->root = NULL;
}

/* The table below *entry; makes one or splits a block if needed. NULL: no memory. */
static uint64_t *table_below(struct ptab *p, uint64_t *entry, unsigned level, struct part *part)
{
    uint64_t old = *entry;

    if (arch_pte_is_table(old, level))
        return pa_ptr(pa(arch_pte_address(old)));
    uint64_t *table = pool_alloc(ORD_POOL_PAGE);
    if (!table)
        return NULL;
    part->entries -= arch_pte_valid(old) ? SPLIT_TABLE : NEW_TABLE;
    if (arch_pte_valid(old))
        for (unsigned i = 0; i < ENTRIES; i++)
            table[i] = arch_pte_leaf(p, arch_pte_address(old) + i * level_size(level + 1), level + 1,
                                     arch_pte_rights(p, old));
    arch_ptab_sync(table, PAGE_SIZE);
    if (arch_pte_valid(old)) {
        /* Break before make, as some architectures ask for. Who faults meanwhile must see that it is so:
         * counted first. */
        atomic_store(&p->splits, p->splits + 1);
        arch_ptab_sync(&p->splits, sizeof(p->splits));
        WRITE_ONCE(*entry, 0);
        arch_ptab_sync(entry, sizeof(*entry));
        arch_ptab_flush(p);
    }
    WRITE_ONCE(*entry, arch_pte_table(p, ptr_pa(table).v));
    arch_ptab_sync(entry, sizeof(*entry));
    if (arch_pte_valid(old))
        atomic_store(&p->splits, p->splits + 1);
    return table;
}

/* Makes what was written to the entries from `from` to `to` visible: once for all of a table, since it takes
 * longer than to write them. */
static void sync_entries(const struct ptab *p, const uint64_t *table, unsigned level, uint64_t from,
                         uint64_t to)
{
    uint64_t first = index_of(p, from, level);

    if (to > from)
        arch_ptab_sync(&table[first], (index_of(p, to - 1, level) - first + 1) * sizeof(*table));
}

static status_t map_level(struct ptab *p, uint64_t *table, unsigned level, uint64_t at, uint64_t to,
                          uint64_t size, unsigned rights, struct part *part)
{
    uint64_t unit = level_size(level), from = at;

    do {
        uint64_t *entry = &table[index_of(p, at, level)];
        uint64_t step = MIN(size, unit - at % unit);

        part->entries--;
        if (level == 3 || (level > 0 && step == unit && to % unit == 0 && !arch_pte_valid(*entry))) {
            WRITE_ONCE(*entry, arch_pte_leaf(p, to, level, rights));
            part->done += step;
        } else {
            uint64_t *below = table_below(p, entry, level, part);
            status_t s = below ? map_level(p, below, level + 1, at, to, step, rights, part) : ORD_NO_MEMORY;
            if (s != ORD_OK) {
                sync_entries(p, table, level, from, at);
                return s;
            }
        }
        at += step;
        to += step;
        size -= step;
    } while (size && part->entries > 0);
    sync_entries(p, table, level, from, at);
    return ORD_OK;
}

static bool any_mapped(const struct ptab *p, const uint64_t *table, unsigned level, uint64_t at,
                       uint64_t size, struct part *part)
{
    uint64_t unit = level_size(level);

    do {
        uint64_t entry = table[index_of(p, at, level)];
        uint64_t step = MIN(size, unit - at % unit);

        part->entries--;
        if (arch_pte_is_table(entry, level)) {
            if (any_mapped(p, pa_ptr(pa(arch_pte_address(entry))), level + 1, at, step, part))
                return true;
        } else if (arch_pte_valid(entry)) {
            return true;
        } else {
            part->done += step;
        }
        at += step;
        size -= step;
    } while (size && part->entries > 0);
    return false;
}

static status_t check(const struct ptab *p, uint64_t at, uint64_t size)
{
    if ((at | size) % PAGE_SIZE || !size || at + size < at || at + size > BIT(p->bits))
        return ORD_BAD_ADDRESS;
    return ORD_OK;
}

static status_t map(struct ptab *p, uint64_t at, paddr_t to, uint64_t size, unsigned rights, int64_t entries,
                    uint64_t *done)
{
    status_t s = check(p, at, size);
    struct part looked = {entries, 0}, mapped = {entries, 0};

    if (s != ORD_OK || to.v % PAGE_SIZE)
        return ORD_BAD_ADDRESS;
    spin_lock(&p->lock);
    s = any_mapped(p, p->root, p->root_level, at, size, &looked)
            ? ORD_EXISTS
            : map_level(p, p->root, p->root_level, at, to.v, looked.done, rights, &mapped);
    spin_unlock(&p->lock);
    *done = mapped.done;
    return s;
}

status_t ptab_map(struct ptab *p, uint64_t at, paddr_t to, uint64_t size, unsigned rights)
{
    uint64_t done;

    return map(p, at, to, size, rights, INT64_MAX, &done);
}

status_t ptab_map_part(struct ptab *p, uint64_t at, paddr_t to, uint64_t size, unsigned rights,
                       uint64_t *done)
{
    return map(p, at, to, size, rights, PTAB_PART, done);
}

static status_t unmap_level(struct ptab *p, uint64_t *table, unsigned level, uint64_t at, uint64_t size,
                            struct part *part)
{
    uint64_t unit = level_size(level), from = at;

    do {
        uint64_t *entry = &table[index_of(p, at, level)];
        uint64_t step = MIN(size, unit - at % unit);

        part->entries--;
        if (arch_pte_valid(*entry) && (arch_pte_is_table(*entry, level) || step != unit)) {
            uint64_t *below = table_below(p, entry, level, part);
            status_t s = below ? unmap_level(p, below, level + 1, at, step, part) : ORD_NO_MEMORY;
            if (s != ORD_OK) {
                sync_entries(p, table, level, from, at);
                return s;
            }
        } else {
            if (arch_pte_valid(*entry))
                WRITE_ONCE(*entry, 0);
            part->done += step;
        }
        at += step;
        size -= step;
    } while (size && part->entries > 0);
    sync_entries(p, table, level, from, at);
    return ORD_OK;
}

static status_t unmap(struct ptab *p, uint64_t at, uint64_t size, int64_t entries, uint64_t *done)
{
    status_t s = check(p, at, size);
    struct part part = {entries, 0};

    if (s != ORD_OK)
        return s;
    spin_lock(&p->lock);
    s = unmap_level(p, p->root, p->root_level, at, size, &part);
    spin_unlock(&p->lock);
    arch_ptab_flush(p);
    *done = part.done;
    return s;
}

status_t ptab_unmap(struct ptab *p, uint64_t at, uint64_t size)
{
    uint64_t done;

    return unmap(p, at, size, INT64_MAX, &done);
}

status_t ptab_unmap_part(struct ptab *p, uint64_t at, uint64_t size, uint64_t *done)
{
    return unmap(p, at, size, PTAB_PART, done);
}

static bool walk(const struct ptab *p, uint64_t at, paddr_t *to, unsigned *rights)
{
    const uint64_t *table = p->root;

    if (at >= BIT(p->bits))
        return false;
    for (unsigned level = p->root_level; level <= 3; level++) {
        uint64_t entry = READ_ONCE(table[index_of(p, at, level)]);
        if (!arch_pte_valid(entry))
            return false;
        if (!arch_pte_is_table(entry, level)) {
            *to = pa(arch_pte_address(entry) + at % level_size(level));
            *rights = arch_pte_rights(p, entry);
            return true;
        }
        table = pa_ptr(pa(arch_pte_address(entry)));
    }
    return false;
}

bool ptab_lookup(const struct ptab *p, uint64_t at, paddr_t *to, unsigned *rights)
{
    /* Without the lock: what is not there may be out of the table for a moment. */
    for (;;) {
        uint32_t splits = atomic_load(&p->splits);
        if (walk(p, at, to, rights))
            return true;
        smp_mb();
        if (!(splits & 1) && READ_ONCE(p->splits) == splits)
            return false;
        cpu_relax();
    }
}

bool ptab_was_split(const struct ptab *p, uint32_t *seen, uint64_t at)
{
    uint32_t splits = atomic_load(&p->splits);
    unsigned rights;
    paddr_t to;

    if (splits == *seen)
        return false;
    *seen = splits & ~1u; /* one that goes on is not over */
    return ptab_lookup(p, at, &to, &rights);
}

static void count_level(const uint64_t *table, unsigned entries, unsigned level, uint64_t count[4])
{
    for (unsigned i = 0; i < entries; i++) {
        if (arch_pte_is_table(table[i], level))
            count_level(pa_ptr(pa(arch_pte_address(table[i]))), ENTRIES, level + 1, count);
        else if (arch_pte_valid(table[i]))
            count[level]++;
    }
}

void ptab_count(const struct ptab *p, uint64_t count[4])
{
    memset(count, 0, 4 * sizeof(*count));
    count_level(p->root, ENTRIES << p->root_order, p->root_level, count);
}
