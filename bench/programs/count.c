/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * count [--config NAME] [--cpu N] [--count N] [--gap N] NAME COMMAND…: runs a command so many times, one
 * interval each, from before fork() to after its end; what all cores execute meanwhile is what it costs.
 * --gap is for a check: the child executes so many rounds of two instructions first. The command must have no
 * markers of its own.
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static void run(const struct bench *b, char **command, bool hist)
{
    int status;

    if (hist)
        insn_hist_start();
    else
        insn_begin();
    pid_t child = fork();
    CHECK(child >= 0);
    if (!child) {
        uint64_t rounds = b->gap + 1;
        __asm__ volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(rounds)::"cc");
        execvp(command[0], command);
        _exit(127);
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (hist)
        insn_hist_stop();
    else
        insn_end();
    if (status)
        test_fail("%s ended with status %#x", command[0], (unsigned)status);
}

int main(int argc, char **argv)
{
    struct bench b;

    bench_options(&b, argc, argv);
    if (argc < optind + 2) {
        fprintf(stderr, "usage: count [--config NAME] [--cpu N] [--count N] [--gap N] NAME COMMAND...\n");
        return 2;
    }
    bench_label(&b, argv[optind]);
    for (uint64_t i = 0; i <= b.count; i++)
        run(&b, argv + optind + 1, i == b.count); /* once more for the histogram */
    bench_label(&b, "end");
    return test_pass("%s", argv[optind]);
}
