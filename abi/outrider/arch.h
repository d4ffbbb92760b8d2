/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The architecture's part of the interfaces: how calls are made, and the members of the common structures
 * that hold registers. arm64 is the only one so far, also for tools that read its data on another machine; a
 * second one is chosen here, by the compiler's macros.
 */
#ifndef OUTRIDER_ARCH_H
#define OUTRIDER_ARCH_H

#include "arch/arm64/detach.h"
#include "arch/arm64/task.h"

#endif
