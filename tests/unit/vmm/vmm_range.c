/* SPDX-License-Identifier: BSD-2-Clause */
/* Ranges and their lists, compared with a bitmap of a small address space. */
#include <string.h>
#include "check.h"
#include "range.h"

#define SPACE 256

static void mark(uint8_t *map, struct range r)
{
    memset(map + r.base, 1, r.size);
}

static void compare(const struct range_list *list, const uint8_t *map)
{
    uint8_t shown[SPACE] = {0};
    uint64_t end = 0;

    for (uint32_t i = 0; i < list->count; i++) {
        CHECK(i == 0 || list->range[i].base > end); /* sorted, and neighbours merged */
        end = list->range[i].base + list->range[i].size;
        mark(shown, list->range[i]);
    }
    CHECK(memcmp(shown, map, SPACE) == 0);
}

static void compare_gaps(const struct range_list *list, const uint8_t *map, struct range r)
{
    uint8_t shown[SPACE], wanted[SPACE];
    struct range rest = r, part;

    memset(shown, 0, SPACE);
    memset(wanted, 0, SPACE);
    while (range_list_gap(list, &rest, &part)) {
        CHECK(part.size > 0);
        mark(shown, part);
    }
    for (uint64_t i = r.base; i < r.base + r.size; i++)
        wanted[i] = !map[i];
    CHECK(memcmp(shown, wanted, SPACE) == 0);
}

static void compare_find(const struct range_list *list, const uint8_t *map, uint64_t size, uint64_t align,
                         uint64_t offset)
{
    struct range_list ram = {.count = 1, .range = {{8, SPACE - 16}}};
    uint64_t base = 0, wanted = SPACE;

    for (uint64_t at = offset; at + size <= SPACE - 8 && wanted == SPACE; at += align)
        if (at >= 8 && !memchr(map + at, 1, size))
            wanted = at;
    CHECK(range_find(&ram, list, size, align, offset, &base) == (wanted != SPACE));
    CHECK(wanted == SPACE || base == wanted);
}

static void test_random(void)
{
    uint64_t seed = 12345;

    for (int round = 0; round < 2000; round++) {
        static struct range_list list;
        uint8_t map[SPACE] = {0};
        list.count = 0;
        for (int i = 0; i < 12; i++) {
            struct range r = {random_next(&seed) % 230, random_next(&seed) % 20 + 1};
            uint64_t align = 1ull << random_next(&seed) % 5;
            CHECK(range_list_overlap(&list, r) == (memchr(map + r.base, 1, r.size) != NULL));
            CHECK(range_list_add(&list, r));
            mark(map, r);
            compare(&list, map);
            compare_gaps(&list, map, (struct range){random_next(&seed) % 100, random_next(&seed) % 150 + 1});
            compare_find(&list, map, random_next(&seed) % 30 + 1, align, random_next(&seed) % align);
        }
    }
}

static void test_edges(void)
{
    struct range_list list = {0};

    CHECK(!range_valid((struct range){5, 0}));
    CHECK(!range_valid((struct range){UINT64_MAX, 2}));
    CHECK(range_valid((struct range){0x8000000000, 0x8000000000}));
    struct range wide = range_widen((struct range){0x1fff, 2}, 4096);
    CHECK(wide.base == 0x1000 && wide.size == 0x2000);
    for (uint64_t i = 0; i < RANGE_LIST_MAX; i++)
        CHECK(range_list_add(&list, (struct range){i * 4, 1}));
    CHECK(!range_list_add(&list, (struct range){1 << 20, 1}));
    CHECK(list.count == RANGE_LIST_MAX);
    CHECK(range_list_add(&list, (struct range){0, 5})); /* merging still works in a full list */
    CHECK_EQUAL(list.count, RANGE_LIST_MAX - 1);
    CHECK(range_list_holds(&list, (struct range){1, 4}) && !range_list_holds(&list, (struct range){1, 5}));
}

int main(void)
{
    test_random();
    test_edges();
    return 0;
}
