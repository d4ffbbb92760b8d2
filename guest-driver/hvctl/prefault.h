/* SPDX-License-Identifier: BSD-2-Clause */
/* Between hvctl and the library that it has loaded into programs. */
#ifndef HVCTL_PREFAULT_H
#define HVCTL_PREFAULT_H

#define PREFAULT_LIBRARY "libdetach-prefault.so"

/* PID:mlock or PID:prefault; other processes ignore it. */
#define PREFAULT_VARIABLE "HVCTL_PREFAULT"

#define PREFAULT_STACK (512 * 1024)
#define PREFAULT_HEAP  (4 * 1024 * 1024)

#endif
