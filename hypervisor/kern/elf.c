/* SPDX-License-Identifier: BSD-2-Clause */
#include "elf.h"

#include "string.h"
#include <arch/platform.h>
#include <arch/elf.h>

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

#define PT_LOAD 1
#define PF_X    1
#define PF_W    2
#define PF_R    4

const char *elf_load(const void *image, uint64_t size, struct ptab *space, struct range memory,
                     uint64_t *used, uint64_t *entry)
{
    struct elf_header h;

    if (size < sizeof(h))
        return "it is too short for an ELF header";
    memcpy(&h, image, sizeof(h));
    if (memcmp(h.ident, "\177ELF\2\1\1", 7) || h.type != 2 || h.machine != ARCH_ELF_MACHINE)
        return "it is not an executable ELF64 file of this architecture";
    if (h.phentsize != sizeof(struct elf_segment) || h.phoff > size ||
        h.phnum > (size - h.phoff) / sizeof(struct elf_segment))
        return "its program headers are outside the file";
    *entry = h.entry;
    for (unsigned i = 0; i < h.phnum; i++) {
        struct elf_segment s;
        memcpy(&s, (const char *)image + h.phoff + i * sizeof(s), sizeof(s));
        if (s.type != PT_LOAD || !s.memsz)
            continue;
        uint64_t start = ALIGN_DOWN(s.vaddr, PAGE_SIZE);
        if (s.offset > size || s.filesz > size - s.offset || s.filesz > s.memsz || s.memsz > memory.size ||
            s.vaddr + s.memsz < s.vaddr)
            return "a segment is outside the file";
        uint64_t length = ALIGN_UP(s.vaddr + s.memsz, PAGE_SIZE) - start;
        if (length > memory.size - *used)
            return "its segments do not fit into the task's memory";
        char *to = pa_ptr(pa(memory.base + *used));
        memcpy(to + (s.vaddr - start), (const char *)image + s.offset, s.filesz);
        arch_mem_sync(to, length);
        unsigned rights = (s.flags & PF_R ? PTAB_READ : 0) | (s.flags & PF_W ? PTAB_WRITE : 0) |
                          (s.flags & PF_X ? PTAB_EXEC : 0);
        if (ptab_map(space, start, ptr_pa(to), length, rights) != ORD_OK)
            return "its segments overlap or are outside the address space";
        *used += length;
    }
    return *used ? NULL : "it has no loadable segment";
}
