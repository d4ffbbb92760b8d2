/* SPDX-License-Identifier: BSD-2-Clause */
/* A model of firmware instead of EL3. */
#ifndef AARCH64_SMC_H
#define AARCH64_SMC_H

#include "types.h"

#define SMC_REGISTERS 18

void smc_call(uint64_t x[SMC_REGISTERS]);

#endif
