/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries:  bit 0 valid | bit 1 table | bits 5:2 PTAB_* | bit 6 the hypervisor's own | bits 8:7 level of a
 * leaf | bits 47:12 address
 */
#include "ptab.h"

#include "fake.h"
#include <arch/ptab.h>

#define PTE_VALID   BIT(0)
#define PTE_TABLE   BIT(1)
#define PTE_OWN     BIT(6)
#define PTE_ADDRESS BIT_RANGE(47, 12)

/* As arm64: a root of up to 16 pages, but for the hypervisor. */
void arch_ptab_shape(struct ptab *p)
{
    unsigned inside; /* bits that one page as root translates */

    p->root_level = p->bits > (p->kind == PTAB_OWN ? 39 : 43) ? 0 : 1;
    inside = p->root_level ? 39 : 48;
    p->root_order = p->bits > inside ? (uint8_t)(p->bits - inside) : 0;
}

bool arch_pte_valid(uint64_t pte)
{
    return pte & PTE_VALID;
}

bool arch_pte_is_table(uint64_t pte, unsigned level)
{
    bool table = (pte & (PTE_VALID | PTE_TABLE)) == (PTE_VALID | PTE_TABLE);

    __atomic_fetch_add(&fake.ptab_entries, 1, __ATOMIC_RELAXED);
    FAKE_CHECK(!table || level < 3);
    FAKE_CHECK(table || !(pte & PTE_VALID) || FIELD(pte, 8, 7) == level);
    return table;
}

uint64_t arch_pte_address(uint64_t pte)
{
    FAKE_CHECK(pte & PTE_VALID);
    return pte & PTE_ADDRESS;
}

uint64_t arch_pte_table(const struct ptab *p UNUSED, uint64_t address)
{
    FAKE_CHECK(!(address & ~PTE_ADDRESS));
    return address | PTE_VALID | PTE_TABLE;
}

uint64_t arch_pte_leaf(const struct ptab *p, uint64_t address, unsigned level, unsigned rights)
{
    FAKE_CHECK(!(address & ~PTE_ADDRESS) && address % (PAGE_SIZE << 9 * (3 - level)) == 0);
    FAKE_CHECK(level >= 1 && level <= 3 && rights < 16);
    __atomic_fetch_add(&fake.ptab_entries, 1, __ATOMIC_RELAXED);
    return address | PTE_VALID | rights << 2 | (p->kind == PTAB_OWN ? PTE_OWN : 0) | (uint64_t)level << 7;
}

unsigned arch_pte_rights(const struct ptab *p, uint64_t pte)
{
    FAKE_CHECK(!!(pte & PTE_OWN) == (p->kind == PTAB_OWN));
    return (unsigned)FIELD(pte, 5, 2);
}

void arch_ptab_sync(const void *start UNUSED, uint64_t size UNUSED) {}

void arch_ptab_flush(const struct ptab *p UNUSED)
{
    __atomic_fetch_add(&fake.ptab_flushes, 1, __ATOMIC_RELAXED);
}
