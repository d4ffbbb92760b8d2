/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * regs-intact: all registers of user mode survive system calls, page faults and interrupts.
 *
 * Every round draws a new pattern for x0..x30, sp, NZCV, TPIDR_EL0, FPSR, FPCR, PSTATE.DIT and V0..V31, then
 * does each operation of regs.h with it and compares all of them.
 */
#include "common.h"
#include "regs.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char usage[] = "[--spin COUNT] [--disturb] [ROUNDS]\n"
                            "  --spin COUNT  length of the loop which an interrupt may hit (20000)\n"
                            "  --disturb     a child stops and continues this process and sends it signals\n"
                            "  ROUNDS        default 5000";

#define PAGE       4096ul
#define STACK_SIZE (64 * 1024ul)
#define FPCR_BITS  0x07c00000ull /* AHP, DN, FZ, RMode */
#define FPSR_BITS  0x0800009full /* QC, IDC, IXC, UFC, OFC, DZC, IOC */
#ifndef HWCAP_DIT
#define HWCAP_DIT (1 << 24)
#endif

static struct {
    struct regs in, expected;
    struct regs *out; /* sp points here; a stack for signal frames lies below */
    char *data;       /* two pages, anonymous */
    char *code;       /* one page of a file, executable: `br x11` */
    char *file;       /* the same file's second page, readable */
    uint64_t seed;
    uint64_t round;
} test = {.seed = 0x0123456789abcdefull};

static const struct {
    uint64_t number;
    enum { RESULT_PPID, RESULT_PID, RESULT_ZERO, RESULT_ENOSYS } result;
} calls[] = {
    {SYS_getppid, RESULT_PPID},  {SYS_getpid, RESULT_PID},
    {SYS_gettid, RESULT_PID},    {SYS_sched_yield, RESULT_ZERO},
    {0x7ffffff0, RESULT_ENOSYS}, {ORD_HOSTCALL_BASE + ORD_HOSTCALL_COUNT - 1, RESULT_ENOSYS},
};

static void draw(void)
{
    uint64_t *word = (uint64_t *)&test.in;

    for (size_t i = 0; i < sizeof(test.in) / sizeof(*word); i++)
        word[i] = random_next(&test.seed);
    test.in.sp = (uint64_t)test.out;
    test.in.nzcv &= 0xf0000000ull;
    test.in.fpsr &= FPSR_BITS;
    test.in.fpcr &= FPCR_BITS;
    test.in.dit = regs_has_dit ? test.in.dit & (1ull << 24) : 0;
    test.expected = test.in;
}

static void compare(const char *operation)
{
    static const char *const names[] = {"sp", "nzcv", "tpidr_el0", "fpsr", "fpcr", "dit"};
    const uint64_t *expected = (const uint64_t *)&test.expected;
    const uint64_t *found = (const uint64_t *)test.out;
    char name[16];

    for (size_t i = 0; i < sizeof(struct regs) / sizeof(*found); i++) {
        if (i == offsetof(struct regs, reserved) / 8 || found[i] == expected[i])
            continue;
        if (i < 31)
            snprintf(name, sizeof(name), "x%zu", i);
        else if (i < 37)
            snprintf(name, sizeof(name), "%s", names[i - 31]);
        else
            snprintf(name, sizeof(name), "v%zu.d[%zu]", (i - 38) / 2, (i - 38) % 2);
        test_fail("round %lu, %s: %s is %#lx, expected %#lx", (unsigned long)test.round, operation, name,
                  (unsigned long)found[i], (unsigned long)expected[i]);
    }
}

static void perform(regs_operation *operation, const char *name)
{
    memset(test.out, 0xee, sizeof(*test.out));
    operation(&test.in);
    compare(name);
}

static void forget_pages(char *address, size_t size)
{
    if (madvise(address, size, MADV_DONTNEED))
        test_fail("madvise: %s", strerror(errno));
}

static void test_call(uint64_t pid, uint64_t ppid)
{
    const size_t i = test.round % (sizeof(calls) / sizeof(*calls));
    const uint64_t results[] = {ppid, pid, 0, (uint64_t)-ENOSYS};

    draw();
    test.in.x[8] = test.expected.x[8] = calls[i].number;
    test.expected.x[0] = results[calls[i].result];
    perform(regs_svc, "system call");
}

static void test_data(void)
{
    uint64_t *words = (uint64_t *)test.data;

    forget_pages(test.data, 2 * PAGE);
    draw();
    test.in.x[9] = test.expected.x[9] = (uint64_t)test.data + test.in.x[9] % PAGE;
    perform(regs_load, "read fault");

    draw();
    test.in.x[9] = test.expected.x[9] = (uint64_t)&words[test.in.x[9] % (PAGE / 8)];
    perform(regs_store, "copy of the zero page");
    if (*(uint64_t *)test.in.x[9] != test.in.x[10])
        test_fail("round %lu: the store that faulted is lost", (unsigned long)test.round);

    forget_pages(test.data, 2 * PAGE);
    draw();
    test.in.x[9] = test.expected.x[9] = (uint64_t)test.data + PAGE - 8;
    perform(regs_pair, "write fault over two pages");
    if (words[PAGE / 8 - 1] != test.in.x[10] || words[PAGE / 8] != test.in.x[11])
        test_fail("round %lu: the pair that faulted is lost", (unsigned long)test.round);

    forget_pages(test.file, PAGE);
    draw();
    test.in.x[9] = test.expected.x[9] = (uint64_t)test.file + 16 * (test.in.x[9] % 128);
    memset(test.expected.v, 0x5a, 32);
    perform(regs_simd, "SIMD read fault");
}

static void test_fetch(void)
{
    forget_pages(test.code, PAGE);
    draw();
    test.in.x[9] = test.expected.x[9] = (uint64_t)test.code;
    test.in.x[11] = test.expected.x[11] = (uint64_t)regs_fetch_return;
    perform(regs_fetch, "instruction fault");
}

static void test_spin(uint64_t count)
{
    draw();
    test.in.x[9] = count;
    test.expected.x[9] = 0;
    perform(regs_spin, "loop");
}

static void map_memory(void)
{
    static const uint32_t br_x11 = 0xd61f0160;
    char *stack;
    char page[PAGE];
    int fd;

    stack = mmap(NULL, STACK_SIZE + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    test.data = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fd = memfd_create("regs-intact", MFD_CLOEXEC);
    if (stack == MAP_FAILED || test.data == MAP_FAILED || fd < 0)
        test_fail("memory: %s", strerror(errno));
    madvise(test.data, 2 * PAGE, MADV_NOHUGEPAGE);
    test.out = (struct regs *)(stack + STACK_SIZE);
    for (size_t i = 0; i < PAGE; i += sizeof(br_x11))
        memcpy(page + i, &br_x11, sizeof(br_x11));
    CHECK(write(fd, page, PAGE) == (ssize_t)PAGE);
    memset(page, 0x5a, PAGE);
    CHECK(write(fd, page, PAGE) == (ssize_t)PAGE);
    test.code = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    test.file = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
    if (test.code == MAP_FAILED || test.file == MAP_FAILED)
        test_fail("file memory: %s", strerror(errno));
    close(fd);
}

/* Interrupts the parent all the time, until SIGTERM; that waits until the parent is not stopped. */
static pid_t start_disturbance(void)
{
    const pid_t parent = getpid();
    sigset_t end;
    pid_t child;

    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    fflush(stdout);
    child = fork();
    CHECK(child >= 0);
    if (child)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigprocmask(SIG_BLOCK, &end, NULL);
    for (unsigned int i = 0; getppid() == parent; i++) {
        const struct timespec pause = {.tv_nsec = 1000l * (500 + i % 7 * 700)};

        if (i % 2) {
            kill(parent, SIGUSR1);
        } else {
            kill(parent, SIGSTOP);
            usleep(100);
            kill(parent, SIGCONT);
        }
        if (sigtimedwait(&end, NULL, &pause) == SIGTERM)
            break;
    }
    _exit(0);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"spin", required_argument, NULL, 's'}, {"disturb", no_argument, NULL, 'd'}, {}};
    struct sigaction action = {.sa_handler = regs_handler, .sa_flags = SA_RESTART};
    uint64_t spin = 20000, rounds = 5000;
    bool disturb = false;
    struct ord_ioc_thread thread;
    pid_t child = 0;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 's')
            spin = arg_number(optarg, usage);
        else if (option == 'd')
            disturb = true;
        else
            arg_number(NULL, usage);
    }
    if (optind < argc)
        rounds = arg_number(argv[optind], usage);
    if (!spin)
        spin = 1;

    regs_has_dit = (getauxval(AT_HWCAP) & HWCAP_DIT) != 0;
    map_memory();
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    if (disturb)
        child = start_disturbance();
    for (test.round = 0; test.round < rounds; test.round++) {
        test_call((uint64_t)getpid(), (uint64_t)getppid());
        test_data();
        test_fetch();
        test_spin(spin + test.round % 1000);
    }
    if (child) {
        kill(child, SIGTERM);
        CHECK(waitpid(child, NULL, 0) == child);
        if (rounds >= 1000 && !regs_handler_count)
            test_fail("no signal was handled in %lu rounds", (unsigned long)rounds);
    }
    if (thread_stat((int)gettid(), &thread) == 0)
        print_stats("regs-intact", &thread);
    return test_pass("%lu rounds, %lu signals handled%s", (unsigned long)rounds,
                     (unsigned long)regs_handler_count, regs_has_dit ? ", with DIT" : "");
}
