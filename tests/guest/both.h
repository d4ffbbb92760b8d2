/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cases that run twice, attached and detached, and must do the same: a function notes what it sees, once in
 * a child process that stays in Linux, once in one that is detached. Both start alike: children of the same
 * process, each with mount, IPC and UTS namespaces and an empty working folder of its own.
 */
#ifndef TESTS_GUEST_BOTH_H
#define TESTS_GUEST_BOTH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "common.h"

#define BOTH_TEXT 6000
#define BOTH_WORK "/tmp/both"

struct both_half {
    int status;        /* as of wait(); -1: had to be killed */
    uint64_t calls;    /* by both_call() */
    uint64_t syscalls; /* counted by the hypervisor */
    uint64_t recalls;  /* likewise */
    char text[BOTH_TEXT];
};

struct both_result {
    struct both_half attached, detached;
};

/* Memory that all processes of a case share: zero at the start of each half. */
struct both_shared {
    uint64_t word[16];
    struct ord_ioc_thread before; /* as both_when_computing() has seen it last */
};
extern struct both_shared *both_shared;

/* Whether this is the detached half; both processes and children of a case know. */
extern bool both_detached;

/* Runs a case. Returns whether the halves noted the same, ended alike, and the second one was detached. */
bool both_run(void (*function)(void), struct both_result *result);

/* One line about a result: JSON, with the members in `more` first ("\"name\": 1, "). */
void both_print(const char *more, const struct both_result *result, bool same);

/* Adds words to the notes of the running half. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "-ENOENT", or the number. */
const char *result_name(long result);

/*
 * A system call under test: made by a thread that is detached at this moment in the detached half (notes
 * "ATTACHED" if it is not). Returns the result or -errno.
 */
long both_call(long number, long a, long b, long c, long d, long e, long f);

/* Not in children of the case's own thread, which are attached. */
extern bool both_asks;
pid_t both_fork(void);

/* Waits for a child; its exit status, or minus the signal. */
int both_wait(pid_t child);

#define BOTH_CALL(number, a, b, c, d, e, f, ...)                                                             \
    both_call(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
/* C: only the call. R: notes the result. P: notes errors and 0, but of a positive number just that. */
#define C(number, ...) BOTH_CALL(number, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define R(number, ...) both_note(C(number, ##__VA_ARGS__), false)
#define P(number, ...) both_note(C(number, ##__VA_ARGS__), true)
long both_note(long result, bool positive_is_any);

/*
 * Runs `function` in a child process when the thread `tid` computes: both_shared->word[15] is set, its
 * state is "running", and detached in that half.
 */
pid_t both_when_computing(pid_t tid, void (*function)(pid_t tid));

#endif
