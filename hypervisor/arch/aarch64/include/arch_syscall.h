/* SPDX-License-Identifier: BSD-2-Clause */
#define ARCH_NR_CLOCK_NANOSLEEP 115 /* Linux: include/uapi/asm-generic/unistd.h */
