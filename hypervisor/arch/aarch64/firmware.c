/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of guests that the machine's firmware answers (SMCCC, Arm DEN0028). Only those that the VMM has named
 * at the VM's creation: what firmware does with a call, and how long it takes, nobody here can say
 * (doc/config.md).
 */
#include "firmware.h"

#include "atomic.h"
#include "smc.h"
#include "vm.h"
#include <arch/platform.h>
#include <outrider/smccc.h>

#define SMCCC_ARCH_FEATURES 0x80000001u

bool arch_firmware_valid(uint64_t first, uint64_t last)
{
    return first >> 32 == 0 && last >> 32 == 0 && ord_smccc_range_valid((uint32_t)first, (uint32_t)last);
}

static NOINLINE void forward(struct regs *r, uint32_t function, uint64_t argument)
{
    /* The VMM may write to the registers: what was checked is what is called. */
    uint64_t x[SMC_REGISTERS];

    x[0] = function;
    x[1] = argument;
    for (int i = 2; i < SMC_REGISTERS; i++)
        x[i] = READ_ONCE(r->x[i]);
    smc_call(x);
    for (int i = 0; i < SMC_REGISTERS; i++)
        r->x[i] = x[i];
}

bool firmware_call(struct vcpu *v, struct regs *r, uint32_t function)
{
    const uint64_t argument = READ_ONCE(r->x[1]);

    if (LIKELY(!v->vm->firmware_count))
        return false;
    /* Whether the firmware has a function: of those that the guest may call it is told. */
    if (!vm_firmware_allowed(v->vm, function == SMCCC_ARCH_FEATURES ? (uint32_t)argument : function))
        return false;
    forward(r, function, argument);
    return true;
}
