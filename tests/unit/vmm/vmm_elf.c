/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF files of tasks: what is taken, what is refused, and damaged ones of exactly their size. */
#include <string.h>
#include <outrider/task.h>
#include "check.h"
#include "elf.h"

#define BASE 0x10000ull
#define END  0x7100000000ull

struct file {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
    struct segment {
        uint32_t type, flags;
        uint64_t offset, vaddr, paddr, filesz, memsz, align;
    } segment[10];
    uint8_t contents[256];
};

static struct elf elf;

static struct file good(void)
{
    struct file f = {.ident = "\177ELF\2\1\1",
                     .type = 2,
                     .machine = 183,
                     .entry = 0x100010,
                     .phoff = 64,
                     .phentsize = 56,
                     .phnum = 2};

    f.segment[0] = (struct segment){1, 5, offsetof(struct file, contents), 0x100000, 0, 128, 128, 4096};
    f.segment[1] = (struct segment){1, 6, offsetof(struct file, contents) + 128, 0x102080, 0, 64, 8192, 4096};
    return f;
}

static const char *parse(const struct file *f)
{
    return elf_parse(&elf, f, sizeof(*f), BASE, END);
}

#define REFUSED(change, why)                                                                                 \
    do {                                                                                                     \
        struct file f = good();                                                                              \
        change;                                                                                              \
        const char *error = parse(&f);                                                                       \
        CHECK(error &&strstr(error, why));                                                                   \
    } while (0)

static void test_good(void)
{
    struct file f = good();

    CHECK(!parse(&f));
    CHECK(elf.entry == 0x100010 && elf.segment_count == 2 && elf.size == 0x1000 + 0x3000);
    CHECK(elf.segment[0].address == 0x100000 && elf.segment[0].size == 0x1000 && !elf.segment[0].skip);
    CHECK(elf.segment[0].rights == (ORD_MEM_READ | ORD_MEM_EXEC) && elf.segment[0].data == f.contents);
    CHECK(elf.segment[1].address == 0x102000 && elf.segment[1].skip == 0x80 && elf.segment[1].size == 0x3000);
    CHECK(elf.segment[1].rights == (ORD_MEM_READ | ORD_MEM_WRITE) && elf.segment[1].data_size == 64);
}

static void test_refused(void)
{
    REFUSED(f.ident[4] = 1, "not a static ELF64");
    REFUSED(f.type = 3, "not a static ELF64");
    REFUSED(f.machine = 62, "not a static ELF64");
    REFUSED(f.phoff = ~0ull, "program headers");
    REFUSED(f.phnum = 0xffff, "program headers");
    REFUSED(f.phentsize = 32, "program headers");
    REFUSED(f.phnum = 0, "entry point");
    REFUSED(f.entry = 0x102080, "entry point");
    REFUSED(f.entry = 0x100080, "entry point");
    REFUSED(f.segment[0].offset = ~0ull, "outside the file");
    REFUSED(f.segment[0].filesz = 129, "outside the file");
    REFUSED(f.segment[1].filesz = f.segment[1].memsz = 4096, "outside the file");
    REFUSED(f.segment[1].vaddr = BASE - 1, "addresses");
    REFUSED(f.segment[1].vaddr = END - 8191, "addresses");
    REFUSED(f.segment[1].vaddr = ~0ull - 100, "addresses");
    REFUSED(f.segment[1].memsz = ~0ull, "addresses");
    REFUSED(f.segment[1].flags = 7, "writable and executable");
    REFUSED(f.segment[1].flags = 2, "not readable");
    REFUSED(f.segment[1].vaddr = 0x100080, "share a page");
    struct file f = good();
    f.phnum = 9;
    for (int i = 2; i < 9; i++) {
        f.segment[i] = f.segment[1];
        f.segment[i].vaddr += (uint64_t)i << 20;
    }
    CHECK(parse(&f) && strstr(parse(&f), "too many segments"));
    CHECK(elf_parse(&elf, &f, 63, BASE, END));
}

/* What is accepted stays inside of the file and of the addresses. */
static void test_damage(void)
{
    uint64_t seed = 99, accepted = 0;

    for (int round = 0; round < 300000; round++) {
        struct file f = good();
        size_t size = random_next(&seed) % 4 ? sizeof(f) : random_next(&seed) % sizeof(f);
        for (uint64_t n = random_next(&seed) % 3 + 1; n; n--) {
            uint64_t at = random_next(&seed) % offsetof(struct file, segment[2]);
            ((uint8_t *)&f)[at] = (uint8_t)(random_next(&seed) >> (random_next(&seed) % 2 ? 8 : 61));
        }
        uint8_t *image = malloc(size ? size : 1);
        CHECK(image);
        memcpy(image, &f, size);
        if (!elf_parse(&elf, image, size, BASE, END)) {
            uint64_t sum = 0;
            accepted++;
            CHECK(elf.segment_count > 0 && elf.segment_count <= ELF_SEGMENTS_MAX);
            for (uint32_t i = 0; i < elf.segment_count; i++) {
                const struct elf_segment *s = &elf.segment[i];
                const uint8_t *data = s->data;
                CHECK(data >= image && data <= image + size &&
                      s->data_size <= (uint64_t)(image + size - data));
                CHECK(s->address >= BASE && s->address + s->size <= END && s->size > 0);
                CHECK(s->skip + s->data_size <= s->size && (s->address | s->size) % 4096 == 0);
                sum += s->size;
            }
            CHECK_EQUAL(sum, elf.size);
        }
        free(image);
    }
    CHECK(accepted > 1000);
}

int main(void)
{
    test_good();
    test_refused();
    test_damage();
    return 0;
}
