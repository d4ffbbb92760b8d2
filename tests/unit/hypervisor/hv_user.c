/* SPDX-License-Identifier: BSD-2-Clause */
/* User memory through a thread's own tables: all granules and depths, and whatever a guest may write there.
 */
#include "fixture.h"

#include "string.h"
#include "sysreg.h"
#include "user.h"

#define TABLE 3ull
#define LEAF  (BIT(10) | 3ull << 8 | BIT(6))
#define PAGE  (LEAF | 3)
#define BLOCK (LEAF | 1)

static struct vm *vm;

static const struct granule {
    unsigned shift, tg0;
} granules[] = {{12, 0}, {14, 2}, {16, 1}};

/* 64 KiB each. */
static uint64_t address_of(unsigned n)
{
    return GUEST_BASE + n * 0x10000ull;
}

static uint64_t *table(unsigned n)
{
    return (uint64_t *)(void *)(GUEST_RAM + n * 0x10000ull);
}

static struct user_space space(const struct granule *g, unsigned bits)
{
    return (struct user_space){.ttbr0 = address_of(0), .tcr = (64 - bits) | (uint64_t)g->tg0 << 14};
}

/* Tables 0, 1, … down to `leaf_level`, where `leaf` is, for address `at`. Returns the last entry. */
static uint64_t *build(const struct granule *g, unsigned bits, uint64_t at, int leaf_level, uint64_t leaf)
{
    unsigned stride = g->shift - 3, n = 0;
    int level = 4 - (int)((bits - g->shift + stride - 1) / stride);
    bool first = true;

    memset(table(0), 0, 8 * 0x10000);
    for (;; level++, n++, first = false) {
        unsigned low = g->shift + stride * (unsigned)(3 - level);
        uint64_t *entry = &table(n)[first ? at >> low : at >> low & (BIT(stride) - 1)];
        if (level == leaf_level) {
            *entry = leaf;
            return entry;
        }
        *entry = address_of(n + 1) | TABLE;
    }
}

static void start(void)
{
    fixture_start(1, 1024);
    vm = fixture_vm();
}

static bool translates(const struct user_space *u, uint64_t at, uint64_t expected)
{
    uint64_t address;

    if (!user_translate(vm, u, at, &address))
        return false;
    CHECK_EQUAL(address, expected);
    return true;
}

static void depths(void)
{
    start();
    for (unsigned i = 0; i < ARRAY_SIZE(granules); i++)
        for (unsigned bits = 25; bits <= 48; bits++) {
            const struct granule *g = &granules[i];
            struct user_space u = space(g, bits);
            uint64_t at = BIT(bits) - BIT(g->shift) + 0x128;
            /* A first table larger than a page has to lie in guest memory. */
            build(g, bits, at, 3, address_of(7) | PAGE);
            CHECK(translates(&u, at, address_of(7) + 0x128));
            CHECK(!translates(&u, at - BIT(g->shift), 0));
            CHECK(!translates(&u, at | BIT(bits), 0) && !translates(&u, at | BIT(63), 0));
            u.tcr |= TCR_TBI0;
            CHECK(translates(&u, at | 0xa5ull << 56, address_of(7) + 0x128));
            CHECK(!translates(&u, at | BIT(55), 0));
            u.tcr |= TCR_EPD0;
            CHECK(!translates(&u, at, 0));
        }
}

static void blocks(void)
{
    start();
    for (unsigned i = 0; i < ARRAY_SIZE(granules); i++) {
        const struct granule *g = &granules[i];
        unsigned low = g->shift + (g->shift - 3);
        struct user_space u = space(g, 48);
        uint64_t at = (3ull << low) + 0x12345;
        build(g, 48, at, 2, (2ull << low) | BLOCK);
        CHECK(translates(&u, at, (2ull << low) + 0x12345));
        /* none so high, no pages of this form */
        build(&granules[0], 48, at, 3, address_of(7) | BLOCK);
        u = space(&granules[0], 48);
        CHECK(!translates(&u, at, 0));
        build(&granules[0], 48, at, 0, BLOCK);
        CHECK(!translates(&u, at, 0));
    }
}

static void rights(void)
{
    struct user_space u = space(&granules[0], 48);
    const uint64_t at = 0x7f1234567000;
    uint64_t *entry;

    start();
    entry = build(&granules[0], 48, at, 3, address_of(7) | PAGE);
    CHECK(translates(&u, at, address_of(7)));
    static const uint64_t needed[] = {BIT(0), BIT(1), BIT(6), BIT(10)};
    for (unsigned i = 0; i < ARRAY_SIZE(needed); i++) {
        *entry = (address_of(7) | PAGE) & ~needed[i];
        CHECK(!translates(&u, at, 0));
    }
    *entry = address_of(7) | PAGE | BIT(48); /* beyond what a VM has */
    CHECK(!translates(&u, at, 0));
    *entry = address_of(7) | PAGE;
    uint64_t *above = &table(2)[at >> 21 & 511];
    *above |= BIT(61);
    CHECK(!translates(&u, at, 0));
    u.tcr |= TCR_HPD0;
    CHECK(translates(&u, at, address_of(7)));
    u.tcr |= TCR_DS; /* bits 9:8 are of the address there */
    CHECK(!translates(&u, at, 0));
}

/* Tables are looked for in guest memory only: what is a device's, the hypervisor's or nobody's ends the walk.
 */
static void tables_elsewhere(void)
{
    struct user_space u = space(&granules[0], 48);
    const uint64_t at = 0x7f1234567000;
    static const uint64_t wrong[] = {0, 0x09020000, GUEST_BASE - PAGE_SIZE,
                                     GUEST_BASE + GUEST_PAGES * PAGE_SIZE, BIT(48) - PAGE_SIZE};

    start();
    CHECK(ptab_map(&vm->ptab, 0x09020000, ptr_pa(FREE_RAM), PAGE_SIZE,
                   PTAB_READ | PTAB_WRITE | PTAB_DEVICE) == ORD_OK);
    memset(FREE_RAM, 0xff, PAGE_SIZE);
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        char byte;
        for (int level = 0; level < 3; level++) {
            build(&granules[0], 48, at, level, wrong[i] | TABLE);
            CHECK(!translates(&u, at, 0));
        }
        build(&granules[0], 48, at, 3, wrong[i] | PAGE);
        CHECK(!user_read(vm, &u, at, &byte, 1));
        u.ttbr0 = wrong[i];
        CHECK(!translates(&u, at, 0));
        u.ttbr0 = address_of(0);
    }
}

static void reads(void)
{
    struct user_space u = space(&granules[0], 48);
    const uint64_t at = 0x7f1234567ff8;
    char got[16];

    start();
    build(&granules[0], 48, at, 3, address_of(6) | PAGE);
    for (unsigned i = 0; i < 16; i++) {
        ((char *)table(6))[0xff8 + i] = (char)(0x80 + i); /* the first eight count */
        ((char *)table(7))[i] = (char)(i + 8);
    }
    memset((char *)table(6) + 0xff8, 0, 8);
    for (unsigned i = 0; i < 8; i++)
        ((char *)table(6))[0xff8 + i] = (char)i;
    /* Only the first page is there. */
    CHECK(user_read(vm, &u, at, got, 8) && !user_read(vm, &u, at, got, 9));
    /* Both: in one table of the last level, as 0x567 is followed by 0x568. */
    table(3)[(at >> 12 & 511) + 1] = address_of(7) | PAGE;
    CHECK(user_read(vm, &u, at, got, 16));
    for (unsigned i = 0; i < 16; i++)
        CHECK_EQUAL(got[i], i);
}

/* Tables full of anything, any control register: an answer, and nothing else is read (AddressSanitizer
 * looks). */
static void noise(void)
{
    uint64_t seed = 4711, address, found = 0;

    start();
    for (unsigned round = 0; round < 100; round++) {
        struct user_space u = {.ttbr0 = random_next(&seed) & BIT_RANGE(47, 1), .tcr = random_next(&seed)};
        if (round % 2)
            u = space(&granules[round % 3], 25 + round % 28);
        for (unsigned i = 0; i < 8 * 512 * 16; i++) {
            uint64_t d = random_next(&seed);
            table(0)[i] = d & 1 ? (address_of((unsigned)d >> 8 & 7) + (d >> 16 & 15) * PAGE_SIZE) |
                                      (d & 0x3f) | (d & BIT(62) ? LEAF & ~BIT_RANGE(9, 8) : 0) | 3
                                : d;
        }
        for (unsigned i = 0; i < 1000; i++)
            found += user_translate(vm, &u, random_next(&seed) >> (i % 40), &address);
    }
    CHECK(found > 100);
}

int main(void)
{
    test_case("depths", depths);
    test_case("blocks", blocks);
    test_case("rights", rights);
    test_case("tables elsewhere", tables_elsewhere);
    test_case("reads", reads);
    test_case("noise", noise);
}
