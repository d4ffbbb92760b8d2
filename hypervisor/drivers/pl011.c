/* SPDX-License-Identifier: BSD-2-Clause */
/* Arm PL011 UART (Arm DDI0183), as the firmware or loader left it; and the table of UARTs. */
#include "console.h"

#define UARTDR      0x00
#define UARTDR_BAD  BIT_RANGE(11, 8) /* framing, parity, break, overrun */
#define BAD_MAX     32               /* that are skipped at once */
#define UARTFR      0x18
#define UARTFR_RXFE BIT(4)
#define UARTFR_TXFF BIT(5)
#define UARTCR      0x30
#define UARTCR_RXE  BIT(9)
#define UARTIFLS    0x34
#define UARTIFLS_TX BIT_RANGE(2, 0) /* 0: the transmit FIFO falls to 1/8 */
#define UARTIMSC    0x38
#define UARTICR     0x44
#define UART_RX     (BIT(4) | BIT(6)) /* receive, receive timeout */
#define UART_TX     BIT(5)
#define UARTCR_ON   (BIT(0) | BIT(8)) /* UARTEN, TXE */

static volatile uint32_t *reg(uint64_t base, uint32_t offset)
{
    return (volatile uint32_t *)(base + offset);
}

static bool pl011_put(uint64_t base, char c)
{
    /* A guest that shares the device may have stopped it. */
    if ((*reg(base, UARTCR) & UARTCR_ON) != UARTCR_ON)
        *reg(base, UARTCR) |= UARTCR_ON;
    if (*reg(base, UARTFR) & UARTFR_TXFF)
        return false;
    *reg(base, UARTDR) = (unsigned char)c;
    return true;
}

static void pl011_listen(uint64_t base)
{
    *reg(base, UARTCR) |= (uint32_t)(UARTCR_ON | UARTCR_RXE);
    *reg(base, UARTIFLS) &= ~(uint32_t)UARTIFLS_TX;
    *reg(base, UARTIMSC) = UART_RX;
}

static int pl011_get(uint64_t base)
{
    /* A line that is broken gives bad bytes for ever. */
    for (int i = 0; i < BAD_MAX && !(*reg(base, UARTFR) & UARTFR_RXFE); i++) {
        uint32_t data = *reg(base, UARTDR);
        if (!(data & UARTDR_BAD))
            return data & 0xff;
    }
    /* Before the last look: what comes behind it interrupts again. */
    *reg(base, UARTICR) = UART_RX;
    return *reg(base, UARTFR) & UARTFR_RXFE ? -1 : (int)(*reg(base, UARTDR) & 0xff);
}

/*
 * The interrupt comes when the FIFO falls through its level, or the single register becomes empty without
 * FIFO, not because it is below (DDI0183, 2.8.3). It cannot be missed: the last one is cleared before bytes
 * are sent, and the next one is wanted when the FIFO is full, or has got enough to be above its level.
 */
static void pl011_want_room(uint64_t base, bool on)
{
    if (on) {
        *reg(base, UARTIMSC) = UART_RX | UART_TX;
    } else {
        *reg(base, UARTIMSC) = UART_RX;
        *reg(base, UARTICR) = UART_TX;
    }
}

const struct uart uart_table[] = {
    {"arm,pl011", pl011_put, pl011_listen, pl011_get, pl011_want_room},
    {NULL, NULL, NULL, NULL, NULL},
};
