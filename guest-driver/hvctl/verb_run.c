// SPDX-License-Identifier: BSD-2-Clause
/* hvctl run */
#include <argp.h>
#include <stdlib.h>

#include "hvctl.h"

enum { OPTION_STAT = 256 };

struct arguments {
    struct launch launch;
    struct summary summary;
    bool stat;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    unsigned long value;

    switch (key) {
    case 'c':
        if (!parse_number(arg, 0, ORD_CORE_ANY - 1, &value))
            argp_error(state, "'%s' is not a core's number", arg);
        arguments->launch.core = (uint32_t)value;
        return 0;
    case 'p':
        if (!parse_number(arg, ORD_PRIO_MIN, ORD_PRIO_MAX, &value))
            argp_error(state, "priority '%s' is not in %d..%d", arg, ORD_PRIO_MIN, ORD_PRIO_MAX);
        arguments->launch.prio = (uint32_t)value;
        return 0;
    case 'j':
        arguments->summary.json = true;
        return 0;
    case OPTION_STAT:
        arguments->stat = true;
        arguments->summary.path = arg;
        return 0;
    case ARGP_KEY_ARG:
        /* All that follows is the program's. */
        arguments->launch.argv = &state->argv[state->next - 1];
        state->next = state->argc;
        return 0;
    case ARGP_KEY_END:
        if (!arguments->launch.argv)
            argp_error(state, "which program?");
        if (arguments->summary.json && !arguments->stat)
            argp_error(state, "--json is for the summary of --stat");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int verb_run(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"core", 'c', "N", 0, "Run on host core N (default: any that is free)", 0},
        {"prio", 'p', "P", 0, "Priority on that core, 1 to 255 (default: 100)", 0},
        {"stat", OPTION_STAT, "FILE", OPTION_ARG_OPTIONAL,
         "When the program has ended, print what the hypervisor counted for it, to FILE or standard error",
         0},
        {"summary", 0, NULL, OPTION_ALIAS, NULL, 0},
        {"json", 'j', NULL, 0, "Print that as JSON", 0},
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "[--] COMMAND [ARGUMENT...]",
        .doc =
            "Runs COMMAND with its first thread detached from Linux: on a core that Linux does not own. "
            "System calls and page faults go to Linux; processes that it starts run in Linux.\v"
            "Exit status: COMMAND's own; 125 if hvctl itself fails, 126 if COMMAND cannot be executed, 127 "
            "if it is not found.",
    };
    struct arguments arguments = {.launch = {.core = ORD_CORE_ANY, .prio = ORD_PRIO_DEFAULT}};
    int fd;

    argp_err_exit_status = EXIT_RUN_FAILED;
    if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &arguments))
        return EXIT_RUN_FAILED;
    fd = device_open();
    if (fd < 0)
        return EXIT_RUN_FAILED;
    return arguments.stat ? supervise(fd, &arguments.launch, &arguments.summary)
                          : launch_exec(fd, &arguments.launch);
}
