/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A core's breakpoints and watchpoints are those of the vCPU that ran last, until another one runs there,
 * which is rare: a core has one vCPU, mostly. All others have MDSCR_EL1 = 0 but for TDCC, which disables
 * them.
 */
#include "debug.h"

#include "sysreg.h"

#define DEBUG_CASES(X)                                                                                       \
    X(15)                                                                                                    \
    X(14)                                                                                                    \
    X(13)                                                                                                    \
    X(12)                                                                                                    \
    X(11)                                                                                                    \
    X(10)                                                                                                    \
    X(9)                                                                                                     \
    X(8)                                                                                                     \
    X(7)                                                                                                     \
    X(6)                                                                                                     \
    X(5)                                                                                                     \
    X(4)                                                                                                     \
    X(3)                                                                                                     \
    X(2)                                                                                                     \
    X(1)                                                                                                     \
    X(0)

static void save(struct debug *d, unsigned breakpoints, unsigned watchpoints)
{
    switch (breakpoints - 1) {
#define X(n)                                                                                                 \
    case n:                                                                                                  \
        d->bvr[n] = sysreg_read(dbgbvr##n##_el1);                                                            \
        d->bcr[n] = sysreg_read(dbgbcr##n##_el1);                                                            \
        __attribute__((fallthrough));
        DEBUG_CASES(X)
#undef X
    default:;
    }
    switch (watchpoints - 1) {
#define X(n)                                                                                                 \
    case n:                                                                                                  \
        d->wvr[n] = sysreg_read(dbgwvr##n##_el1);                                                            \
        d->wcr[n] = sysreg_read(dbgwcr##n##_el1);                                                            \
        __attribute__((fallthrough));
        DEBUG_CASES(X)
#undef X
    default:;
    }
    d->os_lock = sysreg_read(oslsr_el1) & OSLSR_OSLK;
}

static void load(const struct debug *d, unsigned breakpoints, unsigned watchpoints)
{
    switch (breakpoints - 1) {
#define X(n)                                                                                                 \
    case n:                                                                                                  \
        sysreg_write(dbgbvr##n##_el1, d->bvr[n]);                                                            \
        sysreg_write(dbgbcr##n##_el1, d->bcr[n]);                                                            \
        __attribute__((fallthrough));
        DEBUG_CASES(X)
#undef X
    default:;
    }
    switch (watchpoints - 1) {
#define X(n)                                                                                                 \
    case n:                                                                                                  \
        sysreg_write(dbgwvr##n##_el1, d->wvr[n]);                                                            \
        sysreg_write(dbgwcr##n##_el1, d->wcr[n]);                                                            \
        __attribute__((fallthrough));
        DEBUG_CASES(X)
#undef X
    default:;
    }
    sysreg_write(oslar_el1, d->os_lock);
}

void debug_load(struct core *c, struct debug *d)
{
    uint64_t dfr0 = sysreg_read(id_aa64dfr0_el1);
    unsigned breakpoints = (unsigned)FIELD(dfr0, 15, 12) + 1, watchpoints = (unsigned)FIELD(dfr0, 23, 20) + 1;

    if (c->arch.debug)
        save(c->arch.debug, breakpoints, watchpoints);
    load(d, breakpoints, watchpoints);
    c->arch.debug = d;
}
