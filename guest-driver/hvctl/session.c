// SPDX-License-Identifier: BSD-2-Clause
/*
 * A program that is traced from its first instruction to its last. hvctl is its tracer in the sense of
 * ptrace(2), too: that is how it learns of threads that start, and takes a thread's last events before it
 * ends, when the module forgets them. A thread that runs is not stopped by that; its signals take a way
 * through hvctl.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tracer.h"
#include <counter.h>

#define POLL_NS 50000000

static void session_take(struct session *session, int32_t tid)
{
    int err = tracer_take(&session->tracer, tid, true);

    if (err)
        session->error = err;
    if (session->ending)
        session->ending(session, tid);
}

/* A thread has stopped; lets it go on. */
static void session_stop(struct session *session, int32_t tid, int status, bool first_detached)
{
    int signal = WSTOPSIG(status), event = status >> 16;
    unsigned long message = 0;

    switch (event) {
    case PTRACE_EVENT_EXEC:
        if (first_detached) {
            tracer_add(&session->tracer, session->job.child, session->job.child);
            /* From here on events are recorded: those of the program, none of hvctl's. */
            tracer_take(&session->tracer, session->job.child, false);
        }
        if (!session->start)
            session->start = counter_now();
        signal = 0;
        break;
    case PTRACE_EVENT_CLONE:
        if (!ptrace(PTRACE_GETEVENTMSG, tid, NULL, &message))
            tracer_add(&session->tracer, session->job.child, (int32_t)message);
        signal = 0;
        break;
    case PTRACE_EVENT_EXIT:
        session_take(session, tid);
        signal = 0;
        break;
    case PTRACE_EVENT_STOP:
        if (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU) {
            session->job.stopped = true;
            ptrace(PTRACE_LISTEN, tid, NULL, NULL);
            return;
        }
        session->job.stopped = false;
        signal = 0;
        break;
    default:
        break;
    }
    ptrace(PTRACE_CONT, tid, NULL, (void *)(long)signal);
}

/* Looks at all of its threads: true when it has ended. */
static bool session_ended(struct session *session, int *status, bool first_detached)
{
    int32_t tid;
    int state;

    while ((tid = waitpid(-1, &state, WNOHANG | __WALL)) > 0) {
        if (WIFSTOPPED(state)) {
            session_stop(session, tid, state, first_detached);
        } else if (tid == session->job.child) {
            *status = state;
            return true;
        }
    }
    return tid < 0 && errno == ECHILD;
}

static void session_wait(struct session *session, const sigset_t *all)
{
    struct timespec timeout = {.tv_nsec = POLL_NS};
    siginfo_t info;

    if (sigtimedwait(all, &info, &timeout) >= 0)
        job_signal(&session->job, &info);
}

static void session_child(int fd, const struct launch *launch, const int go[2], const sigset_t *before)
{
    char byte;

    close(go[1]);
    if (read(go[0], &byte, 1) != 1)
        _exit(EXIT_RUN_FAILED);
    close(go[0]);
    sigprocmask(SIG_SETMASK, before, NULL);
    _exit(launch_exec(fd, launch));
}

int session_run(struct session *session, const struct launch *launch)
{
    const long options = PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXIT;
    bool first_detached = launch->threads != LAUNCH_NEW;
    sigset_t all, before;
    int go[2], status = -1, err, signal;

    signals_block(&all, &before);
    launch_release(session->tracer.fd);
    if (pipe(go) || (session->job.child = fork()) < 0) {
        complain("cannot start a process: %s", strerror(errno));
        return -1;
    }
    if (!session->job.child)
        session_child(session->tracer.fd, launch, go, &before);
    close(go[0]);
    if (ptrace(PTRACE_SEIZE, session->job.child, NULL, (void *)options)) {
        complain("cannot trace the program: %s", strerror(errno));
        close(go[1]);
        waitpid(session->job.child, NULL, 0);
        return -1;
    }
    if (write(go[1], "", 1) != 1)
        complain("cannot start the program: %s", strerror(errno));
    close(go[1]);
    while (!session_ended(session, &status, first_detached)) {
        job_stop(&session->job);
        err = tracer_poll(&session->tracer);
        if (err)
            session->error = err;
        signal = session->tick ? session->tick(session) : 0;
        if (signal)
            kill(session->job.child, signal);
        session_wait(session, &all);
    }
    return status;
}
