/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VMM_MMIO_H
#define VMM_MMIO_H

#include <stdbool.h>
#include <stdint.h>

/* A decoded access of the guest to a device's registers. */
struct mmio {
    uint64_t address; /* guest physical */
    uint32_t size;    /* 1, 2, 4, 8 */
    bool write;
    uint64_t data;
};

#endif
