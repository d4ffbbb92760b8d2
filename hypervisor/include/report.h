/* SPDX-License-Identifier: BSD-2-Clause */
/* What the machine does right now, on the console, for people; and the console's output, bit by bit. */
#ifndef HV_REPORT_H
#define HV_REPORT_H

#include "types.h"

/* From now on this core takes keys, if the console is the hypervisor's own and its interrupt is known, and
 * sends what is written, so that others do not wait for the UART. */
void report_listen(void);
/* Handles the interrupt; false: it is not the console's. */
bool report_interrupt(uint32_t line);
/* Sends a piece of what is written: somebody has called arch_console_kick(). */
void report_pump(void);

#endif
