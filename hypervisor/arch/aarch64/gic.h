/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's GICv3 (Arm IHI0069): distributor, redistributors, CPU interface. */
#ifndef AARCH64_GIC_H
#define AARCH64_GIC_H

#include "core.h"

#define INTID_KICK        0 /* SGI: look at the mailbox */
#define INTID_CONSOLE     1 /* SGI: output waits */
#define INTID_MAINTENANCE 25
#define INTID_HTIMER      26   /* CNTHP */
#define INTID_VTIMER      27   /* CNTV */
#define INTID_SPECIAL     1020 /* to 1023 */
#define INTID_LPI         8192 /* and above */

#define ICC_SRE_SYSTEM 0x7 /* DIB, DFB, SRE: system registers, no bypass */

void gic_init(void); /* once */
void gic_init_core(struct core *c);

/* Acknowledges and handles the interrupt of highest priority that is pending on this core. Returns how many:
 * 1, or 0 if none is. */
uint64_t gic_handle(struct core *c);

#endif
