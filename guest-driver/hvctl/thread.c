// SPDX-License-Identifier: BSD-2-Clause
/* A thread's record, for people and for programs. */
#include <inttypes.h>
#include <string.h>

#include "hvctl.h"
#include "text.h"
#include <counter.h>

static const struct counter {
    const char *name; /* in JSON */
    const char *text;
    size_t offset;
} counters[] = {
    {"runs", "entered by the hypervisor", offsetof(struct ord_stats, runs)},
    {"syscalls", "system calls", offsetof(struct ord_stats, syscalls)},
    {"faults", "page faults", offsetof(struct ord_stats, faults)},
    {"exceptions", "other exceptions", offsetof(struct ord_stats, exceptions)},
    {"recalls", "recalls by Linux", offsetof(struct ord_stats, recalls)},
    {"irqs", "interrupts", offsetof(struct ord_stats, irqs)},
    {"hostcalls", "host calls", offsetof(struct ord_stats, hostcalls)},
    {"exits", "entries to the hypervisor", offsetof(struct ord_stats, exits)},
    {"preempted", "preempted by others", offsetof(struct ord_stats, preempted)},
    {"throttled", "budget used up", offsetof(struct ord_stats, throttled)},
    {"sleeps", "sleeps served", offsetof(struct ord_stats, sleeps)},
    {"run_time", "ticks executed", offsetof(struct ord_stats, run_time)},
};

#define COUNTER_COUNT (sizeof(counters) / sizeof(counters[0]))

static const struct cause {
    const char *name; /* in JSON and in traces */
    const char *text;
} causes[ORD_CAUSE_COUNT] = {
    [ORD_CAUSE_NONE] = {"none", "not known"},
    [ORD_CAUSE_SYSCALL] = {"syscall", "system call"},
    [ORD_CAUSE_FAULT] = {"fault", "page fault"},
    [ORD_CAUSE_NATIVE] = {"native", "page fault, natively"},
    [ORD_CAUSE_EXCEPTION] = {"exception", "other exception"},
    [ORD_CAUSE_SIGNAL] = {"signal", "signal, stop"},
    [ORD_CAUSE_DEBUG] = {"debug", "debugger"},
    [ORD_CAUSE_OTHER] = {"other", "other"},
};

static uint64_t counter_value(const struct ord_stats *stats, size_t i)
{
    uint64_t value;

    memcpy(&value, (const char *)stats + counters[i].offset, sizeof(value));
    return value;
}

double ticks_us(uint64_t ticks)
{
    return (double)ticks * 1e6 / (double)counter_hz();
}

const char *thread_state_name(uint32_t state)
{
    switch (state) {
    case ORD_THREAD_ATTACHED:
        return "attached";
    case ORD_THREAD_DETACHED:
        return "detached";
    case ORD_THREAD_ENDED:
        return "ended";
    default:
        return "unknown";
    }
}

const char *cause_name(uint32_t cause)
{
    return cause < ORD_CAUSE_COUNT ? causes[cause].name : "unknown";
}

static const struct {
    uint32_t flag;
    const char *name;
} flag_names[] = {
    {ORD_DETACH_SHARED, "shared"}, {ORD_DETACH_SIGDEBUG, "sigdebug"}, {ORD_DETACH_TRACE, "trace"}};

#define FLAG_COUNT (sizeof(flag_names) / sizeof(flag_names[0]))

/* "shared,sigdebug,trace", or "-". */
void thread_flags(uint32_t flags, char *text, size_t size)
{
    size_t length = 0;

    snprintf(text, size, "-");
    for (size_t i = 0; i < FLAG_COUNT; i++)
        if (flags & flag_names[i].flag && length < size)
            length +=
                (size_t)snprintf(text + length, size - length, "%s%s", length ? "," : "", flag_names[i].name);
}

/* A thread may give itself any name. */
void thread_comm(const struct ord_ioc_thread *thread, char comm[THREAD_COMM_SIZE])
{
    text_escape(comm, THREAD_COMM_SIZE, thread->comm, sizeof(thread->comm));
}

static void causes_print(FILE *out, const struct ord_ioc_thread *thread)
{
    fprintf(out, "%-26s\n", "left its core for");
    for (uint32_t i = 0; i < ORD_CAUSE_COUNT; i++)
        if (thread->cause_count[i])
            fprintf(out, "  %-24s %-10" PRIu64 " %.1f us\n", causes[i].text, thread->cause_count[i],
                    ticks_us(thread->cause_ticks[i]));
}

/* One line per value. */
void thread_print(FILE *out, const struct ord_ioc_thread *thread)
{
    char comm[THREAD_COMM_SIZE], flags[32];

    thread_comm(thread, comm);
    thread_flags(thread->flags, flags, sizeof(flags));
    fprintf(out, "%-26s %s\n", "command", comm);
    fprintf(out, "%-26s %d (process %d)\n", "thread", thread->tid, thread->tgid);
    fprintf(out, "%-26s %s\n", "state", thread_state_name(thread->state));
    fprintf(out, "%-26s %u\n", "core", thread->core);
    fprintf(out, "%-26s %u\n", "priority", thread->prio);
    fprintf(out, "%-26s %s\n", "flags", flags);
    fprintf(out, "%-26s %" PRIu64 "\n", "returns to Linux", thread->forwards);
    fprintf(out, "%-26s %" PRIu64 "\n", "brought back by timer", thread->recaptures);
    if (thread->flags & ORD_DETACH_SIGDEBUG)
        fprintf(out, "%-26s %u\n", "told so by SIGXCPU", thread->sigdebugs);
    for (size_t i = 0; i < COUNTER_COUNT; i++)
        fprintf(out, "%-26s %" PRIu64 "\n", counters[i].text, counter_value(&thread->stats, i));
    causes_print(out, thread);
}

static json_t *flags_json(uint32_t flags)
{
    json_t *names = json_array();

    for (size_t i = 0; i < FLAG_COUNT; i++)
        if (flags & flag_names[i].flag)
            json_array_append_new(names, json_string(flag_names[i].name));
    return names;
}

static json_t *causes_json(const struct ord_ioc_thread *thread)
{
    json_t *root = json_object();

    for (uint32_t i = ORD_CAUSE_SYSCALL; i < ORD_CAUSE_COUNT; i++)
        json_object_set_new(root, causes[i].name,
                            json_pack("{s:I, s:f}", "count", (json_int_t)thread->cause_count[i], "us",
                                      ticks_us(thread->cause_ticks[i])));
    return root;
}

static json_t *stats_json(const struct ord_stats *stats)
{
    json_t *root = json_object();

    for (size_t i = 0; i < COUNTER_COUNT; i++)
        json_object_set_new(root, counters[i].name, json_integer((json_int_t)counter_value(stats, i)));
    return root;
}

json_t *thread_json(const struct ord_ioc_thread *thread)
{
    char comm[THREAD_COMM_SIZE];

    thread_comm(thread, comm);
    return json_pack("{s:i, s:i, s:o, s:s, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:o, s:o}", "tid", thread->tid,
                     "pid", thread->tgid, "comm", json_string(comm), "state",
                     thread_state_name(thread->state), "core", (json_int_t)thread->core, "prio",
                     (json_int_t)thread->prio, "context", (json_int_t)thread->context, "flags",
                     flags_json(thread->flags), "forwards", (json_int_t)thread->forwards, "recaptures",
                     (json_int_t)thread->recaptures, "sigdebugs", (json_int_t)thread->sigdebugs, "causes",
                     causes_json(thread), "stats", stats_json(&thread->stats));
}

/* The counters of all of them, in one record. */
static void totals(const struct ord_ioc_list *list, struct ord_ioc_thread *sum)
{
    memset(sum, 0, sizeof(*sum));
    for (uint32_t i = 0; i < list->count; i++) {
        const struct ord_ioc_thread *thread = &list->thread[i];

        sum->forwards += thread->forwards;
        sum->recaptures += thread->recaptures;
        sum->sigdebugs += thread->sigdebugs;
        for (size_t n = 0; n < ORD_CAUSE_COUNT; n++) {
            sum->cause_count[n] += thread->cause_count[n];
            sum->cause_ticks[n] += thread->cause_ticks[n];
        }
        for (size_t n = 0; n < COUNTER_COUNT; n++) {
            uint64_t value = counter_value(&sum->stats, n) + counter_value(&thread->stats, n);

            memcpy((char *)&sum->stats + counters[n].offset, &value, sizeof(value));
        }
    }
}

static void totals_print(FILE *out, const struct ord_ioc_list *list)
{
    struct ord_ioc_thread sum;

    totals(list, &sum);
    fprintf(out, "%-26s %u\n", "all threads", list->count);
    fprintf(out, "%-26s %" PRIu64 "\n", "returns to Linux", sum.forwards);
    fprintf(out, "%-26s %" PRIu64 "\n", "brought back by timer", sum.recaptures);
    for (size_t i = 0; i < COUNTER_COUNT; i++)
        fprintf(out, "%-26s %" PRIu64 "\n", counters[i].text, counter_value(&sum.stats, i));
    causes_print(out, &sum);
}

static json_t *totals_json(const struct ord_ioc_list *list)
{
    struct ord_ioc_thread sum;

    totals(list, &sum);
    return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o}", "threads", (json_int_t)list->count, "forwards",
                     (json_int_t)sum.forwards, "recaptures", (json_int_t)sum.recaptures, "sigdebugs",
                     (json_int_t)sum.sigdebugs, "causes", causes_json(&sum), "stats", stats_json(&sum.stats));
}

/* Each of them, and of several the sum. */
void threads_print(FILE *out, const struct ord_ioc_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (i)
            fputc('\n', out);
        thread_print(out, &list->thread[i]);
    }
    if (list->count > 1) {
        fputc('\n', out);
        totals_print(out, list);
    }
}

/* {"threads": […], "totals": {…}} */
json_t *threads_json(const struct ord_ioc_list *list)
{
    json_t *threads = json_array();

    for (uint32_t i = 0; i < list->count; i++)
        json_array_append_new(threads, thread_json(&list->thread[i]));
    return json_pack("{s:o, s:o}", "threads", threads, "totals", totals_json(list));
}

void json_print(FILE *out, json_t *root)
{
    json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    fputc('\n', out);
    json_decref(root);
}
