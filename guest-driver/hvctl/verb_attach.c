// SPDX-License-Identifier: BSD-2-Clause
/* hvctl attach: back to Linux, for good. */
#include <errno.h>
#include <stdlib.h>

#include "hvctl.h"

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct target *target = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
        if (state->arg_num > 0)
            argp_error(state, "one PID, please");
        if (!target_parse(arg, target))
            exit(EXIT_FAILURE);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which process or thread?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool attach(int fd, const struct target *target)
{
    static struct ord_ioc_list list;
    struct ord_ioc_group none = {.pid = target->pid, .prio = ORD_PRIO_DEFAULT};
    bool good = true;
    int err;

    /* First, so that no new thread is missed. */
    if (!target->tid) {
        err = device_group(fd, &none);
        if (err) {
            complain("process %d: %s", target->pid, device_explain(err));
            return false;
        }
    }
    if (target_threads(fd, target, &list) < 0)
        return false;
    for (uint32_t i = 0; i < list.count; i++) {
        err = device_attach(fd, list.thread[i].tid);
        if (err && err != ESRCH) {
            complain("thread %d: %s", list.thread[i].tid, device_explain(err));
            good = false;
        }
    }
    return good;
}

int verb_attach(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse_option,
        .args_doc = "PID[/TID]",
        .doc = "Brings a process, with all of its threads, or one thread back to Linux for good. New threads "
               "of that process are not detached any more. It is no error if there is nothing to do.",
    };
    struct target target = {0};
    int fd;

    if (argp_parse(&argp, argc, argv, 0, NULL, &target))
        return EXIT_USAGE;
    fd = device_open();
    return fd >= 0 && attach(fd, &target) ? EXIT_SUCCESS : EXIT_FAILURE;
}
