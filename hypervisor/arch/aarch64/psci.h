/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AARCH64_PSCI_H
#define AARCH64_PSCI_H

#include "types.h"

/* CPU_ON: 0 or a PSCI error code. */
int64_t psci_cpu_on(uint64_t mpidr, uint64_t entry, uint64_t context);

#endif
