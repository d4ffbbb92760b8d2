/* SPDX-License-Identifier: BSD-2-Clause */
#define ARCH_ELF_MACHINE 0x0fa4 /* of no real machine */
