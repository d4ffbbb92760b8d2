// SPDX-License-Identifier: BSD-2-Clause
/* hvctl stat */
#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "hvctl.h"

struct arguments {
    bool json;
    unsigned long tid;
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
        if (!parse_number(arg, 1, INT_MAX, &arguments->tid))
            argp_error(state, "'%s' is not a process or thread id", arg);
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
        .args_doc = "PID",
        .doc =
            "Shows a detached thread, by its process or thread id: state, core and counters.\v"
            "The hypervisor writes its counters when the thread needs Linux; what a thread does on its core "
            "meanwhile is not disturbed for being counted.",
    };
    struct arguments arguments = {0};
    struct ord_ioc_thread thread;
    int fd, err;

    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
        return EXIT_USAGE;
    fd = device_open();
    if (fd < 0)
        return EXIT_FAILURE;
    err = device_stat(fd, (int32_t)arguments.tid, &thread);
    if (err) {
        if (err == ESRCH)
            complain("%lu is not a detached thread", arguments.tid);
        else
            complain("%lu: %s", arguments.tid, strerror(err));
        return EXIT_FAILURE;
    }
    if (arguments.json)
        json_print(stdout, thread_json(&thread));
    else
        thread_print(stdout, &thread);
    return output_finish() ? EXIT_SUCCESS : EXIT_FAILURE;
}
