/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCH_THREAD_IMPL_H
#define ARCH_THREAD_IMPL_H

#include "types.h"

struct arch_thread {
    uint64_t entry, sp, arg; /* as arch_thread_init() was told */
    int64_t status;          /* result of the last call */
    uint64_t value;
    uint32_t results;     /* calls that have returned */
    uint32_t loads;       /* arch_thread_load() */
    bool context_running; /* arch_context_load() without _save() yet */
};

#endif
