/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fp-heavy: SIMD and floating-point computations with system calls and page faults in between. It prints a
 * checksum that depends on every step, and is the same wherever it runs.
 */
#include "common.h"

#include <arm_neon.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char usage[] = "[ROUNDS]";

#define SIZE 48

static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

static void multiply(void)
{
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j += 2) {
            float64x2_t sum = vdupq_n_f64(0.0);

            for (int k = 0; k < SIZE; k++)
                sum = vfmaq_n_f64(sum, vld1q_f64(&b[k][j]), a[i][k]);
            vst1q_f64(&c[i][j], sum);
        }
    }
}

static uint64_t fold(uint64_t checksum)
{
    const uint64_t *words = (const uint64_t *)c;
    uint64x2_t sum = vdupq_n_u64(checksum);

    for (size_t i = 0; i < SIZE * SIZE; i += 2) {
        sum = veorq_u64(sum, vld1q_u64(words + i));
        sum = vaddq_u64(vshlq_n_u64(sum, 7), vshrq_n_u64(sum, 57));
    }
    return vgetq_lane_u64(sum, 0) * 31 + vgetq_lane_u64(sum, 1);
}

/* Many live SIMD registers across a system call made from the middle of the computation. */
static uint64_t across_calls(uint64_t seed, int null)
{
    uint32x4_t v0 = vdupq_n_u32((uint32_t)seed), v1 = vaddq_u32(v0, vdupq_n_u32(0x9e3779b9u));
    uint32x4_t v2 = veorq_u32(v1, v0), v3 = vmulq_u32(v2, v1);
    const char byte = (char)seed;

    for (int i = 0; i < 8; i++) {
        register uint64_t x8 __asm__("x8") = 64; /* write */
        register uint64_t x0 __asm__("x0") = (uint64_t)null;
        register uint64_t x1 __asm__("x1") = (uint64_t)&byte;
        register uint64_t x2 __asm__("x2") = 1;

        v0 = vaddq_u32(v0, v3);
        v1 = veorq_u32(v1, vextq_u32(v0, v0, 1));
        __asm__ volatile("svc #0"
                         : "+r"(x0), "+w"(v0), "+w"(v1), "+w"(v2), "+w"(v3)
                         : "r"(x8), "r"(x1), "r"(x2)
                         : "memory");
        if (x0 != 1)
            test_fail("write returns %ld", (long)x0);
        v2 = vmlaq_u32(v2, v1, v0);
        v3 = vsubq_u32(vrev64q_u32(v3), v2);
    }
    v0 = veorq_u32(veorq_u32(v0, v1), veorq_u32(v2, v3));
    return vgetq_lane_u64(vreinterpretq_u64_u32(v0), 0) + vgetq_lane_u64(vreinterpretq_u64_u32(v0), 1);
}

static double root(double value)
{
    double result;

    __asm__("fsqrt %d0, %d1" : "=w"(result) : "w"(value));
    return result;
}

/* A series in single and double precision, the terms going through freshly mapped memory. */
static uint64_t series(uint64_t round)
{
    const size_t size = 16 * 4096;
    double *terms = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    double sum = 0;
    float sum32 = 0;
    uint64_t bits;
    uint32_t bits32;

    CHECK(terms != MAP_FAILED);
    for (size_t i = 0; i < size / sizeof(*terms); i++)
        terms[i] = 1.0 / ((double)i + 1.0 + (double)round);
    for (size_t i = 0; i < size / sizeof(*terms); i++) {
        sum += root(terms[i]);
        sum32 += (float)terms[i] / 3.0f;
    }
    munmap(terms, size);
    memcpy(&bits, &sum, sizeof(bits));
    memcpy(&bits32, &sum32, sizeof(bits32));
    return bits ^ (uint64_t)bits32 << 13;
}

int main(int argc, char **argv)
{
    const uint64_t rounds = argc > 1 ? arg_number(argv[1], usage) : 200;
    const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    uint64_t checksum = 1, seed = 42;

    CHECK(null >= 0);
    for (uint64_t round = 0; round < rounds; round++) {
        for (int i = 0; i < SIZE; i++) {
            for (int j = 0; j < SIZE; j++) {
                a[i][j] = (double)(int64_t)random_next(&seed) * 0x1p-63;
                b[i][j] = (double)(int64_t)(random_next(&seed) ^ checksum) * 0x1p-63;
            }
        }
        multiply();
        checksum = fold(checksum);
        checksum = checksum * 6364136223846793005ull + across_calls(checksum, null);
        checksum = checksum * 6364136223846793005ull + series(round);
    }
    printf("checksum %#018lx\n", (unsigned long)checksum);
    return test_pass("%lu rounds", (unsigned long)rounds);
}
