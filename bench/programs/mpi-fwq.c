/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fixed work quanta of several MPI ranks: each does the same work, then all meet in a barrier, again and
 * again, as a bulk-synchronous program does. Who is disturbed holds up all. Ranks may be detached, by hvctl.
 *
 * Rank 0 prints one line of JSON: for each rank what it executed on, and what it left its core for between
 * its first and its last barrier. Ticks are those of the system counter, which all cores of a machine share;
 * those of other machines are compared with rank 0's by messages, and are known as well as the fastest of
 * these was fast (clock_error).
 *
 * With -o NAME, each rank writes one sample per line to NAME-RANK_times.dat (ticks of a quantum, as fwq),
 * NAME-RANK_barriers.dat (ticks of the barrier behind it, waiting included) and NAME-RANK_empty.dat (ticks of
 * a barrier without work before it).
 *
 * Between the markers of bench/insn is a quantum's work. x0 at the first is the rank << 32 | the quantum.
 */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mpi.h>

#include "bench.h"
#include "quantum.h"

#define WARM_UP_BARRIERS 100
#define CLOCK_MESSAGES   32

static const char usage[] = "[--work BITS] [--samples N] [--warm-up N] [-o NAME] [--config NAME]";

/* What each rank tells rank 0. */
struct report {
    uint64_t quanta, barriers;          /* that it did */
    uint64_t work, least, most;         /* ticks of its quanta: all of them, the shortest, the longest */
    uint64_t waited;                    /* ticks in barriers behind quanta */
    uint64_t empty;                     /* … and of as many barriers without work */
    int64_t detached;                   /* 0 or 1 */
    int64_t core;                       /* its host core, or CPU of Linux */
    uint64_t syscalls, faults, recalls; /* what a detached one left its core for */
    uint64_t irqs;
};

/* The hypervisor's counts for the caller; false: it is not detached. */
static bool stats(int tid, struct ord_ioc_thread *thread)
{
    return !thread_stat(tid, thread);
}

static void write_samples(const char *name, int rank, const char *what, const uint64_t *from,
                          const uint64_t *to, uint64_t count)
{
    char path[512];

    snprintf(path, sizeof(path), "%s-%d_%s.dat", name, rank, what);
    FILE *file = fopen(path, "w");
    if (!file)
        test_fail("%s: %s", path, strerror(errno));
    for (uint64_t i = 0; i < count; i++)
        fprintf(file, "%lu\n", (unsigned long)(to[i] - from[i]));
    CHECK(!fclose(file));
}

static uint64_t *samples_new(uint64_t count)
{
    uint64_t *samples = calloc(count, sizeof(*samples));

    CHECK(samples);
    memset(samples, 0xff, count * sizeof(*samples)); /* touched, so that no page fault is measured */
    return samples;
}

/*
 * How far this rank's counter is ahead of rank 0's, and how far off that may be: 0 on rank 0's machine, on
 * others half of the fastest round trip.
 */
static int64_t clock_ahead(int rank, int size, uint64_t *error)
{
    MPI_Comm machine;
    int first = rank, *firsts = calloc((size_t)size, sizeof(*firsts));
    int64_t ahead = 0;

    CHECK(firsts);
    CHECK(!MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &machine));
    CHECK(!MPI_Bcast(&first, 1, MPI_INT, 0, machine));
    CHECK(!MPI_Allgather(&first, 1, MPI_INT, firsts, 1, MPI_INT, MPI_COMM_WORLD));
    *error = 0;
    for (int r = 1; r < size; r++) {
        if (firsts[r] == firsts[0])
            continue;
        uint64_t best = UINT64_MAX, theirs = 0;
        for (int i = 0; i < CLOCK_MESSAGES; i++) {
            if (rank == r) {
                CHECK(!MPI_Recv(NULL, 0, MPI_BYTE, 0, i, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
                theirs = counter();
                CHECK(!MPI_Send(&theirs, 1, MPI_UINT64_T, 0, i, MPI_COMM_WORLD));
            } else if (rank == 0) {
                uint64_t sent = counter();
                CHECK(!MPI_Send(NULL, 0, MPI_BYTE, r, i, MPI_COMM_WORLD));
                CHECK(!MPI_Recv(&theirs, 1, MPI_UINT64_T, r, i, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
                uint64_t trip = counter() - sent;
                if (trip < best) {
                    best = trip;
                    ahead = (int64_t)(theirs - (sent + trip / 2));
                }
            }
        }
        uint64_t found[2] = {(uint64_t)ahead, best / 2 + 1};
        if (rank == 0)
            CHECK(!MPI_Send(found, 2, MPI_UINT64_T, r, 0, MPI_COMM_WORLD));
        else if (rank == r) {
            CHECK(!MPI_Recv(found, 2, MPI_UINT64_T, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
            ahead = (int64_t)found[0];
            *error = found[1];
        }
    }
    CHECK(!MPI_Allreduce(MPI_IN_PLACE, error, 1, MPI_UINT64_T, MPI_MAX, MPI_COMM_WORLD));
    CHECK(!MPI_Comm_free(&machine));
    free(firsts);
    return rank ? ahead : 0;
}

/*
 * How many barriers held: no rank left one before all had done their work, as far as their counters can be
 * compared. Every rank gets the number.
 */
static uint64_t barriers_held(const uint64_t *worked, const uint64_t *left, uint64_t count, uint64_t error)
{
    uint64_t *last = samples_new(count), *first = samples_new(count), held = 0;

    CHECK(!MPI_Allreduce(worked, last, (int)count, MPI_UINT64_T, MPI_MAX, MPI_COMM_WORLD));
    CHECK(!MPI_Allreduce(left, first, (int)count, MPI_UINT64_T, MPI_MIN, MPI_COMM_WORLD));
    for (uint64_t i = 0; i < count; i++)
        held += first[i] + 2 * error >= last[i];
    free(last);
    free(first);
    return held;
}

static void print(const struct bench *b, const struct report *r, int size, uint64_t bits, uint64_t held,
                  uint64_t run, uint64_t error)
{
    printf("{\"program\": \"mpi-fwq\", \"config\": \"%s\", \"hz\": %lu, \"work\": %lu, \"samples\": %lu, "
           "\"barriers_held\": %lu, \"run_ticks\": %lu, \"clock_error\": %lu, \"ranks\": [",
           b->config, (unsigned long)counter_hz(), (unsigned long)(2ull << bits), (unsigned long)b->count,
           (unsigned long)held, (unsigned long)run, (unsigned long)error);
    for (int i = 0; i < size; i++, r++)
        printf("%s{\"rank\": %d, \"detached\": %s, \"core\": %ld, \"quanta\": %lu, \"barriers\": %lu, "
               "\"work_ticks\": %lu, \"least\": %lu, \"most\": %lu, \"barrier_ticks\": %lu, "
               "\"empty_ticks\": %lu, \"syscalls\": %lu, \"faults\": %lu, \"recalls\": %lu, \"irqs\": %lu}",
               i ? ", " : "", i, r->detached ? "true" : "false", (long)r->core, (unsigned long)r->quanta,
               (unsigned long)r->barriers, (unsigned long)r->work, (unsigned long)r->least,
               (unsigned long)r->most, (unsigned long)r->waited, (unsigned long)r->empty,
               (unsigned long)r->syscalls, (unsigned long)r->faults, (unsigned long)r->recalls,
               (unsigned long)r->irqs);
    printf("]}\n");
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"work", required_argument, NULL, 'w'},    {"samples", required_argument, NULL, 'n'},
        {"warm-up", required_argument, NULL, 'u'}, {"out", required_argument, NULL, 'o'},
        {"config", required_argument, NULL, 'g'},  {0}};
    struct bench b = {.config = "attached", .count = 1000};
    const char *out = NULL;
    uint64_t bits = 19, unmeasured = 10;
    struct ord_ioc_thread before, after;
    struct report own = {.least = UINT64_MAX};
    int option, rank, size, tid = (int)syscall(SYS_gettid);

    CHECK(!MPI_Init(&argc, &argv));
    while ((option = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
        switch (option) {
        case 'w':
            bits = arg_number(optarg, usage);
            break;
        case 'n':
            b.count = arg_number(optarg, usage);
            break;
        case 'u':
            unmeasured = arg_number(optarg, usage);
            break;
        case 'o':
            out = optarg;
            break;
        case 'g':
            b.config = optarg;
            break;
        default:
            fprintf(stderr, "usage: %s %s\n", program_invocation_short_name, usage);
            return 2;
        }
    }
    if (bits > 40 || !b.count || b.count > INT32_MAX)
        arg_number(NULL, usage);
    CHECK(!MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    CHECK(!MPI_Comm_size(MPI_COMM_WORLD, &size));
    uint64_t *start = samples_new(b.count), *worked = samples_new(b.count), *left = samples_new(b.count);
    uint64_t *enter = samples_new(b.count), *leave = samples_new(b.count);

    for (uint64_t i = 0; i < unmeasured; i++) {
        quantum_warm_up((unsigned)bits);
        CHECK(!MPI_Barrier(MPI_COMM_WORLD));
    }
    /* Open MPI makes buffers between two ranks when they have exchanged some messages. */
    for (int i = 0; i < WARM_UP_BARRIERS; i++)
        CHECK(!MPI_Barrier(MPI_COMM_WORLD));
    bench_label(&b, "fwq");
    bool detached = stats(tid, &before) && becomes_detached();
    CHECK(!MPI_Barrier(MPI_COMM_WORLD));
    for (uint64_t i = 0; i < b.count; i++) {
        start[i] = counter();
        quantum_work((unsigned)bits, (uint64_t)rank << 32 | i);
        worked[i] = counter();
        CHECK(!MPI_Barrier(MPI_COMM_WORLD));
        left[i] = counter();
        own.quanta++;
    }
    for (uint64_t i = 0; i < b.count; i++) {
        enter[i] = counter();
        CHECK(!MPI_Barrier(MPI_COMM_WORLD));
        leave[i] = counter();
        own.barriers++;
    }
    own.detached = stats(tid, &after) && detached;
    bench_label(&b, "end");

    own.barriers += own.quanta;
    own.core = own.detached ? (int64_t)after.core : sched_getcpu();
    if (own.detached) {
        own.syscalls = after.stats.syscalls - before.stats.syscalls - 1; /* not the one that asks */
        own.faults = after.stats.faults - before.stats.faults;
        own.recalls = after.stats.recalls - before.stats.recalls;
        own.irqs = after.stats.irqs - before.stats.irqs;
    }
    for (uint64_t i = 0; i < b.count; i++) {
        uint64_t ticks = worked[i] - start[i];

        own.work += ticks;
        own.least = ticks < own.least ? ticks : own.least;
        own.most = ticks > own.most ? ticks : own.most;
        own.waited += left[i] - worked[i];
        own.empty += leave[i] - enter[i];
    }

    if (out) {
        write_samples(out, rank, "times", start, worked, b.count);
        write_samples(out, rank, "barriers", worked, left, b.count);
        write_samples(out, rank, "empty", enter, leave, b.count);
    }
    uint64_t error, first, last, ahead = (uint64_t)clock_ahead(rank, size, &error);
    for (uint64_t i = 0; i < b.count; i++) {
        start[i] -= ahead;
        worked[i] -= ahead;
        left[i] -= ahead;
    }
    uint64_t held = barriers_held(worked, left, b.count, error);
    CHECK(!MPI_Allreduce(&start[0], &first, 1, MPI_UINT64_T, MPI_MIN, MPI_COMM_WORLD));
    CHECK(!MPI_Allreduce(&left[b.count - 1], &last, 1, MPI_UINT64_T, MPI_MAX, MPI_COMM_WORLD));
    struct report *all = calloc((size_t)size, sizeof(*all));
    CHECK(all);
    CHECK(!MPI_Gather(&own, sizeof(own), MPI_BYTE, all, sizeof(own), MPI_BYTE, 0, MPI_COMM_WORLD));
    if (rank == 0)
        print(&b, all, size, bits, held, last - first, error);
    CHECK(!fflush(stdout));
    CHECK(!MPI_Finalize());
    if (held != b.count)
        test_fail("%lu of %lu barriers held", (unsigned long)held, (unsigned long)b.count);
    return rank == 0 ? test_pass("%d ranks, %lu quanta each", size, (unsigned long)b.count) : 0;
}
