// SPDX-License-Identifier: BSD-2-Clause
/* hvctl stat */
#include <stdlib.h>

#include "hvctl.h"

struct arguments {
    struct target target;
    bool json;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case 'j':
        arguments->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0)
            argp_error(state, "one PID, please");
        if (!target_parse(arg, &arguments->target))
            exit(EXIT_FAILURE);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "whose? 'hvctl ps' lists detached threads");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int verb_stat(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"json", 'j', NULL, 0, "Print JSON", 0},
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "PID[/TID]",
        .doc =
            "Shows the detached threads of a process, or one thread: state, core, counters, and what each "
            "has left its core for, how often, and how much time that took.\v"
            "The hypervisor writes its counters when the thread needs Linux; what a thread does on its core "
            "meanwhile is not disturbed for being counted.",
    };
    static struct ord_ioc_list list;
    struct arguments arguments = {0};
    int fd;

    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
        return EXIT_USAGE;
    fd = device_open();
    if (fd < 0 || !target_detached(fd, &arguments.target, &list))
        return EXIT_FAILURE;
    if (arguments.json)
        json_print(stdout, threads_json(&list));
    else
        threads_print(stdout, &list);
    return output_finish() ? EXIT_SUCCESS : EXIT_FAILURE;
}
