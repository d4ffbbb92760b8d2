/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's own string functions, renamed, against the build machine's. */
#include "../check.h"

#define memcpy  own_memcpy
#define memmove own_memmove
#define memset  own_memset
#define memcmp  own_memcmp
#define strlen  own_strlen
#define strnlen own_strnlen
#define strcmp  own_strcmp
#define strncmp own_strncmp
#include "../../../hypervisor/kern/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp

void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

int main(void)
{
    uint64_t random = 5;
    static unsigned char a[96], b[96];

    for (int round = 0; round < 300000; round++) {
        uint64_t r = random_next(&random);
        size_t to = r % 32, from = (r >> 8) % 32, n = (r >> 16) % 64;
        for (size_t i = 0; i < 96; i++)
            a[i] = b[i] = (unsigned char)(i * 7 + r);
        switch ((r >> 40) % 3) {
        case 0:
            CHECK(own_memmove(a + to, a + from, n) == a + to);
            memmove(b + to, b + from, n);
            break;
        case 1:
            CHECK(own_memset(a + to, (int)(r >> 24), n) == a + to);
            memset(b + to, (int)(r >> 24), n);
            break;
        default: {
            unsigned char source[96];
            memset(source, (int)r, sizeof(source));
            source[from] = 1;
            CHECK(own_memcpy(a + to, source + from, n) == a + to);
            memmove(b + to, source + from, n);
        }
        }
        CHECK(!memcmp(a, b, 96) && !own_memcmp(a, b, 96));
        b[to] ^= (unsigned char)(r >> 50);
        CHECK_EQUAL(sign(own_memcmp(a, b, 96)), sign(memcmp(a, b, 96)));
        char s[8], t[8];
        for (int i = 0; i < 8; i++) {
            s[i] = "ab\200"[random_next(&random) % 3];
            t[i] = "ab\200"[random_next(&random) % 3];
        }
        s[r % 8] = t[(r >> 3) % 8] = '\0';
        memmove(t, s, (r >> 6) % 8);
        s[7] = t[7] = '\0';
        CHECK_EQUAL(sign(own_strcmp(s, t)), sign(strcmp(s, t)));
        CHECK_EQUAL(sign(own_strncmp(s, t, r % 9)), sign(strncmp(s, t, r % 9)));
        CHECK_EQUAL(own_strlen(s), strlen(s));
        CHECK_EQUAL(own_strnlen(s, r % 9), MIN(strlen(s), r % 9));
    }
    return 0;
}
