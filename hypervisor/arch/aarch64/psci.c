/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's PSCI (Arm DEN0022), by SMC: starting cores, power. */
#include "psci.h"

#include "console.h"
#include <arch/cpu.h>
#include <arch/thread.h>

#define PSCI_CPU_ON       0xc4000003ull
#define PSCI_SYSTEM_OFF   0x84000008ull
#define PSCI_SYSTEM_RESET 0x84000009ull

static int64_t smc(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = a;
    register uint64_t x2 __asm__("x2") = b;
    register uint64_t x3 __asm__("x3") = c;

    __asm__ volatile("smc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
                     :
                     : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
                       "x17", "memory");
    return (int64_t)x0;
}

int64_t psci_cpu_on(uint64_t mpidr, uint64_t entry, uint64_t context)
{
    return smc(PSCI_CPU_ON, mpidr, entry, context);
}

void arch_power(bool reset)
{
    console_finish();
    smc(reset ? PSCI_SYSTEM_RESET : PSCI_SYSTEM_OFF, 0, 0, 0);
    print("the firmware did not power %s the machine: halted", reset ? "cycle" : "off");
    arch_halt();
}

void arch_halt(void)
{
    for (;;)
        __asm__ volatile("wfi");
}
