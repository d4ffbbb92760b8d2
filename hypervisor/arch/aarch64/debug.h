/* SPDX-License-Identifier: BSD-2-Clause */
/* Breakpoints, watchpoints and the OS lock of vCPUs (ARM ARM D2, H6). */
#ifndef AARCH64_DEBUG_H
#define AARCH64_DEBUG_H

#include "core.h"
#include "vcpu.h"

/* Makes the hardware hold d, which it does not (c->arch.debug). */
void debug_load(struct core *c, struct debug *d);

#endif
