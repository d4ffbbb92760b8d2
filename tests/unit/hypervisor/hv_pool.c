/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"

#include "console.h"
#include "string.h"
#include <pthread.h>

static bool zeroed(const void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (((const char *)p)[i])
            return false;
    return true;
}

static void test_pages(void)
{
    void *page[16];

    machine_ram = fake_memory(MEMORY_SIZE);
    /* Unaligned at both ends: 16 whole pages lie inside. */
    memset(machine_ram, 0xff, 32 * PAGE_SIZE);
    pool_init_pages(pa((uint64_t)machine_ram + 100), 17 * PAGE_SIZE);
    CHECK_EQUAL(pools[ORD_POOL_PAGE].capacity, 16);
    for (int i = 0; i < 16; i++) {
        page[i] = pool_alloc(ORD_POOL_PAGE);
        CHECK(page[i] && (uint64_t)page[i] % PAGE_SIZE == 0 && zeroed(page[i], PAGE_SIZE));
        CHECK((char *)page[i] >= machine_ram + 100 &&
              (char *)page[i] + PAGE_SIZE <= machine_ram + 17 * PAGE_SIZE + 100);
        for (int k = 0; k < i; k++)
            CHECK(page[k] != page[i]);
        memset(page[i], 0xee, PAGE_SIZE);
        CHECK_EQUAL(pools[ORD_POOL_PAGE].used, i + 1);
    }
    CHECK(!pool_alloc(ORD_POOL_PAGE));
    CHECK(!pool_alloc_pages(0));
    CHECK_EQUAL(pools[ORD_POOL_PAGE].used, 16);
    pool_free(ORD_POOL_PAGE, page[3]);
    pool_free(ORD_POOL_PAGE, page[7]);
    CHECK_EQUAL(pools[ORD_POOL_PAGE].used, 14);
    void *a = pool_alloc(ORD_POOL_PAGE), *b = pool_alloc(ORD_POOL_PAGE);
    CHECK((a == page[3] && b == page[7]) || (a == page[7] && b == page[3]));
    CHECK(zeroed(a, PAGE_SIZE) && zeroed(b, PAGE_SIZE));
    CHECK(!pool_alloc(ORD_POOL_PAGE));
}

static void test_too_small(void)
{
    machine_ram = fake_memory(MEMORY_SIZE);
    pool_init_pages(pa((uint64_t)machine_ram + 8), PAGE_SIZE);
    CHECK_EQUAL(pools[ORD_POOL_PAGE].capacity, 0);
    CHECK(!pool_alloc(ORD_POOL_PAGE));
}

static void test_orders(void)
{
    machine_ram = fake_memory(MEMORY_SIZE);
    memset(machine_ram, 0xff, 64 * PAGE_SIZE);
    pool_init_pages(ptr_pa(machine_ram + PAGE_SIZE), 31 * PAGE_SIZE);
    char *one = pool_alloc_pages(0), *eight = pool_alloc_pages(3), *two = pool_alloc_pages(1);
    CHECK(one == machine_ram + PAGE_SIZE);
    CHECK(eight && (uint64_t)eight % (8 * PAGE_SIZE) == 0 && zeroed(eight, 8 * PAGE_SIZE));
    CHECK(two && (uint64_t)two % (2 * PAGE_SIZE) == 0 && zeroed(two, 2 * PAGE_SIZE));
    CHECK(two >= eight + 8 * PAGE_SIZE);
    CHECK_EQUAL(pools[ORD_POOL_PAGE].used, 11);
    CHECK(!pool_alloc_pages(4)); /* 16 pages, aligned: do not fit any more */
    CHECK_EQUAL(pools[ORD_POOL_PAGE].used, 11);
    /* The gaps that alignment made are handed out as pages. */
    uint32_t left = 0;
    for (char *p; (p = pool_alloc(ORD_POOL_PAGE)); left++) {
        CHECK(zeroed(p, PAGE_SIZE));
        CHECK(p != one && !(p >= eight && p < eight + 8 * PAGE_SIZE) &&
              !(p >= two && p < two + 2 * PAGE_SIZE));
        memset(p, 0xdd, PAGE_SIZE);
    }
    CHECK_EQUAL(left + 11, 31);
    CHECK_EQUAL(pools[ORD_POOL_PAGE].used, 31);
}

static void test_objects(void)
{
    char *object[200];
    static char *seen[200];

    machine_ram = fake_memory(MEMORY_SIZE);
    memset(machine_ram, 0xff, POOL_SIZE);
    pool_init_pages(ptr_pa(machine_ram), POOL_SIZE);
    pool_init(ORD_POOL_NOTIFY, 100, 200);
    pool_init(ORD_POOL_TASK, 3 * PAGE_SIZE + 1, 3);
    pool_init(ORD_POOL_MEMORY, PAGE_SIZE, 2);
    CHECK_EQUAL(pools[ORD_POOL_NOTIFY].capacity, 200);
    CHECK_EQUAL(pools[ORD_POOL_NOTIFY].used, 0);
    CHECK_EQUAL(pools[ORD_POOL_NOTIFY].size, 128);
    /* 200 / 32 per page, 3 * 4 pages, 2 pages */
    CHECK_EQUAL(pools[ORD_POOL_PAGE].used, 7 + 12 + 2);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 200; i++) {
            object[i] = pool_alloc(ORD_POOL_NOTIFY);
            CHECK(object[i] && zeroed(object[i], 128));
            CHECK((uint64_t)object[i] / PAGE_SIZE == ((uint64_t)object[i] + 127) / PAGE_SIZE);
            for (int k = 0; k < i; k++)
                CHECK(object[i] + 128 <= object[k] || object[k] + 128 <= object[i]);
            memset(object[i], 0xaa, 128);
            /* Only ever memory of its own type. */
            if (!round) {
                seen[i] = object[i];
                continue;
            }
            bool known = false;
            for (int k = 0; k < 200; k++)
                known |= seen[k] == object[i];
            CHECK(known);
        }
        CHECK(!pool_alloc(ORD_POOL_NOTIFY));
        CHECK_EQUAL(pools[ORD_POOL_NOTIFY].used, 200);
        for (int i = 0; i < 200; i++)
            pool_free(ORD_POOL_NOTIFY, object[(i * 37) % 200]);
        CHECK_EQUAL(pools[ORD_POOL_NOTIFY].used, 0);
    }
    for (int i = 0; i < 3; i++) {
        object[i] = pool_alloc(ORD_POOL_TASK);
        CHECK(object[i] && zeroed(object[i], 3 * PAGE_SIZE + 1));
        memset(object[i], 0xbb, 3 * PAGE_SIZE + 1);
        for (int k = 0; k < i; k++)
            CHECK(object[i] + 3 * PAGE_SIZE < object[k] || object[k] + 3 * PAGE_SIZE < object[i]);
    }
    CHECK(!pool_alloc(ORD_POOL_TASK));
    CHECK(pool_alloc(ORD_POOL_MEMORY) && pool_alloc(ORD_POOL_MEMORY) && !pool_alloc(ORD_POOL_MEMORY));
}

static void test_no_room(void)
{
    machine_ram = fake_memory(MEMORY_SIZE);
    pool_init_pages(ptr_pa(machine_ram), 4 * PAGE_SIZE);
    CHECK_EQUAL(FAKE_RUN(pool_init(ORD_POOL_THREAD, 2048, 9)), FAKE_HALT);
    console_init(&uart_table[1], pa(0));
    CHECK(strstr(fake_console(), "the hypervisor's memory is too small for pool 2"));
}

static void *hammer(void *arg)
{
    uint64_t random = (uint64_t)arg;
    char *mine[40];
    int count = 0;

    for (int i = 0; i < 100000; i++) {
        if (count < 40 && (random_next(&random) & 1)) {
            char *p = pool_alloc(ORD_POOL_NOTIFY);
            if (!p)
                continue;
            CHECK(zeroed(p, 64));
            memset(p, (int)(uint64_t)arg, 64);
            mine[count++] = p;
        } else if (count) {
            int at = (int)(random_next(&random) % (unsigned)count);
            for (int k = 0; k < 64; k++)
                CHECK(mine[at][k] == (char)(uint64_t)arg);
            pool_free(ORD_POOL_NOTIFY, mine[at]);
            mine[at] = mine[--count];
        }
    }
    while (count)
        pool_free(ORD_POOL_NOTIFY, mine[--count]);
    return NULL;
}

static void test_threads(void)
{
    pthread_t thread[3];

    machine_ram = fake_memory(MEMORY_SIZE);
    pool_init_pages(ptr_pa(machine_ram), POOL_SIZE);
    pool_init(ORD_POOL_NOTIFY, 64, 64);
    for (uint64_t i = 0; i < 3; i++)
        CHECK(!pthread_create(&thread[i], NULL, hammer, (void *)(i + 1)));
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    CHECK_EQUAL(pools[ORD_POOL_NOTIFY].used, 0);
}

int main(void)
{
    test_case("pages: all handed out once, zeroed, taken back", test_pages);
    test_case("pages: none fits", test_too_small);
    test_case("pages: orders are aligned, gaps are not lost", test_orders);
    test_case("objects: capacity, zeroing, own memory only", test_objects);
    test_case("objects: no room at start is a panic", test_no_room);
    test_case("objects: several cores", test_threads);
    return 0;
}
