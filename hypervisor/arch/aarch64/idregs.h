/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AARCH64_IDREGS_H
#define AARCH64_IDREGS_H

#include "types.h"

/* What a guest reads from ID register S3_0_C0_C<crm>_<op2> (crm 1..7). */
uint64_t idreg_read(unsigned crm, unsigned op2);

#endif
