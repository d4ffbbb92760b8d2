/* SPDX-License-Identifier: BSD-2-Clause */
/* hvctl: what its verbs share. */
#ifndef HVCTL_H
#define HVCTL_H

#include <argp.h>
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <outrider/ioctl.h>

/* Exit codes: those of `run` are env's and timeout's, so that a program's own stay recognizable. */
enum {
    EXIT_USAGE = 2,
    EXIT_NO_VERDICT = 3,   /* of hvctl check */
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

int verb_attach(int argc, char **argv);
int verb_check(int argc, char **argv);
int verb_detach(int argc, char **argv);
int verb_info(int argc, char **argv);
int verb_log(int argc, char **argv);
int verb_ps(int argc, char **argv);
int verb_run(int argc, char **argv);
int verb_set(int argc, char **argv);
int verb_stat(int argc, char **argv);
int verb_trace(int argc, char **argv);

/* Prints "hvctl: …" on standard error. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Parses a whole decimal number in min..max; false if it is none. */
bool parse_number(const char *text, unsigned long min, unsigned long max, unsigned long *value);

/* Ends output on standard output: false, after a message, if some of it could not be written. */
bool output_finish(void);

/* Allocates, or ends hvctl with a message. */
void *grow(void *memory, size_t count, size_t size);

/* device.c: /dev/hvdetach. The first four complain by themselves; -1 or false on failure. */
int device_open(void);
bool device_info(int fd, struct ord_ioc_info *info);
bool device_list(int fd, struct ord_ioc_list *list);
/* Final records of threads that were detached through fd and have ended, oldest first. */
bool device_ended(int fd, struct ord_ioc_list *list);
/* These return 0 or errno, without a word. `head` is filled in. */
int device_detach(int fd, struct ord_ioc_detach *detach);
int device_attach(int fd, int32_t tid);
int device_set(int fd, int32_t tid, uint32_t core, uint32_t prio);
int device_group(int fd, struct ord_ioc_group *group);
int device_trace(int fd, struct ord_ioc_trace *trace);
int device_log(int fd, struct ord_ioc_log *log);
int device_stat(int fd, int32_t tid, struct ord_ioc_thread *thread);
/* What an error of DETACH, ATTACH, SET, GROUP or TRACE means, and what to do. */
const char *device_explain(int err);

/* seize.c: an ioctl that acts on another's thread, by who may ptrace it: 0 or errno. */
int seize_call(int fd, unsigned long request, void *arg, size_t size, int32_t tid);

/* cores.c: lists of cores. */
struct cores {
    uint32_t count; /* 0: any */
    uint32_t core[ORD_GROUP_CORES_MAX];
};

/* "2", "2,3" or "2-4"; false, with the bad part in *bad, which may be NULL, if it is none. */
bool cores_parse(const char *text, struct cores *cores, const char **bad);
/* Whether threads can be detached to each of them, now or once it is free; complains about one that is not.
 */
bool cores_check(int fd, const struct cores *cores, bool shared, bool now);
/* All to which a thread can be detached now; false, after a message, if there is none. */
bool cores_all(int fd, struct cores *cores, bool shared);

/* target.c: threads that a command names. */
struct target {
    int32_t pid, tid; /* tid 0: all threads of the process */
};

/* PID, PID/TID, or a TID alone; complains and returns false if there is no such process or thread. */
bool target_parse(const char *text, struct target *target);
/* The detached threads among them. Returns how many, -1 after a message. */
int target_threads(int fd, const struct target *target, struct ord_ioc_list *list);
/* The same; complains if there is none. */
bool target_detached(int fd, const struct target *target, struct ord_ioc_list *list);

/* thread.c: a thread's record for people and for programs. */
const char *thread_state_name(uint32_t state);
const char *cause_name(uint32_t cause);
void thread_flags(uint32_t flags, char *text, size_t size);
#define THREAD_COMM_SIZE 65 /* of 16 bytes, escaped */
void thread_comm(const struct ord_ioc_thread *thread, char comm[THREAD_COMM_SIZE]);
void thread_print(FILE *out, const struct ord_ioc_thread *thread);
void threads_print(FILE *out, const struct ord_ioc_list *list);
json_t *threads_json(const struct ord_ioc_list *list);
json_t *thread_json(const struct ord_ioc_thread *thread);
double ticks_us(uint64_t ticks);
void json_print(FILE *out, json_t *root); /* and releases it */

/* launch.c: what `run`, `trace` and `check` start. */
enum launch_threads { LAUNCH_MAIN, LAUNCH_NEW, LAUNCH_ALL };

struct launch {
    enum launch_threads threads;
    struct cores cores;
    uint32_t prio, flags;
    bool mlock, prefault;
    char **argv; /* program and arguments, NULL-terminated */
};

#define LAUNCH_DEFAULT                                                                                       \
    {                                                                                                        \
        .prio = ORD_PRIO_DEFAULT                                                                             \
    }

/* The options of all three, whose input is a struct launch. */
extern const struct argp launch_argp;

/* Before anything starts: false, after a message, if it cannot work. */
bool launch_prepare(int fd, struct launch *launch);
/* This process waits for the program, in Linux: one that another hvctl has detached goes back there. */
void launch_release(int fd);
/*
 * Detaches this process and executes the program; on failure complains and returns the exit code. If another
 * hvctl has detached it, this one's options hold from now on.
 */
int launch_exec(int fd, const struct launch *launch);

/* preload.c: has the program lock its memory. */
bool preload_prepare(const char *program, bool prefault);
void preload_begin(void); /* in the process that becomes the program */

/* supervise.c: the same in a child, with a summary in the end; returns the program's exit code. */
struct summary {
    const char *path; /* NULL: standard error */
    bool json;
};
int supervise(int fd, const struct launch *launch, const struct summary *summary);
/*
 * A program and its hvctl are one job of the shell. Ctrl-Z: hvctl stops, too, for the shell to see, but only
 * when the program has tidied up and stopped. One that somebody stops alone is none of its business: he will
 * not continue hvctl.
 */
struct job {
    int32_t child;
    bool stopped;    /* the program */
    bool stop_asked; /* of hvctl, by a signal */
};
/* Passes a signal on that hvctl has got. */
void job_signal(struct job *job, const siginfo_t *info);
/* Stops hvctl if it is time for it. */
void job_stop(struct job *job);
/* Blocks all signals that can be passed on, and SIGCHLD. */
void signals_block(sigset_t *all, sigset_t *before);
/* Ends like a child did; returns only the exit code. */
int end_like(int status);

#endif
