/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heartbeat: counts in memory that others can look at, also when Linux is dead. Once it has printed "beating"
 * it makes no system call and takes no page fault by itself, for ever.
 *
 *   heartbeat: page 0x4a1b2000        physical address of what struct heart describes; 0 if not root
 *   heartbeat: beating
 *
 * Each beat checks and changes an entry of a table, so that a page or register that is lost on the way shows.
 */
#include "common.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char usage[] = "[--file PATH] [--call-every N]\n"
                            "  --file PATH     count in this file, for others in Linux to look at\n"
                            "  --call-every N  make a system call every N beats";

#define ENTRIES 4096ul

struct heart {
    volatile uint64_t beats;
    volatile uint64_t errors;
    volatile uint64_t calls; /* begun and ended ones: odd in a call */
};

static uint64_t table[ENTRIES], inverse[ENTRIES];

static void beat(struct heart *heart, uint64_t *state)
{
    const uint64_t i = random_next(state) % ENTRIES;

    if (table[i] != ~inverse[i])
        heart->errors++;
    table[i] += *state;
    inverse[i] = ~table[i];
    __asm__ volatile("" ::: "memory");
    heart->beats++;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"file", required_argument, NULL, 'f'}, {"call-every", required_argument, NULL, 'c'}, {}};
    uint64_t call_every = 0, state = 1;
    const char *file = NULL;
    struct heart *heart;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'f')
            file = optarg;
        else if (option == 'c')
            call_every = arg_number(optarg, usage);
        else
            arg_number(NULL, usage);
    }
    heart = page_map(file);
    if (mlockall(MCL_CURRENT | MCL_FUTURE))
        fprintf(stderr, "heartbeat: mlockall: %s (continuing)\n", strerror(errno));
    for (uint64_t i = 0; i < ENTRIES; i++)
        inverse[i] = ~table[i];
    beat(heart, &state);
    printf("heartbeat: page %#lx\n", (unsigned long)physical_address(heart));
    puts("heartbeat: beating");
    fflush(stdout);
    for (;;) {
        beat(heart, &state);
        if (call_every && heart->beats % call_every == 0) {
            heart->calls++;
            syscall(SYS_getppid);
            heart->calls++;
        }
    }
}
