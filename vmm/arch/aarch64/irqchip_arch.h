/* SPDX-License-Identifier: BSD-2-Clause */
/* The distributor's registers (gic.h). */
#ifndef VMM_IRQCHIP_ARCH_H
#define VMM_IRQCHIP_ARCH_H

#include <stdint.h>
#include "spinlock.h"

#define GIC_INTID_MAX 1020 /* SGIs, PPIs and SPIs */
#define GIC_WORDS     32   /* of one bit per interrupt */

struct irqchip {
    struct spinlock lock;
    uint64_t gicd_base, gicr_base; /* guest physical */
    uint32_t typer;                /* GICD_TYPER */
    uint32_t intid_count;          /* interrupts 0..intid_count-1 exist */
    uint32_t ctlr;                 /* GICD_CTLR, the two enable bits */
    /* SPIs; element 0 of the bit arrays (private interrupts) is unused */
    uint32_t enabled[GIC_WORDS], group[GIC_WORDS], edge[GIC_WORDS];
    uint32_t forwarded[GIC_WORDS]; /* enabled in the hypervisor */
    uint32_t refused[GIC_WORDS];   /* the hypervisor has no such interrupt for us */
    uint8_t priority[GIC_INTID_MAX];
    uint64_t router[GIC_INTID_MAX];
    uint16_t irq[GIC_INTID_MAX];  /* capability of the irq object, 0 = none yet */
    uint8_t bound[GIC_INTID_MAX]; /* index of the vCPU that the irq object is bound to */
};

#endif
