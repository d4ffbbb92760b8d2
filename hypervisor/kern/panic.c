/* SPDX-License-Identifier: BSD-2-Clause */
#include "panic.h"

#include "atomic.h"
#include "console.h"

bool panicked;
void (*panic_tell_others)(void);

void panic(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    console_last_words("PANIC: ", format, ap);
    va_end(ap);
    WRITE_ONCE(panicked, true);
    smp_mb();
    if (panic_tell_others)
        panic_tell_others();
    arch_halt();
}

void refuse(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    console_last_words("cannot start: ", format, ap);
    va_end(ap);
    arch_halt();
}
