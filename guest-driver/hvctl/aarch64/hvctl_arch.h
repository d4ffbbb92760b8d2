/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What hvctl knows of its architecture; the words for faults and exceptions are in event.c beside this.
 *
 *   ARCH_CORE, _KEY    the name of a core's identity in the machine, in texts and in JSON
 *   ARCH_CODE, _KEY    the same of an exception's code
 *   ARCH_MULTIARCH     Debian's name of the architecture in library folders
 */
#ifndef HVCTL_ARCH_H
#define HVCTL_ARCH_H

#define ARCH_CORE      "MPIDR"
#define ARCH_CORE_KEY  "mpidr"
#define ARCH_CODE      "ESR"
#define ARCH_CODE_KEY  "esr"
#define ARCH_MULTIARCH "aarch64-linux-gnu"

#endif
