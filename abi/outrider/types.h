/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Basic types for every header in abi/: they compile in a Linux module, in freestanding C and in user
 * programs. Only fixed-width types cross a border.
 */
#ifndef OUTRIDER_TYPES_H
#define OUTRIDER_TYPES_H

#if defined(__KERNEL__)
#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>
#elif !defined(__ASSEMBLER__)
#include <stddef.h>
#include <stdint.h>
#endif

/* Version of everything in abi/: major changes break, minor changes add (abi/CHANGES.md). */
#define ORD_ABI_MAJOR   1
#define ORD_ABI_MINOR   2
#define ORD_ABI_VERSION ((ORD_ABI_MAJOR << 16) | ORD_ABI_MINOR)

#define ORD_PAGE_SIZE 4096

/* Checks a layout at compile time, in C of any of the environments. */
#define ORD_ASSERT(cond) _Static_assert(cond, #cond)

#endif
