/* SPDX-License-Identifier: BSD-2-Clause */
#define ARCH_ELF_MACHINE 183 /* EM_AARCH64 */
