// SPDX-License-Identifier: BSD-2-Clause
/* hvctl trace */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "tracer.h"
#include <counter.h>

/* The module keeps about a thousand events of a thread: it is looked at often enough for 20000 per second. */
#define POLL_NS 50000000

struct arguments {
    struct session session; /* first: what callbacks get */
    struct launch launch;
    struct target target;
    struct maps maps;
    const char *path;
    FILE *out;
    unsigned long limit; /* 0: none */
    unsigned long events, by_cause[ORD_CAUSE_COUNT];
    uint64_t lost;
    bool json;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->launch;
        return 0;
    case 'j':
        arguments->json = true;
        return 0;
    case 'n':
        if (!parse_number(arg, 1, UINT32_MAX, &arguments->limit))
            argp_error(state, "'%s' is not a number of events", arg);
        return 0;
    case 'o':
        arguments->path = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (state->quoted && state->next > state->quoted) {
            arguments->launch.argv = &state->argv[state->next - 1];
            state->next = state->argc;
            return 0;
        }
        if (state->arg_num > 0)
            argp_error(state, "one PID, please");
        if (*arg < '0' || *arg > '9')
            argp_error(state, "'%s' is not a PID; a program goes behind --", arg);
        if (!target_parse(arg, &arguments->target))
            exit(EXIT_FAILURE);
        return 0;
    case ARGP_KEY_END:
        if (!arguments->target.pid && !arguments->launch.argv)
            argp_error(state, "which process, or which program?");
        if (arguments->target.pid && arguments->launch.argv)
            argp_error(state, "either a PID or a program");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_json(FILE *out, json_t *root)
{
    json_dumpf(root, out, JSON_COMPACT | JSON_REAL_PRECISION(12));
    fputc('\n', out);
    json_decref(root);
}

static bool is_enough(const struct arguments *arguments)
{
    return arguments->limit && arguments->events >= arguments->limit;
}

static void trace_event(struct tracer *tracer, const struct tracer_thread *thread,
                        const struct ord_trace_entry *entry)
{
    struct arguments *arguments = (struct arguments *)tracer;
    uint64_t start = arguments->session.start;

    /* An earlier trace may have been recorded; and what hvctl did before it became the program. */
    if (is_enough(arguments) || !start || entry->time < start)
        return;
    arguments->events++;
    if (entry->cause < ORD_CAUSE_COUNT)
        arguments->by_cause[entry->cause]++;
    if (arguments->json)
        print_json(arguments->out, event_json(&arguments->maps, thread->pid, thread->tid, start, entry));
    else
        event_print(arguments->out, &arguments->maps, thread->pid, thread->tid, start, entry);
}

static void trace_lost(struct tracer *tracer, const struct tracer_thread *thread, uint64_t count)
{
    struct arguments *arguments = (struct arguments *)tracer;

    if (is_enough(arguments))
        return;
    arguments->lost += count;
    if (arguments->json)
        print_json(arguments->out, json_pack("{s:i, s:I}", "tid", thread->tid, "lost", (json_int_t)count));
    else
        fprintf(arguments->out, "%12s %7d %-9s %" PRIu64 " events\n", "", thread->tid, "lost", count);
}

static void print_summary(const struct arguments *arguments)
{
    json_t *causes;

    if (arguments->json) {
        causes = json_object();
        for (uint32_t i = ORD_CAUSE_SYSCALL; i < ORD_CAUSE_COUNT; i++)
            json_object_set_new(causes, cause_name(i), json_integer((json_int_t)arguments->by_cause[i]));
        print_json(arguments->out,
                   json_pack("{s:{s:I, s:I, s:o}}", "summary", "events", (json_int_t)arguments->events,
                             "lost", (json_int_t)arguments->lost, "causes", causes));
        return;
    }
    fprintf(arguments->out, "%lu events", arguments->events);
    for (uint32_t i = 0; i < ORD_CAUSE_COUNT; i++)
        if (arguments->by_cause[i])
            fprintf(arguments->out, ", %lu %s", arguments->by_cause[i], cause_name(i));
    fprintf(arguments->out, "; %" PRIu64 " lost\n", arguments->lost);
}

/* All detached threads of the process, also those that are new. */
static bool trace_find(struct arguments *arguments)
{
    static struct ord_ioc_list list;

    if (target_threads(arguments->session.tracer.fd, &arguments->target, &list) < 0)
        return false;
    for (uint32_t i = 0; i < list.count; i++)
        tracer_add(&arguments->session.tracer, list.thread[i].tgid, list.thread[i].tid);
    return true;
}

/* Until the threads have ended, or a signal says that it is enough. */
static int trace_running(struct arguments *arguments)
{
    static struct ord_ioc_list list;
    struct tracer *tracer = &arguments->session.tracer;
    struct timespec timeout = {.tv_nsec = POLL_NS};
    sigset_t ends;
    int err;

    if (!target_detached(tracer->fd, &arguments->target, &list))
        return EXIT_FAILURE;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    arguments->session.start = counter_now();
    do {
        maps_forget(&arguments->maps);
        if (!trace_find(arguments))
            return EXIT_FAILURE;
        err = tracer_poll(tracer);
        if (err) {
            complain("cannot trace: %s", device_explain(err));
            return EXIT_FAILURE;
        }
        if (fflush(arguments->out))
            return EXIT_FAILURE;
    } while (tracer_is_alive(tracer) && !is_enough(arguments) && sigtimedwait(&ends, NULL, &timeout) < 0);
    for (size_t i = 0; i < tracer->count; i++)
        if (!tracer->thread[i].ended)
            tracer_take(tracer, tracer->thread[i].tid, true);
    print_summary(arguments);
    return EXIT_SUCCESS;
}

static int trace_tick(struct session *session)
{
    maps_forget(&((struct arguments *)session)->maps);
    return 0;
}

static int trace_program(struct arguments *arguments)
{
    int status;

    arguments->launch.flags |= ORD_DETACH_TRACE;
    if (!launch_prepare(arguments->session.tracer.fd, &arguments->launch))
        return EXIT_RUN_FAILED;
    arguments->session.tick = trace_tick;
    status = session_run(&arguments->session, &arguments->launch);
    if (status == -1)
        return EXIT_RUN_FAILED;
    if (arguments->session.error)
        complain("cannot trace: %s", device_explain(arguments->session.error));
    if (arguments->session.start)
        print_summary(arguments);
    if (arguments->out != stderr && fclose(arguments->out))
        complain("%s: %s", arguments->path, strerror(errno));
    return end_like(status);
}

int verb_trace(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {NULL, 'n', "N", 0, "End after N events", 1},
        {"output", 'o', "FILE", 0, "Write to FILE (default: standard output; for a program standard error)",
         1},
        {"json", 'j', NULL, 0, "Print JSON: one object per event", 1},
        {NULL, 0, NULL, 0, "For a program:", 2},
        {0},
    };
    static const struct argp_child children[] = {{.argp = &launch_argp, .group = 2}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "PID[/TID]\n-- COMMAND [ARGUMENT...]",
        .doc = "Shows what detached threads leave their cores for, as it happens: each system call, page "
               "fault and signal, with the time until the thread ran again. Ends with the threads, or by "
               "Ctrl-C.\vExit status: with a program its own, as run; otherwise 0, 1 or 2.",
        .children = children,
    };
    static struct arguments arguments = {.launch = LAUNCH_DEFAULT,
                                         .session.tracer = {.event = trace_event, .lost = trace_lost}};
    int status;

    if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &arguments))
        return EXIT_USAGE;
    arguments.session.tracer.fd = device_open();
    if (arguments.session.tracer.fd < 0)
        return EXIT_FAILURE;
    arguments.out = arguments.path ? fopen(arguments.path, "we") : arguments.launch.argv ? stderr : stdout;
    if (!arguments.out) {
        complain("%s: %s", arguments.path, strerror(errno));
        return EXIT_FAILURE;
    }
    if (arguments.launch.argv)
        return trace_program(&arguments);
    status = trace_running(&arguments);
    if (fflush(arguments.out) || !output_finish())
        return EXIT_FAILURE;
    return status;
}
