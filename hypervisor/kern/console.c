/* SPDX-License-Identifier: BSD-2-Clause */
#include "console.h"

#include "atomic.h"
#include "string.h"

static const struct uart *uart;
static uint64_t uart_base;
static struct spinlock lock;

/*
 * All that was ever printed, as far as it fits: byte n at n % LOG_SIZE. Writers hold the lock, readers do
 * not, as a UART is slow. A reader copies, then looks again how far the writers have come.
 *
 *   writer: byte n, barrier, log_end = n + 1, barrier, byte n + 1, …
 *   reader: log_end, barrier, bytes, barrier, log_end: what is older than LOG_SIZE - 1 by now may be
 * overwritten
 */
static char log[LOG_SIZE];
static uint64_t log_end;

static void put_uart(char c)
{
    if (c == '\n')
        uart->put(uart_base, '\r');
    uart->put(uart_base, c);
}

static void put(char c)
{
    WRITE_ONCE(log[log_end % LOG_SIZE], c);
    smp_mb();
    WRITE_ONCE(log_end, log_end + 1);
    smp_mb();
    if (uart)
        put_uart(c);
}

static uint64_t log_begin(uint64_t end)
{
    return end < LOG_SIZE ? 0 : end + 1 - LOG_SIZE;
}

uint64_t console_log(uint64_t position, char *to, size_t size, uint64_t *count, uint64_t *lost)
{
    uint64_t end = READ_ONCE(log_end), from = MIN(MAX(position, log_begin(end)), end);
    uint64_t n = MIN(end - from, size);

    smp_mb();
    for (uint64_t i = 0; i < n; i++)
        to[i] = READ_ONCE(log[(from + i) % LOG_SIZE]);
    smp_mb();
    uint64_t begin = log_begin(READ_ONCE(log_end));
    if (begin > from) {
        uint64_t gone = MIN(begin - from, n);
        memmove(to, to + gone, n - gone);
        from += gone;
        n -= gone;
    }
    *count = n;
    *lost = from > position ? from - position : 0;
    return from + n;
}

void console_init(const struct uart *u, paddr_t base)
{
    uart_base = base.v;
    uart = u;
    /* What was printed before. */
    for (uint64_t i = log_begin(log_end); i < log_end; i++)
        put_uart(log[i % LOG_SIZE]);
}

bool console_listen(void)
{
    if (!uart || !uart->listen)
        return false;
    uart->listen(uart_base);
    return true;
}

int console_key(void)
{
    return uart ? uart->get(uart_base) : -1;
}

void console_write(const char *text, size_t len)
{
    spin_lock(&lock);
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        put((c >= ' ' && c < 127) || c == '\n' || c == '\t' ? c : '?');
    }
    spin_unlock(&lock);
}

static void put_number(uint64_t v, unsigned base, bool negative, int width, char pad)
{
    char digits[24];
    int n = 0;

    do
        digits[n++] = "0123456789abcdef"[v % base];
    while (v /= base);
    if (negative)
        digits[n++] = '-';
    for (; width > n; width--)
        put(pad);
    while (n)
        put(digits[--n]);
}

static void vprint(const char *f, va_list ap)
{
    for (; *f; f++) {
        if (*f != '%') {
            put(*f);
            continue;
        }
        char pad = *++f == '0' ? '0' : ' ';
        int width = 0, is_long = 0;
        for (; *f >= '0' && *f <= '9'; f++)
            width = width * 10 + *f - '0';
        for (; *f == 'l'; f++)
            is_long++;
        switch (*f) {
        case 's': {
            const char *s = va_arg(ap, const char *);
            for (s = s ? s : "(none)"; *s; s++, width--)
                put(*s);
            for (; width > 0; width--)
                put(' ');
            break;
        }
        case 'c':
            put((char)va_arg(ap, int));
            break;
        case 'd': {
            int64_t v = is_long ? va_arg(ap, long) : va_arg(ap, int);
            put_number(v < 0 ? -(uint64_t)v : (uint64_t)v, 10, v < 0, width, pad);
            break;
        }
        case 'u':
        case 'x':
            put_number(is_long ? va_arg(ap, unsigned long) : va_arg(ap, unsigned), *f == 'u' ? 10 : 16, false,
                       width, pad);
            break;
        case 'p':
            put_number((uintptr_t)va_arg(ap, void *), 16, false, 16, '0');
            break;
        case '\0':
            return;
        default:
            put(*f);
        }
    }
}

static void line(const char *prefix, const char *format, va_list ap)
{
    for (const char *s = "outrider: "; *s; s++)
        put(*s);
    while (*prefix)
        put(*prefix++);
    vprint(format, ap);
    put('\n');
}

void print(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    spin_lock(&lock);
    line("", format, ap);
    spin_unlock(&lock);
    va_end(ap);
}

void console_last_words(const char *prefix, const char *format, va_list ap)
{
    /* The lock's holder may be the one that fails: print anyway. */
    lock = (struct spinlock){0, 0};
    spin_lock(&lock);
    line(prefix, format, ap);
    spin_unlock(&lock);
}
