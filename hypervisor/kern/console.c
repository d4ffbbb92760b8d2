/* SPDX-License-Identifier: BSD-2-Clause */
#include "console.h"

#include "atomic.h"
#include "string.h"
#include <arch/timer.h>

static const struct uart *uart;
static uint64_t uart_base;
static struct spinlock lock; /* of both rings' writers */

/*
 * Byte n is at n % size.
 *
 *   writer, with the lock: claimed = n + 1, barrier, bytes up to n, barrier, end = n + 1
 *   reader of the log, without: end, barrier, bytes, barrier, claimed: what is older than LOG_SIZE - 1 bytes
 *   by now may be overwritten
 *   reader of the queue: end, barrier, bytes, barrier, sent; writers do not come past `sent` + QUEUE_SIZE
 */
struct ring {
    char *bytes;
    uint64_t size, claimed, end;
    const void *by; /* who wrote last, NULL: the hypervisor; and if its line is not complete */
    bool open;
};

static char log_bytes[LOG_SIZE], queue_bytes[QUEUE_SIZE];
static struct ring log = {.bytes = log_bytes, .size = LOG_SIZE};
static struct ring queue = {.bytes = queue_bytes, .size = QUEUE_SIZE};
static uint64_t sent;    /* of the queue */
static uint64_t dropped; /* bytes that did not fit into the queue, since it was last said. With the lock. */

static bool started;       /* others send */
static void (*kick)(void); /* makes them */
static bool busy;          /* they have been told, and are not done */
static bool sending;       /* somebody has the UART */
static bool returned;      /* a carriage return was sent for the newline that is next */
static bool listens;       /* the UART interrupts us: it is ours alone */
static bool stuck;         /* the UART took nothing for too long */

/* A ring keeps no half lines of two writers in one. */
static bool breaks_line(const struct ring *r, const void *by)
{
    return r->open && r->by != by;
}

/* A line is hardly ever where words could be copied: eight bytes at a time, in a third of what memcpy()
 * takes. */
static void copy(char *to, const char *from, uint64_t n)
{
    for (; n >= 8; n -= 8, to += 8, from += 8)
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++)
            to[i] = from[i];
    while (n--)
        *to++ = *from++;
}

static void ring_copy(struct ring *r, const char *text, size_t len)
{
    uint64_t at = r->end;

    WRITE_ONCE(r->claimed, at + len);
    smp_mb();
    for (size_t done = 0; done < len;) {
        uint64_t place = (at + done) % r->size, part = MIN(len - done, r->size - place);
        copy(r->bytes + place, text + done, part);
        done += part;
    }
    smp_mb();
    WRITE_ONCE(r->end, at + len);
}

static void ring_put(struct ring *r, const void *by, const char *text, size_t len)
{
    if (breaks_line(r, by))
        ring_copy(r, "\n", 1);
    ring_copy(r, text, len);
    r->by = by;
    r->open = text[len - 1] != '\n';
}

uint64_t console_room(void)
{
    /* What was read may be overwritten. */
    return QUEUE_SIZE - (READ_ONCE(queue.end) - atomic_load(&sent));
}

struct text {
    char *at;
    size_t size, length;
};

static void format(struct text *t, const char *f, ...) PRINTF_LIKE(2, 3);

#define NOTE_MAX 64

static size_t note_dropped(char note[NOTE_MAX])
{
    struct text t = {note, NOTE_MAX, 0};

    format(&t, "outrider: %lu bytes are not shown here\n", dropped);
    return t.length;
}

/* With the lock. How much was lost comes before what is not. */
static void queue_put(const void *by, const char *text, size_t len)
{
    char note[NOTE_MAX];
    size_t note_length = dropped ? note_dropped(note) : 0;

    if (len + note_length + 2 + (by ? QUEUE_RESERVE : 0) > console_room()) {
        dropped += len;
        return;
    }
    if (note_length) {
        dropped = 0;
        ring_put(&queue, NULL, note, note_length);
    }
    ring_put(&queue, by, text, len);
}

/* Sends the next byte of the queue; false: there is none, or no room for it. */
static bool send_byte(void)
{
    uint64_t at = sent;

    if (READ_ONCE(queue.end) == at)
        return false;
    smp_mb();
    char c = queue_bytes[at % QUEUE_SIZE];
    if (c == '\n' && !returned) {
        returned = uart->put(uart_base, '\r');
        return returned;
    }
    if (!uart->put(uart_base, c))
        return false;
    returned = false;
    stuck = false;
    atomic_store(&sent, at + 1);
    return true;
}

static bool is_empty(void)
{
    return READ_ONCE(queue.end) == READ_ONCE(sent);
}

static bool take_uart(void)
{
    return uart && !atomic_exchange(&sending, true);
}

static void release_uart(void)
{
    atomic_store(&sending, false);
}

/* Waits for the UART; not again for one that has been waited for in vain, until it takes something. */
static void send_all(void)
{
    uint64_t patience = arch_counter_hz() * CONSOLE_PATIENCE_MS / 1000, since = arch_counter();

    if (!take_uart())
        return;
    while (!is_empty()) {
        if (send_byte()) {
            since = arch_counter();
            continue;
        }
        if (stuck || arch_counter() - since > patience) {
            stuck = true;
            break;
        }
        cpu_relax();
    }
    release_uart();
}

/* Nobody may write any more to say it. */
static void say_dropped(void)
{
    char note[NOTE_MAX];

    spin_lock(&lock);
    if (dropped) {
        size_t len = note_dropped(note);
        dropped = 0;
        ring_put(&queue, NULL, note, len);
    }
    spin_unlock(&lock);
}

bool console_send(void)
{
    if (!take_uart())
        return !is_empty();
    if (listens)
        uart->want_room(uart_base, false);
    for (int i = 0; i < CONSOLE_SEND && send_byte(); i++)
        ;
    if (is_empty() && READ_ONCE(dropped))
        say_dropped();
    bool more = !is_empty();
    if (!more) {
        atomic_store(&busy, false);
        smp_mb(); /* pairs with wake(): who wrote before this is seen here, or sees that it has to kick */
        more = !is_empty() && !atomic_exchange(&busy, true);
    }
    if (listens && more)
        uart->want_room(uart_base, true);
    release_uart();
    return more;
}

/* After something was written. */
static void wake(void)
{
    if (!uart)
        return;
    if (!READ_ONCE(started)) {
        send_all();
        return;
    }
    smp_mb();
    if (!READ_ONCE(busy) && !atomic_exchange(&busy, true))
        kick();
}

static void text_put(struct text *t, char c)
{
    if (t->length < t->size)
        t->at[t->length++] = c;
}

static void text_number(struct text *t, uint64_t v, unsigned base, bool negative, int width, char pad)
{
    char digits[24];
    int n = 0;

    do
        digits[n++] = "0123456789abcdef"[v % base];
    while (v /= base);
    if (negative)
        digits[n++] = '-';
    for (; width > n; width--)
        text_put(t, pad);
    while (n)
        text_put(t, digits[--n]);
}

static void vformat(struct text *t, const char *f, va_list ap)
{
    for (;; f++) {
        size_t length = t->length; /* most is plain text */
        while (*f && *f != '%' && length < t->size)
            t->at[length++] = *f++;
        t->length = length;
        if (*f != '%')
            return; /* the end, or no room */
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
                text_put(t, *s);
            for (; width > 0; width--)
                text_put(t, ' ');
            break;
        }
        case 'c':
            text_put(t, (char)va_arg(ap, int));
            break;
        case 'd': {
            int64_t v = is_long ? va_arg(ap, long) : va_arg(ap, int);
            text_number(t, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, v < 0, width, pad);
            break;
        }
        case 'u':
        case 'x':
            text_number(t, is_long ? va_arg(ap, unsigned long) : va_arg(ap, unsigned), *f == 'u' ? 10 : 16,
                        false, width, pad);
            break;
        case 'p':
            text_number(t, (uintptr_t)va_arg(ap, void *), 16, false, 16, '0');
            break;
        case '\0':
            return;
        default:
            text_put(t, *f);
        }
    }
}

static void format(struct text *t, const char *f, ...)
{
    va_list ap;

    va_start(ap, f);
    vformat(t, f, ap);
    va_end(ap);
}

static size_t make_line(char line[LINE_MAX], const char *prefix, const char *f, va_list ap)
{
    struct text t = {line, LINE_MAX - 1, 0};

    format(&t, "outrider: %s", prefix);
    vformat(&t, f, ap);
    line[t.length++] = '\n';
    return t.length;
}

static void write(const void *by, bool in_log, const char *text, size_t len)
{
    spin_lock(&lock);
    if (in_log)
        ring_put(&log, by, text, len);
    queue_put(by, text, len);
    spin_unlock(&lock);
    wake();
}

void print(const char *f, ...)
{
    char line[LINE_MAX];
    va_list ap;

    va_start(ap, f);
    size_t len = make_line(line, "", f, ap);
    va_end(ap);
    write(NULL, true, line, len);
}

void print_private(const char *f, ...)
{
    char line[LINE_MAX];
    va_list ap;

    va_start(ap, f);
    size_t len = make_line(line, "", f, ap);
    va_end(ap);
    write(NULL, false, line, len);
}

void console_write(const void *task, bool in_log, char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if ((c < ' ' || c >= 127) && c != '\n' && c != '\t')
            text[i] = '?';
    }
    if (len)
        write(task, in_log, text, len);
}

static uint64_t log_begin(uint64_t end)
{
    return end < LOG_SIZE ? 0 : end + 1 - LOG_SIZE;
}

uint64_t console_log(uint64_t position, char *to, size_t size, uint64_t *count, uint64_t *lost)
{
    uint64_t end = READ_ONCE(log.end), from = MIN(MAX(position, log_begin(end)), end);
    uint64_t n = MIN(end - from, size);

    smp_mb();
    for (uint64_t i = 0; i < n; i++)
        to[i] = READ_ONCE(log_bytes[(from + i) % LOG_SIZE]);
    smp_mb();
    uint64_t begin = log_begin(READ_ONCE(log.claimed));
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
    send_all(); /* what was printed before */
}

void console_start(void (*how)(void))
{
    kick = how;
    WRITE_ONCE(started, true);
    if (!is_empty())
        wake();
}

/* From now on who writes sends. Whoever has the UART or the lock holds it for a moment, or for good. */
static void seize(void)
{
    uint64_t until = arch_counter() + arch_counter_hz() / 100;

    WRITE_ONCE(started, false);
    while ((READ_ONCE(sending) || READ_ONCE(lock.next) != READ_ONCE(lock.owner)) && arch_counter() < until)
        cpu_relax();
}

void console_finish(void)
{
    seize();
    if (uart)
        send_all();
}

void console_last_words(const char *prefix, const char *f, va_list ap)
{
    char line[LINE_MAX];

    seize();
    lock = (struct spinlock){0, 0};
    sending = false;
    if (uart)
        send_all(); /* makes room */
    write(NULL, true, line, make_line(line, prefix, f, ap));
}

bool console_listen(void)
{
    if (!uart || !uart->listen)
        return false;
    uart->listen(uart_base);
    listens = true;
    return true;
}

int console_key(void)
{
    return uart ? uart->get(uart_base) : -1;
}
