/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debuggee: what a debugger looks at.
 *
 *   registers  a loop without any call or system call (debuggee.S). Its registers are known: xN is
 *              0x11111111000000NN for N from 3 to 28, vN is {0x7f, 0x100 + N, 0x100 + N, 0x100 + N}. It ends
 *              when a debugger sets known.finish, and prints three of the registers as they are then.
 *   functions  calls visited(round) and changes `watched` in each round, until `finish`.
 *   writes     write(N) to the file until `finish` or N lines: a system call a round, each with another
 * number
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] = "registers | functions | writes N";

/* Offsets are known to debuggee.S. */
struct known {
    volatile uint64_t finish;
    volatile uint64_t rounds;
    uint64_t x20;
    double d5;
    uint64_t x28;
};

void known_loop(struct known *known);

struct known known;
volatile uint64_t finish;
volatile uint64_t watched;
volatile uint64_t visits;

/* For breakpoints. */
__attribute__((noinline, noipa)) void visited(uint64_t round)
{
    visits = round;
}

/* For a debugger to call. */
__attribute__((noinline, noipa, used)) uint64_t combine(uint64_t a, double b)
{
    return a * 1000 + (uint64_t)(b * 10) + visits * 0;
}

static int functions(void)
{
    for (uint64_t round = 1; !finish; round++) {
        visited(round);
        watched = round * 3;
    }
    return test_pass("ended by the debugger");
}

static int writes(uint64_t count)
{
    int fd = open("/dev/null", O_WRONLY);
    char line[32];

    CHECK(fd >= 0);
    for (uint64_t i = 0; i < count && !finish; i++) {
        int length = snprintf(line, sizeof(line), "line %lu", (unsigned long)i);

        CHECK(write(fd, line, (size_t)length) == length);
    }
    return test_pass("%lu lines at most", (unsigned long)count);
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "registers")) {
        known_loop(&known);
        printf("x20 %#lx d5 %g x28 %#lx\n", (unsigned long)known.x20, known.d5, (unsigned long)known.x28);
        return test_pass("ended by the debugger");
    }
    if (argc == 2 && !strcmp(argv[1], "functions"))
        return functions();
    if (argc == 3 && !strcmp(argv[1], "writes"))
        return writes(arg_number(argv[2], usage));
    fprintf(stderr, "usage: debuggee %s\n", usage);
    return 2;
}
