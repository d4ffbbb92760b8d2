/* SPDX-License-Identifier: BSD-2-Clause */
/* Arm PL011 UART (Arm DDI0183), as the firmware or loader left it; and the table of UARTs. */
#include "console.h"

#define UARTDR      0x00
#define UARTDR_BAD  BIT_RANGE(11, 8) /* framing, parity, break, overrun */
#define UARTFR      0x18
#define UARTFR_RXFE BIT(4)
#define UARTFR_TXFF BIT(5)
#define UARTCR      0x30
#define UARTCR_RXE  BIT(9)
#define UARTIMSC    0x38
#define UARTICR     0x44
#define UART_RX     (BIT(4) | BIT(6)) /* receive, receive timeout */
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

static volatile uint32_t *reg(uint64_t base, uint32_t offset)
{
    return (volatile uint32_t *)(base + offset);
}

static void pl011_listen(uint64_t base)
{
    *reg(base, UARTCR) |= (uint32_t)(UARTCR_ON | UARTCR_RXE);
    *reg(base, UARTIMSC) = UART_RX;
}

static int pl011_get(uint64_t base)
{
    while (!(*reg(base, UARTFR) & UARTFR_RXFE)) {
        uint32_t data = *reg(base, UARTDR);
        if (!(data & UARTDR_BAD))
            return data & 0xff;
    }
    /* Before the last look: what comes behind it interrupts again. */
    *reg(base, UARTICR) = UART_RX;
    return *reg(base, UARTFR) & UARTFR_RXFE ? -1 : (int)(*reg(base, UARTDR) & 0xff);
}

const struct uart uart_table[] = {
    {"arm,pl011", pl011_put, pl011_listen, pl011_get},
    {NULL, NULL, NULL, NULL},
};
