/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control loop of the 2016 paper: it sleeps until an absolute time, works, and does so again a period
 * later; by default each millisecond, 10,000 times. It sleeps by POSIX (clock_nanosleep), or with -l by
 * libdetach, on the system counter; detached or not.
 *
 * Printed at the end, or when SIGINT or SIGTERM has come:
 *
 *   delta      between two wake-ups, in ticks of the counter, as the paper plots it; its aim is the period
 *   lateness   from the time that a wake-up was for to the first look at the clock, in ns
 *   overruns   cycles that were not over when the next one was due. That one then begins at once, and no
 *              cycle is left out.
 *
 * With the plugin of bench/insn each sleep is an interval.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../../tests/guest/library.h"
#include "bench.h"

#define NS         1000000000ll
#define BUCKETS    1000 /* of the histogram, 1 us each */
#define PERIOD_MAX 1000000000ul
#define COUNT_MAX  100000000ul
#define ROUNDS_MAX (1ul << 40)

static const char usage[] =
    "[OPTION…]\n"
    "  -p, --period US       of the loop (1000)\n"
    "  -n, --count N         cycles (10000); 0: until a signal comes\n"
    "  -w, --work ROUNDS     of a loop of two instructions, in each cycle (0)\n"
    "  -l, --libdetach       sleep by libdetach, on the system counter, not by clock_nanosleep\n"
    "  -F, --functions       then --count rounds more, whose instructions bench/run counts by function\n"
    "  -H, --histogram FILE  of the lateness in us, as cyclictest's\n"
    "  -o, --out FILE        a line for each cycle: its number, delta, lateness\n"
    "  -c, --core N          detach to this host core\n"
    "      --cpu N           stay on this CPU of Linux\n"
    "      --page            print where struct look is in physical memory\n"
    "      --config NAME     what the plugin's results are to be called\n"
    "      --disturb 0|1000  that many instructions more in what the plugin measures";

/* For those who look from outside. */
struct look {
    volatile uint64_t cycles;
    volatile uint64_t overruns;
    volatile uint64_t late_max; /* ns */
    volatile uint64_t failed;   /* errno of a sleep */
};

struct sample {
    uint64_t counter;
    int64_t late;
};

static struct {
    struct bench bench;
    uint64_t period; /* ns */
    uint64_t count;  /* 0: no end */
    uint64_t rounds;
    uint64_t disturb; /* rounds in each interval, for a check of the plugin's figures */
    bool libdetach, page, functions;
    const char *histogram_name, *out_name;
    FILE *histogram, *out;
} o = {.bench = {.config = "attached", .core = ORD_CORE_ANY, .cpu = -1}, .period = 1000000, .count = 10000};

static struct {
    uint64_t cycles, overruns;
    uint64_t delta_min, delta_max, first, last; /* counter */
    int64_t late_min, late_max;
    double late_sum;
    uint64_t bucket[BUCKETS], beyond;
} r = {.delta_min = UINT64_MAX, .late_min = INT64_MAX, .late_max = INT64_MIN};

static struct look *look;
static struct sample *samples;
static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

_Noreturn static void bad(const char *format, const char *word)
{
    fprintf(stderr, "control-loop: ");
    fprintf(stderr, format, word);
    fprintf(stderr, "\nusage: control-loop %s\n", usage);
    exit(2);
}

static uint64_t number(const char *option, const char *text, uint64_t from, uint64_t to)
{
    uint64_t value = arg_number(text, usage);

    if (value < from || value > to) {
        fprintf(stderr, "control-loop: --%s %s: from %lu to %lu\n", option, text, (unsigned long)from,
                (unsigned long)to);
        exit(2);
    }
    return value;
}

/* Here, not after 10,000 cycles. */
static FILE *create(const char *name)
{
    FILE *file = name ? fopen(name, "we") : NULL;

    if (name && !file) {
        fprintf(stderr, "control-loop: %s: %s\n", name, strerror(errno));
        exit(1);
    }
    return file;
}

static void parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"period", required_argument, NULL, 'p'}, {"count", required_argument, NULL, 'n'},
        {"work", required_argument, NULL, 'w'},   {"libdetach", no_argument, NULL, 'l'},
        {"functions", no_argument, NULL, 'F'},    {"histogram", required_argument, NULL, 'H'},
        {"out", required_argument, NULL, 'o'},    {"core", required_argument, NULL, 'c'},
        {"cpu", required_argument, NULL, 'P'},    {"page", no_argument, NULL, 'A'},
        {"config", required_argument, NULL, 'g'}, {"disturb", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},         {0}};
    int option;

    while ((option = getopt_long(argc, argv, "p:n:w:lFH:o:c:h", options, NULL)) != -1) {
        switch (option) {
        case 'p':
            o.period = number("period", optarg, 1, PERIOD_MAX) * 1000;
            break;
        case 'n':
            o.count = number("count", optarg, 0, COUNT_MAX);
            break;
        case 'w':
            o.rounds = number("work", optarg, 0, ROUNDS_MAX);
            break;
        case 'l':
            o.libdetach = true;
            break;
        case 'F':
            o.functions = true;
            break;
        case 'H':
            o.histogram_name = optarg;
            break;
        case 'o':
            o.out_name = optarg;
            break;
        case 'c':
            o.bench.core = (uint32_t)number("core", optarg, 0, ORD_CORE_ANY - 1);
            break;
        case 'P':
            o.bench.cpu = (int)number("cpu", optarg, 0, CPU_SETSIZE - 1);
            break;
        case 'A':
            o.page = true;
            break;
        case 'g':
            o.bench.config = optarg;
            break;
        case 'd':
            o.disturb = number("disturb", optarg, 0, HVBENCH_DISTURB_MAX) ? BENCH_ROUNDS_MORE : BENCH_ROUNDS;
            break;
        case 'h':
            printf("usage: control-loop %s\n", usage);
            exit(0);
        default: /* getopt_long() has said what */
            fprintf(stderr, "usage: control-loop %s\n", usage);
            exit(2);
        }
    }
    if (optind < argc)
        bad("'%s' is too much", argv[optind]);
    if ((o.out_name || o.functions) && !o.count)
        bad("%s needs a --count that is not 0", o.out_name ? "--out" : "--functions");
    o.histogram = create(o.histogram_name);
    o.out = create(o.out_name);
}

/* The clock of the loop, in ns. */
static int64_t now(void)
{
    struct timespec t;

    if (o.libdetach) {
        uint64_t ticks = detach_counter(), hz = detach_counter_hz();
        return (int64_t)(ticks / hz * NS + ticks % hz * NS / hz);
    }
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS + t.tv_nsec;
}

static inline int sleep_to(const struct timespec *t)
{
    if (o.libdetach)
        return -detach_sleep_until(DETACH_CLOCK_COUNTER, t);
    return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, t, NULL);
}

/* 0, or an errno. */
static int wait_for_time(int64_t time)
{
    struct timespec t = {.tv_sec = time / NS, .tv_nsec = time % NS};
    int result;

    insn_begin();
    result = sleep_to(&t);
    insn_end();
    return result;
}

static int wait_disturbed(int64_t time)
{
    struct timespec t = {.tv_sec = time / NS, .tv_nsec = time % NS};
    int result;

    insn_begin();
    result = sleep_to(&t);
    bench_more(o.disturb);
    insn_end();
    return result;
}

static void work(void)
{
    for (uint64_t i = 0; i < o.rounds; i++)
        __asm__ volatile("");
}

static void record(uint64_t ticks, int64_t late)
{
    if (r.cycles) {
        uint64_t delta = ticks - r.last;
        r.delta_min = delta < r.delta_min ? delta : r.delta_min;
        r.delta_max = delta > r.delta_max ? delta : r.delta_max;
    } else {
        r.first = ticks;
    }
    r.last = ticks;
    r.late_min = late < r.late_min ? late : r.late_min;
    r.late_max = late > r.late_max ? late : r.late_max;
    r.late_sum += (double)late;
    if (late / 1000 < BUCKETS)
        r.bucket[late / 1000]++;
    else
        r.beyond++;
    if (samples)
        samples[r.cycles] = (struct sample){ticks, late};
    r.cycles++;
    look->cycles = r.cycles;
    look->late_max = (uint64_t)r.late_max;
}

static void loop(void)
{
    int64_t next = now() + (int64_t)o.period;

    while (!stop && (!o.count || r.cycles < o.count)) {
        int error = o.disturb ? wait_disturbed(next) : wait_for_time(next);
        uint64_t ticks = counter();
        int64_t late = now() - next;
        if (error == EINTR)
            continue; /* the end, or a debugger: it waits for the same time */
        if (error) {
            look->failed = (uint64_t)error;
            test_fail("the sleep: %s", strerror(error));
        }
        if (late < 0)
            test_fail("woken %ld ns early", (long)-late);
        record(ticks, late);
        work();
        next += (int64_t)o.period;
        if (now() >= next)
            look->overruns = ++r.overruns;
    }
}

/* As often as loop(), and nothing but what the plugin's histogram is to have. */
static void loop_plain(void)
{
    insn_hist_start();
    for (uint64_t i = 0; i < o.count; i++) {
        int64_t next = now() + (int64_t)o.period; /* not to be late for it */
        struct timespec t = {.tv_sec = next / NS, .tv_nsec = next % NS};
        int error = sleep_to(&t);
        if (error)
            test_fail("the sleep: %s", strerror(error));
    }
    insn_hist_stop();
}

static void write_samples(void)
{
    for (uint64_t i = 1; i < r.cycles; i++)
        fprintf(o.out, "%" PRIu64 " %" PRIu64 " %" PRId64 "\n", i,
                samples[i].counter - samples[i - 1].counter, samples[i].late);
    if (fclose(o.out))
        test_fail("%s: %s", o.out_name, strerror(errno));
}

static void write_histogram(void)
{
    int last = BUCKETS;

    while (last && !r.bucket[last - 1])
        last--;
    fprintf(o.histogram, "# Histogram\n");
    for (int i = 0; i < last; i++)
        fprintf(o.histogram, "%06d %06" PRIu64 "\n", i, r.bucket[i]);
    fprintf(o.histogram, "# Total: %09" PRIu64 "\n", r.cycles - r.beyond);
    fprintf(o.histogram, "# Min Latencies: %05" PRId64 "\n", r.late_min / 1000);
    fprintf(o.histogram, "# Avg Latencies: %05.0f\n", r.late_sum / (double)r.cycles / 1000);
    fprintf(o.histogram, "# Max Latencies: %05" PRId64 "\n", r.late_max / 1000);
    fprintf(o.histogram, "# Histogram Overflows: %05" PRIu64 "\n", r.beyond);
    if (fclose(o.histogram))
        test_fail("%s: %s", o.histogram_name, strerror(errno));
}

static void print(void)
{
    uint64_t hz = counter_hz();

    if (r.cycles > 1)
        printf("delta      min %" PRIu64 " avg %.1f max %" PRIu64 " ticks of %" PRIu64
               " Hz; the period has %.1f\n",
               r.delta_min, (double)(r.last - r.first) / (double)(r.cycles - 1), r.delta_max, hz,
               (double)o.period * (double)hz / (double)NS);
    if (r.cycles)
        printf("lateness   min %" PRId64 " avg %.0f max %" PRId64 " ns\n", r.late_min,
               r.late_sum / (double)r.cycles, r.late_max);
    printf("overruns   %" PRIu64 "\n", r.overruns);
}

/* Nothing in the loop faults: all memory is there. */
static void prepare(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    CHECK(!sigaction(SIGINT, &action, NULL) && !sigaction(SIGTERM, &action, NULL));
    look = page_map(NULL);
    if (o.out) {
        samples = mmap(NULL, o.count * sizeof(*samples), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (samples == MAP_FAILED)
            test_fail("no memory for %lu samples: %s", (unsigned long)o.count, strerror(errno));
    }
    if (mlockall(MCL_CURRENT | MCL_FUTURE))
        fprintf(stderr, "control-loop: mlockall: %s (goes on)\n", strerror(errno));
    if (o.page)
        printf("page %#lx\n", (unsigned long)physical_address(look));
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    if (o.bench.cpu >= 0)
        bench_pin(o.bench.cpu);
    prepare();
    bench_detach(&o.bench);
    printf("start %lu\n", (unsigned long)counter_hz());
    fflush(stdout);
    bench_label(&o.bench, o.libdetach ? "sleep_until" : "clock_nanosleep");
    loop();
    if (o.functions)
        loop_plain();
    bench_label(&o.bench, "end");
    if (o.bench.core != ORD_CORE_ANY)
        attach_self();
    print();
    if (o.out)
        write_samples();
    if (o.histogram)
        write_histogram();
    return test_pass("%lu cycles", (unsigned long)r.cycles);
}
