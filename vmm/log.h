/* SPDX-License-Identifier: BSD-2-Clause */
/* Formatting and the VMM's messages on the debug console. */
#ifndef VMM_LOG_H
#define VMM_LOG_H

#include <stdarg.h>
#include <stddef.h>

#define PRINTF(text, first) __attribute__((format(printf, text, first)))

/*
 * Formats into `buffer` of `size` bytes, always terminated; longer text is cut. Knows %s %c %d %u %x %%,
 * the sizes l, ll, z, and zero-padded or plain widths. Returns the length without the terminator.
 */
size_t text_format(char *buffer, size_t size, const char *format, ...) PRINTF(3, 4);
size_t text_vformat(char *buffer, size_t size, const char *format, va_list args) PRINTF(3, 0);

/* Writes "vmm: ", the text and a newline to the console as one unit. */
void log_line(const char *format, ...) PRINTF(1, 2);

/* As log_line, for what a guest can provoke: after LOG_GUEST_MAX lines in all, nothing is written. */
void log_guest(const char *format, ...) PRINTF(1, 2);

#define LOG_GUEST_MAX 32

#endif
