/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fixed work quantum and fixed time quantum, as in the FTQ/FWQ benchmarks of LLNL: how much longer the same
 * work takes each time, or how much less work fits into the same time. Files NAME_times.dat and
 * NAME_counts.dat, one sample per line, as theirs.
 *
 * With the plugin of bench/insn the quanta are its intervals, and time is not needed: what a quantum executes
 * beyond its own work is what disturbed it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"

static const char usage[] =
    "[--ftq] [--work BITS] [--samples N] [--out NAME] [--core N] [--cpu N] [--config NAME]";

/* 2^bits rounds of two instructions, and three around them. */
static inline void work(unsigned bits)
{
    uint64_t rounds = 1ull << bits;

    __asm__ volatile("hint #96\n"
                     "1: subs %0, %0, #1\n"
                     "   b.ne 1b\n"
                     "   hint #97"
                     : "+r"(rounds)::"cc");
}

static uint64_t work_for(uint64_t ticks, uint64_t start)
{
    uint64_t count = 0;

    while (counter() - start < ticks) {
        for (int i = 0; i < 32; i++)
            __asm__ volatile("");
        count++;
    }
    return count;
}

static void write_file(const char *name, const char *suffix, const uint64_t *sample, uint64_t count)
{
    char path[512];

    snprintf(path, sizeof(path), "%s_%s.dat", name, suffix);
    FILE *file = fopen(path, "w");
    if (!file)
        test_fail("%s: %s", path, strerror(errno));
    for (uint64_t i = 0; i < count; i++)
        fprintf(file, "%lu\n", (unsigned long)sample[i]);
    CHECK(!fclose(file));
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"ftq", no_argument, NULL, 'f'},           {"work", required_argument, NULL, 'w'},
        {"samples", required_argument, NULL, 'n'}, {"out", required_argument, NULL, 'o'},
        {"core", required_argument, NULL, 'c'},    {"cpu", required_argument, NULL, 'p'},
        {"config", required_argument, NULL, 'g'},  {0}};
    struct bench b = {.config = "attached", .core = ORD_CORE_ANY, .cpu = -1};
    const char *out = NULL;
    uint64_t samples = 1000, bits = 19;
    bool ftq = false;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'f':
            ftq = true;
            break;
        case 'w':
            bits = arg_number(optarg, usage);
            break;
        case 'n':
            samples = arg_number(optarg, usage);
            break;
        case 'o':
            out = optarg;
            break;
        case 'c':
            b.core = (uint32_t)arg_number(optarg, usage);
            break;
        case 'p':
            b.cpu = (int)arg_number(optarg, usage);
            break;
        case 'g':
            b.config = optarg;
            break;
        default:
            fprintf(stderr, "usage: %s %s\n", program_invocation_short_name, usage);
            return 2;
        }
    }
    if (bits > 40 || !samples)
        arg_number(NULL, usage);
    uint64_t *times = calloc(samples, sizeof(*times)), *counts = calloc(samples, sizeof(*counts));
    CHECK(times && counts);
    memset(times, 0xff, samples * sizeof(*times)); /* touched, so that no page fault is measured */
    memset(counts, 0xff, samples * sizeof(*counts));
    CHECK(!mlockall(MCL_CURRENT | MCL_FUTURE));
    if (b.cpu >= 0)
        bench_pin(b.cpu);
    bench_detach(&b);
    bench_label(&b, ftq ? "ftq" : "fwq");
    uint64_t ticks = counter_hz() >> 10; /* about a millisecond */
    for (uint64_t i = 0; i < samples; i++) {
        uint64_t start = counter();
        if (ftq) {
            times[i] = start;
            counts[i] = work_for(ticks, start);
        } else {
            work((unsigned)bits);
            times[i] = counter() - start;
        }
    }
    bench_label(&b, "end");
    if (attach_self() && b.core != ORD_CORE_ANY)
        test_fail("cannot attach");
    if (out) {
        write_file(out, "times", times, samples);
        if (ftq)
            write_file(out, "counts", counts, samples);
    }
    return test_pass("%lu samples", (unsigned long)samples);
}
