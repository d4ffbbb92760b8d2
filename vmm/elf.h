/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF files of host tasks: static, for the architecture that this runs on. */
#ifndef VMM_ELF_H
#define VMM_ELF_H

#include <stdbool.h>
#include <stdint.h>

#define ELF_SEGMENTS_MAX 8

struct elf_segment {
    uint64_t address, size; /* in the task; whole pages */
    uint64_t skip;          /* bytes before its contents in the first page */
    const void *data;
    uint64_t data_size;
    uint32_t rights; /* ORD_MEM_* */
};

struct elf {
    uint64_t entry;
    uint64_t size; /* of all segments */
    uint32_t segment_count;
    struct elf_segment segment[ELF_SEGMENTS_MAX];
};

/* Checks the file and finds its segments, which must lie in [base, end). NULL, or what is wrong. */
const char *elf_parse(struct elf *elf, const void *image, uint64_t size, uint64_t base, uint64_t end);

#endif
