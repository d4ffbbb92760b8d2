/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What detached threads leave their cores for: read from the module, put into words.
 *
 *   session.c  a program that runs under hvctl: all of its threads, to their last event
 *   tracer.c   the traces of a set of threads
 *   event.c    an entry of a trace in words; maps.c, syscall.c: what its addresses and numbers are
 */
#ifndef HVCTL_TRACER_H
#define HVCTL_TRACER_H

#include "hvctl.h"

/* syscall.c */
const char *syscall_name(uint32_t number); /* or NULL */
long syscall_number(const char *name);     /* or -1 */

/* maps.c: the mappings of a process. */
struct map {
    uint64_t start, end, offset;
    char perms[5];
    char *name; /* "" if it has none; escaped */
};

struct maps {
    int32_t pid;
    size_t count;
    struct map *map;
};

void maps_forget(struct maps *maps);
/* NULL if nothing is mapped there, or the process is gone. Valid until maps_forget(). */
const struct map *maps_find(struct maps *maps, int32_t pid, uint64_t address);
/* The last part of a file's name, or what is used in its place. */
const char *map_name(const struct map *map);

/* args.c: the arguments of a system call, each in words. */
#define ARGS_TEXT_SIZE 256
int args_count(const struct ord_trace_entry *entry);
void args_text(const struct ord_trace_entry *entry, int i, char *text, size_t size);

/* event.c */
const char *event_access(const struct ord_trace_entry *entry); /* of a fault: "read", "write", "execute" */
const char *event_exception(const struct ord_trace_entry *entry);
void event_signal(uint32_t number, char *text, size_t size);
void event_print(FILE *out, struct maps *maps, int32_t pid, int32_t tid, uint64_t start,
                 const struct ord_trace_entry *entry);
json_t *event_json(struct maps *maps, int32_t pid, int32_t tid, uint64_t start,
                   const struct ord_trace_entry *entry);

/* tracer.c */
struct tracer_thread {
    int32_t pid, tid;
    bool begun, ended;
    uint64_t position;
};

struct tracer {
    int fd;
    struct tracer_thread *thread;
    size_t count;
    /* An event of a thread that has run again since, or will not. */
    void (*event)(struct tracer *tracer, const struct tracer_thread *thread,
                  const struct ord_trace_entry *entry);
    void (*lost)(struct tracer *tracer, const struct tracer_thread *thread, uint64_t count);
};

void tracer_add(struct tracer *tracer, int32_t pid, int32_t tid);
/* Reads what is new. Returns 0, or an errno other than that of a thread which has ended. */
int tracer_poll(struct tracer *tracer);
/* The same for one thread; with `last`, also events after which it has not run yet. */
int tracer_take(struct tracer *tracer, int32_t tid, bool last);
/* Whether there are threads that have not ended. */
bool tracer_is_alive(const struct tracer *tracer);
void tracer_free(struct tracer *tracer);

/* session.c */
struct session {
    struct tracer tracer; /* first */
    struct job job;
    uint64_t start; /* ticks at which the program began; 0: it has not */
    int error;      /* of the trace */
    /* After each look at the traces, some 20 times a second; a signal to be sent to the program, or 0. */
    int (*tick)(struct session *session);
    /* A thread is about to end; all of its events have been reported. */
    void (*ending)(struct session *session, int32_t tid);
};

/* Runs the program to its end; its wait status, or -1 after a message. */
int session_run(struct session *session, const struct launch *launch);

#endif
