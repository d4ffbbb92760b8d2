/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine, found in its device tree. Filled once at start, constant afterwards. */
#ifndef AARCH64_MACHINE_H
#define AARCH64_MACHINE_H

#include "fdt.h"
#include "platform.h"

struct machine {
    struct fdt fdt;
    struct range gicd, gicr; /* of the redistributors the first region */
};

extern struct machine machine;

/* Finds everything, also what is in struct platform. Returns NULL, or a message that says what is missing and
 * why that is fatal. */
const char *machine_discover(const void *dtb, uint64_t limit) MUST_CHECK;

#endif
