/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Detach ABI on arm64 (outrider/detach.h).
 *
 * Hypercalls follow SMCCC 1.2 (Arm DEN0028), HVC #0 (or SMC #0) from EL1, function number in w0, arguments in
 * x1..x5; x0 returns an ord_status, x1..x3 return values. x4..x17 and everything else are preserved. A call
 * from EL0 is not possible: HVC is undefined there (ARM ARM DDI0487, C6.2 HVC).
 *
 * An event's code is ESR_EL1, its address FAR_EL1; ESR_EL2 and FAR_EL2 for STAGE2 and for an EXCEPTION that
 * EL2 takes itself. A system call is SVC, its number in x8.
 */
#ifndef OUTRIDER_ARCH_ARM64_DETACH_H
#define OUTRIDER_ARCH_ARM64_DETACH_H

/* SMCCC "Call UID" of the vendor hypervisor service range; returns the four words below in w0..w3. */
#define ORD_HC_CALL_UID 0x8600ff01u
#define ORD_HC_REVISION 0x8600ff03u
#define ORD_UID_0       0x6f757472u /* "outr" */
#define ORD_UID_1       0x69646572u /* "ider" */
#define ORD_UID_2       0x2d646574u
#define ORD_UID_3       0x61636831u

#define ORD_HC_BASE 0xc6000000u /* fast call, 64-bit, vendor specific hypervisor service */

/* User PSTATE bits that run() accepts and events return (ARM ARM C5.2.18, SPSR_EL1): NZCV, DIT, SSBS, BTYPE,
 * TCO. */
#define ORD_PSTATE_MASK 0xf3001c00ull

/*
 * Members of struct ord_frame:
 *   128  general registers, both ways; pstate & ORD_PSTATE_MASK
 *   400  context of the thread, guest to hypervisor; tpidr_el0 both ways
 *          ttbr0_el1     table base; its ASID field and CnP are ignored
 *          asid          user ASID: bits 15:0; goes to TTBR1_EL1 or TTBR0_EL1 as TCR_EL1.A1 says
 *          tcr_el1       Linux's value; the hypervisor replaces the TTBR1 half
 *          mair_el1      Linux's value
 *          sctlr_el1     the value in effect at EL0
 *          pauth         APIA, APIB, APDA, APDB, APGA: low then high half each; 0 without FEAT_PAuth
 *          serve         ORD_SERVE_*
 *          clock_offset  ns, signed: the thread's CLOCK_MONOTONIC minus the timebase's (time namespaces)
 *          channels      bit n: its host calls may use channel n
 *   608  FP/SIMD, both ways: v is V0 low, V0 high, V1 low, ...
 */
#define ORD_FRAME_REGISTERS                                                                                  \
    uint64_t x[31];                                                                                          \
    uint64_t sp;                                                                                             \
    uint64_t pc;                                                                                             \
    uint64_t pstate;                                                                                         \
    uint64_t tpidr_el0;                                                                                      \
    uint64_t tpidrro_el0;                                                                                    \
    uint64_t ttbr0_el1;                                                                                      \
    uint64_t asid;                                                                                           \
    uint64_t tcr_el1;                                                                                        \
    uint64_t mair_el1;                                                                                       \
    uint64_t sctlr_el1;                                                                                      \
    uint64_t cntkctl_el1;                                                                                    \
    uint64_t cpacr_el1;                                                                                      \
    uint64_t pauth[10];                                                                                      \
    uint64_t serve;                                                                                          \
    uint64_t clock_offset;                                                                                   \
    uint64_t channels;                                                                                       \
    uint64_t context_reserved[4];                                                                            \
    uint32_t fpsr;                                                                                           \
    uint32_t fpcr;                                                                                           \
    uint64_t fp_reserved;                                                                                    \
    uint64_t v[64];                                                                                          \
    uint64_t fp_reserved2[14]
#define ORD_FRAME_ASSERT                                                                                     \
    ORD_ASSERT(offsetof(struct ord_frame, x) == 128);                                                        \
    ORD_ASSERT(offsetof(struct ord_frame, tpidr_el0) == 400);                                                \
    ORD_ASSERT(offsetof(struct ord_frame, fpsr) == 608);                                                     \
    ORD_ASSERT(offsetof(struct ord_frame, v) == 624)

#endif
