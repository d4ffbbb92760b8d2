/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads what is not mapped, as args says: "guest" an address of Linux's memory, "device" the GIC, else page
 * 0. */
#include <outrider/host.h>

int main(const struct ord_start *start)
{
    uint64_t address = *start->args == 'g' ? 0x40000000 : *start->args == 'd' ? 0x8000000 : 0;

    ord_print("reads %lx", (unsigned long)address);
    ord_print("it says %x", *(const volatile uint32_t *)(uintptr_t)address);
    return 0;
}
