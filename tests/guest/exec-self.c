/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exec-self: a chain of N execve() of itself; pid, environment and arguments arrive each time, and with
 * --detached the thread is detached in each of the images.
 */
#include "common.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] = "[--detached] [N]";

int main(int argc, char **argv)
{
    const bool detached = argc > 1 && !strcmp(argv[1], "--detached");
    const int first = detached ? 2 : 1;
    const uint64_t left = argc > first ? arg_number(argv[first], usage) : 50;
    const char *environment = getenv("EXEC_SELF");
    uint64_t pid = (uint64_t)getpid(), done = 0;
    char text[64], number[32];

    if (environment) {
        unsigned long old_pid, old_left, old_done;

        if (sscanf(environment, "%lu:%lu:%lu", &old_pid, &old_left, &old_done) != 3)
            test_fail("the environment is '%s'", environment);
        if (old_pid != pid || old_left != left)
            test_fail("pid %lu was %lu, argument %lu was %lu", (unsigned long)pid, old_pid,
                      (unsigned long)left, old_left);
        done = old_done;
    }
    if (detached && !becomes_detached())
        test_fail("attached after %lu calls of execve", (unsigned long)done);
    if (!left)
        return test_pass("%lu calls of execve%s", (unsigned long)done, detached ? ", always detached" : "");
    snprintf(text, sizeof(text), "%lu:%lu:%lu", (unsigned long)pid, (unsigned long)left - 1,
             (unsigned long)done + 1);
    snprintf(number, sizeof(number), "%lu", (unsigned long)left - 1);
    setenv("EXEC_SELF", text, 1);
    if (detached)
        execl("/proc/self/exe", "exec-self", "--detached", number, NULL);
    else
        execl("/proc/self/exe", "exec-self", number, NULL);
    test_fail("execve: %s", strerror(errno));
}
