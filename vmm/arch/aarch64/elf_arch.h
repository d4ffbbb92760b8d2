/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VMM_ELF_ARCH_H
#define VMM_ELF_ARCH_H

#define ELF_MACHINE 183 /* EM_AARCH64 */

#endif
