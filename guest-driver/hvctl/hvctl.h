/* SPDX-License-Identifier: BSD-2-Clause */
/* hvctl: what its verbs share. */
#ifndef HVCTL_H
#define HVCTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <outrider/ioctl.h>

/* Exit codes: those of `run` are env's and timeout's, so that a program's own stay recognizable. */
enum {
    EXIT_USAGE = 2,
    EXIT_RUN_FAILED = 125, /* hvctl run itself */
    EXIT_RUN_NOT_EXECUTED = 126,
    EXIT_RUN_NOT_FOUND = 127,
};

/* A verb: gets its arguments with argv[0] naming it for messages; returns the exit code. */
struct verb {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
};

int verb_info(int argc, char **argv);
int verb_run(int argc, char **argv);
int verb_ps(int argc, char **argv);
int verb_stat(int argc, char **argv);

/* Prints "hvctl: …" on standard error. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Parses a whole decimal number in min..max; false if it is none. */
bool parse_number(const char *text, unsigned long min, unsigned long max, unsigned long *value);

/* Ends output on standard output: false, after a message, if some of it could not be written. */
bool output_finish(void);

/* device.c: /dev/hvdetach; complains by itself, -1 or false on failure. */
int device_open(void);
bool device_info(int fd, struct ord_ioc_info *info);
bool device_list(int fd, struct ord_ioc_list *list);
/* Returns 0 or errno, without a word. */
int device_detach(int fd, uint32_t *core, uint32_t prio);
int device_stat(int fd, int32_t tid, struct ord_ioc_thread *thread);
int device_last(int fd, struct ord_ioc_thread *thread);

/* thread.c: a thread's record for people and for programs. */
const char *thread_state_name(uint32_t state);
void thread_print(FILE *out, const struct ord_ioc_thread *thread);
json_t *thread_json(const struct ord_ioc_thread *thread);
void json_print(FILE *out, json_t *root); /* and releases it */

/* launch.c: what `run` starts. */
struct launch {
    uint32_t core, prio;
    char **argv; /* program and arguments, NULL-terminated */
};

/* Detaches this process and executes the program; on failure complains and returns the exit code. */
int launch_exec(int fd, const struct launch *launch);

/* supervise.c: the same in a child, with a summary in the end; returns the program's exit code. */
struct summary {
    const char *path; /* NULL: standard error */
    bool json;
};
int supervise(int fd, const struct launch *launch, const struct summary *summary);

#endif
