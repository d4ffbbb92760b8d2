/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * By MIDR_EL1, from Arm's software developers errata notices and Linux's table
 * (arch/arm64/kernel/cpu_errata.c). doc/limits.md has a row for each, and for those that are dealt with
 * elsewhere.
 */
#include "errata.h"

#include "atomic.h"
#include "console.h"
#include "sysreg.h"

#define MIDR(implementer, part) ((implementer) << 24 | 0xfu << 16 | (part) << 4)
#define MIDR_CORE               0xff0ffff0u
#define REVISION(r, p)          ((r) << 4 | (p))
#define REVISION_OF(midr)       (((midr) >> 16 & 0xf0) | ((midr)&0xf))
#define ALL                     REVISION(0xf, 0xf)

bool errata_repeat_tlbi;

static const struct erratum {
    uint32_t midr, first, last; /* revisions */
    const char *name;
    bool *cure;
} table[] = {
    {MIDR(0x41u, 0xd0bu), REVISION(0, 0), REVISION(3, 0), "Cortex-A76 1286807", &errata_repeat_tlbi},
    {MIDR(0x51u, 0x804u), REVISION(0xc, 0xe), REVISION(0xf, 0xe), "Kryo 4xx Gold 1286807",
     &errata_repeat_tlbi},
    {MIDR(0x41u, 0xd05u), REVISION(0, 0), ALL, "Cortex-A55 2441007", &errata_repeat_tlbi},
    {MIDR(0x41u, 0xd46u), REVISION(0, 0), REVISION(1, 1), "Cortex-A510 2441009", &errata_repeat_tlbi},
    {MIDR(0x51u, 0xc00u), REVISION(0, 0), REVISION(0, 0), "Falkor 1009", &errata_repeat_tlbi},
};

void errata_init_core(void)
{
    uint32_t midr = (uint32_t)sysreg_read(midr_el1), revision = REVISION_OF(midr);

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const struct erratum *e = &table[i];
        if ((midr & MIDR_CORE) != e->midr || revision < e->first || revision > e->last)
            continue;
        /* Once for all cores. */
        if (!atomic_exchange(e->cure, true))
            print("erratum of these cores: %s", e->name);
    }
}
