/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fixed work quantum and fixed time quantum, as in the FTQ/FWQ benchmarks of LLNL: how much longer the same
 * work takes each time, or how much less work fits into the same time. Files NAME_times.dat and
 * NAME_counts.dat, one sample per line, as theirs.
 *
 * With the plugin of bench/insn the quanta are its intervals, and time is not needed: what a quantum executes
 * beyond its own work is what disturbed it. x0 at the first marker of a quantum is the counter.
 *
 * The line "start HZ", with the frequency of the counter, says that the loop runs, on its core; the first
 * quanta after it are not measured.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "bench.h"
#include "quantum.h"

static const char usage[] = "[--ftq] [--work BITS] [--samples N] [--warm-up N] [--out NAME] [--core N] "
                            "[--cpu N] [--config NAME] [--disturb INSTRUCTIONS]";

/* A quantum's work, and then what must be seen as stolen: a system call that takes more or less. */
static inline void work_disturbed(unsigned bits, uint64_t start, const struct disturbance *d)
{
    register long x0 __asm__("x0") = (long)start;
    register long x1 __asm__("x1") = d->request;
    register long x2 __asm__("x2") = d->count;
    register long x8 __asm__("x8") = SYS_ioctl;
    uint64_t rounds = 1ull << bits;

    __asm__ volatile("hint #96\n"
                     "1: subs %0, %0, #1\n"
                     "   b.ne 1b\n"
                     "   mov  x0, %2\n"
                     "   svc  #0\n"
                     "   hint #97"
                     : "+r"(rounds), "+r"(x0)
                     : "r"(d->fd), "r"(x1), "r"(x2), "r"(x8)
                     : "cc", "memory");
}

/* How many units of work fit into so many ticks. A unit is 71 instructions. */
static inline uint64_t work_for(uint64_t ticks, uint64_t start)
{
    register uint64_t x0 __asm__("x0") = start;
    uint64_t count = 0, now, rounds;

    __asm__ volatile("hint #96\n"
                     "1: mov  %2, #32\n"
                     "2: subs %2, %2, #1\n"
                     "   b.ne 2b\n"
                     "   add  %0, %0, #1\n"
                     "   isb\n"
                     "   mrs  %1, cntvct_el0\n"
                     "   sub  %1, %1, %3\n"
                     "   cmp  %1, %4\n"
                     "   b.lo 1b\n"
                     "   hint #97"
                     : "+&r"(count), "=&r"(now), "=&r"(rounds)
                     : "r"(x0), "r"(ticks)
                     : "cc");
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
        {"config", required_argument, NULL, 'g'},  {"warm-up", required_argument, NULL, 'u'},
        {"disturb", required_argument, NULL, 'd'}, {0}};
    struct bench b = {.config = "attached", .core = ORD_CORE_ANY, .cpu = -1};
    const char *out = NULL;
    uint64_t samples = 1000, bits = 19, unmeasured = 10;
    struct disturbance disturb = {.fd = -1};
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
        case 'd':
            disturb = bench_disturbance(false);
            disturb.count = (long)arg_number(optarg, usage);
            break;
        case 'u':
            unmeasured = arg_number(optarg, usage);
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
    printf("start %lu\n", (unsigned long)counter_hz());
    CHECK(!fflush(stdout));
    bench_label(&b, ftq ? "ftq" : "fwq"); /* here, since the name may not be in memory yet */
    for (uint64_t i = 0; i < unmeasured; i++)
        quantum_warm_up((unsigned)bits);
    uint64_t ticks = counter_hz() >> 10; /* about a millisecond */
    for (uint64_t i = 0; i < samples; i++) {
        uint64_t start = counter();
        if (ftq) {
            times[i] = start;
            counts[i] = work_for(ticks, start);
        } else if (disturb.fd >= 0) {
            work_disturbed((unsigned)bits, start, &disturb);
        } else {
            quantum_work((unsigned)bits, start);
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
