/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * openmp: loops with each kind of schedule, reductions, critical sections, locks, ordered parts, tasks and
 * sections of OpenMP. The result does not depend on the number of threads, nor on their order.
 */
#include "common.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>

static const char usage[] = "[SIZE]";

#define POINTS 4096

static double heat[2][POINTS];

static uint64_t primes(int64_t limit)
{
    uint64_t sum = 0;

#pragma omp parallel for schedule(dynamic, 16) reduction(+ : sum)
    for (int64_t n = 2; n < limit; n++) {
        bool prime = true;

        for (int64_t d = 2; d * d <= n && prime; d++)
            prime = n % d;
        sum += prime ? (uint64_t)n : 0;
    }
    return sum;
}

/* Many short loops: each ends in a barrier of all threads. */
static double diffusion(int rounds)
{
    double sum = 0;

    for (int i = 0; i < POINTS; i++)
        heat[0][i] = sin(i * 0.01) * 100;
#pragma omp parallel
    for (int round = 0; round < rounds; round++) {
        const double *from = heat[round % 2];
        double *to = heat[1 - round % 2];

#pragma omp for schedule(static)
        for (int i = 0; i < POINTS; i++)
            to[i] = (from[(i + POINTS - 1) % POINTS] + 2 * from[i] + from[(i + 1) % POINTS]) / 4;
    }
    for (int i = 0; i < POINTS; i++)
        sum += heat[rounds % 2][i] * i;
    return sum;
}

static uint64_t fibonacci(int n)
{
    uint64_t a, b;

    if (n < 2)
        return (uint64_t)n;
#pragma omp task shared(a) if (n > 12)
    a = fibonacci(n - 1);
#pragma omp task shared(b) if (n > 12)
    b = fibonacci(n - 2);
#pragma omp taskwait
    return a + b;
}

static uint64_t exclusion(int rounds)
{
    uint64_t hash = 1, counted = 0, locked = 0, added = 0;
    omp_lock_t lock;

    omp_init_lock(&lock);
#pragma omp parallel for schedule(guided) ordered
    for (int i = 0; i < rounds; i++) {
#pragma omp critical
        counted += (uint64_t)i;
        omp_set_lock(&lock);
        locked += (uint64_t)i * 3;
        omp_unset_lock(&lock);
#pragma omp atomic
        added += (uint64_t)i * 5;
#pragma omp ordered
        hash = hash * 31 + (uint64_t)i;
    }
    omp_destroy_lock(&lock);
    return hash ^ (counted << 1) ^ (locked << 2) ^ (added << 3);
}

int main(int argc, char **argv)
{
    int size = argc > 1 ? (int)arg_number(argv[1], usage) : 4000;
    uint64_t result = 0;

    printf("primes %" PRIu64 "\n", primes(size * 5));
    printf("diffusion %.17g\n", diffusion(size / 20));
#pragma omp parallel
#pragma omp single
    result = fibonacci(18);
    printf("fibonacci %" PRIu64 "\n", result);
    printf("exclusion %#" PRIx64 "\n", exclusion(size));
    fflush(stdout);
    fprintf(stderr, "threads %d\n", omp_get_max_threads());
    return test_pass("size %d", size);
}
