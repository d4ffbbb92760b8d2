/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VMM_MACHINE_ARCH_H
#define VMM_MACHINE_ARCH_H

#define ARCH_COMMAND_LINE_SIZE 2048 /* Linux: arch/arm64/include/uapi/asm/setup.h */
#define ARCH_DEVICE_NAMES      "\"/pl031@9010000\", \"/fw-cfg@9020000\""

#endif
