// SPDX-License-Identifier: BSD-2-Clause
/* Other programs' text, such as the names that threads give themselves, on its way to a terminal. */
#include <string.h>

#include "text.h"

/* Bytes of the UTF-8 character there; 0: not one, or one that a terminal takes for a command (C0, C1). */
static size_t printable(const unsigned char *in, size_t length)
{
    static const struct {
        unsigned char mask, value;
        unsigned int least; /* that needs so many bytes */
    } heads[] = {{0x80, 0, 0x20}, {0xe0, 0xc0, 0xa0}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    size_t size = 0;
    unsigned int code;

    while (size < 4 && (in[0] & heads[size].mask) != heads[size].value)
        size++;
    if (size >= 4 || size >= length)
        return 0;
    code = in[0] & (unsigned int)(unsigned char)~heads[size].mask;
    for (size_t i = 1; i <= size; i++) {
        if ((in[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (in[i] & 0x3f);
    }
    if (code < heads[size].least || code == 0x7f || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff)
        return 0;
    return size + 1;
}

void text_escape(char *out, size_t size, const char *in, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = (const unsigned char *)in;
    char part[4];
    size_t count, used;

    length = strnlen(in, length);
    while (length) {
        count = printable(from, length);
        used = count;
        if (!count) {
            memcpy(part, "\\x", 2);
            part[2] = digits[*from >> 4];
            part[3] = digits[*from & 15];
            count = 4;
            used = 1;
        } else if (*from == '\\') {
            memcpy(part, "\\\\", 2);
            count = 2;
        } else {
            memcpy(part, from, count);
        }
        if (count >= size)
            break;
        memcpy(out, part, count);
        out += count;
        size -= count;
        from += used;
        length -= used;
    }
    if (size)
        *out = '\0';
}
