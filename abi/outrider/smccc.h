/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls of the machine's firmware that a VM may be given (abi.md, vm_firmware). arm64: SMCCC function
 * identifiers (Arm DEN0028): bit 31 fast (else yielding), bit 30 SMC64, 29:24 the service, 15:0 the function.
 */
#ifndef OUTRIDER_SMCCC_H
#define OUTRIDER_SMCCC_H

#include "types.h"

#define ORD_SMCCC_FAST       (1u << 31)
#define ORD_SMCCC_SERVICE(f) ((f) >> 24 & 0x3f)

enum ord_smccc_service {
    ORD_SMCCC_ARCH = 0,     /* workarounds of errata */
    ORD_SMCCC_SIP = 2,      /* of the chip: SCMI, EEMI, … */
    ORD_SMCCC_OEM = 3,      /* of the board */
    ORD_SMCCC_STANDARD = 4, /* PSCI, SDEI, random numbers, … */
    ORD_SMCCC_TRUSTED = 48, /* 48 to 63: trusted applications and trusted OS */
};

/*
 * Whether the calls `first` to `last` may be given to a VM: all of one service and of one kind. Never those
 * that start, stop or suspend cores or register handlers at EL2 (PSCI, SDEI), that hand memory over to
 * somebody else (FF-A, realms), or that a hypervisor answers by itself (SMCCC_VERSION, SMCCC_ARCH_FEATURES,
 * services 5 and 6).
 */
static inline int ord_smccc_range_valid(uint32_t first, uint32_t last)
{
    uint32_t from = first & 0xffff, to = last & 0xffff;

    if (first > last || (first ^ last) >> 16 || (first >> 16 & 0xff))
        return 0;
    if (!(first & ORD_SMCCC_FAST)) /* of a trusted OS; below are calls older than the numbering */
        return first >> 24 >= 2;
    switch (ORD_SMCCC_SERVICE(first)) {
    case ORD_SMCCC_ARCH:
        return from >= 2;
    case ORD_SMCCC_SIP:
    case ORD_SMCCC_OEM:
        return 1;
    case ORD_SMCCC_STANDARD: /* random numbers (DEN0098), errata that firmware has cured (DEN0100) */
        return (from >= 0x50 && to <= 0x5f) || (from >= 0xf0 && to <= 0xff);
    default:
        return ORD_SMCCC_SERVICE(first) >= ORD_SMCCC_TRUSTED;
    }
}

#endif
