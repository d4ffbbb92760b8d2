// SPDX-License-Identifier: BSD-2-Clause
/* Detaching this process and turning it into another program. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "hvctl.h"

enum { OPTION_CORES = 0x200, OPTION_THREADS, OPTION_SHARED, OPTION_SIGDEBUG, OPTION_MLOCK, OPTION_PREFAULT };

static const struct argp_option launch_options[] = {
    {"core", 'c', "N", 0, "Run on host core N (default: any that is free)", 0},
    {"cores", OPTION_CORES, "LIST", 0, "Host cores to use, as 2,3 or 2-4", 0},
    {"threads", OPTION_THREADS, "WHICH", 0,
     "Which threads are detached: main (the first one, the default), new (all but the first), all", 0},
    {"prio", 'p', "P", 0, "Priority on the core, 1 to 255 (default: 100)", 0},
    {"shared", OPTION_SHARED, NULL, 0,
     "Share the core with other threads that do, by priority and in turn; implied by --threads=new and all",
     0},
    {"sigdebug", OPTION_SIGDEBUG, NULL, 0, "Send a thread SIGXCPU when it has left its core", 0},
    {"mlock", OPTION_MLOCK, NULL, 0, "Lock the program's memory, also what it allocates later", 0},
    {"prefault", OPTION_PREFAULT, NULL, 0,
     "The same, and have its stack and heap grow in advance and not shrink", 0},
    {0},
};

static void parse_threads(const char *arg, struct argp_state *state, struct launch *launch)
{
    static const char *const names[] = {[LAUNCH_MAIN] = "main", [LAUNCH_NEW] = "new", [LAUNCH_ALL] = "all"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(arg, names[i])) {
            launch->threads = (enum launch_threads)i;
            return;
        }
    argp_error(state, "--threads is main, new or all, not '%s'", arg);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct launch *launch = state->input;
    const char *bad = arg;
    unsigned long value;

    switch (key) {
    case 'c':
        if (!parse_number(arg, 0, ORD_CORE_ANY - 1, &value))
            argp_error(state, "'%s' is not a core's number", arg);
        launch->cores = (struct cores){.count = 1, .core = {(uint32_t)value}};
        return 0;
    case OPTION_CORES:
        if (!cores_parse(arg, &launch->cores, &bad))
            argp_error(state, "bad list of cores at '%s': numbers and ranges, each core once, as 2,3 or 2-4",
                       bad);
        return 0;
    case OPTION_THREADS:
        parse_threads(arg, state, launch);
        return 0;
    case 'p':
        if (!parse_number(arg, ORD_PRIO_MIN, ORD_PRIO_MAX, &value))
            argp_error(state, "priority '%s' is not in %d..%d", arg, ORD_PRIO_MIN, ORD_PRIO_MAX);
        launch->prio = (uint32_t)value;
        return 0;
    case OPTION_SHARED:
        launch->flags |= ORD_DETACH_SHARED;
        return 0;
    case OPTION_SIGDEBUG:
        launch->flags |= ORD_DETACH_SIGDEBUG;
        return 0;
    case OPTION_PREFAULT:
        launch->prefault = true;
        return 0;
    case OPTION_MLOCK:
        launch->mlock = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp launch_argp = {.options = launch_options, .parser = parse_option};

bool launch_prepare(int fd, struct launch *launch)
{
    bool group = launch->threads != LAUNCH_MAIN;

    if (group)
        launch->flags |= ORD_DETACH_SHARED;
    if (launch->cores.count) {
        /* A core that is busy now may be free by the time of DETACH, which knows how long to wait. */
        if (!cores_check(fd, &launch->cores, launch->flags & ORD_DETACH_SHARED, group))
            return false;
    } else if (group && !cores_all(fd, &launch->cores, true)) {
        return false;
    }
    return !(launch->mlock || launch->prefault) || preload_prepare(launch->argv[0], launch->prefault);
}

static void complain_detach(uint32_t core, int err)
{
    switch (err) {
    case EBUSY:
        complain("core %u is busy; 'hvctl ps' shows with what", core);
        break;
    case ENODEV:
        complain("there is no core %u; 'hvctl info' lists the cores", core);
        break;
    default:
        complain("cannot detach: %s", device_explain(err));
    }
}

void launch_release(int fd)
{
    device_attach(fd, 0); /* not detached, or no right to do so: nothing to do */
}

/* New threads go to the list's cores in turn: to the second one first if this thread takes the first. */
static int launch_group(int fd, const struct launch *launch)
{
    struct ord_ioc_group group = {.flags = launch->flags, .prio = launch->prio};
    uint32_t skip = launch->threads == LAUNCH_ALL;

    group.core_count = launch->cores.count;
    for (uint32_t i = 0; i < group.core_count; i++)
        group.core[i] = launch->cores.core[(i + skip) % group.core_count];
    return device_group(fd, &group);
}

/*
 * On any free core if there is no list, else on the first of it that is free. With `moves` the thread is
 * detached already: any core is the one that it has.
 */
static int launch_place(int fd, const struct launch *launch, uint32_t flags, bool moves, uint32_t *core)
{
    struct ord_ioc_detach detach;
    uint32_t i = 0;
    int err;

    do {
        *core = launch->cores.count ? launch->cores.core[i] : ORD_CORE_ANY;
        detach = (struct ord_ioc_detach){.core = *core, .prio = launch->prio, .flags = flags};
        err = moves ? device_set(fd, 0, *core, launch->prio) : device_detach(fd, &detach);
    } while (err == EBUSY && ++i < launch->cores.count);
    return err;
}

static int launch_detach(int fd, const struct launch *launch, uint32_t *core)
{
    uint32_t flags = launch->flags;
    struct ord_ioc_thread self;
    int err = launch_place(fd, launch, flags, false, core);

    if (err != EBUSY || device_stat(fd, (int32_t)gettid(), &self))
        return err;
    /* Another hvctl has detached it. Who traces goes on to do so. */
    flags |= self.flags & ORD_DETACH_TRACE;
    if (flags == self.flags)
        return launch_place(fd, launch, flags, true, core);
    err = device_attach(fd, 0);
    return err ? err : launch_place(fd, launch, flags, false, core);
}

int launch_exec(int fd, const struct launch *launch)
{
    uint32_t core;
    int err;

    if (launch->threads != LAUNCH_MAIN) {
        err = launch_group(fd, launch);
        if (err) {
            complain("cannot detach new threads: %s", device_explain(err));
            return EXIT_RUN_FAILED;
        }
    }
    if (launch->threads == LAUNCH_NEW) {
        launch_release(fd);
    } else {
        err = launch_detach(fd, launch, &core);
        if (err) {
            complain_detach(core, err);
            return EXIT_RUN_FAILED;
        }
    }
    preload_begin();
    execvp(launch->argv[0], launch->argv);
    err = errno;
    complain("%s: %s", launch->argv[0], strerror(err));
    return err == ENOENT ? EXIT_RUN_NOT_FOUND : EXIT_RUN_NOT_EXECUTED;
}
