/* SPDX-License-Identifier: BSD-2-Clause */
/* The few C library functions of a freestanding program (ISO C 7.24). */
#ifndef HV_STRING_H
#define HV_STRING_H

#include <stddef.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t n);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);

/*
 * Short ones of a known length are done in place. They read once: what a guest writes to src later is not
 * seen, wherever the compiler keeps the copy.
 */
#ifndef memcpy
#define memcpy(dst, src, n)                                                                                  \
    ({                                                                                                       \
        void *copy_ = __builtin_memcpy(dst, src, n);                                                         \
        __asm__ volatile("" ::: "memory");                                                                   \
        copy_;                                                                                               \
    })
#endif

#endif
