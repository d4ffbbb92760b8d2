/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "call.h"
#include "log.h"
#include "spinlock.h"

struct text {
    char *buffer;
    size_t size, length;
};

static void text_put(struct text *t, char c)
{
    if (t->length + 1 < t->size)
        t->buffer[t->length++] = c;
}

static void text_number(struct text *t, uint64_t value, unsigned base, bool negative, int width, char pad)
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
        text_put(t, pad);
    while (count)
        text_put(t, digits[--count]);
}

size_t text_vformat(char *buffer, size_t size, const char *format, va_list args)
{
    struct text t = {buffer, size, 0};

    for (; *format; format++) {
        if (*format != '%') {
            text_put(&t, *format);
            continue;
        }
        char pad = ' ';
        int width = 0;
        int longs = 0;
        format++;
        if (*format == '0')
            pad = *format++;
        while (*format >= '0' && *format <= '9')
            width = width * 10 + (*format++ - '0');
        for (; *format == 'l' || *format == 'z'; format++)
            longs++;
        if (*format == 0)
            break;
        if (*format == 'd') {
            int64_t value = longs ? va_arg(args, long) : va_arg(args, int);
            text_number(&t, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, value < 0, width, pad);
        } else if (*format == 'u' || *format == 'x') {
            uint64_t value = longs ? va_arg(args, unsigned long) : va_arg(args, unsigned int);
            text_number(&t, value, *format == 'u' ? 10 : 16, false, width, pad);
        } else if (*format == 's') {
            for (const char *s = va_arg(args, const char *); *s; s++)
                text_put(&t, *s);
        } else if (*format == 'c') {
            text_put(&t, (char)va_arg(args, int));
        } else {
            text_put(&t, *format);
        }
    }
    if (size)
        buffer[t.length] = 0;
    return t.length;
}

size_t text_format(char *buffer, size_t size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    size_t length = text_vformat(buffer, size, format, args);
    va_end(args);
    return length;
}

static struct spinlock log_lock;

static void log_vline(const char *format, va_list args)
{
    static char line[1024];
    size_t length, done;

    spinlock_lock(&log_lock);
    length = text_format(line, sizeof(line), "vmm: ");
    length += text_vformat(line + length, sizeof(line) - length - 1, format, args);
    line[length++] = '\n';
    for (done = 0; done < length;) {
        size_t part = length - done < ORD_CONSOLE_MAX ? length - done : ORD_CONSOLE_MAX;
        call_console_write(line + done, part);
        done += part;
    }
    spinlock_unlock(&log_lock);
}

void log_line(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_vline(format, args);
    va_end(args);
}

void log_guest(const char *format, ...)
{
    static uint32_t lines;
    va_list args;

    if (__atomic_load_n(&lines, __ATOMIC_RELAXED) >= LOG_GUEST_MAX ||
        __atomic_fetch_add(&lines, 1, __ATOMIC_RELAXED) >= LOG_GUEST_MAX)
        return;
    va_start(args, format);
    log_vline(format, args);
    va_end(args);
}
