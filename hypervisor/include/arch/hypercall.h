/* SPDX-License-Identifier: BSD-2-Clause */
/* Contract: what hypercalls need of the architecture. */
#ifndef HV_ARCH_HYPERCALL_H
#define HV_ARCH_HYPERCALL_H

#include <types.h>

/* ORD_FEATURE_* */
uint64_t arch_hypercall_features(void);

/* Invalidates translations of the calling guest's own tables for `asid` on all cores: `pages` pages from
 * `address`, or all for ORD_FLUSH_ALL (and for long ranges); before it returns, as arch_ptab_flush() does. */
void arch_hypercall_flush(uint64_t asid, uint64_t address, uint64_t pages);

#endif
