// SPDX-License-Identifier: BSD-2-Clause
/* hvctl log: what the hypervisor and the VMM say on their console. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hvctl.h"

/* Nobody is told that there is more: with --follow the log is looked at this often. */
#define FOLLOW_US 200000

struct arguments {
    bool json, follow;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    (void)arg;
    switch (key) {
    case 'j':
        arguments->json = true;
        return 0;
    case 'f':
        arguments->follow = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "no arguments, please");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_json(json_t *root)
{
    json_dumpf(root, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(root);
}

static void print_lost(uint64_t lost, bool json)
{
    fflush(stdout);
    if (json)
        print_json(json_pack("{s:I}", "lost", (json_int_t)lost));
    else
        complain("%" PRIu64 " bytes of the log were overwritten before they could be read", lost);
}

/* One object per line; a line that is not complete waits in *line. */
static void print_lines(const char *text, size_t size, char **line, size_t *line_size)
{
    const char *end = text + size;

    while (text < end) {
        const char *next = memchr(text, '\n', (size_t)(end - text)) ?: end;
        size_t part = (size_t)(next - text);

        *line = grow(*line, *line_size + part + 1, 1);
        memcpy(*line + *line_size, text, part);
        *line_size += part;
        if (next == end)
            return;
        if (*line_size && (*line)[*line_size - 1] == '\r')
            --*line_size;
        (*line)[*line_size] = '\0';
        print_json(json_pack("{s:o}", "line", json_string(*line) ?: json_string("?")));
        *line_size = 0;
        text = next + 1;
    }
}

static bool log_print(int fd, const struct arguments *arguments)
{
    static struct ord_ioc_log log;
    char *line = NULL;
    size_t line_size = 0;
    int err;

    for (;;) {
        err = device_log(fd, &log);
        if (err)
            break;
        if (log.lost)
            print_lost(log.lost, arguments->json);
        if (log.size > sizeof(log.text))
            log.size = sizeof(log.text);
        if (arguments->json)
            print_lines(log.text, log.size, &line, &line_size);
        else
            fwrite(log.text, 1, log.size, stdout);
        if (log.size)
            continue;
        if (!arguments->follow)
            break;
        if (!output_finish())
            return false;
        usleep(FOLLOW_US);
    }
    if (line_size)
        print_lines("\n", 1, &line, &line_size);
    free(line);
    switch (err) {
    case 0:
        break;
    case EOPNOTSUPP:
        complain("this hypervisor's log cannot be read");
        break;
    case EPERM:
        complain("not permitted: that needs %s open for writing, or CAP_SYSLOG", ORD_DEVICE);
        break;
    default:
        complain("cannot read the log: %s", device_explain(err));
    }
    return !err;
}

int verb_log(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"follow", 'f', NULL, 0, "Go on until Ctrl-C", 0},
        {"json", 'j', NULL, 0, "Print JSON: one object per line of the log", 0},
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .doc = "Prints the log of the hypervisor and the VMM: what they write to their console.",
    };
    struct arguments arguments = {0};
    int fd;
    bool good;

    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
        return EXIT_USAGE;
    fd = device_open();
    if (fd < 0)
        return EXIT_FAILURE;
    good = log_print(fd, &arguments);
    return output_finish() && good ? EXIT_SUCCESS : EXIT_FAILURE;
}
