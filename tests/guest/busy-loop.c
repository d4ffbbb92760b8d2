/* SPDX-License-Identifier: BSD-2-Clause */
/* busy-loop: prints "looping", then computes without any system call: for ever, or for N iterations or S
 * seconds. */
#include "common.h"

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

static const char usage[] = "[--iterations N | --seconds S] [--quiet]";

int main(int argc, char **argv)
{
    static const struct option options[] = {{"iterations", required_argument, NULL, 'i'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {}};
    uint64_t iterations = 0, seconds = 0, end = 0, count = 0, state = 1;
    bool quiet = false;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'i')
            iterations = arg_number(optarg, usage);
        else if (option == 's')
            seconds = arg_number(optarg, usage);
        else if (option == 'q')
            quiet = true;
        else
            arg_number(NULL, usage);
    }
    if (!quiet) {
        puts("looping");
        fflush(stdout);
    }
    if (seconds)
        end = counter() + seconds * counter_hz();
    do {
        random_next(&state);
        __asm__ volatile("" : "+r"(state));
        count++;
    } while (count != iterations && (!end || count % 256 || counter() < end));
    return quiet ? 0 : test_pass("%lu iterations", (unsigned long)count);
}
