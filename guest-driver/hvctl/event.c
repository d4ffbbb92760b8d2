// SPDX-License-Identifier: BSD-2-Clause
/* An entry of a trace in words; those of faults and exceptions are the architecture's. */
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "tracer.h"
#include <hvctl_arch.h>

#define EXPLAIN_SIZE 1024

void event_signal(uint32_t number, char *text, size_t size)
{
    const char *name = number && number < 32 ? sigabbrev_np((int)number) : NULL;

    if (name)
        snprintf(text, size, "SIG%s", name);
    else if (!number)
        snprintf(text, size, "no signal: a stop, the freezer, a debugger or work of Linux");
    else if ((int)number >= SIGRTMIN && (int)number <= SIGRTMAX)
        snprintf(text, size, "SIGRTMIN+%d", (int)number - SIGRTMIN);
    else
        snprintf(text, size, "signal %" PRIu32, number);
}

/* File and offset in it, as addr2line and objdump of a shared object take it. */
static void event_place(struct maps *maps, int32_t pid, uint64_t pc, char *text, size_t size)
{
    const struct map *map = maps_find(maps, pid, pc);

    if (map)
        snprintf(text, size, "%s+0x%" PRIx64, map_name(map), pc - map->start + map->offset);
    else
        snprintf(text, size, "0x%" PRIx64, pc);
}

/* write(1, 0xffff8120, 12) */
static void event_call(const struct ord_trace_entry *entry, char *text, size_t size)
{
    const char *name = syscall_name(entry->number);
    char argument[ARGS_TEXT_SIZE];
    int count = args_count(entry);
    size_t length;

    if (name)
        snprintf(text, size, "%s(", name);
    else
        snprintf(text, size, "call %" PRIu32 "(", entry->number);
    for (int i = 0; i < count; i++) {
        args_text(entry, i, argument, sizeof(argument));
        length = strlen(text);
        snprintf(text + length, size - length, "%s%s", i ? ", " : "", argument);
    }
    length = strlen(text);
    snprintf(text + length, size - length, ")");
}

static json_t *args_json(const struct ord_trace_entry *entry)
{
    json_t *root = json_array();
    char argument[ARGS_TEXT_SIZE];

    for (int i = 0; i < args_count(entry); i++) {
        args_text(entry, i, argument, sizeof(argument));
        json_array_append_new(root, json_string(argument));
    }
    return root;
}

static void event_explain(struct maps *maps, int32_t pid, const struct ord_trace_entry *entry, char *text,
                          size_t size)
{
    char signal[80];

    switch (entry->cause) {
    case ORD_CAUSE_SYSCALL:
        event_call(entry, text, size);
        break;
    case ORD_CAUSE_FAULT:
    case ORD_CAUSE_NATIVE:
        snprintf(text, size, "%s of 0x%" PRIx64 " in %s", event_access(entry), entry->address,
                 map_name(maps_find(maps, pid, entry->address)));
        break;
    case ORD_CAUSE_EXCEPTION:
        snprintf(text, size, "%s (" ARCH_CODE " 0x%" PRIx32 ")", event_exception(entry), entry->number);
        break;
    case ORD_CAUSE_SIGNAL:
        event_signal(entry->number, signal, sizeof(signal));
        snprintf(text, size, "%s", signal);
        break;
    case ORD_CAUSE_DEBUG:
        snprintf(text, size, "stays in Linux: breakpoints, watchpoints or single step");
        break;
    default:
        snprintf(text, size, "stays in Linux: restartable sequence, or no ASID");
    }
}

static double seconds_since(uint64_t start, uint64_t time)
{
    return time > start ? ticks_us(time - start) / 1e6 : 0;
}

void event_print(FILE *out, struct maps *maps, int32_t pid, int32_t tid, uint64_t start,
                 const struct ord_trace_entry *entry)
{
    char text[EXPLAIN_SIZE], place[EXPLAIN_SIZE], cost[32] = "-";

    event_explain(maps, pid, entry, text, sizeof(text));
    event_place(maps, pid, entry->pc, place, sizeof(place));
    if (entry->cost)
        snprintf(cost, sizeof(cost), "%.1f", ticks_us(entry->cost));
    fprintf(out, "%12.6f %7d %-9s %10s us  %s at %s\n", seconds_since(start, entry->time), tid,
            cause_name(entry->cause), cost, text, place);
}

static json_t *hex(uint64_t value)
{
    char text[32];

    snprintf(text, sizeof(text), "0x%" PRIx64, value);
    return json_string(text);
}

json_t *event_json(struct maps *maps, int32_t pid, int32_t tid, uint64_t start,
                   const struct ord_trace_entry *entry)
{
    char place[EXPLAIN_SIZE], signal[80];
    const char *name;
    json_t *root;

    event_place(maps, pid, entry->pc, place, sizeof(place));
    root = json_pack("{s:f, s:i, s:s, s:o, s:o, s:o}", "time", seconds_since(start, entry->time), "tid", tid,
                     "cause", cause_name(entry->cause), "us",
                     entry->cost ? json_real(ticks_us(entry->cost)) : json_null(), "pc", hex(entry->pc),
                     "place", json_string(place) ?: json_string("?"));
    switch (entry->cause) {
    case ORD_CAUSE_SYSCALL:
        name = syscall_name(entry->number);
        json_object_set_new(root, "syscall", name ? json_string(name) : json_null());
        json_object_set_new(root, "number", json_integer(entry->number));
        json_object_set_new(root, "arguments", args_json(entry));
        break;
    case ORD_CAUSE_FAULT:
    case ORD_CAUSE_NATIVE:
        name = map_name(maps_find(maps, pid, entry->address));
        json_object_set_new(root, "address", hex(entry->address));
        json_object_set_new(root, "access", json_string(event_access(entry)));
        json_object_set_new(root, "mapping", json_string(name) ?: json_string("?"));
        break;
    case ORD_CAUSE_EXCEPTION:
        json_object_set_new(root, "exception", json_string(event_exception(entry)));
        json_object_set_new(root, ARCH_CODE_KEY, hex(entry->number));
        break;
    case ORD_CAUSE_SIGNAL:
        event_signal(entry->number, signal, sizeof(signal));
        json_object_set_new(root, "signal", entry->number ? json_string(signal) : json_null());
        json_object_set_new(root, "number", json_integer(entry->number));
        break;
    default:
        break;
    }
    return root;
}
