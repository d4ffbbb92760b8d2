/* SPDX-License-Identifier: BSD-2-Clause */
/* Debug console: one UART, polled. Never used on a hot path. */
#ifndef HV_CONSOLE_H
#define HV_CONSOLE_H

#include "types.h"
#include <stdarg.h>

/* A UART driver (drivers/). */
struct uart {
    const char *compatible;
    /* Writes one byte, waiting for room. */
    void (*put)(uint64_t base, char c);
    /* From now on it interrupts when there is something to read. */
    void (*listen)(uint64_t base);
    /* The next byte that was received, -1: none is left, and the interrupt is gone. */
    int (*get)(uint64_t base);
};

/* The UARTs that drivers/ knows; ends with an entry without a name. */
extern const struct uart uart_table[];

/* Sets the device. What has been written before is in the log, and is printed here. */
void console_init(const struct uart *uart, paddr_t base);

/* From now on keys interrupt. False: the device cannot do that. */
bool console_listen(void);
/* The next key that was typed, -1: none is left, and the interrupt is gone. */
int console_key(void);

/* Writes len bytes of a host task's text, as one piece. */
void console_write(const char *text, size_t len);

/* The log keeps the last LOG_SIZE - 1 bytes of all output, in memory. */
#define LOG_SIZE (64u << 10)

/* Copies up to `size` bytes of the log from `position` on (0: the first that was ever written) and returns
 * the position of the next. count: bytes copied. lost: bytes between `position` and the first copied. A
 * position that is not there yet means the end. */
uint64_t console_log(uint64_t position, char *to, size_t size, uint64_t *count, uint64_t *lost);

/* printf subset: %s %c %d %u %x %lx %lu %ld %p %%, with 0 and width. Prefixed "outrider: ". */
void print(const char *format, ...) PRINTF_LIKE(1, 2);

/* A line as print() makes it, also while the console's lock is held: nobody else will speak again. */
void console_last_words(const char *prefix, const char *format, va_list ap);

#endif
