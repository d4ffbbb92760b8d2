// SPDX-License-Identifier: BSD-2-Clause
/* A thread's record, for people and for programs. */
#include <inttypes.h>

#include "hvctl.h"

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
};

#define COUNTER_COUNT (sizeof(counters) / sizeof(counters[0]))

static uint64_t counter_value(const struct ord_stats *stats, size_t i)
{
    return *(const uint64_t *)((const char *)stats + counters[i].offset);
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

/* The kernel terminates it, but this is another program's data. */
static void thread_comm(const struct ord_ioc_thread *thread, char comm[sizeof(thread->comm) + 1])
{
    snprintf(comm, sizeof(thread->comm) + 1, "%.*s", (int)sizeof(thread->comm), thread->comm);
}

/* One line per value. */
void thread_print(FILE *out, const struct ord_ioc_thread *thread)
{
    char comm[sizeof(thread->comm) + 1];

    thread_comm(thread, comm);
    fprintf(out, "%-26s %s\n", "command", comm);
    fprintf(out, "%-26s %d (process %d)\n", "thread", thread->tid, thread->tgid);
    fprintf(out, "%-26s %s\n", "state", thread_state_name(thread->state));
    fprintf(out, "%-26s %u\n", "core", thread->core);
    fprintf(out, "%-26s %u\n", "priority", thread->prio);
    fprintf(out, "%-26s %" PRIu64 "\n", "returns to Linux", thread->forwards);
    fprintf(out, "%-26s %" PRIu64 "\n", "brought back by timer", thread->recaptures);
    for (size_t i = 0; i < COUNTER_COUNT; i++)
        fprintf(out, "%-26s %" PRIu64 "\n", counters[i].text, counter_value(&thread->stats, i));
}

json_t *thread_json(const struct ord_ioc_thread *thread)
{
    char comm[sizeof(thread->comm) + 1];
    json_t *stats = json_object();

    for (size_t i = 0; i < COUNTER_COUNT; i++)
        json_object_set_new(stats, counters[i].name,
                            json_integer((json_int_t)counter_value(&thread->stats, i)));
    thread_comm(thread, comm);
    return json_pack("{s:i, s:i, s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "tid", thread->tid, "pid",
                     thread->tgid, "comm", json_string(comm) ?: json_string("?"), "state",
                     thread_state_name(thread->state), "core", (json_int_t)thread->core, "prio",
                     (json_int_t)thread->prio, "context", (json_int_t)thread->context, "forwards",
                     (json_int_t)thread->forwards, "recaptures", (json_int_t)thread->recaptures, "stats",
                     stats);
}

void json_print(FILE *out, json_t *root)
{
    json_dumpf(root, out, JSON_INDENT(2));
    fputc('\n', out);
    json_decref(root);
}
