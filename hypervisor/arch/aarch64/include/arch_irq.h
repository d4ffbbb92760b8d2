/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines are INTIDs of the GIC (IHI0069, 2.2): 0..15 SGIs and 16..31 PPIs of each core, 32..1019 SPIs. */
#ifndef ARCH_IRQ_IMPL_H
#define ARCH_IRQ_IMPL_H

#include "types.h"

#define ARCH_LINE_FIRST 32
#define ARCH_LINE_LIMIT 1020

/* PPIs. */
static inline bool arch_exception_valid(uint64_t line)
{
    return line >= 16 && line < ARCH_LINE_FIRST;
}

#endif
