/* SPDX-License-Identifier: BSD-2-Clause */
/* The ends of the hypervisor itself. */
#ifndef HV_PANIC_H
#define HV_PANIC_H

#include "types.h"

/* Stops the machine: an invariant of the hypervisor itself is broken. */
NORETURN void panic(const char *format, ...) PRINTF_LIKE(1, 2);

/* Ends the start: the machine or what was loaded is not fit; the message says what is wrong and what to do.
 */
NORETURN void refuse(const char *format, ...) PRINTF_LIKE(1, 2);

#define ASSERT(c)                                                                                            \
    do {                                                                                                     \
        if (__builtin_expect(!(c), 0))                                                                       \
            panic("%s:%d: %s does not hold", __FILE__, __LINE__, #c);                                        \
    } while (0)

#endif
