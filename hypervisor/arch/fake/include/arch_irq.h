/* SPDX-License-Identifier: BSD-2-Clause */
/* As arm64 has them. */
#ifndef ARCH_IRQ_IMPL_H
#define ARCH_IRQ_IMPL_H

#include "types.h"

#define ARCH_LINE_FIRST 32
#define ARCH_LINE_LIMIT 1020

static inline bool arch_exception_valid(uint64_t line)
{
    return line >= 16 && line < ARCH_LINE_FIRST;
}

#endif
