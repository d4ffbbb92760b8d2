/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output. A message is made in memory of the core that has it, and then copied into two rings:
 *
 *   log     what VMs may read (LOG): the hypervisor's messages and the first task's text; keeps the newest
 *   queue   what the UART has yet to send: the same, and other tasks' text; what does not fit is dropped, and
 *           counted there
 *
 * The lock is held for the copy alone, so nobody who writes ever waits for the UART. The queue is sent by
 * whoever calls console_send(), a few bytes at a time and never waiting (report.c does, on the boot core,
 * when the UART has room). Until console_start(), and after console_finish(), who writes sends it, too,
 * waiting for the UART as long as that takes bytes.
 */
#ifndef HV_CONSOLE_H
#define HV_CONSOLE_H

#include "types.h"
#include <stdarg.h>

/* A UART driver (drivers/). None of these waits. `base`: of its registers, in memory or among I/O ports, as
 * the driver knows; a device that exists in both forms is two entries of uart_table. */
struct uart {
    const char *compatible;
    /* Sends one byte; false: there is no room for it now. */
    bool (*put)(uint64_t base, char c);
    /* From now on it interrupts when there is something to read. */
    void (*listen)(uint64_t base);
    /* The next byte that was received, -1: none is left, and the interrupt is gone. */
    int (*get)(uint64_t base);
    /* It interrupts when there is room again, after it was full; or no longer. */
    void (*want_room)(uint64_t base, bool on);
};

/* The UARTs that drivers/ knows; ends with an entry without a name. */
extern const struct uart uart_table[];

/* Sets the device. What has been written before is in the log, and is printed here. */
void console_init(const struct uart *uart, paddr_t base);

/* From now on writers do not send, but call `kick` when the queue is no longer empty: somebody then calls
 * console_send() until that returns false. Any core may be the one that kicks. */
void console_start(void (*kick)(void));
/* Sends what there is room for, CONSOLE_SEND bytes at most; one core at a time. True: there is more. */
bool console_send(void);
#define CONSOLE_SEND 32
/* How many bytes of the hypervisor's the queue has room for. */
uint64_t console_room(void);
/* Before the machine's end: sends all, and so does who writes from now on. Does not wait for a UART that
 * takes nothing for CONSOLE_PATIENCE_MS. */
void console_finish(void);
#define CONSOLE_PATIENCE_MS 100

/* From now on keys interrupt, and so does room for what is to be sent. False: the device cannot do that. */
bool console_listen(void);
/* The next key that was typed, -1: none is left, and the interrupt is gone. */
int console_key(void);

/* Writes len bytes of a task's text, as one piece. Unprintable ones become '?' in place. Text of others that
 * is not in the log stays out of it. */
void console_write(const void *task, bool in_log, char *text, size_t len);

/* The log keeps the last LOG_SIZE - 1 bytes. */
#define LOG_SIZE (64u << 10)
/* The queue; tasks leave QUEUE_RESERVE for the hypervisor. */
#define QUEUE_SIZE    (32u << 10)
#define QUEUE_RESERVE (8u << 10)
/* A longer line of print() is cut. */
#define LINE_MAX 256

/* Copies up to `size` bytes of the log from `position` on (0: the first that was ever written) and returns
 * the position of the next. count: bytes copied. lost: bytes between `position` and the first copied. A
 * position that is not there yet means the end. */
uint64_t console_log(uint64_t position, char *to, size_t size, uint64_t *count, uint64_t *lost);

/* printf subset: %s %c %d %u %x %lx %lu %ld %p %%, with 0 and width. Prefixed "outrider: ". */
void print(const char *format, ...) PRINTF_LIKE(1, 2);
/* The same, not for the log: what a VM must not know. */
void print_private(const char *format, ...) PRINTF_LIKE(1, 2);

/* A line as print() makes it, sent at once, also while the console's lock is held: nobody else will speak
 * again. */
void console_last_words(const char *prefix, const char *format, va_list ap);

#endif
