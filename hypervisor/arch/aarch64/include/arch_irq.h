/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines are INTIDs of the GIC (IHI0069, 2.2): 0..15 SGIs and 16..31 PPIs of each core, 32..1019 SPIs. */
#ifndef ARCH_IRQ_IMPL_H
#define ARCH_IRQ_IMPL_H

#include "types.h"
#include <outrider/task.h>

#define ARCH_LINE_FIRST ORD_LINE_FIRST
#define ARCH_LINE_LIMIT ORD_LINE_LIMIT

/* PPIs. */
static inline bool arch_exception_valid(uint64_t line)
{
    return line >= ORD_EXCEPTION_FIRST && line <= ORD_EXCEPTION_LAST;
}

#endif
