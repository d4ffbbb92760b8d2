/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls of the machine's firmware that the guest may make (doc/config.md, firmware-calls). */
#ifndef VMM_FIRMWARE_H
#define VMM_FIRMWARE_H

#include <stdbool.h>
#include <stdint.h>

struct vm;

/* NULL if a guest may be given these calls, else why not. */
const char *firmware_refused(uint32_t first, uint32_t last);

/* Gives those of the configuration to the VM, which has no vCPUs yet. A message says what failed. */
bool firmware_allow(struct vm *vm);

#endif
