/* SPDX-License-Identifier: BSD-2-Clause */
#include "panic.h"

#include "console.h"
#include "core.h"
#include <arch/cpu.h>

void panic(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    console_last_words("PANIC: ", format, ap);
    va_end(ap);
    core_halt_others();
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
