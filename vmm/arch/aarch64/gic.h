/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GICv3 distributor and redistributors as the guest sees them (Arm IHI 0069, chapter 12): one security
 * state (GICD_CTLR.DS), affinity routing always on, no LPIs, no extended ranges.
 *
 *   gicd.c  GICD_*   SPIs: an irq object of the hypervisor each, made when the guest first wants it
 *   gicr.c  GICR_*   SGIs and PPIs: bits in the vCPU's state page
 *   gic.c            which frame an access hits; gic_reg.c: fields that both have
 *
 * An interrupt is forwarded if it is enabled, in group 1, and GICD_CTLR.EnableGrp1 is set. Group 0 would
 * be an FIQ: nothing delivers it. After reset all are in group 1, as firmware would leave them.
 *
 * An SPI whose target is off is not enabled in the hypervisor either: it stays pending in the machine's
 * distributor, as on hardware, until the guest routes it elsewhere or starts that vCPU.
 */
#ifndef VMM_GIC_H
#define VMM_GIC_H

#include "arch/irqchip.h"

#define GIC_SPI_FIRST 32

#define GICD_FRAME_SIZE 0x10000ull
#define GICR_FRAME_SIZE 0x20000ull /* RD_base and SGI_base */

/* Bits of a priority that exist. */
#define GIC_PRIORITY_MASK 0xf8

/* GICD_CTLR (IHI 0069, 12.9.4), with DS = 1. */
#define GICD_CTLR_ENABLE_GRP0 (1u << 0)
#define GICD_CTLR_ENABLE_GRP1 (1u << 1)
#define GICD_CTLR_ARE         (1u << 4)
#define GICD_CTLR_DS          (1u << 6)

/* Interrupts 0..n-1 exist in a distributor with this GICD_TYPER. */
uint32_t gic_intid_count(uint32_t gicd_typer);

/* The parts, with its lock held and the offset in their frame. */
void gicd_access_locked(struct vm *vm, uint32_t offset, struct mmio *mmio);
void gicd_retarget_locked(struct vm *vm);
void gicr_access_locked(struct vm *vm, struct vcpu *self, struct vcpu *owner, uint32_t offset,
                        struct mmio *mmio);
void gicr_reset(struct vcpu *vcpu);

/* Makes the state page's enables follow the redistributor and GICD_CTLR; `self` runs this thread. */
void gicr_forward_locked(struct vm *vm, struct vcpu *self, struct vcpu *owner);

/* Merges a 32-bit half (or all) of a 64-bit register into *value; used by both frames. */
void gic_access_64(uint64_t *value, uint32_t offset, struct mmio *mmio);

/* An access to `count` byte-wide fields from `bytes` on: one or four of them; `mask` = bits that exist. */
bool gic_access_bytes(uint8_t *bytes, struct mmio *mmio, uint8_t mask);

#endif
