// SPDX-License-Identifier: BSD-2-Clause
/* hvctl: runs programs on the cores that Linux does not own, and shows what runs there. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "hvctl.h"

#define TO_STRING(x)  #x
#define AS_STRING(x)  TO_STRING(x)
#define HVCTL_VERSION "hvctl " OUTRIDER_VERSION ", ABI " AS_STRING(ORD_ABI_MAJOR) "." AS_STRING(ORD_ABI_MINOR)

const char *argp_program_version = HVCTL_VERSION;

static const struct verb verbs[] = {
    {"run", "run a program on cores of its own", verb_run},
    {"detach", "let a process or thread that runs leave Linux", verb_detach},
    {"attach", "bring a process or thread back to Linux", verb_attach},
    {"set", "give a detached thread another core or priority", verb_set},
    {"ps", "list detached threads", verb_ps},
    {"stat", "show detached threads with their counters", verb_stat},
    {"trace", "show each event for which threads leave their cores", verb_trace},
    {"check", "say what keeps a program from running undisturbed", verb_check},
    {"info", "show the hypervisor, its cores and its pools", verb_info},
    {"log", "show the hypervisor's log", verb_log},
};

void complain(const char *format, ...)
{
    va_list args;

    fputs("hvctl: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

bool parse_number(const char *text, unsigned long min, unsigned long max, unsigned long *value)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *value = strtoul(text, &end, 10);
    return !errno && !*end && *value >= min && *value <= max;
}

void *grow(void *memory, size_t count, size_t size)
{
    void *result = reallocarray(memory, count, size);

    if (result || !count || !size)
        return result;
    complain("out of memory");
    exit(EXIT_FAILURE);
}

bool output_finish(void)
{
    if (!fflush(stdout) && !ferror(stdout))
        return true;
    complain("cannot write the output: %s", strerror(errno));
    return false;
}

static const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (!strcmp(verbs[i].name, name))
            return &verbs[i];
    return NULL;
}

/* The list of verbs, between argp's own parts of the help text. */
static char *help_filter(int key, const char *text, void *input)
{
    char *list = NULL;
    size_t size;
    FILE *out;

    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC || !(out = open_memstream(&list, &size)))
        return (char *)text;
    fputs("Verbs:\n", out);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        fprintf(out, "  %-8s %s\n", verbs[i].name, verbs[i].summary);
    fputs("\n'hvctl VERB --help' tells more about each; hvctl(1) tells all.", out);
    fclose(out);
    return list;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    int *first = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
        if (!verb_find(arg))
            argp_error(state, "there is no verb '%s'", arg);
        /* All that follows is the verb's. */
        *first = state->next - 1;
        state->next = state->argc;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_usage(state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse_option,
        .args_doc = "VERB [ARGUMENT...]",
        .doc = "Runs programs outside of Linux, on cores that it does not own, and shows what runs there.\v",
        .help_filter = help_filter,
    };
    const struct verb *verb;
    static char name[32]; /* stays in argv */
    int first = 0;

    argp_err_exit_status = EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &first) || !first)
        return EXIT_USAGE;
    verb = verb_find(argv[first]);
    snprintf(name, sizeof(name), "hvctl %s", verb->name);
    argv[first] = name;
    return verb->run(argc - first, argv + first);
}
