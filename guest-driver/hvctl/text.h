/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>

/* Bytes that each one may become. */
#define TEXT_ESCAPE_FACTOR 4

/*
 * Copies text of at most `length` bytes: control characters and what is not UTF-8 as \xNN, a backslash
 * doubled. What does not fit into `size` with the zero at its end is left out.
 */
void text_escape(char *out, size_t size, const char *in, size_t length);

#endif
