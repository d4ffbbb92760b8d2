/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stage 1 of the lower half (ARM ARM D8.3), walked by software, through what vm_page() calls guest memory.
 *
 * Not by an AT instruction: its walk follows the guest's tables wherever stage 2 allows, also into a device's
 * registers, and an external abort there is an exception of EL2 itself. And as long as no executable page of
 * EL2 contains AT, the errata of speculative AT (Cortex-A57 1319537, -A72 1319367, -A76 1165522, -A55
 * 1530923, Neoverse N1) need no workaround: "only required if the system software contains an AT instruction
 * as part of an executable page". tests/unit/hypervisor/image.py looks for one.
 *
 * Whoever changes the tables meanwhile does not wait for us, as for a walk by hardware: then what is read may
 * be of a page that was just given back. It is a time to sleep until, and the thread's own doing.
 */
#include "user.h"

#include "string.h"
#include "sysreg.h"
#include "vm.h"

#define DESC_VALID    BIT(0)
#define DESC_TABLE    BIT(1) /* a page at level 3 */
#define DESC_AP_EL0   BIT(6) /* AP[1] */
#define DESC_AF       BIT(10)
#define DESC_APTABLE0 BIT(61) /* nothing below is for EL0 */

/* Where descriptors have bits 51:48 of an address, if they have: there is no guest memory up there. */
static uint64_t high_bits(uint64_t tcr, unsigned granule)
{
    if (tcr & TCR_DS)
        return BIT_RANGE(49, 48) | BIT_RANGE(9, 8);
    return granule == 16 ? BIT_RANGE(15, 12) : BIT_RANGE(49, 48);
}

bool user_translate(struct vm *vm, const struct user_space *u, uint64_t at, uint64_t *address)
{
    static const uint8_t granules[4] = {12, 16, 14, 0}; /* TG0 */
    const uint64_t tcr = u->tcr;
    const unsigned granule = granules[FIELD(tcr, 15, 14)], bits = 64 - (unsigned)FIELD(tcr, 5, 0);

    if (tcr & TCR_TBI0)
        at &= BIT_RANGE(55, 0);
    if (!granule || (tcr & TCR_EPD0) || bits < 25 || bits > 52 || at >> bits)
        return false;
    const unsigned stride = granule - 3;
    int level = 4 - (int)((bits - granule + stride - 1) / stride);
    /* The first table may be smaller than a page, or larger: its size is its alignment. */
    unsigned low = granule + stride * (unsigned)(3 - level);
    uint64_t table = u->ttbr0 & BIT_RANGE(47, MAX(bits - low + 3, 6u)), index = at >> low;

    for (;; level++) {
        uint64_t entry = table + index * 8;
        const char *page = vm_page(vm, ALIGN_DOWN(entry, PAGE_SIZE));
        if (!page)
            return false;
        uint64_t d = READ_ONCE(*(const uint64_t *)(const void *)(page + entry % PAGE_SIZE));
        if (!(d & DESC_VALID) || (d & high_bits(tcr, granule)))
            return false;
        if (level == 3 || !(d & DESC_TABLE)) {
            if (level < 1 || (level == 3 && !(d & DESC_TABLE)) || !(d & DESC_AF) || !(d & DESC_AP_EL0))
                return false;
            *address = (d & BIT_RANGE(47, low)) | (at & (BIT(low) - 1));
            return true;
        }
        if ((d & DESC_APTABLE0) && !(tcr & TCR_HPD0))
            return false;
        table = d & BIT_RANGE(47, granule);
        low -= stride;
        index = at >> low & (BIT(stride) - 1);
    }
}

bool user_read(struct vm *vm, const struct user_space *u, uint64_t at, void *to, uint64_t size)
{
    uint64_t step, address;

    for (char *p = to; size; at += step, p += step, size -= step) {
        step = MIN(size, PAGE_SIZE - at % PAGE_SIZE);
        const char *page =
            user_translate(vm, u, at, &address) ? vm_page(vm, ALIGN_DOWN(address, PAGE_SIZE)) : NULL;
        if (!page)
            return false;
        memcpy(p, page + address % PAGE_SIZE, step);
    }
    return true;
}
