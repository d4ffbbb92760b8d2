/* SPDX-License-Identifier: BSD-2-Clause */
/* Capabilities, memory of tasks, memory objects. */
#include "fixture.h"

#include "atomic.h"
#include "platform.h"
#include "string.h"
#include <pthread.h>

static struct task *task;

static void test_caps(void)
{
    int a, b;
    uint32_t rights = 0;

    fixture_start(1, 1024);
    task = fixture_task();
    CHECK(task_cap_insert(task, 0, CAP_NOTIFY, &a, 0) == ORD_BAD_CAP);
    CHECK(task_cap_insert(task, ORD_CAP_COUNT, CAP_NOTIFY, &a, 0) == ORD_BAD_CAP);
    CHECK(task_cap_insert(task, ~0ull, CAP_NOTIFY, &a, 0) == ORD_BAD_CAP);
    CHECK(task_cap_insert(task, BIT(32) + 1, CAP_NOTIFY, &a, 0) == ORD_BAD_CAP);
    CHECK(task_cap_check(task, 0) == ORD_BAD_CAP && task_cap_check(task, ORD_CAP_COUNT) == ORD_BAD_CAP);
    CHECK(task_cap_check(task, 1) == ORD_OK && task_cap_check(task, ORD_CAP_COUNT - 1) == ORD_OK);
    CHECK(task_cap_insert(task, 1, CAP_NOTIFY, &a, 5) == ORD_OK);
    CHECK(task_cap_insert(task, 1, CAP_NOTIFY, &b, 7) == ORD_BUSY && task_cap_check(task, 1) == ORD_BUSY);
    CHECK(task_cap_insert(task, ORD_CAP_COUNT - 1, CAP_IRQ, &b, 6) == ORD_OK);
    CHECK(task_cap_lookup(task, 1, CAP_NOTIFY, &rights) == &a && rights == 5);
    CHECK(task_cap_lookup(task, ORD_CAP_COUNT - 1, CAP_IRQ, NULL) == &b);
    /* Each type only as what it is. */
    for (int type = CAP_NULL; type <= CAP_IRQ; type++) {
        CHECK(!task_cap_lookup(task, 1, (enum cap_type)type, &rights) == (type != CAP_NOTIFY));
        CHECK(!task_cap_lookup(task, 0, (enum cap_type)type, &rights));
        CHECK(!task_cap_lookup(task, ORD_CAP_COUNT, (enum cap_type)type, &rights));
        CHECK(!task_cap_lookup(task, ~0ull, (enum cap_type)type, &rights));
        CHECK(!task_cap_lookup(task, BIT(32) + 1, (enum cap_type)type, &rights));
    }
}

static uint32_t won;

static void *contender(void *arg)
{
    for (uint64_t slot = 1; slot < ORD_CAP_COUNT; slot++)
        if (task_cap_insert(task, slot, CAP_NOTIFY, arg, 0) == ORD_OK)
            atomic_add(&won, 1u);
        else
            CHECK(task_cap_lookup(task, slot, CAP_NOTIFY, NULL));
    return NULL;
}

static void test_caps_race(void)
{
    pthread_t id[3];

    fixture_start(1, 1024);
    task = fixture_task();
    for (int i = 0; i < 3; i++)
        CHECK(!pthread_create(&id[i], NULL, contender, (void *)task));
    for (int i = 0; i < 3; i++)
        pthread_join(id[i], NULL);
    CHECK_EQUAL(won, ORD_CAP_COUNT - 1);
}

static void test_copy_in(void)
{
    char to[3 * ORD_PAGE_SIZE];
    uint64_t at = BIT(30), page = PAGE_SIZE;

    fixture_start(1, 1024);
    task = fixture_task();
    for (uint64_t i = 0; i < 4 * page; i++)
        FREE_RAM[i] = (char)(i * 31 + i / page);
    /* Two neighbours that are apart in memory; then one that is write-only, a device, nothing. */
    CHECK(ptab_map(&task->ptab, at, ptr_pa(FREE_RAM + 2 * page), page, PTAB_READ) == ORD_OK);
    CHECK(ptab_map(&task->ptab, at + page, ptr_pa(FREE_RAM), page, PTAB_READ | PTAB_WRITE) == ORD_OK);
    CHECK(ptab_map(&task->ptab, at + 2 * page, ptr_pa(FREE_RAM + page), page, PTAB_WRITE) == ORD_OK);
    CHECK(ptab_map(&task->ptab, at - page, ptr_pa(FREE_RAM), page, PTAB_READ | PTAB_DEVICE) == ORD_OK);
    CHECK(task_copy_in(task, to, at, 2 * page) == ORD_OK);
    CHECK(!memcmp(to, FREE_RAM + 2 * page, page) && !memcmp(to + page, FREE_RAM, page));
    CHECK(task_copy_in(task, to, at + page - 3, 6) == ORD_OK);
    CHECK(!memcmp(to, FREE_RAM + 3 * page - 3, 3) && !memcmp(to + 3, FREE_RAM, 3));
    CHECK(task_copy_in(task, to, at + 2 * page - 1, 1) == ORD_OK && to[0] == FREE_RAM[page - 1]);
    CHECK(task_copy_in(task, to, ~0ull, 0) == ORD_OK); /* nothing from nowhere */
    CHECK(task_copy_in(task, to, at + page, page + 1) == ORD_BAD_ADDRESS);
    CHECK(task_copy_in(task, to, at + 2 * page, 1) == ORD_BAD_ADDRESS);
    CHECK(task_copy_in(task, to, at - 1, 2) == ORD_BAD_ADDRESS);
    CHECK(task_copy_in(task, to, 0, 1) == ORD_BAD_ADDRESS);
    CHECK(task_copy_in(task, to, BIT(40), 1) == ORD_BAD_ADDRESS);
    CHECK(task_copy_in(task, to, ~0ull, 2) == ORD_BAD_ADDRESS);
    CHECK(task_copy_in(task, to, ~0ull - 10, 100) == ORD_BAD_ADDRESS);
    /* The last page of the space, and over its end. */
    CHECK(ptab_map(&task->ptab, BIT(40) - page, ptr_pa(FREE_RAM), page, PTAB_READ) == ORD_OK);
    CHECK(task_copy_in(task, to, BIT(40) - 1, 1) == ORD_OK &&
          task_copy_in(task, to, BIT(40) - 1, 2) == ORD_BAD_ADDRESS);
}

static struct ptab space;
static uint64_t done;

static status_t map(const struct memory *m, uint32_t cap_rights, uint64_t offset, uint64_t size,
                    uint32_t rights)
{
    static uint64_t at = BIT(32);
    uint64_t here = at, count[4], before[4];

    at += ALIGN_UP(size % BIT(30), PAGE_SIZE) + PAGE_SIZE;
    ptab_count(&space, before);
    status_t s = memory_map(m, cap_rights, &space, offset, here, size, rights, &done);
    CHECK(s != ORD_OK || done == size);
    ptab_count(&space, count);
    if (s != ORD_OK) {
        CHECK(!memcmp(count, before, sizeof(count)));
        return s;
    }
    for (uint64_t i = 0; i < size; i += PAGE_SIZE) {
        paddr_t to;
        unsigned has;
        CHECK(ptab_lookup(&space, here + i, &to, &has) && to.v == m->base + offset + i);
        CHECK(has == (rights | (m->device ? (uint32_t)ORD_MEM_DEVICE : 0)));
    }
    return s;
}

#define R ORD_MEM_READ
#define W ORD_MEM_WRITE
#define X ORD_MEM_EXEC

static void test_memory(void)
{
    const uint64_t page = PAGE_SIZE;
    const struct memory ram = {0x40000000, 64 * PAGE_SIZE, false};
    const struct memory devices = {0, BIT(40), true};
    const struct memory high = {~0ull - 16 * PAGE_SIZE + 1, 16 * PAGE_SIZE, false};

    fixture_start(1, 1024);
    CHECK(ptab_init(&space, PTAB_TASK, 40, 1) == ORD_OK);
    platform.ram[0] = (struct range){0x40000000, 64 * PAGE_SIZE};
    platform.ram[1] = (struct range){0x80000000, 64 * PAGE_SIZE};
    platform.ram_count = 2;

    /* Bounds of the object. */
    CHECK(map(&ram, R | W | X, 0, 64 * page, R | W) == ORD_OK);
    CHECK(map(&ram, R | W | X, 63 * page, page, R) == ORD_OK);
    CHECK(map(&ram, R | W | X, 64 * page, page, R) == ORD_BAD_ADDRESS);
    CHECK(map(&ram, R | W | X, 63 * page, 2 * page, R) == ORD_BAD_ADDRESS);
    CHECK(map(&ram, R | W | X, 0, 65 * page, R) == ORD_BAD_ADDRESS);
    CHECK(map(&ram, R | W | X, 0, 0, R) == ORD_BAD_ADDRESS);
    CHECK(map(&ram, R | W | X, page, -page, R) == ORD_BAD_ADDRESS);
    CHECK(map(&ram, R | W | X, -page, page, R) == ORD_BAD_ADDRESS);
    CHECK(map(&ram, R | W | X, -page, 2 * page, R) == ORD_BAD_ADDRESS);
    CHECK(map(&ram, R | W | X, 2, page, R) == ORD_BAD_ADDRESS &&
          map(&ram, R | W | X, 0, page + 8, R) == ORD_BAD_ADDRESS);
    CHECK(memory_map(&ram, R, &space, 0, 4, page, R, &done) == ORD_BAD_ADDRESS);
    CHECK(memory_map(&ram, R, &space, 0, BIT(40), page, R, &done) == ORD_BAD_ADDRESS);
    CHECK(memory_map(&ram, R, &space, 0, BIT(40) - page, 2 * page, R, &done) == ORD_BAD_ADDRESS);
    CHECK(memory_map(&ram, R, &space, 0, -page, 2 * page, R, &done) == ORD_BAD_ADDRESS);
    CHECK(map(&high, R, 16 * page, page, R) == ORD_BAD_ADDRESS);
    /* Rights. */
    CHECK(map(&ram, R, 0, page, R) == ORD_OK && map(&ram, R, 0, page, R | W) == ORD_NO_RIGHT);
    CHECK(map(&ram, R | W, 0, page, R | X) == ORD_NO_RIGHT && map(&ram, X, 0, page, X) == ORD_OK);
    CHECK(map(&ram, R | W, 0, page, R | W | ORD_MEM_DEVICE) == ORD_OK);
    /* There is a mapping. */
    CHECK(memory_map(&ram, R, &space, 0, BIT(34), page, R, &done) == ORD_OK);
    CHECK(memory_map(&ram, R, &space, 0, BIT(34), page, R, &done) == ORD_EXISTS);
    CHECK(memory_map(&ram, R, &space, 0, BIT(34) - page, 2 * page, R, &done) == ORD_EXISTS);
    /* Devices: everything but RAM; always as devices. */
    CHECK(map(&devices, R | W, 0x9000000, page, R | W) == ORD_OK);
    CHECK(map(&devices, R | W, 0x9000000, page, R | X) == ORD_NO_RIGHT);
    CHECK(map(&devices, R | W, 0x40000000 - page, page, R) == ORD_OK);
    CHECK(map(&devices, R | W, 0x40000000 - page, 2 * page, R) == ORD_BAD_ADDRESS);
    CHECK(map(&devices, R | W, 0x40000000 + 63 * page, 2 * page, R) == ORD_BAD_ADDRESS);
    CHECK(map(&devices, R | W, 0x40000000 + 64 * page, page, R) == ORD_OK);
    CHECK(map(&devices, R | W, 0x3f000000, 0x2000000, R) == ORD_BAD_ADDRESS);
    CHECK(map(&devices, R | W, 0x80000000, page, R) == ORD_BAD_ADDRESS);
    CHECK(map(&devices, R | W, BIT(40) - page, page, R) == ORD_OK);
    CHECK(map(&devices, R | W, BIT(40) - page, 2 * page, R) == ORD_BAD_ADDRESS);
    /* What is kept. */
    memory_keep(0, 0);
    CHECK_EQUAL(memory_kept_count(), 0);
    memory_keep(0x40000000 + 8 * page + 100, page);
    memory_keep(0x8000000, 0x10000);
    CHECK_EQUAL(memory_kept_count(), 2);
    CHECK(memory_kept(0).base == 0x40000000 + 8 * page && memory_kept(0).size == 2 * page);
    CHECK(map(&ram, R, 7 * page, page, R) == ORD_OK && map(&ram, R, 10 * page, page, R) == ORD_OK);
    CHECK(map(&ram, R, 8 * page, page, R) == ORD_BUSY && map(&ram, R, 9 * page, page, R) == ORD_BUSY);
    CHECK(map(&ram, R, 0, 64 * page, R) == ORD_BUSY && map(&ram, R, 7 * page, 2 * page, R) == ORD_BUSY);
    CHECK(map(&devices, R, 0x8000000, page, R) == ORD_BUSY &&
          map(&devices, R, 0x800f000, page, R) == ORD_BUSY);
    CHECK(map(&devices, R, 0x7fff000, page, R) == ORD_OK && map(&devices, R, 0x8010000, page, R) == ORD_OK);
    CHECK(map(&devices, R, 0x7000000, 0x2000000, R) == ORD_BUSY);
}

static void test_kept_full(void)
{
    fixture_start(1, 1024);
    for (uint64_t i = 0; i < ORD_RESOURCES_MAX; i++)
        memory_keep(i * BIT(20), PAGE_SIZE);
    memory_keep(PAGE_SIZE, 1); /* one with its neighbour */
    CHECK_EQUAL(memory_kept_count(), ORD_RESOURCES_MAX);
    CHECK_EQUAL(FAKE_RUN(memory_keep(BIT(40), 1)), FAKE_HALT);
}

int main(void)
{
    test_case("capabilities", test_caps);
    test_case("capabilities: several cores", test_caps_race);
    test_case("copying from a task", test_copy_in);
    test_case("memory objects", test_memory);
    test_case("too much is kept", test_kept_full);
    return 0;
}
