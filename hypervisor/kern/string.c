/* SPDX-License-Identifier: BSD-2-Clause */
#include "string.h"

#include "types.h"

/* Compilers call these without being asked to. */
#define USED __attribute__((used))

USED void *(memcpy)(void *restrict dst, const void *restrict src, size_t n)
{
    unsigned char *d = dst;
    const unsigned char *s = src;

    if ((((uintptr_t)d | (uintptr_t)s) & 7) == 0) {
        /* Registers of threads are what is copied most: eight words at a time. */
        for (; n >= 64; n -= 64, d += 64, s += 64) {
            uint64_t *to = (uint64_t *)(void *)d;
            const uint64_t *from = (const uint64_t *)(const void *)s;
#pragma GCC unroll 8
            for (int i = 0; i < 8; i++)
                to[i] = from[i];
        }
        for (; n >= 8; n -= 8, d += 8, s += 8)
            *(uint64_t *)(void *)d = *(const uint64_t *)(const void *)s;
    }
    while (n--)
        *d++ = *s++;
    return dst;
}

USED void *memmove(void *dst, const void *src, size_t n)
{
    unsigned char *d = dst;
    const unsigned char *s = src;

    if (d <= s || d >= s + n)
        return memcpy(dst, src, n);
    while (n--)
        d[n] = s[n];
    return dst;
}

USED void *memset(void *dst, int c, size_t n)
{
    unsigned char *d = dst;
    uint64_t word = 0x0101010101010101ull * (unsigned char)c;

    if (((uintptr_t)d & 7) == 0)
        for (; n >= 8; n -= 8, d += 8)
            *(uint64_t *)(void *)d = word;
    while (n--)
        *d++ = (unsigned char)c;
    return dst;
}

USED int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;

    for (; n; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

size_t strnlen(const char *s, size_t n)
{
    size_t i = 0;

    while (i < n && s[i])
        i++;
    return i;
}

size_t strlen(const char *s)
{
    return strnlen(s, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n; n--, a++, b++) {
        if (*a != *b)
            return (unsigned char)*a - (unsigned char)*b;
        if (!*a)
            break;
    }
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}
