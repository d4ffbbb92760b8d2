/* SPDX-License-Identifier: BSD-2-Clause */
/* Contract: ARCH_ELF_MACHINE, e_machine of host tasks, comes from <arch_elf.h>. */
#ifndef HV_ARCH_ELF_H
#define HV_ARCH_ELF_H

#include <arch_elf.h>

#endif
