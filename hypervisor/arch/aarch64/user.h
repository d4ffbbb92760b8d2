/* SPDX-License-Identifier: BSD-2-Clause */
/* User memory of a detached thread, as its own page table shows it. */
#ifndef AARCH64_USER_H
#define AARCH64_USER_H

#include "types.h"

struct vm;

/* Its stage 1: values of TTBR0_EL1 and TCR_EL1. */
struct user_space {
    uint64_t ttbr0, tcr;
};

/* The guest-physical address behind a user address that EL0 may read. False: there is none, or a table that
 * is not plain guest memory. */
bool user_translate(struct vm *vm, const struct user_space *u, uint64_t at, uint64_t *address) MUST_CHECK;
/* Copies `size` bytes of user memory, which may lie across pages. False: not all of it is plain guest memory.
 */
bool user_read(struct vm *vm, const struct user_space *u, uint64_t at, void *to, uint64_t size) MUST_CHECK;

#endif
