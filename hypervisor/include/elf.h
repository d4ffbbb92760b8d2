/* SPDX-License-Identifier: BSD-2-Clause */
/* Loader for host tasks: static ELF64 executables. */
#ifndef HV_ELF_H
#define HV_ELF_H

#include "platform.h"
#include "ptab.h"
#include "types.h"

/* Copies the PT_LOAD segments of [image, image + size) into `memory` and maps them. *used: bytes of
 * `memory` taken, page-aligned. Returns NULL, or what is wrong with the file. */
const char *elf_load(const void *image, uint64_t size, struct ptab *space, struct range memory,
                     uint64_t *used, uint64_t *entry) MUST_CHECK;

#endif
