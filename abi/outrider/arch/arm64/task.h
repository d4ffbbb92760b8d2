/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Host task ABI on arm64 (outrider/task.h).
 *
 * SVC #0 at EL0, call number in x8, arguments in x0..x5; x0 returns an ord_status, x1 a value. All other
 * registers are preserved. A host task runs without a stage 1.
 */
#ifndef OUTRIDER_ARCH_ARM64_TASK_H
#define OUTRIDER_ARCH_ARM64_TASK_H

/* Lines are INTIDs: 0..15 SGIs, 16..31 PPIs, 32..1019 SPIs. Below FIRST, they are each vCPU's own. */
#define ORD_LINE_FIRST      32
#define ORD_LINE_LIMIT      1020
#define ORD_EXCEPTION_FIRST 16
#define ORD_EXCEPTION_LAST  31

/* Members of struct ord_bootinfo: physical, for the guest to be given a virtual one; of the redistributors
 * the first region; the machine's GICD_TYPER. */
#define ORD_BOOTINFO_ARCH                                                                                    \
    uint64_t gicd_base, gicd_size;                                                                           \
    uint64_t gicr_base, gicr_size;                                                                           \
    uint32_t gicd_typer

/* Members of struct ord_vcpu_state, at its beginning: general registers. */
#define ORD_VCPU_REGISTERS                                                                                   \
    uint64_t x[31];                                                                                          \
    uint64_t sp_el0;                                                                                         \
    uint64_t pc;                                                                                             \
    uint64_t pstate

/* The faulting intermediate physical address, ESR_EL2, FAR_EL2. mmio_reg is 0..31, 31 = zero register. An
 * answer ABORT injects a synchronous external abort, ESR and FAR as for the exit. */
#define ORD_VCPU_FAULT                                                                                       \
    uint64_t ipa;                                                                                            \
    uint64_t esr;                                                                                            \
    uint64_t far

/*
 * INTIDs 0..31. enabled and priority are set by the VMM's redistributor; pending and active are a snapshot
 * for the VMM, taken at each exit (writes are ignored); edge is reserved in version 1.
 */
#define ORD_VCPU_PRIVATE                                                                                     \
    uint32_t private_enabled;                                                                                \
    uint32_t private_edge;                                                                                   \
    uint32_t private_pending;                                                                                \
    uint32_t private_active;                                                                                 \
    uint8_t private_priority[32]
#define ORD_VCPU_ASSERT                                                                                      \
    ORD_ASSERT(offsetof(struct ord_vcpu_state, x) == 0);                                                     \
    ORD_ASSERT(offsetof(struct ord_vcpu_state, exit) == 272);                                                \
    ORD_ASSERT(offsetof(struct ord_vcpu_state, ipa) == 296);                                                 \
    ORD_ASSERT(offsetof(struct ord_vcpu_state, private_enabled) == 328)

#endif
