/* SPDX-License-Identifier: BSD-2-Clause */
#include <outrider/host.h>

struct line {
    char text[ORD_CONSOLE_MAX];
    uint32_t length;
};

static void put(struct line *l, char c)
{
    if (l->length < sizeof(l->text) - 1) /* one is for the newline */
        l->text[l->length++] = c;
}

static void put_string(struct line *l, const char *s)
{
    while (*s)
        put(l, *s++);
}

static void put_number(struct line *l, uint64_t value, unsigned base, bool negative, int width, char pad)
{
    char digits[24];
    int count = 0;

    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    if (negative)
        digits[count++] = '-';
    for (; width > count; width--)
        put(l, pad);
    while (count)
        put(l, digits[--count]);
}

static void put_format(struct line *l, const char *format, va_list args)
{
    for (; *format; format++) {
        if (*format != '%') {
            put(l, *format);
            continue;
        }
        char pad = *++format == '0' ? *format++ : ' ';
        int width = 0, longs = 0;
        for (; *format >= '0' && *format <= '9'; format++)
            width = width * 10 + (*format - '0');
        for (; *format == 'l' || *format == 'z'; format++)
            longs++;
        if (*format == 'd') {
            int64_t v = longs ? va_arg(args, long) : va_arg(args, int);
            put_number(l, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10, v < 0, width, pad);
        } else if (*format == 'u' || *format == 'x') {
            uint64_t v = longs ? va_arg(args, unsigned long) : va_arg(args, unsigned);
            put_number(l, v, *format == 'u' ? 10 : 16, false, width, pad);
        } else if (*format == 's') {
            put_string(l, va_arg(args, const char *));
        } else if (*format == 'c') {
            put(l, (char)va_arg(args, int));
        } else if (*format == 0) {
            return;
        } else {
            put(l, *format);
        }
    }
}

void ord_print(const char *format, ...)
{
    struct line l;
    va_list args;

    if (!ord_start->console)
        return;
    l.length = 0;
    put_string(&l, ord_start->name);
    put_string(&l, ": ");
    va_start(args, format);
    put_format(&l, format, args);
    va_end(args);
    l.text[l.length++] = '\n';
    ord_call(ORD_CALL_CONSOLE_WRITE, ord_start->console, (uintptr_t)l.text, l.length, 0, 0, 0, NULL);
}
