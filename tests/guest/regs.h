/* SPDX-License-Identifier: BSD-2-Clause */
/* Every register that user mode sees, loaded before an operation and stored after it (regs.S). */
#ifndef TESTS_GUEST_REGS_H
#define TESTS_GUEST_REGS_H

#include <stddef.h>
#include <stdint.h>

struct regs {
    uint64_t x[31];
    uint64_t sp; /* in: where `struct regs` out lies, with a stack for signal handlers below it */
    uint64_t nzcv;
    uint64_t tpidr_el0;
    uint64_t fpsr;
    uint64_t fpcr;
    uint64_t dit;
    uint64_t reserved;
    uint64_t v[64];
};
_Static_assert(offsetof(struct regs, sp) == 248, "regs.S");
_Static_assert(offsetof(struct regs, v) == 304, "regs.S");

/*
 * Each loads all registers from *in, does one thing, and stores all of them at in->sp. No memory but that is
 * touched in between, and thread-local storage does not exist: no call of libc, one thread, no C handler.
 */
typedef void regs_operation(const struct regs *in);
regs_operation regs_svc;   /* svc #0 */
regs_operation regs_load;  /* reads a byte at x9 into wzr */
regs_operation regs_store; /* writes x10 to x9 */
regs_operation regs_pair;  /* writes x10 and x11 to x9, which may be the end of a page */
regs_operation regs_simd;  /* reads q0, q1 from x9: their expected values are the memory's */
regs_operation regs_fetch; /* branches to x9, where there is `br x11`, and gets x11 = the way back */
regs_operation regs_spin;  /* counts x9 down to 0 */

extern char regs_fetch_return[]; /* the address that x11 needs */

/* Not 0: the CPU has FEAT_DIT, so PSTATE.DIT is loaded and stored, too. */
extern uint64_t regs_has_dit;

/* A signal handler that needs neither stack nor TLS: counts itself. */
void regs_handler(int number);
extern volatile uint64_t regs_handler_count;

#endif
