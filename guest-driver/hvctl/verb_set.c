// SPDX-License-Identifier: BSD-2-Clause
/* hvctl set: another core, another priority. */
#include <errno.h>
#include <stdlib.h>

#include "hvctl.h"

struct arguments {
    struct target target;
    struct cores cores;
    uint32_t prio;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    unsigned long value;

    switch (key) {
    case 'c':
        if (!parse_number(arg, 0, ORD_CORE_ANY - 1, &value))
            argp_error(state, "'%s' is not a core's number", arg);
        arguments->cores = (struct cores){.count = 1, .core = {(uint32_t)value}};
        return 0;
    case 'p':
        if (!parse_number(arg, ORD_PRIO_MIN, ORD_PRIO_MAX, &value))
            argp_error(state, "priority '%s' is not in %d..%d", arg, ORD_PRIO_MIN, ORD_PRIO_MAX);
        arguments->prio = (uint32_t)value;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0)
            argp_error(state, "one PID, please");
        if (!target_parse(arg, &arguments->target))
            exit(EXIT_FAILURE);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which process or thread?");
        return 0;
    case ARGP_KEY_END:
        if (!arguments->cores.count && !arguments->prio)
            argp_error(state, "nothing to set: --core or --prio");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool set(int fd, const struct arguments *arguments)
{
    static struct ord_ioc_list list;
    uint32_t core = arguments->cores.count ? arguments->cores.core[0] : ORD_CORE_ANY;
    bool good = true;
    int err;

    if (!cores_check(fd, &arguments->cores, true, false) || !target_detached(fd, &arguments->target, &list))
        return false;
    for (uint32_t i = 0; i < list.count; i++) {
        err = device_set(fd, list.thread[i].tid, core, arguments->prio);
        if (!err || (err == ESRCH && !arguments->target.tid))
            continue;
        if (err == EBUSY)
            complain("core %u is busy; 'hvctl ps' shows with what", core);
        else
            complain("thread %d: %s", list.thread[i].tid, device_explain(err));
        good = false;
    }
    return good;
}

int verb_set(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"core", 'c', "N", 0, "Move to host core N", 0},
        {"prio", 'p', "P", 0, "Priority on the core, 1 to 255", 0},
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "PID[/TID]",
        .doc = "Moves detached threads to another core, or gives them another priority.",
    };
    struct arguments arguments = {0};
    int fd;

    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
        return EXIT_USAGE;
    fd = device_open();
    return fd >= 0 && set(fd, &arguments) ? EXIT_SUCCESS : EXIT_FAILURE;
}
