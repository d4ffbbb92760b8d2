/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compute-loop: computes for S seconds of the counter, without system calls or page faults once it has
 * printed "computing", and reports the longest time between two steps.
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static const char usage[] =
    "[--seconds S] [--until FILE]\n"
    "  --until FILE  ends earlier, as soon as FILE, an existing file, begins with a \"1\"";

static uint64_t table[2048]; /* 16 KiB */
static const volatile char *until = "0";

struct result {
    uint64_t iterations;
    uint64_t ticks;
    uint64_t longest_gap;
    uint64_t checksum;
};

/* A few hundred instructions. */
static uint64_t step(uint64_t state)
{
    for (unsigned int i = 0; i < 32; i++) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        table[state >> 53] += state;
    }
    return state;
}

static __attribute__((noinline)) void compute(uint64_t ticks, struct result *result)
{
    const uint64_t start = counter();
    uint64_t last = start, now, state = 1;

    do {
        state = step(state);
        result->iterations++;
        now = counter();
        if (now - last > result->longest_gap)
            result->longest_gap = now - last;
        last = now;
    } while (now - start < ticks && *until != '1');
    result->ticks = now - start;
    result->checksum = state;
}

static const char *map_file(const char *name)
{
    const int fd = open(name, O_RDONLY | O_CLOEXEC);
    const char *data = mmap(NULL, 1, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);

    if (fd < 0 || data == MAP_FAILED)
        test_fail("%s: %s", name, strerror(errno));
    close(fd);
    return data;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"seconds", required_argument, NULL, 's'}, {"until", required_argument, NULL, 'u'}, {}};
    const uint64_t hz = counter_hz();
    struct result result = {0};
    struct rusage before, after;
    uint64_t seconds = 10;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 's')
            seconds = arg_number(optarg, usage);
        else if (option == 'u')
            until = map_file(optarg);
        else
            arg_number(NULL, usage);
    }
    if (mlockall(MCL_CURRENT | MCL_FUTURE))
        fprintf(stderr, "compute-loop: mlockall: %s (continuing)\n", strerror(errno));
    compute(hz / 100, &result); /* touches all that the loop will */
    memset(&result, 0, sizeof(result));
    memset(table, 0, sizeof(table));
    puts("computing");
    fflush(stdout);
    getrusage(RUSAGE_SELF, &before);
    compute(seconds * hz, &result);
    getrusage(RUSAGE_SELF, &after);
    printf("compute-loop: %lu iterations in %lu ticks of %lu Hz, longest gap %lu ticks, checksum %#lx, "
           "page faults %ld\n",
           (unsigned long)result.iterations, (unsigned long)result.ticks, (unsigned long)hz,
           (unsigned long)result.longest_gap, (unsigned long)result.checksum,
           after.ru_minflt + after.ru_majflt - before.ru_minflt - before.ru_majflt);
    return test_pass("%.1f s", (double)result.ticks / (double)hz);
}
