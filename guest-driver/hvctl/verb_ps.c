// SPDX-License-Identifier: BSD-2-Clause
/* hvctl ps */
#include <inttypes.h>
#include <stdlib.h>

#include "hvctl.h"

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    bool *json = state->input;

    (void)arg;
    if (key != 'j')
        return ARGP_ERR_UNKNOWN;
    *json = true;
    return 0;
}

static void print_table(const struct ord_ioc_list *list)
{
    char comm[THREAD_COMM_SIZE], flags[32];

    printf("%7s %7s %4s %4s %-8s %-8s %10s %10s %10s %s\n", "TID", "PID", "CORE", "PRIO", "STATE", "FLAGS",
           "SYSCALLS", "FAULTS", "SIGNALS", "COMMAND");
    for (uint32_t i = 0; i < list->count; i++) {
        const struct ord_ioc_thread *t = &list->thread[i];

        thread_flags(t->flags, flags, sizeof(flags));
        thread_comm(t, comm);
        printf("%7d %7d %4u %4u %-8s %-8s %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %s\n", t->tid, t->tgid,
               t->core, t->prio, thread_state_name(t->state), flags, t->stats.syscalls, t->stats.faults,
               t->cause_count[ORD_CAUSE_SIGNAL], comm);
    }
}

int verb_ps(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"json", 'j', NULL, 0, "Print JSON", 0},
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .doc = "Lists the detached threads of this pid namespace: where each one runs, whether it is there "
               "(detached) or in Linux for the moment (attached), and how often it has needed Linux.",
    };
    static struct ord_ioc_list list;
    bool json = false;
    int fd;

    if (argp_parse(&argp, argc, argv, 0, NULL, &json))
        return EXIT_USAGE;
    fd = device_open();
    if (fd < 0 || !device_list(fd, &list))
        return EXIT_FAILURE;
    if (json) {
        json_t *threads = json_array();

        for (uint32_t i = 0; i < list.count; i++)
            json_array_append_new(threads, thread_json(&list.thread[i]));
        json_print(stdout, json_pack("{s:o}", "threads", threads));
    } else {
        print_table(&list);
    }
    return output_finish() ? EXIT_SUCCESS : EXIT_FAILURE;
}
