// SPDX-License-Identifier: BSD-2-Clause
/* hvctl run */
#include <stdlib.h>

#include "hvctl.h"

enum { OPTION_STAT = 0x100 };

struct arguments {
    struct launch launch;
    struct summary summary;
    bool stat;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->launch;
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
        {"stat", OPTION_STAT, "FILE", OPTION_ARG_OPTIONAL,
         "When the program has ended, print what the hypervisor counted for it, to FILE or standard error",
         0},
        {"summary", 0, NULL, OPTION_ALIAS, NULL, 0},
        {"json", 'j', NULL, 0, "Print that as JSON", 0},
        {0},
    };
    static const struct argp_child children[] = {{.argp = &launch_argp}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "[--] COMMAND [ARGUMENT...]",
        .doc =
            "Runs COMMAND with its first thread, or those that --threads names, detached from Linux: on "
            "cores that Linux does not own. System calls and page faults go to Linux; processes that it "
            "starts run in Linux.\v"
            "Exit status: COMMAND's own; 125 if hvctl itself fails, 126 if COMMAND cannot be executed, 127 "
            "if it is not found.",
        .children = children,
    };
    struct arguments arguments = {.launch = LAUNCH_DEFAULT};
    int fd;

    argp_err_exit_status = EXIT_RUN_FAILED;
    if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &arguments))
        return EXIT_RUN_FAILED;
    fd = device_open();
    if (fd < 0 || !launch_prepare(fd, &arguments.launch))
        return EXIT_RUN_FAILED;
    return arguments.stat ? supervise(fd, &arguments.launch, &arguments.summary)
                          : launch_exec(fd, &arguments.launch);
}
