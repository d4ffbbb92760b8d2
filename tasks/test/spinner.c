/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes its core for itself. */
#include <outrider/host.h>

int main(const struct ord_start *start)
{
    ord_print("spins with priority %u", start->priority);
    for (;;)
        __asm__ volatile("");
}
