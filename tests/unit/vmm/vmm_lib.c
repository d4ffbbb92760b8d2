/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMM's own string functions, under other names, against the C library's. */
#include <stddef.h>
#define restrict __restrict
#define memcpy  our_memcpy
#define memmove our_memmove
#define memset  our_memset
#define memcmp  our_memcmp
#define memchr  our_memchr
#define strlen  our_strlen
#define strnlen our_strnlen
#define strcmp  our_strcmp
#define strncmp our_strncmp
#define strchr  our_strchr
#define strrchr our_strrchr
#define strstr  our_strstr
void *our_memcpy(void *restrict to, const void *restrict from, size_t size);
void *our_memmove(void *to, const void *from, size_t size);
size_t our_strnlen(const char *s, size_t max);
#include "../../../vmm/lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#undef strstr
#undef restrict
#include "check.h"

void *memmove(void *, const void *, size_t);
int memcmp(const void *, const void *, size_t);
char *strchr(const char *, int);
char *strrchr(const char *, int);

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void test_memory(void)
{
    uint64_t seed = 99;
    unsigned char ours[256], theirs[256];

    for (int round = 0; round < 20000; round++) {
        for (size_t i = 0; i < sizeof(ours); i++)
            ours[i] = theirs[i] = (unsigned char)random_next(&seed);
        size_t from = random_next(&seed) % 128, to = random_next(&seed) % 128,
               size = random_next(&seed) % 128;
        if (round % 3 == 0) {
            from &= ~7ul;
            to &= ~7ul;
        }
        CHECK(our_memmove(ours + to, ours + from, size) == ours + to);
        memmove(theirs + to, theirs + from, size);
        CHECK(memcmp(ours, theirs, sizeof(ours)) == 0);
        CHECK(sign(our_memcmp(ours, ours + from, size)) == sign(memcmp(theirs, theirs + from, size)));
        our_memset(ours + to, 0x5a, size);
        for (size_t i = 0; i < sizeof(ours); i++)
            CHECK(ours[i] == (i >= to && i < to + size ? 0x5a : theirs[i]));
    }
}

int main(void)
{
    const char *text = "a/b/c";

    test_memory();
    CHECK(our_strlen("") == 0 && our_strlen(text) == 5 && our_strnlen(text, 3) == 3 &&
          our_strnlen(text, 9) == 5);
    CHECK(our_strcmp("a", "b") < 0 && our_strcmp("b", "a") > 0 && our_strcmp("a", "a") == 0);
    CHECK(our_strcmp("a", "ab") < 0 && our_strncmp("abc", "abd", 2) == 0 && our_strncmp("abc", "abd", 3) < 0);
    CHECK(our_strchr(text, '/') == strchr(text, '/') && our_strchr(text, 'x') == NULL);
    CHECK(our_strchr(text, 0) == text + 5 && our_strrchr(text, '/') == strrchr(text, '/'));
    CHECK(our_strrchr(text, 'x') == NULL && our_memchr(text, 'c', 4) == NULL);
    CHECK(our_memchr(text, 'c', 5) == text + 4);
    CHECK(our_strstr(text, "b/") == text + 2 && our_strstr(text, "") == text &&
          our_strstr(text, "bc") == NULL);
    CHECK(our_strstr("aab", "ab") != NULL && our_strstr("", "a") == NULL);
    return 0;
}
