/* SPDX-License-Identifier: BSD-2-Clause */
/* Fields of registers that both kinds of frame have. */
#include "gic.h"

#define GICD_TYPER_ITLINES(t) ((t)&0x1f)

uint32_t gic_intid_count(uint32_t gicd_typer)
{
    uint32_t count = 32 * (GICD_TYPER_ITLINES(gicd_typer) + 1);

    return count < GIC_INTID_MAX ? count : GIC_INTID_MAX;
}

void gic_access_64(uint64_t *value, uint32_t offset, struct mmio *mmio)
{
    uint32_t shift = offset & 4 ? 32 : 0;
    uint64_t mask = mmio->size == 8 ? ~0ull : 0xffffffffull << shift;

    if (mmio->write)
        *value = (*value & ~mask) | (mmio->data << shift & mask);
    else
        mmio->data = (*value & mask) >> shift;
}

bool gic_access_bytes(uint8_t *bytes, struct mmio *mmio, uint8_t mask)
{
    if (mmio->size != 1 && mmio->size != 4)
        return false;
    if (!mmio->write)
        mmio->data = 0;
    for (uint32_t i = 0; i < mmio->size; i++)
        if (mmio->write)
            bytes[i] = (uint8_t)(mmio->data >> 8 * i) & mask;
        else
            mmio->data |= (uint64_t)bytes[i] << 8 * i;
    return true;
}
