/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mm-race: no stale translation is ever used.
 *
 * The main thread changes the mapping of one page while the worker (detached with --detach-worker) reads and
 * writes it without pause. They talk through `control`, which is never remapped:
 *
 *   main                                         worker
 *   phase = changing (odd)                       before = phase
 *   mmap / munmap / mprotect / madvise / fork    look at the page, write to it
 *   phase = stable (even), contents published    after = phase
 *                                                before == after, even: what it saw must be the new contents
 *
 * and main looks through a second mapping of the same memory that the worker's writes have stopped reaching
 * a page which is no longer mapped or not writable.
 */
#include "common.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] =
    "[--detach-worker] [--core N] [--rounds N] [--only NAME]\n"
    "  --rounds N   of the cheap kind; expensive kinds do a fraction of it (100000)\n"
    "  --only NAME  one kind: remap, wide, fresh, move, discard, protect, unmap, fork";

#define PAGE       4096ul
#define FILE_PAGES 4
#define WIDE_PAGES 600 /* more than Linux invalidates one by one */
#define HANG       600 /* seconds without any progress that count as a hang, however slow the machine */

/* One page as both threads see it. */
struct page {
    atomic_ulong id;     /* written by main only */
    atomic_ulong writes; /* written by the worker only: one more each time */
    uint64_t fill[510];
};

enum mode {
    MODE_IDLE,
    MODE_READ,  /* id must be control.id when stable; also writes, to whatever is mapped */
    MODE_WRITE, /* the page must hold what it wrote last */
    MODE_TOUCH, /* a write that faults is counted, then it waits for the next phase */
    MODE_WIDE,  /* as READ, on any page of the range */
    MODE_EXIT,
};

/* Shared with children of fork(). */
static struct control {
    atomic_ulong phase; /* odd: main is changing something */
    atomic_ulong id;    /* page contents in a stable phase */
    atomic_ulong id_or; /* also allowed */
    atomic_uint mode;   /* enum mode */
    atomic_uint mode_seen;
    _Alignas(64) atomic_ulong loops; /* progress of the worker */
    atomic_ulong checks;             /* stable looks */
    atomic_ulong faults;             /* signals in MODE_TOUCH */
    atomic_ulong fault_phase;        /* phase in which the last attempt that faulted began */
    _Alignas(64) atomic_ulong round;
    atomic_int worker_tid;
    atomic_int worker_core;
} * control;

static struct page *page;              /* the contested one */
static struct page *alias[FILE_PAGES]; /* second mapping of the file's pages */
static struct page *wide_alias;        /* and of the wide range's file, twice as long as the range */
static int file = -1, wide_file = -1;
static const char *kind_name = "start";
static __thread sigjmp_buf *on_fault;

static void fault_handler(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (on_fault && info->si_addr >= (void *)page && info->si_addr < (void *)(page + WIDE_PAGES))
        siglongjmp(*on_fault, 1);
    test_fail("signal %d at %p in %s, round %lu", number, info->si_addr, kind_name,
              atomic_load(&control->round));
}

static void hang_handler(int number)
{
    static unsigned long last_round = ~0ul, last_loops;
    const unsigned long round = atomic_load(&control->round);
    const unsigned long loops = atomic_load(&control->loops);

    (void)number;
    if (round == last_round && loops == last_loops)
        test_fail("hang: %s, round %lu, phase %lu, worker's loops %lu, faults %lu", kind_name, round,
                  atomic_load(&control->phase), loops, atomic_load(&control->faults));
    last_round = round;
    last_loops = loops;
    alarm(HANG / 2);
}

/* ---- The worker -------------------------------------------------------------------------------------- */

static void worker_read(unsigned long *written)
{
    const unsigned long before = atomic_load(&control->phase);
    unsigned long id, expected, also;

    id = atomic_load(&page->id);
    atomic_store(&page->writes, ++*written);
    expected = atomic_load(&control->id);
    also = atomic_load(&control->id_or);
    if (before % 2 || atomic_load(&control->phase) != before)
        return;
    if (id != expected && id != also)
        test_fail("stale read in %s, round %lu: page %#lx, expected %#lx", kind_name,
                  atomic_load(&control->round), id, expected);
    atomic_fetch_add(&control->checks, 1);
}

/* Page i of the range holds the id of the first one + i. */
static void worker_wide(unsigned long *written)
{
    const unsigned long before = atomic_load(&control->phase);
    const unsigned long i = ++*written * 7 % WIDE_PAGES;
    const unsigned long id = atomic_load(&page[i].id);
    unsigned long expected;

    atomic_store(&page[i].writes, *written);
    expected = atomic_load(&control->id) + i;
    if (before % 2 || atomic_load(&control->phase) != before)
        return;
    if (id != expected)
        test_fail("stale read in %s, round %lu: page %lu is %#lx, expected %#lx", kind_name,
                  atomic_load(&control->round), i, id, expected);
    atomic_fetch_add(&control->checks, 1);
}

static void worker_write(unsigned long *written)
{
    const unsigned long before = atomic_load(&control->phase);
    const unsigned long found = atomic_load(&page->writes);
    unsigned long id, expected;

    if (found != *written)
        test_fail("lost write in %s, round %lu: page has %lu, last write was %lu", kind_name,
                  atomic_load(&control->round), found, *written);
    atomic_store(&page->writes, ++*written);
    id = atomic_load(&page->id);
    expected = atomic_load(&control->id);
    if (before % 2 || atomic_load(&control->phase) != before)
        return;
    if (id != expected)
        test_fail("main's write is not seen in %s, round %lu: page %#lx, expected %#lx", kind_name,
                  atomic_load(&control->round), id, expected);
    atomic_fetch_add(&control->checks, 1);
}

static void worker_touch(unsigned long *written)
{
    const unsigned long before = atomic_load(&control->phase);
    sigjmp_buf here;

    if (!sigsetjmp(here, 0)) {
        on_fault = &here;
        atomic_store(&page->writes, ++*written);
        on_fault = NULL;
        return;
    }
    on_fault = NULL;
    atomic_fetch_add(&control->faults, 1);
    /* main waits for a fault of an attempt that began in its phase; then this stays away from the page. */
    atomic_store(&control->fault_phase, before);
    while (atomic_load(&control->phase) == before && atomic_load(&control->mode) == MODE_TOUCH)
        atomic_fetch_add(&control->loops, 1);
}

static void *worker(void *argument)
{
    unsigned long written = 0;
    unsigned int mode = MODE_IDLE;
    int error;

    if (argument) {
        error = detach_self((uint32_t)atomic_load(&control->worker_core), ORD_PRIO_DEFAULT);
        if (error)
            test_fail("detaching the worker: %s", strerror(-error));
        if (!becomes_detached())
            test_fail("the worker stays attached");
    }
    atomic_store(&control->worker_tid, (int)gettid());
    while (mode != MODE_EXIT) {
        const unsigned int now = atomic_load(&control->mode);

        if (now != mode) {
            mode = now;
            written = atomic_load(&page->writes);
            atomic_store(&control->mode_seen, mode);
        }
        if (mode == MODE_READ)
            worker_read(&written);
        else if (mode == MODE_WRITE)
            worker_write(&written);
        else if (mode == MODE_TOUCH)
            worker_touch(&written);
        else if (mode == MODE_WIDE)
            worker_wide(&written);
        atomic_fetch_add(&control->loops, 1);
    }
    return NULL;
}

/* ---- The main thread --------------------------------------------------------------------------------- */

/* Waits until the worker has done a whole look at the page that began after the call. */
static void wait_progress(void)
{
    const unsigned long loops = atomic_load(&control->loops);
    unsigned int spins = 0;

    while (atomic_load(&control->loops) - loops < 2)
        if (++spins > 1000)
            sched_yield();
}

/* Waits until an attempt to write that began in the present phase has faulted. */
static void wait_fault(void)
{
    const unsigned long phase = atomic_load(&control->phase);
    unsigned int spins = 0;

    while (atomic_load(&control->fault_phase) != phase)
        if (++spins > 1000)
            sched_yield();
}

static void set_mode(enum mode mode)
{
    atomic_store(&control->mode, mode);
    while (atomic_load(&control->mode_seen) != (unsigned int)mode)
        sched_yield();
}

static void phase_begin(void)
{
    atomic_fetch_add(&control->phase, 1);
}

static void phase_end(unsigned long id, unsigned long also)
{
    atomic_store(&control->id, id);
    atomic_store(&control->id_or, also);
    atomic_fetch_add(&control->phase, 1);
}

static void map_page(int flags, int fd, unsigned int index)
{
    const int anonymous = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;

    if (mmap(page, PAGE, PROT_READ | PROT_WRITE, anonymous | MAP_FIXED | flags, fd, (off_t)(index * PAGE)) !=
        page)
        test_fail("mmap in %s: %s", kind_name, strerror(errno));
}

/* After a change that took `old` away from the contested address: no write may reach it any more. */
static void check_unreachable(struct page *old)
{
    const unsigned long writes = atomic_load(&old->writes);

    wait_progress();
    if (atomic_load(&old->writes) != writes)
        test_fail("stale write in %s, round %lu", kind_name, atomic_load(&control->round));
}

/* Other pages of one file at the same address, in one mmap call: no fault is needed on either side. */
static void kind_remap(unsigned long round)
{
    const unsigned int index = (unsigned int)(round % FILE_PAGES);

    phase_begin();
    map_page(MAP_POPULATE, file, index);
    phase_end(index + 1, index + 1);
    if (round % 64 == 0)
        check_unreachable(alias[(index + FILE_PAGES - 1) % FILE_PAGES]);
}

/* The whole range moves along its file: one invalidation of the address space instead of one per page. */
static void kind_wide(unsigned long round)
{
    const unsigned long shift = round % WIDE_PAGES;

    phase_begin();
    if (mmap(page, WIDE_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE,
             wide_file, (off_t)(shift * PAGE)) != page)
        test_fail("mmap in %s: %s", kind_name, strerror(errno));
    phase_end(shift + 1, shift + 1);
    if (round % 16 == 15 && shift)
        check_unreachable(&wide_alias[shift - 1]);
}

/* The page is dropped: zero afterwards, until main writes. */
static void kind_discard(unsigned long round)
{
    const unsigned long id = round + 1;

    phase_begin();
    if (madvise(page, PAGE, MADV_DONTNEED))
        test_fail("madvise: %s", strerror(errno));
    phase_end(0, 0);
    wait_progress();
    phase_begin();
    atomic_store(&page->id, id);
    phase_end(id, id);
}

/* Fresh anonymous memory at the same address: zero or the new contents, never the old ones. */
static void kind_fresh(unsigned long round)
{
    const unsigned long id = round + 1;

    phase_begin();
    map_page(MAP_POPULATE, -1, 0);
    phase_end(0, 0);
    if (round % 8 == 0)
        wait_progress();
    phase_begin();
    atomic_store(&page->id, id);
    phase_end(id, id);
    if (round % 8 == 4)
        wait_progress();
}

/* Read-only: the worker's next write faults, and none becomes visible after mprotect() has returned. */
static void kind_protect(unsigned long round)
{
    unsigned long writes;

    phase_begin();
    if (mprotect(page, PAGE, round % 2 ? PROT_READ : PROT_NONE))
        test_fail("mprotect: %s", strerror(errno));
    writes = atomic_load(&alias[0]->writes);
    phase_end(0, 0);
    wait_fault();
    if (atomic_load(&alias[0]->writes) != writes)
        test_fail("stale write after mprotect, round %lu", round);
    phase_begin();
    if (mprotect(page, PAGE, PROT_READ | PROT_WRITE))
        test_fail("mprotect back: %s", strerror(errno));
    phase_end(0, 0);
    wait_progress();
}

static void kind_unmap(unsigned long round)
{
    const unsigned int index = (unsigned int)(round % FILE_PAGES);
    struct page *old = alias[(index + FILE_PAGES - 1) % FILE_PAGES];
    unsigned long writes;

    phase_begin();
    if (munmap(page, PAGE))
        test_fail("munmap: %s", strerror(errno));
    writes = atomic_load(&old->writes);
    phase_end(0, 0);
    wait_fault();
    if (atomic_load(&old->writes) != writes)
        test_fail("stale write after munmap, round %lu", round);
    phase_begin();
    map_page(0, file, index);
    phase_end(index + 1, index + 1);
    wait_progress();
}

/* The page's memory moves to another address and another page comes in its place. */
static void kind_move(unsigned long round)
{
    const unsigned int index = (unsigned int)(round % FILE_PAGES);
    static struct page *aside;

    if (!aside) {
        aside = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(aside != MAP_FAILED);
    }
    phase_begin();
    if (mmap(aside, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, file,
             (off_t)(index * PAGE)) != aside ||
        mremap(aside, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, page) != page)
        test_fail("mremap: %s", strerror(errno));
    phase_end(index + 1, index + 1);
    check_unreachable(alias[(index + FILE_PAGES - 1) % FILE_PAGES]);
}

/* Copy on write: the child's copy stands still while the worker writes; the worker loses no write. */
static void kind_fork(unsigned long round)
{
    const unsigned long id = round + 1;
    int status;
    pid_t child;

    phase_begin();
    child = fork();
    if (child < 0)
        test_fail("fork: %s", strerror(errno));
    if (!child) {
        const unsigned long writes = atomic_load(&page->writes);
        const unsigned long own = atomic_load(&page->id);

        on_fault = NULL;
        wait_progress();
        if (atomic_load(&page->writes) != writes || atomic_load(&page->id) != own)
            test_fail("the child's copy changes, round %lu", round);
        if (round % 2)
            atomic_store(&page->writes, ~0ul); /* must not reach the parent */
        _exit(0);
    }
    atomic_store(&page->id, id);
    phase_end(id, id);
    wait_progress();
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status))
        test_fail("child of round %lu: status %#x", round, status);
}

static const struct kind {
    const char *name;
    void (*run)(unsigned long round);
    enum mode mode;
    unsigned int fraction; /* of the rounds */
    bool file;             /* begins with page FILE_PAGES - 1 of the file, else with an anonymous one */
} kinds[] = {
    {"remap", kind_remap, MODE_READ, 1, true},       {"wide", kind_wide, MODE_WIDE, 60, false},
    {"fresh", kind_fresh, MODE_READ, 5, false},      {"move", kind_move, MODE_READ, 20, true},
    {"discard", kind_discard, MODE_READ, 50, false}, {"protect", kind_protect, MODE_TOUCH, 100, true},
    {"unmap", kind_unmap, MODE_TOUCH, 100, true},    {"fork", kind_fork, MODE_WRITE, 500, false},
};

static void run_kind(const struct kind *kind, unsigned long rounds)
{
    const unsigned long checks = atomic_load(&control->checks);
    const unsigned long faults = atomic_load(&control->faults);
    unsigned long count = rounds / kind->fraction;
    unsigned long id = 0;

    if (!count)
        count = 1;
    kind_name = kind->name;
    set_mode(MODE_IDLE);
    phase_begin();
    if (kind->file) {
        map_page(0, file, kind->run == kind_protect ? 0 : FILE_PAGES - 1);
        id = atomic_load(&page->id);
    } else {
        map_page(0, -1, 0);
    }
    if (kind->mode == MODE_WIDE) {
        kind_wide(0);
        id = 1;
    }
    phase_end(id, id);
    set_mode(kind->mode);
    wait_progress();
    for (unsigned long round = 0; round < count; round++) {
        atomic_store(&control->round, round);
        kind->run(round);
        if (count >= 50000 && round % (count / 10) == count / 10 - 1)
            printf("mm-race: %s %lu/%lu\n", kind->name, round + 1, count);
    }
    printf("mm-race: %s: %lu rounds, %lu looks checked, %lu faults\n", kind->name, count,
           atomic_load(&control->checks) - checks, atomic_load(&control->faults) - faults);
    fflush(stdout);
    if (kind->mode != MODE_TOUCH && atomic_load(&control->checks) == checks)
        test_fail("%s: the worker never saw a stable phase", kind->name);
}

static void prepare(void)
{
    struct sigaction action = {.sa_sigaction = fault_handler, .sa_flags = SA_SIGINFO | SA_NODEFER};

    setvbuf(stdout, NULL, _IOLBF, 0);
    control = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    page = mmap(NULL, WIDE_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    file = memfd_create("mm-race", MFD_CLOEXEC);
    CHECK(control != MAP_FAILED && page != MAP_FAILED && file >= 0);
    CHECK(ftruncate(file, FILE_PAGES * PAGE) == 0);
    for (unsigned int i = 0; i < FILE_PAGES; i++) {
        alias[i] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)(i * PAGE));
        CHECK(alias[i] != MAP_FAILED);
        atomic_store(&alias[i]->id, i + 1);
    }
    wide_file = memfd_create("mm-race-wide", MFD_CLOEXEC);
    CHECK(wide_file >= 0 && ftruncate(wide_file, 2 * WIDE_PAGES * PAGE) == 0);
    wide_alias = mmap(NULL, 2 * WIDE_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, wide_file, 0);
    CHECK(wide_alias != MAP_FAILED);
    for (unsigned long i = 0; i < 2 * WIDE_PAGES; i++)
        atomic_store(&wide_alias[i].id, i + 1);
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    CHECK(sigaction(SIGBUS, &action, NULL) == 0);
    signal(SIGALRM, hang_handler);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"detach-worker", no_argument, NULL, 'd'},
                                            {"core", required_argument, NULL, 'c'},
                                            {"rounds", required_argument, NULL, 'r'},
                                            {"only", required_argument, NULL, 'o'},
                                            {}};
    unsigned long rounds = 100000, done = 0;
    struct ord_ioc_thread thread;
    uint32_t core = ORD_CORE_ANY;
    const char *only = NULL;
    bool detach = false;
    pthread_t pthread;
    sigset_t set;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'd')
            detach = true;
        else if (option == 'c')
            core = (uint32_t)arg_number(optarg, usage);
        else if (option == 'r')
            rounds = arg_number(optarg, usage);
        else if (option == 'o')
            only = optarg;
        else
            arg_number(NULL, usage);
    }
    prepare();
    atomic_store(&control->worker_core, (int)core);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (pthread_create(&pthread, NULL, worker, detach ? &thread : NULL))
        test_fail("pthread_create");
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    while (!atomic_load(&control->worker_tid))
        sched_yield();
    alarm(HANG / 2);

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (only && strcmp(only, kinds[i].name))
            continue;
        run_kind(&kinds[i], rounds);
        done++;
    }
    if (!done)
        arg_number(only, usage);
    if (detach) {
        const int error = thread_stat(atomic_load(&control->worker_tid), &thread);

        if (error)
            test_fail("state of the worker: %s", strerror(-error));
        print_stats("worker", &thread);
        if (!thread.stats.runs || (done > 1 && !thread.stats.faults))
            test_fail("the worker has not run detached");
    }
    atomic_store(&control->mode, MODE_EXIT);
    pthread_join(pthread, NULL);
    return test_pass("%lu kinds, %lu rounds of the cheapest%s", done, rounds,
                     detach ? ", worker detached" : "");
}
