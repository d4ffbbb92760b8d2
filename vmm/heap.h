/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for what lives as long as the VMM: handed out once at start, never given back. */
#ifndef VMM_HEAP_H
#define VMM_HEAP_H

#include <stddef.h>
#include <stdint.h>

/* Takes over the zeroed range. */
void heap_init(uint64_t base, uint64_t size);

/* `size` zeroed bytes at a multiple of `align` (a power of two), or NULL when there are not as many. */
void *heap_alloc(size_t size, size_t align);

#endif
