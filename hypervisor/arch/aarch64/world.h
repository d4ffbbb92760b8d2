/* SPDX-License-Identifier: BSD-2-Clause */
/* Switching register state (arch_thread.h explains worlds). */
#ifndef AARCH64_WORLD_H
#define AARCH64_WORLD_H

#include "core.h"
#include <arch_thread.h>

struct ptab;

#define HCR_COMMON (HCR_VM | HCR_SWIO | HCR_FMO | HCR_IMO | HCR_AMO | HCR_RW | HCR_TIDCP)
#define HCR_GUEST                                                                                            \
    (HCR_COMMON | HCR_APK | HCR_API | HCR_FB | HCR_BSU_IS | HCR_TWI | HCR_TSC | HCR_TID3 | HCR_TACR |        \
     HCR_TERR | HCR_TLOR)
/* A host task does not get at keys that are a guest's. The VMM does, it is trusted by its own guest. */
#define HCR_TASK  (HCR_COMMON | HCR_TGE | HCR_DC)
#define HCR_VMM   (HCR_TASK | HCR_APK | HCR_API)
#define CPTR_BASE (CPTR_RES1 | CPTR_TZ | CPTR_TSM | CPTR_TTA | CPTR_TAM)

void fpsimd_save(uint64_t v[64]);
void fpsimd_load(const uint64_t v[64]);

/* Makes w's FP/SIMD registers the ones in the hardware, which they are not. */
void world_take_fp(struct core *c, struct world *w);
/* Saves the hardware's FP/SIMD registers, which are w's and accessible. */
void world_save_fp(struct world *w);
/* Makes the hardware hold w, which it does not. */
void world_load(struct core *c, struct world *w);
/* The hardware forgets w without saving it. */
void world_forget(struct core *c, struct world *w);

/* VTTBR_EL2 of a space. */
uint64_t world_vttbr(const struct ptab *space);

/* EL1 registers of host tasks: they find nothing of a guest in what EL0 reads. */
extern struct el1 world_nobody;

/* What is to be added to HCR_EL2 of the guest that has caused an SError with that syndrome: a virtual one, or
 * nothing if the error was corrected. */
uint64_t world_serror(uint64_t esr);
/* The same for the guest in the hardware, which leaves it, of an error that is still on its way. */
uint64_t world_late_serror(void);
/* No walk starts from the EL1 tables in the hardware any more: whose they are may give them back. */
void world_close_tables(void);

extern bool world_has_pauth;

#endif
