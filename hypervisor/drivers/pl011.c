/* SPDX-License-Identifier: BSD-2-Clause */
/* Arm PL011 UART (Arm DDI0183), as the firmware or loader left it; and the table of UARTs. */
#include "console.h"

#define UARTDR      0x00
#define UARTFR      0x18
#define UARTFR_TXFF BIT(5)
#define UARTCR      0x30
#define PATIENCE    100000            /* polls */
#define UARTCR_ON   (BIT(0) | BIT(8)) /* UARTEN, TXE */

static void pl011_put(uint64_t base, char c)
{
    volatile uint32_t *cr = (volatile uint32_t *)(base + UARTCR);

    if ((*cr & UARTCR_ON) != UARTCR_ON)
        *cr |= UARTCR_ON;
    /* A guest that shares the device may have stopped it: the byte is lost then, not the machine. */
    for (int i = 0; *(volatile uint32_t *)(base + UARTFR) & UARTFR_TXFF; i++)
        if (i == PATIENCE)
            return;
    *(volatile uint32_t *)(base + UARTDR) = (unsigned char)c;
}

const struct uart uart_table[] = {
    {"arm,pl011", pl011_put},
    {NULL, NULL},
};
