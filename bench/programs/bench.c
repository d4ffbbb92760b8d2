/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICKS_MAX 100000

static uint64_t ticks[TICKS_MAX];
static size_t ticks_count;

void bench_options(struct bench *b, int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'o'},
                                            {"core", required_argument, NULL, 'c'},
                                            {"count", required_argument, NULL, 'n'},
                                            {"cpu", required_argument, NULL, 'p'},
                                            {"gap", required_argument, NULL, 'g'},
                                            {"disturb", no_argument, NULL, 'd'},
                                            {0}};
    static const char usage[] = "[--config NAME] [--core N] [--count N] [--cpu N] [--gap N] [--disturb]";
    int option;

    *b = (struct bench){.config = "attached", .core = ORD_CORE_ANY, .count = 200, .cpu = -1};
    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        switch (option) {
        case 'o':
            b->config = optarg;
            break;
        case 'c':
            b->core = (uint32_t)arg_number(optarg, usage);
            break;
        case 'n':
            b->count = arg_number(optarg, usage);
            break;
        case 'p':
            b->cpu = (int)arg_number(optarg, usage);
            break;
        case 'd':
            b->disturb = true;
            break;
        case 'g':
            b->gap = arg_number(optarg, usage);
            break;
        default:
            fprintf(stderr, "usage: %s %s\n", program_invocation_short_name, usage);
            exit(2);
        }
    }
    if (b->cpu >= 0)
        bench_pin(b->cpu);
}

void bench_pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    CHECK(!sched_setaffinity(0, sizeof(set), &set));
}

void bench_detach(const struct bench *b)
{
    if (b->core == ORD_CORE_ANY)
        return;
    int error = detach_self(b->core, ORD_PRIO_DEFAULT);
    if (error)
        test_fail("cannot detach to core %u (%d)", b->core, error);
    CHECK(becomes_detached());
}

void bench_gap(const struct bench *b)
{
    for (uint64_t i = 0; i < b->gap; i++)
        __asm__ volatile("");
}

void bench_label(const struct bench *b, const char *name)
{
    char text[64];

    snprintf(text, sizeof(text), "%s/%s/%s", program_invocation_short_name, b->config, name);
    insn_label(text);
}

struct disturbance bench_disturbance(bool more)
{
    static int fd = -1;

    if (fd < 0)
        fd = open(HVBENCH_DEVICE, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        test_fail("%s: %s; modprobe hvbench", HVBENCH_DEVICE, strerror(errno));
    return (struct disturbance){fd, HVBENCH_DISTURB, more ? HVBENCH_DISTURB_MAX : 0};
}

void bench_label_disturbed(const struct bench *b, const char *name, bool more)
{
    char text[40];

    snprintf(text, sizeof(text), "%.30s+%d", name, more ? HVBENCH_DISTURB_MAX : 0);
    bench_label(b, text);
}

void bench_ticks(uint64_t value)
{
    if (ticks_count < TICKS_MAX)
        ticks[ticks_count++] = value;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

void bench_report(const char *name)
{
    qsort(ticks, ticks_count, sizeof(ticks[0]), compare);
    if (ticks_count)
        printf("%-24s %6zu times, ticks of %lu Hz: median %lu, maximum %lu\n", name, ticks_count,
               (unsigned long)counter_hz(), (unsigned long)ticks[ticks_count / 2],
               (unsigned long)ticks[ticks_count - 1]);
    fflush(stdout);
    ticks_count = 0;
}
