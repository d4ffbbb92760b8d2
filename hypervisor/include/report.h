/* SPDX-License-Identifier: BSD-2-Clause */
/* What the machine does right now, on the console, for people. */
#ifndef HV_REPORT_H
#define HV_REPORT_H

#include "types.h"

/* Takes keys from now on, on this core, if the console is the hypervisor's own and its interrupt is known. */
void report_listen(void);
/* Handles the interrupt; false: it is not the console's. */
bool report_interrupt(uint32_t intid);

#endif
