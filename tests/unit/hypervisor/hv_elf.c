/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"

#include "elf.h"
#include "string.h"
#include <arch/elf.h>

struct header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct segment {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

#define TASK_SIZE (1ull << 20)

/* Two segments: text, and data with a zeroed part. */
struct file {
    struct header h;
    struct segment s[3];
    uint8_t text[100], data[50];
};

static const struct file good = {
    .h = {.ident = "\177ELF\2\1\1",
          .type = 2,
          .machine = ARCH_ELF_MACHINE,
          .version = 1,
          .entry = 0x400010,
          .phoff = sizeof(struct header),
          .ehsize = sizeof(struct header),
          .phentsize = sizeof(struct segment),
          .phnum = 3},
    .s = {{1, 5, offsetof(struct file, text), 0x400000 + offsetof(struct file, text), 0, 100, 100, 4096},
          {4 /* note */, 4, ~0ull, ~0ull, 0, ~0ull, ~0ull, 0},
          {1, 6, offsetof(struct file, data), 0x500f00, 0, 50, 0x2100, 4096}},
    .text = {1, 2, 3},
    .data = {9, 8, 7},
};

static struct ptab space;
static struct range memory;
static uint64_t used, entry;

static void start(void)
{
    fixture_start(1, 512);
    memory = (struct range){(uint64_t)FREE_RAM, TASK_SIZE};
}

static const char *load(const void *file, uint64_t size)
{
    void *exact = malloc(size ? size : 1);

    memcpy(exact, file, size);
    used = entry = 0;
    space = (struct ptab){.root = NULL};
    /* The pool's pages are few: give the last table's back by starting over. */
    pool_init_pages(ptr_pa(machine_ram + (2ull << 20)), 64 * PAGE_SIZE);
    pools[ORD_POOL_PAGE].free = NULL;
    pools[ORD_POOL_PAGE].used = 0;
    CHECK(ptab_init(&space, PTAB_TASK, 40, 1) == ORD_OK);
    const char *error = elf_load(exact, size, &space, memory, &used, &entry);
    free(exact);
    return error;
}

static uint64_t where(uint64_t at, unsigned want)
{
    unsigned rights;
    paddr_t to;

    CHECK(ptab_lookup(&space, at, &to, &rights));
    CHECK_EQUAL(rights, want);
    CHECK(to.v >= memory.base && to.v < memory.base + used);
    return to.v;
}

static void test_good(void)
{
    unsigned rights;
    paddr_t to;

    start();
    CHECK(!load(&good, sizeof(good)));
    CHECK_EQUAL(entry, 0x400010);
    CHECK_EQUAL(used, PAGE_SIZE + 3 * PAGE_SIZE);
    CHECK(fake.mem_synced == used);
    uint64_t text = where(good.s[0].vaddr, PTAB_READ | PTAB_EXEC),
             data = where(0x500f00, PTAB_READ | PTAB_WRITE);
    CHECK(!memcmp((void *)text, good.text, 100) && !memcmp((void *)data, good.data, 50));
    for (uint64_t at = 0x500f32; at < 0x503000; at++)
        CHECK(*(char *)where(at, PTAB_READ | PTAB_WRITE) == 0);
    CHECK(!ptab_lookup(&space, 0x503000, &to, &rights) && !ptab_lookup(&space, 0x401000, &to, &rights));
    CHECK(!ptab_lookup(&space, 0x4fffff, &to, &rights));
}

#define BROKEN(text, change)                                                                                 \
    do {                                                                                                     \
        struct file f = good;                                                                                \
        change;                                                                                              \
        const char *error = load(&f, sizeof(f));                                                             \
        CHECK(error &&strstr(error, text));                                                                  \
    } while (0)

static void test_broken(void)
{
    start();
    CHECK(strstr(load(&good, 0), "too short") && strstr(load(&good, sizeof(struct header) - 1), "too short"));
    for (int i = 0; i < 7; i++)
        BROKEN("not an executable", f.h.ident[i] ^= 1);
    BROKEN("not an executable", f.h.type = 3);
    BROKEN("not an executable", f.h.machine++);
    BROKEN("program headers", f.h.phentsize--);
    BROKEN("program headers", f.h.phoff = sizeof(f) + 1);
    BROKEN("program headers", f.h.phoff = ~0ull);
    BROKEN("program headers", f.h.phoff = sizeof(f) - 3 * sizeof(struct segment) + 1);
    BROKEN("program headers", f.h.phnum = 0xffff);
    BROKEN("no loadable", f.h.phnum = 0);
    BROKEN("no loadable", f.s[0].type = f.s[2].type = 7);
    BROKEN("no loadable", f.s[0].memsz = f.s[2].memsz = 0);
    BROKEN("outside the file", f.s[0].offset = sizeof(f) + 1);
    BROKEN("outside the file", f.s[0].offset = ~0ull);
    BROKEN("outside the file", f.s[0].filesz = f.s[0].memsz = sizeof(f));
    BROKEN("outside the file", f.s[0].filesz = ~0ull);
    BROKEN("outside the file", f.s[0].filesz = 101);
    BROKEN("outside the file", f.s[2].memsz = TASK_SIZE + 1);
    BROKEN("outside the file", f.s[2].vaddr = ~0ull - 0x100);
    BROKEN("do not fit", f.s[2].memsz = TASK_SIZE - PAGE_SIZE);
    BROKEN("overlap", f.s[2].vaddr = good.s[0].vaddr);
    BROKEN("overlap", f.s[2].vaddr = 0x3ff000);
    BROKEN("outside the address space", f.s[2].vaddr = BIT(40) - PAGE_SIZE);
    BROKEN("outside the address space", f.s[2].vaddr = -(3 * PAGE_SIZE));
    BROKEN("outside the file", f.s[2].vaddr = -0x2100ull);
    /* Just inside. */
    struct file f = good;
    f.s[2].vaddr = BIT(40) - 3 * PAGE_SIZE;
    CHECK(!load(&f, sizeof(f)));
    f = good;
    f.s[2].memsz = TASK_SIZE - PAGE_SIZE - 0xf00;
    CHECK(!load(&f, sizeof(f)) && used == TASK_SIZE);
}

/* Nothing behind the task's memory is written, whatever the file says. */
static void test_fuzz(void)
{
    uint64_t random = 11;
    uint32_t fine = 0;

    start();
    memset(FREE_RAM + TASK_SIZE, 0x5a, 2 * PAGE_SIZE);
    memset(FREE_RAM - 2 * PAGE_SIZE, 0x5a, 2 * PAGE_SIZE);
    for (int i = 0; i < 100000; i++) {
        static const uint64_t odd[] = {0,
                                       1,
                                       50,
                                       0x1000,
                                       0xfff,
                                       TASK_SIZE,
                                       ~0ull,
                                       ~0ull << 12,
                                       1ull << 63,
                                       1ull << 40,
                                       (1ull << 40) - 1,
                                       sizeof(struct file)};
        struct file f = good;
        uint64_t r = random_next(&random), size = r % 8 ? sizeof(f) : (r >> 8) % sizeof(f);
        for (unsigned n = 1 + (r >> 32) % 4; n; n--) {
            uint64_t q = random_next(&random), v = odd[(q >> 16) % ARRAY_SIZE(odd)];
            uint8_t *p = (uint8_t *)&f;
            if (q & 1)
                v += (q >> 24) % 5 - 2;
            switch (q >> 1 & 3) {
            case 0:
                p[(q >> 40) % offsetof(struct file, text)] ^= (uint8_t)(1u << (q >> 4) % 8);
                break;
            case 1:
                memcpy(p + (q >> 40) % (offsetof(struct file, text) / 8) * 8, &v, 8);
                break;
            default:
                memcpy(p + offsetof(struct file, s) + (q >> 40) % (3 * sizeof(struct segment) / 8) * 8, &v,
                       8);
            }
        }
        fine += !load(&f, size);
        CHECK(used <= TASK_SIZE && used % PAGE_SIZE == 0);
    }
    CHECK(fine > 1000 && fine < 90000);
    for (uint64_t i = 0; i < 2 * PAGE_SIZE; i++)
        CHECK(FREE_RAM[TASK_SIZE + i] == 0x5a && FREE_RAM[-1 - (int64_t)i] == 0x5a);
}

int main(void)
{
    test_case("a good file", test_good);
    test_case("broken files", test_broken);
    test_case("damaged files", test_fuzz);
    return 0;
}
