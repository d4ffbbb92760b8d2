/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks that end the test with the place that failed; a deterministic random source; files. */
#ifndef TEST_CHECK_H
#define TEST_CHECK_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                  \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

#define CHECK_EQUAL(a, b)                                                                                    \
    do {                                                                                                     \
        uint64_t check_a = (uint64_t)(a), check_b = (uint64_t)(b);                                           \
        if (check_a != check_b) {                                                                            \
            fprintf(stderr, "%s:%d: %s is 0x%" PRIx64 ", not 0x%" PRIx64 "\n", __FILE__, __LINE__, #a,       \
                    check_a, check_b);                                                                       \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

/* xorshift64: the same sequence in every run. */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* The whole file, in memory of exactly its size, so that a read behind its end is found. */
static inline void *file_read(const char *path, uint64_t *size)
{
    FILE *file = fopen(path, "rb");
    CHECK(file);
    CHECK(fseek(file, 0, SEEK_END) == 0);
    *size = (uint64_t)ftell(file);
    rewind(file);
    void *data = malloc(*size);
    CHECK(data && fread(data, 1, *size, file) == *size);
    fclose(file);
    return data;
}

#endif
