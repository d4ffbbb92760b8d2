/* SPDX-License-Identifier: BSD-2-Clause */
#include "panic.h"

#include "atomic.h"
#include "console.h"
#include "core.h"
#include "platform.h"
#include <arch/thread.h>
#include <arch/timer.h>

#define SECONDS_MAX 86400u /* a day */

/* panic=SECONDS of the command line, as Linux has it: 0 or nothing: never; less: at once. */
static bool reset_after(uint64_t *seconds)
{
    const char *value;
    size_t len = platform_option("panic", &value);
    uint64_t n = 0;

    if (len && *value == '-') {
        *seconds = 0;
        return true;
    }
    for (size_t i = 0; i < len && value[i] >= '0' && value[i] <= '9'; i++)
        n = MIN(n * 10 + (uint64_t)(value[i] - '0'), SECONDS_MAX);
    *seconds = n;
    return n;
}

static void last_words(const char *prefix, const char *format, ...) PRINTF_LIKE(2, 3);
static void last_words(const char *prefix, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    console_last_words(prefix, format, ap);
    va_end(ap);
}

static NORETURN void end(void)
{
    uint64_t seconds;

    if (!reset_after(&seconds)) {
        last_words("", "halted: panic=SECONDS on the hypervisor's command line would reset the machine");
        arch_halt();
    }
    last_words("", "reset in %lu s", seconds);
    for (uint64_t since = arch_counter(); arch_counter() - since < seconds * arch_counter_hz();)
        cpu_relax();
    arch_power(true);
}

void panic(const char *format, ...)
{
    static const struct core *who;
    static bool panicked, again;
    va_list ap;

    if (atomic_exchange(&panicked, true)) {
        if (who != core_self() || again)
            arch_halt();
        again = true; /* to say so has failed */
        end();
    }
    who = core_self();
    core_halt_others();
    va_start(ap, format);
    console_last_words("PANIC: ", format, ap);
    va_end(ap);
    end();
}

void refuse(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    console_last_words("cannot start: ", format, ap);
    va_end(ap);
    arch_halt();
}
