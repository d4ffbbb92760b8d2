/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AARCH64_FIRMWARE_H
#define AARCH64_FIRMWARE_H

#include "arch_thread.h"
#include "vcpu.h"

/*
 * Makes the guest's call `function` at EL3, on this core, if its VM has been given it: x1 to x17 of `r` go
 * there, x0 to x17 come back. False: it is not the firmware's.
 */
bool firmware_call(struct vcpu *v, struct regs *r, uint32_t function);

#endif
