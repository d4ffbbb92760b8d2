/* SPDX-License-Identifier: BSD-2-Clause */
/* Contract: form of a page-table entry, and invalidation. */
#ifndef HV_ARCH_PTAB_H
#define HV_ARCH_PTAB_H

#include <ptab.h>

/* Sets root_level (0 or 1) and root_order (of pages) for the table's kind and bits. */
void arch_ptab_shape(struct ptab *p);

bool arch_pte_valid(uint64_t pte);
bool arch_pte_is_table(uint64_t pte, unsigned level);
uint64_t arch_pte_address(uint64_t pte);
uint64_t arch_pte_table(const struct ptab *p, uint64_t address);
uint64_t arch_pte_leaf(const struct ptab *p, uint64_t address, unsigned level, unsigned rights);
unsigned arch_pte_rights(const struct ptab *p, uint64_t pte);
/* Makes table writes visible to the walkers (also to cores with caches off, if coherent walks need it). */
void arch_ptab_sync(const void *start, uint64_t size);
/* Drops all cached translations of the space, on all cores, before it returns: by a broadcast, or by asking
 * those that may have some and waiting for their answers. */
void arch_ptab_flush(const struct ptab *p);

#endif
