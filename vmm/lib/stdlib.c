/* SPDX-License-Identifier: BSD-2-Clause */
/* strtoul() (libfdt's overlays name it) and what hardened libraries call: stack guard, fortified copies. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "call.h"
#include "log.h"

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'Z')
        return c - 'A' + 10;
    return 255;
}

unsigned long strtoul(const char *restrict s, char **restrict end, int base)
{
    unsigned long value = 0;
    const char *start = s;

    if ((base == 0 || base == 16) && s[0] == '0' && (s[1] | 0x20) == 'x' && digit_value(s[2]) < 16) {
        base = 16;
        s += 2;
    } else if (base == 0) {
        base = s[0] == '0' ? 8 : 10;
    }
    const char *digits = s;
    for (; digit_value(*s) < base; s++)
        value = value * (unsigned long)base + (unsigned long)digit_value(*s);
    if (end)
        *end = (char *)(uintptr_t)(s == digits ? start : s);
    return value;
}

uintptr_t __stack_chk_guard = 0x6f7574ff0a0d0072;

_Noreturn void __stack_chk_fail(void);
_Noreturn void __stack_chk_fail(void)
{
    log_line("stack overwritten: the VMM ends");
    call_thread_exit();
}

static void chk_size(size_t size, size_t room)
{
    if (size > room)
        __stack_chk_fail();
}

void *__memcpy_chk(void *to, const void *from, size_t size, size_t room);
void *__memcpy_chk(void *to, const void *from, size_t size, size_t room)
{
    chk_size(size, room);
    return memcpy(to, from, size);
}

void *__memmove_chk(void *to, const void *from, size_t size, size_t room);
void *__memmove_chk(void *to, const void *from, size_t size, size_t room)
{
    chk_size(size, room);
    return memmove(to, from, size);
}

void *__memset_chk(void *to, int value, size_t size, size_t room);
void *__memset_chk(void *to, int value, size_t size, size_t room)
{
    chk_size(size, room);
    return memset(to, value, size);
}
