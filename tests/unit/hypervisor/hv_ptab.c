/* SPDX-License-Identifier: BSD-2-Clause */
/* Page tables, against a model: an array with one entry per page of a few windows of the address space. */
#include "fixture.h"

#include "string.h"

#define MB2     (512 * PAGE_SIZE)
#define GB1     (512 * MB2)
#define WINDOWS 3u
#define PAGES   1200u /* of a window */

struct model {
    uint64_t base[WINDOWS];
    struct {
        uint64_t to; /* 0: not mapped */
        unsigned rights;
    } page[WINDOWS][PAGES];
};

static struct model model;

static void start(uint64_t pages)
{
    machine_ram = fake_memory(MEMORY_SIZE);
    pool_init_pages(ptr_pa(machine_ram), pages * PAGE_SIZE);
}

static uint32_t pages_used(void)
{
    return pools[ORD_POOL_PAGE].used;
}

static void check_page(const struct ptab *p, uint32_t w, uint32_t i)
{
    uint64_t at = model.base[w] + i * PAGE_SIZE;
    unsigned rights = 0;
    paddr_t to = pa(0);
    bool mapped = ptab_lookup(p, at + 0x123, &to, &rights);

    CHECK_EQUAL(mapped, model.page[w][i].to != 0);
    if (mapped) {
        CHECK_EQUAL(to.v, model.page[w][i].to + 0x123);
        CHECK_EQUAL(rights, model.page[w][i].rights);
    }
}

static void check_all(const struct ptab *p)
{
    uint64_t count[4], bytes = 0, mapped = 0;

    for (uint32_t w = 0; w < WINDOWS; w++)
        for (uint32_t i = 0; i < PAGES; i++) {
            check_page(p, w, i);
            mapped += model.page[w][i].to != 0;
        }
    ptab_count(p, count);
    for (int level = 1; level <= 3; level++)
        bytes += count[level] * (PAGE_SIZE << 9 * (3 - level));
    CHECK_EQUAL(bytes, mapped * PAGE_SIZE);
}

static bool model_any(uint32_t w, uint32_t i, uint32_t n)
{
    for (; n; n--, i++)
        if (model.page[w][i].to)
            return true;
    return false;
}

static void model_set(uint32_t w, uint32_t i, uint32_t n, uint64_t to, unsigned rights)
{
    for (; n; n--, i++, to += to ? PAGE_SIZE : 0) {
        model.page[w][i].to = to;
        model.page[w][i].rights = rights;
    }
}

/* Random maps and unmaps; `pages` may be too few. */
static void random_walk(unsigned bits, bool own, uint64_t pages, int steps, uint64_t seed)
{
    struct ptab p = {.root = NULL};
    uint32_t no_memory = 0, exists = 0, fine = 0;

    CHECK(ptab_init(&p, own ? PTAB_OWN : PTAB_TASK, bits, 1) == ORD_OK);
    memset(&model, 0, sizeof(model));
    model.base[0] = 0;
    model.base[1] = GB1 - 600 * PAGE_SIZE; /* across two level-1 entries, not aligned */
    model.base[2] = BIT(bits) - PAGES * PAGE_SIZE;
    for (int step = 0; step < steps; step++) {
        uint64_t r = random_next(&seed);
        uint32_t w = r % WINDOWS, i = (r >> 8) % PAGES, n = 1 + (r >> 24) % (r & 4 ? 8 : 1100);
        uint64_t at, to = (1 + (r >> 40) % 4096) * PAGE_SIZE;
        unsigned rights = 1 + r % 15;

        n = MIN(n, PAGES - i);
        at = model.base[w] + i * PAGE_SIZE;
        if (r & 8) /* so that blocks are possible */
            to = at % MB2 + ((r >> 40) % 64) * MB2 + MB2;
        if ((r >> 4) % 3) {
            uint32_t before = pages_used();
            status_t s = ptab_map(&p, at, pa(to), n * PAGE_SIZE, rights);
            if (model_any(w, i, n)) {
                CHECK_EQUAL(s, ORD_EXISTS);
                CHECK_EQUAL(pages_used(), before);
                exists++;
            } else if (s == ORD_OK) {
                model_set(w, i, n, to, rights);
                fine++;
            } else {
                /* What was mapped before it ran out is a prefix of the range. */
                uint32_t k = 0;
                paddr_t where;
                unsigned has;
                CHECK_EQUAL(s, ORD_NO_MEMORY);
                while (k < n && ptab_lookup(&p, at + k * PAGE_SIZE, &where, &has))
                    k++;
                CHECK(k < n);
                model_set(w, i, k, to, rights);
                no_memory++;
            }
        } else {
            uint32_t flushes = fake.ptab_flushes;
            status_t s = ptab_unmap(&p, at, n * PAGE_SIZE);
            CHECK(fake.ptab_flushes > flushes);
            if (s == ORD_OK) {
                model_set(w, i, n, 0, 0);
            } else {
                /* A block could not be split: what lies before it is unmapped. */
                uint32_t k = 0;
                paddr_t where;
                unsigned has;
                CHECK_EQUAL(s, ORD_NO_MEMORY);
                while (k < n && !ptab_lookup(&p, at + k * PAGE_SIZE, &where, &has))
                    k++;
                CHECK(k < n);
                model_set(w, i, k, 0, 0);
                no_memory++;
            }
        }
        if (step % 16 == 0)
            check_all(&p);
    }
    check_all(&p);
    CHECK(fine && exists);
    CHECK(!!no_memory == (pages < 64));
    /* Everything goes away, and every table is where it was: nothing was handed out twice. */
    if (!no_memory) {
        for (uint32_t w = 0; w < WINDOWS; w++)
            CHECK(ptab_unmap(&p, model.base[w], PAGES * PAGE_SIZE) == ORD_OK);
        uint64_t count[4];
        ptab_count(&p, count);
        CHECK(!count[1] && !count[2] && !count[3]);
    }
}

static void test_random_40(void)
{
    start(200);
    random_walk(40, false, 200, 3000, 1);
}

static void test_random_48(void)
{
    start(200);
    random_walk(48, false, 200, 3000, 2);
}

static void test_random_own(void)
{
    start(200);
    random_walk(48, true, 200, 2000, 3);
}

static void test_random_39(void)
{
    start(200);
    random_walk(39, false, 200, 2000, 4);
}

static void test_random_poor(void)
{
    start(8);
    random_walk(40, false, 8, 3000, 5);
}

/* Shape of the root by size of the address space: concatenated up to 16 tables, then level 0. */
static void test_root(void)
{
    static const struct {
        unsigned bits, own, level, pages;
    } want[] = {
        {32, 0, 1, 1}, {36, 0, 1, 1}, {39, 0, 1, 1}, {40, 0, 1, 2}, {42, 0, 1, 8}, {43, 0, 1, 16},
        {44, 0, 0, 1}, {48, 0, 0, 1}, {39, 1, 1, 1}, {40, 1, 0, 1}, {48, 1, 0, 1},
    };

    start(256);
    for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
        struct ptab p = {.root = NULL};
        uint32_t before = pages_used();
        unsigned rights;
        paddr_t to;
        CHECK(ptab_init(&p, want[i].own ? PTAB_OWN : PTAB_VM, want[i].bits, 7) == ORD_OK);
        CHECK_EQUAL(p.root_level, want[i].level);
        CHECK_EQUAL(pages_used() - before, want[i].pages);
        CHECK_EQUAL((uint64_t)p.root % (want[i].pages * PAGE_SIZE), 0);
        CHECK_EQUAL(p.space, 7);
        CHECK_EQUAL(p.bits, want[i].bits);
        /* First and last page; nothing behind. */
        uint64_t end = BIT(want[i].bits);
        CHECK(ptab_map(&p, 0, pa(PAGE_SIZE), PAGE_SIZE, PTAB_READ) == ORD_OK);
        CHECK(ptab_map(&p, end - PAGE_SIZE, pa(2 * PAGE_SIZE), PAGE_SIZE, PTAB_WRITE) == ORD_OK);
        CHECK(ptab_lookup(&p, end - 1, &to, &rights));
        CHECK_EQUAL(to.v, 3 * PAGE_SIZE - 1);
        CHECK_EQUAL(rights, PTAB_WRITE);
        CHECK(!ptab_lookup(&p, end, &to, &rights));
        CHECK(!ptab_lookup(&p, ~0ull, &to, &rights));
        CHECK(ptab_map(&p, end, pa(0), PAGE_SIZE, PTAB_READ) == ORD_BAD_ADDRESS);
        CHECK(ptab_map(&p, end - PAGE_SIZE, pa(0), 2 * PAGE_SIZE, PTAB_READ) == ORD_BAD_ADDRESS);
        uint64_t count[4];
        ptab_count(&p, count);
        CHECK(count[1] == 0 && count[2] == 0 && count[3] == 2);
    }
}

static void test_errors(void)
{
    struct ptab p = {.root = NULL};
    uint64_t page = PAGE_SIZE;

    start(64);
    CHECK(ptab_init(&p, PTAB_TASK, 40, 1) == ORD_OK);
    uint32_t used = pages_used();
    CHECK(ptab_map(&p, 1, pa(0), page, 1) == ORD_BAD_ADDRESS);
    CHECK(ptab_map(&p, 0, pa(1), page, 1) == ORD_BAD_ADDRESS);
    CHECK(ptab_map(&p, 0, pa(0), 1, 1) == ORD_BAD_ADDRESS);
    CHECK(ptab_map(&p, 0, pa(0), 0, 1) == ORD_BAD_ADDRESS);
    CHECK(ptab_map(&p, page, pa(0), -page, 1) == ORD_BAD_ADDRESS);
    CHECK(ptab_map(&p, page, pa(0), -2 * page, 1) == ORD_BAD_ADDRESS);
    CHECK(ptab_map(&p, -page, pa(0), page, 1) == ORD_BAD_ADDRESS);
    CHECK(ptab_unmap(&p, 0, 0) == ORD_BAD_ADDRESS);
    CHECK(ptab_unmap(&p, 7, page) == ORD_BAD_ADDRESS);
    CHECK(ptab_unmap(&p, -page, page) == ORD_BAD_ADDRESS);
    CHECK(ptab_unmap(&p, -page, 2 * page) == ORD_BAD_ADDRESS);
    CHECK(ptab_unmap(&p, 0, BIT(40)) == ORD_OK); /* nothing there: skipped */
    CHECK_EQUAL(pages_used(), used);
    CHECK(ptab_map(&p, 16 * page, pa(0), 4 * page, 1) == ORD_OK);
    CHECK(ptab_map(&p, 15 * page, pa(0), 2 * page, 1) == ORD_EXISTS);
    CHECK(ptab_map(&p, 19 * page, pa(0), 20 * page, 1) == ORD_EXISTS);
    CHECK(ptab_map(&p, 0, pa(0), GB1, 1) == ORD_EXISTS);
    CHECK(ptab_map(&p, 20 * page, pa(0), page, 1) == ORD_OK);
    CHECK(ptab_map(&p, 15 * page, pa(0), page, 1) == ORD_OK);
}

static void expect_count(const struct ptab *p, uint64_t l1, uint64_t l2, uint64_t l3)
{
    uint64_t count[4];

    ptab_count(p, count);
    CHECK_EQUAL(count[0], 0);
    CHECK_EQUAL(count[1], l1);
    CHECK_EQUAL(count[2], l2);
    CHECK_EQUAL(count[3], l3);
}

static void test_blocks(void)
{
    struct ptab p = {.root = NULL};
    unsigned rights;
    paddr_t to;

    start(64);
    CHECK(ptab_init(&p, PTAB_TASK, 48, 1) == ORD_OK);
    /* 4 KiB .. 2 MiB .. 1 GiB, and down again */
    uint64_t at = 3 * GB1 - MB2 - PAGE_SIZE, size = PAGE_SIZE + MB2 + 2 * GB1 + MB2 + PAGE_SIZE;
    CHECK(ptab_map(&p, at, pa(at), size, PTAB_READ | PTAB_EXEC) == ORD_OK);
    expect_count(&p, 2, 2, 2);
    /* Virtual and physical differ by a page: no block fits. By 2 MiB: no 1 GiB block. */
    CHECK(ptab_map(&p, 16 * GB1, pa(PAGE_SIZE), MB2, PTAB_READ) == ORD_OK);
    expect_count(&p, 2, 2, 2 + 512);
    CHECK(ptab_map(&p, 32 * GB1, pa(MB2), GB1, PTAB_READ) == ORD_OK);
    expect_count(&p, 2, 2 + 512, 2 + 512);
    /* A page out of a 1 GiB block: split twice, all else as before, and flushed between. */
    uint32_t flushes = fake.ptab_flushes, used = pages_used();
    CHECK(ptab_unmap(&p, 3 * GB1 + 5 * MB2 + 7 * PAGE_SIZE, PAGE_SIZE) == ORD_OK);
    CHECK_EQUAL(fake.ptab_flushes - flushes, 3);
    CHECK_EQUAL(pages_used() - used, 2);
    expect_count(&p, 1, 2 + 512 + 511, 2 + 512 + 511);
    CHECK(!ptab_lookup(&p, 3 * GB1 + 5 * MB2 + 7 * PAGE_SIZE, &to, &rights));
    for (uint64_t a = 3 * GB1; a < 4 * GB1; a += PAGE_SIZE) {
        if (a == 3 * GB1 + 5 * MB2 + 7 * PAGE_SIZE)
            continue;
        CHECK(ptab_lookup(&p, a, &to, &rights) && to.v == a && rights == (PTAB_READ | PTAB_EXEC));
    }
    /* Where a table is, pages are mapped again: the table stays. */
    CHECK(ptab_unmap(&p, 16 * GB1, MB2) == ORD_OK);
    used = pages_used();
    CHECK(ptab_map(&p, 16 * GB1, pa(0), MB2, PTAB_READ) == ORD_OK);
    CHECK_EQUAL(pages_used(), used);
    expect_count(&p, 1, 2 + 512 + 511, 2 + 512 + 511);
}

/* Level 0 never holds a block, however large and aligned the range is. */
static void test_large(void)
{
    struct ptab p = {.root = NULL};
    unsigned rights;
    paddr_t to;

    start(64);
    CHECK(ptab_init(&p, PTAB_TASK, 48, 1) == ORD_OK);
    CHECK(ptab_map(&p, 0, pa(0), BIT(40), PTAB_READ) == ORD_OK);
    expect_count(&p, 1024, 0, 0);
    CHECK(ptab_lookup(&p, BIT(40) - 1, &to, &rights) && to.v == BIT(40) - 1);
    CHECK(ptab_unmap(&p, GB1, BIT(39)) == ORD_OK);
    expect_count(&p, 512, 0, 0);
}

/* ---- in parts ---- */

/* At most what one part may cost: looking, mapping, and tables at each level. */
#define PART_COST (4u * PTAB_PART + 4u * 512)

static uint32_t parts(struct ptab *p, uint64_t at, uint64_t to, uint64_t size, bool mapping)
{
    uint32_t calls = 0;

    for (uint64_t done = 0, part = 0; done < size; done += part) {
        uint32_t entries = fake.ptab_entries;
        CHECK((mapping ? ptab_map_part(p, at + done, pa(to + done), size - done, PTAB_READ, &part)
                       : ptab_unmap_part(p, at + done, size - done, &part)) == ORD_OK);
        CHECK(part && part % PAGE_SIZE == 0 && part <= size - done);
        CHECK(fake.ptab_entries - entries <= PART_COST);
        calls++;
    }
    return calls;
}

static void test_parts(void)
{
    struct ptab p = {.root = NULL};
    uint64_t at = GB1 - 700 * PAGE_SIZE, size = 40 * MB2 + 3 * PAGE_SIZE, to = 5 * PAGE_SIZE, part;
    unsigned rights;
    paddr_t where;

    start(600);
    CHECK(ptab_init(&p, PTAB_VM, 40, 1) == ORD_OK);
    /* In pages, since address and memory differ by less than a block. */
    CHECK(parts(&p, at, to, size, true) >= size / PAGE_SIZE / PTAB_PART);
    expect_count(&p, 0, 0, size / PAGE_SIZE);
    for (uint64_t a = 0; a < size; a += PAGE_SIZE)
        CHECK(ptab_lookup(&p, at + a, &where, &rights) && where.v == to + a);
    CHECK(!ptab_lookup(&p, at - 1, &where, &rights) && !ptab_lookup(&p, at + size, &where, &rights));
    CHECK(ptab_map_part(&p, at - PAGE_SIZE, pa(0), 3000 * PAGE_SIZE, PTAB_READ, &part) == ORD_EXISTS);
    CHECK(parts(&p, 0, 0, at + size + MB2, false) >= size / PAGE_SIZE / PTAB_PART);
    expect_count(&p, 0, 0, 0);
    /* Tables that are left have to be looked through; what comes far behind the part is not. */
    CHECK(ptab_map(&p, at + size, pa(0), PAGE_SIZE, PTAB_READ) == ORD_OK);
    CHECK(ptab_map_part(&p, at, pa(to), size + PAGE_SIZE, PTAB_READ, &part) == ORD_OK);
    CHECK(part >= PAGE_SIZE && part <= 512 * PAGE_SIZE);
    expect_count(&p, 0, 0, part / PAGE_SIZE + 1);
    CHECK(ptab_map_part(&p, at + part, pa(to), size, PTAB_READ, &part) == ORD_OK);
    CHECK(parts(&p, 0, 0, BIT(40), false) >= size / PAGE_SIZE / PTAB_PART);
    CHECK(ptab_map_part(&p, at, pa(to), BIT(39), PTAB_READ, &part) == ORD_OK);
    CHECK(part >= PAGE_SIZE && part <= 512 * PAGE_SIZE);
    CHECK(parts(&p, at, 0, part, false) == 1);
    /* Blocks: as many entries, more memory. */
    CHECK(parts(&p, BIT(38), BIT(38), BIT(38), true) == 1);
    expect_count(&p, 256, 0, 0);
    CHECK(parts(&p, BIT(39), BIT(39) + MB2, GB1, true) <= 3);
    expect_count(&p, 256, 512, 0);
    /* A page out of a block of 1 GiB: two tables are filled, and one page is done all the same. */
    CHECK(parts(&p, BIT(38) + 7 * PAGE_SIZE, 0, PAGE_SIZE, false) == 1);
    expect_count(&p, 255, 512 + 511, 511);
    CHECK(parts(&p, BIT(38) + GB1 + PAGE_SIZE, 0, 4 * GB1, false) >= 3);
    expect_count(&p, 255 - 5, 512 + 511 + 511, 511 + 1 + 511);
    /* The rest of the first block, the hole, the beginning of the last one. */
    CHECK(ptab_lookup(&p, BIT(38) + GB1, &where, &rights) && where.v == BIT(38) + GB1);
    CHECK(!ptab_lookup(&p, BIT(38) + 5 * GB1, &where, &rights));
    CHECK(ptab_lookup(&p, BIT(38) + 5 * GB1 + PAGE_SIZE, &where, &rights));
    CHECK(ptab_unmap_part(&p, 1, PAGE_SIZE, &part) == ORD_BAD_ADDRESS);
    CHECK(ptab_map_part(&p, 0, pa(0), 0, PTAB_READ, &part) == ORD_BAD_ADDRESS);
}

static void test_no_memory(void)
{
    struct ptab p = {.root = NULL};
    unsigned rights;
    paddr_t to;

    start(5); /* root of 2 pages; 3 tables */
    CHECK(ptab_init(&p, PTAB_TASK, 40, 1) == ORD_OK);
    /* Needs 2 tables for the first page, one more for the second one. */
    CHECK(ptab_map(&p, MB2 - PAGE_SIZE, pa(0), 2 * PAGE_SIZE, PTAB_READ) == ORD_OK);
    CHECK_EQUAL(pages_used(), 5);
    CHECK(ptab_map(&p, 2 * MB2 - PAGE_SIZE, pa(8 * PAGE_SIZE), 2 * PAGE_SIZE, PTAB_READ) == ORD_NO_MEMORY);
    CHECK(ptab_lookup(&p, 2 * MB2 - PAGE_SIZE, &to, &rights) && to.v == 8 * PAGE_SIZE);
    CHECK(!ptab_lookup(&p, 2 * MB2, &to, &rights));
    /* A block that cannot be split stays whole. */
    CHECK(ptab_map(&p, GB1, pa(0), GB1, PTAB_WRITE) == ORD_OK);
    CHECK(ptab_unmap(&p, GB1, PAGE_SIZE) == ORD_NO_MEMORY);
    CHECK(ptab_lookup(&p, GB1, &to, &rights) && to.v == 0 && rights == PTAB_WRITE);
    CHECK(ptab_unmap(&p, GB1, GB1) == ORD_OK);
    CHECK_EQUAL(pages_used(), 5);
    /* No root at all. */
    struct ptab q = {.root = NULL};
    CHECK(ptab_init(&q, PTAB_TASK, 40, 1) == ORD_NO_MEMORY);
    CHECK_EQUAL(pages_used(), 5);
}

/* A vCPU touches what lies in a block that is just being split: it is to try again, once. */
static void test_split_fault(void)
{
    struct ptab p = {0};
    const uint64_t block = 2ull << 20;
    uint32_t seen = 0;

    fixture_start(1, 1024);
    CHECK(ptab_init(&p, PTAB_TASK, 40, 1) == ORD_OK);
    CHECK(ptab_map(&p, block, pa(block), block, PTAB_READ | PTAB_WRITE) == ORD_OK);
    CHECK(!ptab_was_split(&p, &seen, block) && !ptab_was_split(&p, &seen, 0));
    CHECK(ptab_unmap(&p, block, PAGE_SIZE) == ORD_OK && p.splits == 2);
    CHECK(ptab_was_split(&p, &seen, block + PAGE_SIZE) && !ptab_was_split(&p, &seen, block + PAGE_SIZE));
    /* What was taken away for good is a fault. */
    seen = 0;
    CHECK(!ptab_was_split(&p, &seen, block));
    /* Nothing is split. */
    seen = p.splits;
    CHECK(ptab_unmap(&p, block + PAGE_SIZE, PAGE_SIZE) == ORD_OK &&
          !ptab_was_split(&p, &seen, block + 2 * PAGE_SIZE));
}

int main(void)
{
    test_case("root: level and concatenation", test_root);
    test_case("errors", test_errors);
    test_case("blocks: size, splitting", test_blocks);
    test_case("fault in a block that is split", test_split_fault);
    test_case("blocks: none at level 0", test_large);
    test_case("parts of a large range", test_parts);
    test_case("no memory half way", test_no_memory);
    test_case("random, 40 bits", test_random_40);
    test_case("random, 48 bits", test_random_48);
    test_case("random, own", test_random_own);
    test_case("random, 39 bits", test_random_39);
    test_case("random, too few pages", test_random_poor);
    return 0;
}
