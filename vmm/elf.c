/* SPDX-License-Identifier: BSD-2-Clause */
#include "elf.h"
#include <stddef.h>
#include <string.h>
#include <outrider/task.h>
#include "elf_arch.h"

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_program {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

enum { ET_EXEC = 2, PT_LOAD = 1, PF_X = 1, PF_W = 2, PF_R = 4 };

static const char *add_segment(struct elf *elf, const uint8_t *image, uint64_t size,
                               const struct elf_program *p, uint64_t base, uint64_t end)
{
    struct elf_segment *s = &elf->segment[elf->segment_count];
    uint64_t page = ORD_PAGE_SIZE;

    if (elf->segment_count == ELF_SEGMENTS_MAX)
        return "it has too many segments";
    if (p->offset > size || p->filesz > size - p->offset || p->filesz > p->memsz)
        return "a segment is outside the file";
    if (p->vaddr < base || p->vaddr >= end || p->memsz > end - p->vaddr)
        return "a segment is outside of the addresses that a task may use";
    if (!(p->flags & PF_R) || ((p->flags & PF_W) && (p->flags & PF_X)))
        return "a segment is not readable, or both writable and executable";
    s->address = p->vaddr & ~(page - 1);
    s->skip = p->vaddr - s->address;
    s->size = (s->skip + p->memsz + page - 1) & ~(page - 1);
    s->data = image + p->offset;
    s->data_size = p->filesz;
    s->rights = ORD_MEM_READ | (p->flags & PF_W ? ORD_MEM_WRITE : 0) | (p->flags & PF_X ? ORD_MEM_EXEC : 0);
    for (uint32_t i = 0; i < elf->segment_count; i++) {
        const struct elf_segment *o = &elf->segment[i];
        if (s->address < o->address + o->size && o->address < s->address + s->size)
            return "two segments share a page";
    }
    elf->size += s->size;
    elf->segment_count++;
    return NULL;
}

const char *elf_parse(struct elf *elf, const void *image, uint64_t size, uint64_t base, uint64_t end)
{
    struct elf_header h;
    bool entry_found = false;

    *elf = (struct elf){0};
    if (size < sizeof(h))
        return "it is too short for an ELF header";
    memcpy(&h, image, sizeof(h));
    if (memcmp(h.ident, "\177ELF\2\1\1", 7) != 0 || h.type != ET_EXEC || h.machine != ELF_MACHINE)
        return "it is not a static ELF64 executable of this architecture";
    if (h.phentsize != sizeof(struct elf_program) || h.phoff > size ||
        h.phnum > (size - h.phoff) / sizeof(struct elf_program))
        return "its program headers are outside the file";
    for (uint32_t i = 0; i < h.phnum; i++) {
        struct elf_program p;
        memcpy(&p, (const uint8_t *)image + h.phoff + i * sizeof(p), sizeof(p));
        if (p.type != PT_LOAD || !p.memsz)
            continue;
        const char *error = add_segment(elf, image, size, &p, base, end);
        if (error)
            return error;
        entry_found |= (p.flags & PF_X) && h.entry >= p.vaddr && h.entry - p.vaddr < p.memsz;
    }
    elf->entry = h.entry;
    return entry_found ? NULL : "its entry point is in no executable segment";
}
