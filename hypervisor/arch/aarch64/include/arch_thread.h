/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Register state of whatever runs below EL2.
 *
 * A *world* is what must be in the hardware while a body executes: a small part that every change of body
 * switches, FP/SIMD registers (switched when they are used), and for guests the EL1 registers, which stay
 * in the hardware while the VMM or nothing runs, until another guest body needs them.
 */
#ifndef ARCH_THREAD_IMPL_H
#define ARCH_THREAD_IMPL_H

#include "types.h"

/* Saved by the exception entry; the beginning of struct ord_vcpu_state and of ord_frame.x have this form. */
struct regs {
    uint64_t x[31];
    uint64_t sp; /* SP_EL0 */
    uint64_t pc;
    uint64_t pstate;
};

/* FP/SIMD registers as struct ord_frame has them, from fpsr on. */
struct fpsimd {
    uint32_t fpsr, fpcr;
    uint64_t reserved;
    uint64_t v[64];
};

#define GICH_LR_MAX 16

/* GICv3 virtual interface (IHI0069, 12.4). */
struct gich {
    uint64_t hcr, vmcr;
    uint64_t ap0r[4], ap1r[4];
    uint64_t used; /* bit i: lr[i] is valid */
    uint64_t lr[GICH_LR_MAX];
};

struct el1 {
    uint64_t ttbr0, ttbr1, tcr, mair, amair, vbar, contextidr;
    uint64_t esr, far, afsr0, afsr1, elr, spsr, sp_el1, tpidr_el1, tpidrro_el0, par, csselr;
    uint64_t vmpidr;
    uint64_t pauth[10];
    uint64_t cntv_ctl, cntv_cval;
    struct gich gich;
    bool is_vcpu; /* has the virtual timer and interrupts */
};

struct world {
    uint64_t hcr, vttbr;
    uint64_t sctlr, cpacr, tpidr_el0, cntkctl, mdscr;
    struct el1 *el1; /* NULL: the VMM, which leaves its guest's in place */
    struct fpsimd *fp;
};

struct arch_thread {
    struct regs *regs; /* where the exception entry saves them, and the exit loads them from */
    struct world *world;
    union {
        struct { /* host thread */
            struct regs own_regs;
            struct world own_world;
            struct fpsimd own_fp;
        };
        struct { /* detached thread: regs and FP/SIMD registers are in the frame */
            struct world detached_world;
            struct el1 detached_el1;
            uint64_t detached_vse; /* HCR_VSE: an SError that it has not taken; or 0 */
        };
    };
} __attribute__((aligned(16)));

#endif
