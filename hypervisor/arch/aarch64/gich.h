/* SPDX-License-Identifier: BSD-2-Clause */
/* GICv3 virtual interface: list registers. The distributor is the VMM's. */
#ifndef AARCH64_GICH_H
#define AARCH64_GICH_H

#include "core.h"
#include "vcpu.h"

void gich_init_core(void);
void gich_reset(struct gich *g);
void gich_save(struct gich *g);
void gich_load(const struct gich *g);
void gich_off(void);

/* Puts pending interrupts of the loaded vCPU into list registers. */
void gich_flush(struct vcpu *v);
/* The hardware asks for more: fewer than two list registers are in use. */
void gich_underflow(struct core *c);
/* Some list register of the loaded vCPU is pending. */
bool gich_pending(void);
/* Snapshot of the private interrupts for the VMM: in the hardware, or of a vCPU that is not loaded. */
void gich_snapshot(uint32_t *pending, uint32_t *active);
void gich_snapshot_saved(const struct gich *g, uint32_t *pending, uint32_t *active);
/* A physical interrupt that the guest has not seen goes back to the distributor. */
void gich_give_back(uint32_t intid);
/* Drops everything of the loaded vCPU, deactivates its physical interrupts. */
void gich_drop(struct vcpu *v);
/* The same for one that is not loaded, on its core. */
void gich_drop_saved(struct vcpu *v);

#endif
