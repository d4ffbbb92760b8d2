// SPDX-License-Identifier: BSD-2-Clause
/* hvctl detach: threads that run already. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "hvctl.h"

enum { OPTION_CORES = 0x100, OPTION_SHARED, OPTION_SIGDEBUG, OPTION_THREADS };

struct arguments {
    struct target target;
    struct cores cores;
    uint32_t prio, flags;
    bool group; /* new threads, too */
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    const char *bad = arg;
    unsigned long value;

    switch (key) {
    case 'c':
        if (!parse_number(arg, 0, ORD_CORE_ANY - 1, &value))
            argp_error(state, "'%s' is not a core's number", arg);
        arguments->cores = (struct cores){.count = 1, .core = {(uint32_t)value}};
        return 0;
    case OPTION_CORES:
        if (!cores_parse(arg, &arguments->cores, &bad))
            argp_error(state, "bad list of cores at '%s': numbers and ranges, each core once, as 2,3 or 2-4",
                       bad);
        return 0;
    case 'p':
        if (!parse_number(arg, ORD_PRIO_MIN, ORD_PRIO_MAX, &value))
            argp_error(state, "priority '%s' is not in %d..%d", arg, ORD_PRIO_MIN, ORD_PRIO_MAX);
        arguments->prio = (uint32_t)value;
        return 0;
    case OPTION_SHARED:
        arguments->flags |= ORD_DETACH_SHARED;
        return 0;
    case OPTION_SIGDEBUG:
        arguments->flags |= ORD_DETACH_SIGDEBUG;
        return 0;
    case OPTION_THREADS:
        if (!strcmp(arg, "all"))
            arguments->group = true;
        else if (strcmp(arg, "present"))
            argp_error(state, "--threads is present or all, not '%s'", arg);
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0)
            argp_error(state, "one PID, please");
        if (!target_parse(arg, &arguments->target))
            exit(EXIT_FAILURE);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which process or thread?");
        return 0;
    case ARGP_KEY_END:
        if (arguments->group && arguments->target.tid)
            argp_error(state, "--threads=all is for a whole process");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/*
 * Those of io_uring and vhost are listed like any other, but never leave the kernel. Linux:
 * include/linux/sched.h, PF_IO_WORKER, PF_USER_WORKER.
 */
#define WORKER_FLAGS 0x4010u

static bool is_worker(int32_t pid, unsigned long tid)
{
    char path[64], text[512], *end;
    unsigned int flags = 0;
    size_t length;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/task/%lu/stat", pid, tid);
    file = fopen(path, "re");
    if (!file)
        return false;
    length = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[length] = 0;
    end = strrchr(text, ')'); /* of the name, which may have anything in it */
    return end && sscanf(end, ") %*c %*d %*d %*d %*d %*d %u", &flags) == 1 && flags & WORKER_FLAGS;
}

/* The threads of a process that may be detached, as they are now. Returns how many; 0 if it is gone. */
static size_t list_threads(int32_t pid, int32_t **tids)
{
    char path[64];
    struct dirent *entry;
    unsigned long tid;
    size_t count = 0;
    DIR *folder;

    *tids = NULL;
    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    folder = opendir(path);
    if (!folder)
        return 0;
    while ((entry = readdir(folder)) != NULL) {
        if (!parse_number(entry->d_name, 1, INT_MAX, &tid) || is_worker(pid, tid))
            continue;
        *tids = grow(*tids, count + 1, sizeof(**tids));
        (*tids)[count++] = (int32_t)tid;
    }
    closedir(folder);
    return count;
}

/* To the list's next core that takes it; *next moves on. Returns 0 or errno. */
static int detach_one(int fd, int32_t tid, const struct arguments *arguments, uint32_t *next)
{
    const struct cores *cores = &arguments->cores;
    int err = EBUSY;

    for (uint32_t tries = 0; err == EBUSY && tries < cores->count; tries++) {
        struct ord_ioc_detach detach = {.core = cores->core[(*next)++ % cores->count],
                                        .prio = arguments->prio,
                                        .flags = arguments->flags,
                                        .tid = tid};

        err = device_detach(fd, &detach);
    }
    return err;
}

static void complain_detach(int fd, int32_t tid, int err)
{
    struct ord_ioc_thread thread;

    if (err == EBUSY && !device_stat(fd, tid, &thread))
        complain("thread %d is detached already, to core %u; 'hvctl set' moves it", tid, thread.core);
    else if (err == EBUSY)
        complain("no core is left for thread %d; --shared lets threads share cores", tid);
    else
        complain("thread %d: %s", tid, device_explain(err));
}

/*
 * All threads of the process that are not detached yet. Those that end meanwhile do not count. If one cannot
 * be detached, none is that was not before.
 */
static bool detach_all(int fd, const struct arguments *arguments)
{
    struct ord_ioc_thread thread;
    int32_t *tids, *done;
    size_t count = list_threads(arguments->target.pid, &tids), done_count = 0;
    uint32_t next = 0;
    bool good = count > 0;
    int err;

    if (!good)
        complain("process %d has ended", arguments->target.pid);
    done = grow(NULL, count + 1, sizeof(*done));
    for (size_t i = 0; i < count && good; i++) {
        if (!device_stat(fd, tids[i], &thread))
            continue;
        err = detach_one(fd, tids[i], arguments, &next);
        if (!err) {
            done[done_count++] = tids[i];
        } else if (err != ESRCH) {
            complain_detach(fd, tids[i], err);
            good = false;
        }
    }
    while (!good && done_count)
        device_attach(fd, done[--done_count]);
    free(tids);
    free(done);
    return good;
}

static bool detach_group(int fd, const struct arguments *arguments, bool begin)
{
    struct ord_ioc_group group = {
        .pid = arguments->target.pid, .flags = arguments->flags, .prio = arguments->prio};
    int err;

    if (begin)
        group.core_count = arguments->cores.count;
    memcpy(group.core, arguments->cores.core, group.core_count * sizeof(group.core[0]));
    err = device_group(fd, &group);
    if (err)
        complain("process %d: %s", group.pid, device_explain(err));
    return !err;
}

/* Whether all threads of the process are detached. */
static bool is_done(int fd, int32_t pid)
{
    struct ord_ioc_thread thread;
    int32_t *tids;
    size_t count = list_threads(pid, &tids), done = 0;

    for (size_t i = 0; i < count; i++)
        done += !device_stat(fd, tids[i], &thread);
    free(tids);
    return count && done == count;
}

static bool detach(int fd, struct arguments *arguments)
{
    bool shared, good;
    uint32_t next = 0;
    int err;

    if (arguments->group)
        arguments->flags |= ORD_DETACH_SHARED;
    shared = arguments->flags & ORD_DETACH_SHARED;
    if (!arguments->target.tid && !arguments->group && is_done(fd, arguments->target.pid))
        return true;
    if (arguments->cores.count ? !cores_check(fd, &arguments->cores, shared, true)
                               : !cores_all(fd, &arguments->cores, shared))
        return false;
    if (arguments->target.tid) {
        err = detach_one(fd, arguments->target.tid, arguments, &next);
        if (err)
            complain_detach(fd, arguments->target.tid, err);
        return !err;
    }
    /* First new ones, so that none is missed that starts meanwhile. */
    if (arguments->group && !detach_group(fd, arguments, true))
        return false;
    good = detach_all(fd, arguments);
    if (!good && arguments->group)
        detach_group(fd, arguments, false);
    return good;
}

int verb_detach(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"core", 'c', "N", 0, "To host core N (default: any that is free)", 0},
        {"cores", OPTION_CORES, "LIST", 0, "To these host cores in turn, as 2,3 or 2-4", 0},
        {"threads", OPTION_THREADS, "WHICH", 0,
         "present: the threads that the process has now (the default); all: and those that it starts later",
         0},
        {"prio", 'p', "P", 0, "Priority on the core, 1 to 255 (default: 100)", 0},
        {"shared", OPTION_SHARED, NULL, 0,
         "Share cores with other threads that do, by priority and in turn; implied by --threads=all", 0},
        {"sigdebug", OPTION_SIGDEBUG, NULL, 0, "Send a thread SIGXCPU when it has left its core", 0},
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "PID[/TID]",
        .doc = "Detaches a running process, with all of its threads, or one thread, from Linux. A thread "
               "that waits in a system call goes to its core when that has ended.",
    };
    struct arguments arguments = {.prio = ORD_PRIO_DEFAULT};
    int fd;

    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
        return EXIT_USAGE;
    fd = device_open();
    return fd >= 0 && detach(fd, &arguments) ? EXIT_SUCCESS : EXIT_FAILURE;
}
