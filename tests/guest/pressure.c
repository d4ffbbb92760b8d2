/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pressure: owns a lot of memory, verifies all of it and writes to some of it, round after round, while Linux
 * swaps, merges, migrates, splits and collapses it. Wrong contents end it with "FAIL".
 *
 * What a page must hold follows from its generation alone, which is kept elsewhere, in locked memory.
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char usage[] =
    "[--mib N] [--kind KIND] [--lock] [--rounds N] [--file PATH]\n"
    "  --mib N      memory to use (32)\n"
    "  --kind KIND  plain; huge: transparent huge pages; hugetlb; merge: for KSM, most pages are equal;\n"
    "               shared: of a memory file; fault: pages come from a userfaultfd of its own\n"
    "  --lock       mlockall\n"
    "  --rounds N   without --file (10)\n"
    "  --file PATH  counts rounds there, for others to look at, until byte 8 is no longer 0";

#define PAGE     4096ul
#define WORDS    (PAGE / sizeof(uint64_t))
#define HUGE     (2ul << 20)
#define UNFILLED 0u /* generation of a page that nobody has written to */

static struct progress {
    volatile uint64_t rounds;
    volatile uint64_t stop;
} * progress;

static uint64_t (*page)[WORDS];
static uint32_t *generation; /* of each page */
static uint64_t page_count;
static bool equal; /* pages of one generation hold the same */

static uint64_t expected(uint64_t i, uint64_t word)
{
    if (generation[i] == UNFILLED)
        return 0;
    return (generation[i] * 0x9e3779b97f4a7c15ull) ^ (equal ? 0 : i << 20) ^ word;
}

static void verify(uint64_t i)
{
    for (uint64_t word = 0; word < WORDS; word++) {
        const uint64_t found = page[i][word];

        if (found != expected(i, word))
            test_fail("page %lu, word %lu: %#lx, not %#lx; generation %u, round %lu", (unsigned long)i,
                      (unsigned long)word, (unsigned long)found, (unsigned long)expected(i, word),
                      generation[i], (unsigned long)progress->rounds);
    }
}

static void fill(uint64_t i, uint32_t to)
{
    generation[i] = to;
    for (uint64_t word = 0; word < WORDS; word++)
        page[i][word] = expected(i, word);
}

/* All pages are verified; every fourth, at random, is written to. */
static void do_round(uint64_t *state)
{
    for (uint64_t i = 0; i < page_count; i++) {
        const uint64_t random = random_next(state);

        verify(i);
        if (random % 4 == 0)
            fill(i, 1 + (uint32_t)(random >> 32) % (equal ? 2 : 1000000));
    }
    progress->rounds++;
}

/* ---- Memory that a thread of this process hands out -------------------------------------------------- */

static int fault_fd = -1;

static void *fault_thread(void *unused)
{
    static _Alignas(PAGE) uint64_t zeros[WORDS];
    struct uffd_msg message;

    (void)unused;
    for (;;) {
        struct uffdio_copy copy = {.src = (uintptr_t)zeros, .len = PAGE};
        const ssize_t size = read(fault_fd, &message, sizeof(message));

        CHECK(size == sizeof(message) && message.event == UFFD_EVENT_PAGEFAULT);
        copy.dst = message.arg.pagefault.address & ~(PAGE - 1);
        /* EEXIST: two faults on one page; EAGAIN: the address space changes, it faults again */
        CHECK(ioctl(fault_fd, UFFDIO_COPY, &copy) == 0 || errno == EEXIST || errno == EAGAIN);
    }
    return NULL;
}

static void fault_start(uint64_t size)
{
    struct uffdio_api api = {.api = UFFD_API};
    struct uffdio_register range = {.range = {(uintptr_t)page, size}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    pthread_t thread;

    fault_fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    CHECK(fault_fd >= 0);
    CHECK(ioctl(fault_fd, UFFDIO_API, &api) == 0);
    CHECK(ioctl(fault_fd, UFFDIO_REGISTER, &range) == 0);
    CHECK(pthread_create(&thread, NULL, fault_thread, NULL) == 0);
}

/* Each eighth page, at random, is missing again, so the thread above has work in each round. */
static void fault_discard(uint64_t *state)
{
    for (uint64_t i = 0; i < page_count; i++) {
        if (random_next(state) % 8)
            continue;
        CHECK(madvise(page[i], PAGE, MADV_DONTNEED) == 0);
        generation[i] = UNFILLED;
    }
}

/* ------------------------------------------------------------------------------------------------------ */

static void *map(const char *kind, uint64_t size)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS, fd = -1;
    void *memory;

    if (!strcmp(kind, "hugetlb")) {
        flags |= MAP_HUGETLB;
    } else if (!strcmp(kind, "shared")) {
        fd = memfd_create("pressure", MFD_CLOEXEC);
        CHECK(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
        flags = MAP_SHARED;
    }
    memory = mmap(NULL, size + (flags & MAP_ANONYMOUS && !(flags & MAP_HUGETLB) ? HUGE : 0),
                  PROT_READ | PROT_WRITE, flags, fd, 0);
    if (memory == MAP_FAILED)
        test_fail("%lu MiB of memory, %s: %s", (unsigned long)(size >> 20), kind, strerror(errno));
    if (flags & MAP_ANONYMOUS)
        memory = (void *)(((uintptr_t)memory + HUGE - 1) & ~(HUGE - 1));
    if (!strcmp(kind, "huge"))
        CHECK(madvise(memory, size, MADV_HUGEPAGE) == 0);
    else if (!strcmp(kind, "merge"))
        CHECK(madvise(memory, size, MADV_MERGEABLE) == 0);
    return memory;
}

static void *map_progress(const char *name)
{
    int fd = -1;
    void *memory;

    if (name) {
        fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0 || ftruncate(fd, PAGE))
            test_fail("%s: %s", name, strerror(errno));
    }
    memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
                  (name ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS) | MAP_POPULATE, fd, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"mib", required_argument, NULL, 'm'},  {"kind", required_argument, NULL, 'k'},
        {"lock", no_argument, NULL, 'l'},       {"rounds", required_argument, NULL, 'r'},
        {"file", required_argument, NULL, 'f'}, {}};
    static const char *const kinds[] = {"plain", "huge", "hugetlb", "merge", "shared", "fault"};
    uint64_t mib = 32, rounds = 10, state = 1;
    const char *kind = "plain", *file = NULL;
    bool lock = false, known = false;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'm')
            mib = arg_number(optarg, usage);
        else if (option == 'k')
            kind = optarg;
        else if (option == 'l')
            lock = true;
        else if (option == 'r')
            rounds = arg_number(optarg, usage);
        else if (option == 'f')
            file = optarg;
        else
            arg_number(NULL, usage);
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        known |= !strcmp(kind, kinds[i]);
    if (!known || !mib)
        arg_number(NULL, usage);

    progress = map_progress(file);
    page_count = (mib << 20) / PAGE;
    page = map(kind, mib << 20);
    equal = !strcmp(kind, "merge");
    generation = mmap(NULL, page_count * sizeof(*generation), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    CHECK(generation != MAP_FAILED);
    CHECK(mlock(generation, page_count * sizeof(*generation)) == 0 &&
          mlock((const void *)progress, PAGE) == 0);
    if (lock)
        CHECK(mlockall(MCL_CURRENT | MCL_FUTURE) == 0);
    if (!strcmp(kind, "fault"))
        fault_start(mib << 20);
    puts("pressure: running");
    fflush(stdout);
    while (file ? !progress->stop : progress->rounds < rounds) {
        do_round(&state);
        if (fault_fd >= 0)
            fault_discard(&state);
    }
    for (uint64_t i = 0; i < page_count; i++)
        verify(i);
    return test_pass("%lu rounds of %lu MiB, %s", (unsigned long)progress->rounds, (unsigned long)mib, kind);
}
