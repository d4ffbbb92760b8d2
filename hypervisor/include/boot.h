/* SPDX-License-Identifier: BSD-2-Clause */
/* Start of the generic part: with caches, the console and this core's interrupts ready. */
#ifndef HV_BOOT_H
#define HV_BOOT_H

void boot_main(void);

#endif
