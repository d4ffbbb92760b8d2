/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ID registers as guests see them: an allow-list. A field that is not listed reads as 0, "not implemented",
 * so that state which is not carried across a detach (SVE, SME, MTE, GCS, …) is never used.
 */
#include "idregs.h"

#include "sysreg.h"
#include <arch/platform.h>

#define F(lsb) (0xfull << (lsb))

/* Reads field lsb of v, at most `max`. */
static uint64_t clamp(uint64_t v, unsigned lsb, uint64_t max)
{
    uint64_t f = v >> lsb & 0xf;

    return (v & ~F(lsb)) | MIN(f, max) << lsb;
}

static uint64_t pfr0(void)
{
    uint64_t v = sysreg_read(id_aa64pfr0_el1);

    /* EL0, EL1, FP, AdvSIMD, GIC, DIT, CSV2, CSV3; EL1 is AArch64 only */
    v &= F(0) | F(4) | F(16) | F(20) | F(24) | F(48) | F(56) | F(60);
    return clamp(clamp(v, 4, 1), 56, 1);
}

static uint64_t isar1(void)
{
    /* DPB, APA, API, JSCVT, FCMA, LRCPC, GPA, GPI, FRINTTS, SB, SPECRES, BF16, DGH, I8MM */
    return sysreg_read(id_aa64isar1_el1) & 0x00ffffffffffffffull;
}

static uint64_t mmfr0(void)
{
    static const uint8_t bits[] = {32, 36, 40, 42, 44, 48, 52};
    uint64_t v = sysreg_read(id_aa64mmfr0_el1);
    uint64_t range = 0;

    /* PARange: what stage 2 translates. ASIDBits, BigEnd, SNSMem, BigEndEL0, granules, ExS, ECV <= 1 */
    while (range + 1 < ARRAY_SIZE(bits) && bits[range + 1] <= arch_space_bits())
        range++;
    v &= F(4) | F(8) | F(12) | F(16) | F(20) | F(24) | F(28) | F(44) | F(60);
    return clamp(v, 60, 1) | range;
}

static uint64_t mmfr1(void)
{
    /* HAFDBS <= 2, HPDS, PAN, ETS, nTLBPA, ECBHB */
    uint64_t v = sysreg_read(id_aa64mmfr1_el1) & (F(0) | F(12) | F(20) | F(36) | F(48) | F(60));

    return clamp(clamp(v, 0, 2), 20, 3);
}

static uint64_t mmfr2(void)
{
    /* CnP, UAO, LSM, VARange, CCIDX, ST, AT, IDS, TTL, BBM, E0PD */
    return sysreg_read(id_aa64mmfr2_el1) &
           (F(0) | F(4) | F(8) | F(16) | F(20) | F(28) | F(32) | F(36) | F(48) | F(52) | F(60));
}

static uint64_t dfr0(void)
{
    /* DebugVer <= 8, BRPs, WRPs, CTX_CMPs, DoubleLock; no PMU, trace, SPE */
    return clamp(sysreg_read(id_aa64dfr0_el1) & (F(0) | F(12) | F(20) | F(28) | F(36)), 0, 8);
}

static uint64_t aarch64(unsigned crm, unsigned op2)
{
    switch (crm << 3 | op2) {
    case 4 << 3 | 0:
        return pfr0();
    case 4 << 3 | 1: /* BT, SSBS */
        return sysreg_read(id_aa64pfr1_el1) & (F(0) | F(4));
    case 5 << 3 | 0:
        return dfr0();
    case 6 << 3 | 0: /* all but TME */
        return sysreg_read(id_aa64isar0_el1) & ~F(24);
    case 6 << 3 | 1:
        return isar1();
    case 6 << 3 | 2: /* RPRES, GPA3, APA3, BC, PAC_frac, CLRBHB */
        return sysreg_read(S3_0_C0_C6_2) & (F(4) | F(8) | F(12) | F(20) | F(24) | F(28));
    case 7 << 3 | 0:
        return mmfr0();
    case 7 << 3 | 1:
        return mmfr1();
    case 7 << 3 | 2:
        return mmfr2();
    default:
        return 0;
    }
}

/* AArch32, for 32-bit programs of the guest. */
static uint64_t aarch32(unsigned crm, unsigned op2)
{
    switch (crm << 3 | op2) {
    case 1 << 3 | 0: /* no RAS, AMU */
        return sysreg_read(id_pfr0_el1) & 0x0f0fffff;
    case 1 << 3 | 1:
        return sysreg_read(id_pfr1_el1);
    case 1 << 3 | 2: /* PerfMon: not implemented */
        return sysreg_read(id_dfr0_el1) | 0x0f000000;
    case 1 << 3 | 4:
        return sysreg_read(id_mmfr0_el1);
    case 1 << 3 | 5:
        return sysreg_read(id_mmfr1_el1);
    case 1 << 3 | 6:
        return sysreg_read(id_mmfr2_el1);
    case 1 << 3 | 7:
        return sysreg_read(id_mmfr3_el1);
    case 2 << 3 | 0:
        return sysreg_read(id_isar0_el1);
    case 2 << 3 | 1:
        return sysreg_read(id_isar1_el1);
    case 2 << 3 | 2:
        return sysreg_read(id_isar2_el1);
    case 2 << 3 | 3:
        return sysreg_read(id_isar3_el1);
    case 2 << 3 | 4:
        return sysreg_read(id_isar4_el1);
    case 2 << 3 | 5:
        return sysreg_read(id_isar5_el1);
    case 2 << 3 | 6:
        return sysreg_read(id_mmfr4_el1);
    case 2 << 3 | 7:
        return sysreg_read(S3_0_C0_C2_7); /* ID_ISAR6_EL1 */
    case 3 << 3 | 0:
        return sysreg_read(mvfr0_el1);
    case 3 << 3 | 1:
        return sysreg_read(mvfr1_el1);
    case 3 << 3 | 2:
        return sysreg_read(mvfr2_el1);
    case 3 << 3 | 4:
        return sysreg_read(S3_0_C0_C3_4); /* ID_PFR2_EL1 */
    default:
        return 0;
    }
}

uint64_t idreg_read(unsigned crm, unsigned op2)
{
    return crm >= 4 ? aarch64(crm, op2) : aarch32(crm, op2);
}
