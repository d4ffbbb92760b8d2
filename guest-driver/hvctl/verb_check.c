// SPDX-License-Identifier: BSD-2-Clause
/*
 * hvctl check: would this program run undisturbed, and if not, why?
 *
 *   start       begin                                          end
 *     | warm-up   | steady part: every event is a disturbance   | the rest
 *     +-----------+---------------------------------------------+---------->
 *                 after S seconds, or a first call of the       after S seconds, a second call of the
 *                 marker has ended                              marker, or the program's exit
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "advice.h"
#include "tracer.h"
#include <counter.h>

enum { OPTION_WARMUP = 0x100, OPTION_DURATION, OPTION_MARKER };

#define MARKER_DEFAULT  "sched_yield"
#define WARMUP_DEFAULT  1.0
#define ADDRESSES_SHOWN 4
#define OBSERVED_MIN    0.001 /* seconds; less says nothing, unless the program itself has marked its end */
/* A program that has been told to end by SIGTERM is ended after that many looks. */
#define TICKS_TO_KILL 100

/* Events of the steady part that are alike. */
struct finding {
    uint32_t cause, number;
    char *mapping; /* of faults: where; NULL of others */
    unsigned long count;
    uint64_t ticks;
    uint64_t address[ADDRESSES_SHOWN]; /* the first ones */
};

struct check {
    struct session session; /* first: what callbacks get */
    struct launch launch;
    const char *path;
    double warmup, duration; /* seconds; duration 0: to the end */
    long marker;             /* number of that call; -1: by time */
    const char *marker_name;
    bool json;

    struct maps maps;
    struct finding *finding;
    size_t count;
    uint64_t begin, end; /* 0: not yet */
    int32_t marker_tid;
    bool marked; /* the second call of the marker has come */
    unsigned long warmup_events, events;
    uint64_t lost, away;
    long locked_kib, size_kib; /* at the beginning of the steady part */
    bool compacted;            /* locked pages, too: vm.compact_unevictable_allowed */
    int ticks_after_end;
    bool seen;     /* it was on its core at all */
    bool finished; /* what is known of the steady part is enough: the program shows where it was at the end */
    bool in_linux; /* it was not on its core when that ended */
};

static bool parse_seconds(const char *text, double *seconds)
{
    char *end;

    *seconds = strtod(text, &end);
    return end != text && !*end && *seconds >= 0 && *seconds < 1e6;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct check *check = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &check->launch;
        return 0;
    case 'j':
        check->json = true;
        return 0;
    case 'o':
        check->path = arg;
        return 0;
    case OPTION_WARMUP:
        if (!parse_seconds(arg, &check->warmup))
            argp_error(state, "'%s' is not a number of seconds", arg);
        return 0;
    case OPTION_DURATION:
        if (!parse_seconds(arg, &check->duration) || check->duration <= 0)
            argp_error(state, "'%s' is not a number of seconds", arg);
        return 0;
    case OPTION_MARKER:
        check->marker_name = arg ?: MARKER_DEFAULT;
        check->marker = syscall_number(check->marker_name);
        if (check->marker < 0)
            argp_error(state, "there is no system call '%s'", check->marker_name);
        return 0;
    case ARGP_KEY_ARG:
        check->launch.argv = &state->argv[state->next - 1];
        state->next = state->argc;
        return 0;
    case ARGP_KEY_END:
        if (!check->launch.argv)
            argp_error(state, "which program?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static uint64_t seconds_ticks(double seconds)
{
    return (uint64_t)(seconds * (double)counter_hz());
}

static void read_locked(struct check *check)
{
    char path[64], line[128];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", check->session.job.child);
    file = fopen(path, "re");
    if (!file)
        return;
    while (fgets(line, sizeof(line), file)) {
        sscanf(line, "VmLck: %ld", &check->locked_kib);
        sscanf(line, "VmRSS: %ld", &check->size_kib);
    }
    fclose(file);
    file = fopen("/proc/sys/vm/compact_unevictable_allowed", "re");
    if (!file)
        return; /* a kernel without compaction */
    check->compacted = fgets(line, sizeof(line), file) && atoi(line);
    fclose(file);
}

static bool is_fault(uint32_t cause)
{
    return cause == ORD_CAUSE_FAULT || cause == ORD_CAUSE_NATIVE;
}

static void check_count(struct check *check, int32_t pid, const struct ord_trace_entry *entry)
{
    const char *mapping = NULL;
    struct finding *finding = NULL;
    uint64_t from = entry->time > check->begin ? entry->time : check->begin;
    uint64_t to = entry->cost ? entry->time + entry->cost : check->end ?: counter_now();
    uint32_t number = entry->number;

    if (is_fault(entry->cause)) {
        mapping = map_name(maps_find(&check->maps, pid, entry->address));
        number = 0;
    } else if (entry->cause == ORD_CAUSE_EXCEPTION) {
        number >>= 26; /* the class; the rest is of the instance */
    }
    for (size_t i = 0; i < check->count && !finding; i++)
        if (check->finding[i].cause == entry->cause && check->finding[i].number == number &&
            (!mapping || !strcmp(check->finding[i].mapping, mapping)))
            finding = &check->finding[i];
    if (!finding) {
        check->finding = grow(check->finding, check->count + 1, sizeof(*finding));
        finding = &check->finding[check->count++];
        *finding = (struct finding){.cause = entry->cause, .number = number};
        if (mapping && !(finding->mapping = strdup(mapping)))
            finding->mapping = grow(NULL, 1, 1);
    }
    if (finding->count < ADDRESSES_SHOWN)
        finding->address[finding->count] = entry->address;
    finding->count++;
    finding->ticks += to > from ? to - from : 0;
    check->away += to > from ? to - from : 0;
    check->events++;
}

static void check_begin(struct check *check, uint64_t time)
{
    check->begin = time;
    if (check->duration > 0)
        check->end = time + seconds_ticks(check->duration);
    read_locked(check);
}

static bool is_exit(const struct ord_trace_entry *entry)
{
    return entry->cause == ORD_CAUSE_SYSCALL &&
           (entry->number == syscall_number("exit_group") || entry->number == syscall_number("exit"));
}

/* Whether the entry is a border of the steady part. */
static bool check_marker(struct check *check, int32_t tid, const struct ord_trace_entry *entry)
{
    if (check->marker < 0 || entry->cause != ORD_CAUSE_SYSCALL || entry->number != (uint32_t)check->marker ||
        (check->begin && tid != check->marker_tid))
        return false;
    if (!check->begin) {
        if (!entry->cost)
            return true;
        check->marker_tid = tid;
        check_begin(check, entry->time + entry->cost);
    } else if (!check->end || entry->time < check->end) {
        check->end = entry->time;
        check->finished = true;
        check->marked = true;
    }
    return true;
}

static void check_event(struct tracer *tracer, const struct tracer_thread *thread,
                        const struct ord_trace_entry *entry)
{
    struct check *check = (struct check *)tracer;
    bool exits = is_exit(entry) || (entry->cause == ORD_CAUSE_SIGNAL && !entry->cost);

    check->seen = true;
    if (check_marker(check, thread->tid, entry))
        return;
    if (check->end && entry->time >= check->end)
        return;
    if (!check->begin || (entry->cost && entry->time + entry->cost <= check->begin)) {
        check->warmup_events++;
        return;
    }
    /* Its end is no disturbance, and shows that it was on its core until then. */
    if (exits && thread->tid == check->session.job.child && entry->time >= check->begin) {
        check->end = entry->time;
        check->finished = true;
        return;
    }
    if (!exits)
        check_count(check, thread->pid, entry);
}

static void check_lost(struct tracer *tracer, const struct tracer_thread *thread, uint64_t count)
{
    struct check *check = (struct check *)tracer;

    (void)thread;
    if (check->begin && !check->finished)
        check->lost += count;
}

/* Whether each of its detached threads is on its core now. */
static bool is_detached(const struct check *check)
{
    static struct ord_ioc_list list;
    const struct target target = {.pid = check->session.job.child};
    int count = target_threads(check->session.tracer.fd, &target, &list);

    for (int i = 0; i < count; i++)
        if (list.thread[i].state != ORD_THREAD_DETACHED)
            return false;
    return count > 0;
}

static int check_tick(struct session *session)
{
    struct check *check = (struct check *)session;
    uint64_t now = counter_now();

    maps_forget(&check->maps);
    if (check->marker < 0 && session->start && !check->begin &&
        now >= session->start + seconds_ticks(check->warmup))
        check_begin(check, session->start + seconds_ticks(check->warmup));
    if (!check->duration || !check->end || now < check->end)
        return 0;
    /* Observed for long enough. */
    if (!check->finished) {
        check->finished = true;
        check->in_linux = !is_detached(check);
        return SIGTERM;
    }
    return check->ticks_after_end++ == TICKS_TO_KILL ? SIGKILL : 0;
}

/* The first thread ends and nothing has said so on its core: it is in Linux. */
static void check_ending(struct session *session, int32_t tid)
{
    struct check *check = (struct check *)session;

    if (tid != session->job.child || check->finished || !check->begin)
        return;
    check->end = counter_now();
    check->finished = true;
    check->in_linux = check->launch.threads != LAUNCH_NEW;
}

static int finding_compare(const void *left, const void *right)
{
    const struct finding *a = left, *b = right;

    return a->cause != b->cause ? (a->cause > b->cause) - (a->cause < b->cause)
                                : (a->count < b->count) - (a->count > b->count);
}

static void finding_name(const struct finding *finding, char *text, size_t size)
{
    const struct ord_trace_entry entry = {.cause = finding->cause, .number = finding->number << 26};

    switch (finding->cause) {
    case ORD_CAUSE_SYSCALL:
        snprintf(text, size, "%s", syscall_name(finding->number) ?: "unknown");
        break;
    case ORD_CAUSE_FAULT:
    case ORD_CAUSE_NATIVE:
        snprintf(text, size, "%s", finding->mapping);
        break;
    case ORD_CAUSE_SIGNAL:
        event_signal(finding->number, text, size);
        break;
    case ORD_CAUSE_EXCEPTION:
        snprintf(text, size, "%s", event_exception(&entry));
        break;
    default:
        snprintf(text, size, "%s", cause_name(finding->cause));
    }
}

static const char *finding_advice(const struct check *check, const struct finding *finding)
{
    switch (finding->cause) {
    case ORD_CAUSE_SYSCALL:
        return advice_syscall(syscall_name(finding->number));
    case ORD_CAUSE_FAULT:
    case ORD_CAUSE_NATIVE:
        if (!check->locked_kib)
            return "the memory is not locked: mlockall(MCL_CURRENT | MCL_FUTURE) before the loop, or "
                   "hvctl run --prefault";
        return "memory is locked, but this was mapped, or shared with a child, or moved by Linux in the loop";
    case ORD_CAUSE_SIGNAL:
        return finding->number ? advice_signal()
                               : "somebody stopped, froze or debugged it, or Linux had work for the thread";
    case ORD_CAUSE_EXCEPTION:
        return "Linux emulates this instruction or sends a signal: do not use it in the loop";
    case ORD_CAUSE_DEBUG:
        return "a debugger has set breakpoints or watchpoints or steps it: end it";
    default:
        return "it was in a restartable sequence (GLIBC_TUNABLES=glibc.pthread.rseq=0 helps), or its "
               "process has no ASID for itself";
    }
}

static const char *const section_names[ORD_CAUSE_COUNT] = {
    [ORD_CAUSE_SYSCALL] = "system calls",
    [ORD_CAUSE_FAULT] = "page faults",
    [ORD_CAUSE_NATIVE] = "page faults that Linux has to see natively",
    [ORD_CAUSE_EXCEPTION] = "other exceptions",
    [ORD_CAUSE_SIGNAL] = "signals and stops",
    [ORD_CAUSE_DEBUG] = "debugger",
    [ORD_CAUSE_OTHER] = "could not go back at once",
};

static double steady_seconds(const struct check *check)
{
    return check->end > check->begin ? ticks_us(check->end - check->begin) / 1e6 : 0;
}

static bool is_undisturbed(const struct check *check)
{
    return !check->events && !check->lost && !check->in_linux;
}

/* The last line: what it comes to. */
static void verdict(const struct check *check, char *text, size_t size)
{
    double seconds = steady_seconds(check);

    if (is_undisturbed(check))
        snprintf(text, size, "undisturbed: did not leave its core for %.3f s after the warm-up", seconds);
    else if (check->events || check->lost)
        snprintf(text, size, "DISTURBED: left its core %s%lu times in %.3f s, for %.1f us in all",
                 check->lost ? "at least " : "", check->events, seconds, ticks_us(check->away));
    else
        snprintf(text, size, "DISTURBED: was in Linux at the end of the %.3f s", seconds);
}

static void print_text(const struct check *check, FILE *out)
{
    char text[256];

    fprintf(out, "warm-up: %lu events, then %.3f s were observed\n", check->warmup_events,
            steady_seconds(check));
    for (size_t i = 0; i < check->count; i++) {
        const struct finding *finding = &check->finding[i];

        if (!i || finding[-1].cause != finding->cause)
            fprintf(out, "%s:\n",
                    section_names[finding->cause < ORD_CAUSE_COUNT ? finding->cause : 0] ?: "others");
        finding_name(finding, text, sizeof(text));
        fprintf(out, "  %8lu  %s, %.1f us", finding->count, text, ticks_us(finding->ticks));
        if (is_fault(finding->cause)) {
            fprintf(out, ", at");
            for (size_t n = 0; n < finding->count && n < ADDRESSES_SHOWN; n++)
                fprintf(out, " 0x%" PRIx64, finding->address[n]);
            fprintf(out, "%s", finding->count > ADDRESSES_SHOWN ? " ..." : "");
        }
        fprintf(out, "\n            %s\n", finding_advice(check, finding));
    }
    if (check->lost)
        fprintf(out, "%" PRIu64 " more events came too quickly to be looked at\n", check->lost);
    if (!check->locked_kib)
        fprintf(out, "note: none of its memory is locked; Linux may take any page away from it later\n");
    else if (check->compacted)
        fprintf(out, "note: compaction may move its memory though it is locked, a page fault each time: "
                     "sysctl vm.compact_unevictable_allowed=0\n");
    verdict(check, text, sizeof(text));
    fprintf(out, "verdict: %s\n", text);
}

static json_t *finding_json(const struct check *check, const struct finding *finding)
{
    char name[256], address[32];
    json_t *root, *addresses;

    finding_name(finding, name, sizeof(name));
    root = json_pack("{s:s, s:o, s:I, s:f, s:s}", "cause", cause_name(finding->cause), "name",
                     json_string(name) ?: json_string("?"), "count", (json_int_t)finding->count, "us",
                     ticks_us(finding->ticks), "advice", finding_advice(check, finding));
    if (is_fault(finding->cause)) {
        addresses = json_array();
        for (size_t n = 0; n < finding->count && n < ADDRESSES_SHOWN; n++) {
            snprintf(address, sizeof(address), "0x%" PRIx64, finding->address[n]);
            json_array_append_new(addresses, json_string(address));
        }
        json_object_set_new(root, "addresses", addresses);
    }
    return root;
}

static void print_json(const struct check *check, FILE *out)
{
    json_t *findings = json_array();
    char text[256];

    for (size_t i = 0; i < check->count; i++)
        json_array_append_new(findings, finding_json(check, &check->finding[i]));
    verdict(check, text, sizeof(text));
    json_print(out, json_pack("{s:b, s:s, s:I, s:f, s:I, s:I, s:f, s:b, s:I, s:o}", "undisturbed",
                              is_undisturbed(check), "verdict", text, "warmup_events",
                              (json_int_t)check->warmup_events, "seconds", steady_seconds(check), "events",
                              (json_int_t)check->events, "lost", (json_int_t)check->lost, "away_us",
                              ticks_us(check->away), "in_linux", check->in_linux, "locked_kib",
                              (json_int_t)check->locked_kib, "findings", findings));
}

/* Said on standard error, too, if the report goes elsewhere. */
static void no_verdict(const struct check *check, FILE *out, const char *problem)
{
    char text[256];

    snprintf(text, sizeof(text), "none: %s", problem);
    if (check->json)
        json_print(out, json_pack("{s:n, s:s, s:I, s:f}", "undisturbed", "verdict", text, "warmup_events",
                                  (json_int_t)check->warmup_events, "seconds", steady_seconds(check)));
    else
        fprintf(out, "verdict: %s\n", text);
    if (out != stderr)
        complain("no verdict: %s", problem);
}

static int report(struct check *check, FILE *out, int status)
{
    char problem[128] = "";

    if (check->session.error) {
        complain("cannot trace: %s", device_explain(check->session.error));
        return EXIT_RUN_FAILED;
    }
    if (!check->session.start) /* has said so itself */
        return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_RUN_FAILED;
    if (!check->seen)
        snprintf(problem, sizeof(problem), "no thread of it was ever detached");
    else if (!check->begin && check->marker >= 0)
        snprintf(problem, sizeof(problem), "it has never called %s", check->marker_name);
    else if (!check->begin)
        snprintf(problem, sizeof(problem), "it ended before the warm-up of %g s was over", check->warmup);
    else if (!check->marked && steady_seconds(check) < OBSERVED_MIN)
        snprintf(problem, sizeof(problem), "it ended with the warm-up: nothing was observed");
    if (*problem) {
        no_verdict(check, out, problem);
        return EXIT_NO_VERDICT;
    }
    qsort(check->finding, check->count, sizeof(*check->finding), finding_compare);
    if (check->json)
        print_json(check, out);
    else
        print_text(check, out);
    return is_undisturbed(check) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int verb_check(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"warmup", OPTION_WARMUP, "S", 0, "What happens in the first S seconds does not count (default: 1)",
         1},
        {"duration", OPTION_DURATION, "S", 0,
         "Observe it for S seconds after that, then end it by SIGTERM (default: until it ends)", 1},
        {"after-marker", OPTION_MARKER, "CALL", OPTION_ARG_OPTIONAL,
         "Instead of --warmup: observe it from its first call of CALL to the second one (default: "
         "sched_yield)",
         1},
        {"output", 'o', "FILE", 0, "Write to FILE (default: standard error)", 1},
        {"json", 'j', NULL, 0, "Print JSON", 1},
        {NULL, 0, NULL, 0, "How to run it:", 2},
        {0},
    };
    static const struct argp_child children[] = {{.argp = &launch_argp, .group = 2}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "[--] COMMAND [ARGUMENT...]",
        .doc = "Runs COMMAND detached and says what disturbed it after its warm-up, and what it would have "
               "to change.\v"
               "Exit status: 0 if it was undisturbed, 1 if not, 3 if there is no verdict, since nothing was "
               "observed; 125 if hvctl fails, 126 and 127 as run, 2 after wrong usage.",
        .children = children,
    };
    static struct check check = {.launch = LAUNCH_DEFAULT,
                                 .session = {.tracer = {.event = check_event, .lost = check_lost},
                                             .tick = check_tick,
                                             .ending = check_ending},
                                 .warmup = WARMUP_DEFAULT,
                                 .marker = -1};
    FILE *out;
    int status, code;

    if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &check))
        return EXIT_USAGE;
    check.session.tracer.fd = device_open();
    check.launch.flags |= ORD_DETACH_TRACE;
    if (check.session.tracer.fd < 0 || !launch_prepare(check.session.tracer.fd, &check.launch))
        return EXIT_RUN_FAILED;
    out = check.path ? fopen(check.path, "we") : stderr;
    if (!out) {
        complain("%s: %s", check.path, strerror(errno));
        return EXIT_RUN_FAILED;
    }
    status = session_run(&check.session, &check.launch);
    if (status == -1)
        return EXIT_RUN_FAILED;
    code = report(&check, out, status);
    if (fflush(out) || ferror(out)) {
        complain("cannot write the report: %s", strerror(errno));
        return EXIT_RUN_FAILED;
    }
    return code;
}
