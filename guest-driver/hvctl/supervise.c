// SPDX-License-Identifier: BSD-2-Clause
/*
 * hvctl run --stat: the program runs in a child, and hvctl stays to report. It stays out of the way: the
 * child is in the same process group, so that the terminal's signals reach it directly; signals that were
 * sent to hvctl alone are passed on; when the terminal stops both, hvctl stops after the program, for the
 * shell to see; when the program dies of a signal, hvctl dies of the same one.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hvctl.h"

static void report_text(FILE *out, const struct ord_ioc_list *ended, int status)
{
    if (WIFSIGNALED(status))
        fprintf(out, "%-26s %d (%s)\n", "ended by signal", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        fprintf(out, "%-26s %d\n", "exit status", WEXITSTATUS(status));
    if (ended->lost)
        fprintf(out, "%-26s %u\n", "threads before these", ended->lost);
    threads_print(out, ended);
}

static void report_json(FILE *out, const struct ord_ioc_list *ended, char **argv, int status)
{
    json_t *root = thread_json(&ended->thread[ended->count - 1]), *command = json_array();

    json_object_update_new(root, threads_json(ended));
    for (char **arg = argv; *arg; arg++)
        json_array_append_new(command, json_string(*arg) ?: json_string("?"));
    json_object_set_new(root, "lost", json_integer(ended->lost));
    json_object_set_new(root, "command", command);
    json_object_set_new(root, "exit_status",
                        WIFEXITED(status) ? json_integer(WEXITSTATUS(status)) : json_null());
    json_object_set_new(root, "signal", WIFSIGNALED(status) ? json_integer(WTERMSIG(status)) : json_null());
    json_print(out, root);
}

static void report(int fd, FILE *out, const struct launch *launch, bool json, int status)
{
    static struct ord_ioc_list ended;

    /* Nothing is known of one that could not be detached; it has said so itself. */
    if (!device_ended(fd, &ended) || !ended.count)
        return;
    if (json)
        report_json(out, &ended, launch->argv, status);
    else
        report_text(out, &ended, status);
    fflush(out);
}

void signals_block(sigset_t *all, sigset_t *before)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS};

    sigfillset(all);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        sigdelset(all, faults[i]);
    sigprocmask(SIG_BLOCK, all, before);
}

/* Looks at the child: true when it has ended; *stopped says whether it is stopped otherwise. */
static bool child_ended(pid_t child, int *status, bool *stopped)
{
    while (waitpid(child, status, WNOHANG | WUNTRACED | WCONTINUED) == child) {
        if (WIFEXITED(*status) || WIFSIGNALED(*status))
            return true;
        *stopped = WIFSTOPPED(*status);
    }
    return false;
}

static int child_wait(pid_t child, const sigset_t *all)
{
    bool stopped = false, stop_asked = false;
    siginfo_t info;
    int status;

    while (!child_ended(child, &status, &stopped)) {
        /*
         * Ctrl-Z: stop too, for the shell to see, but only when the program has tidied up and stopped.
         * One that somebody stops alone is none of our business: he will not continue us.
         */
        if (stopped && stop_asked) {
            stop_asked = false;
            raise(SIGSTOP);
        }
        if (sigwaitinfo(all, &info) < 0 || info.si_signo == SIGCHLD)
            continue;
        if (info.si_signo == SIGTSTP || info.si_signo == SIGTTIN || info.si_signo == SIGTTOU)
            stop_asked = true;
        else if (info.si_signo == SIGCONT)
            stop_asked = false;
        /* The terminal's and the kernel's own go to the whole group anyway. */
        if (info.si_code != SI_KERNEL)
            kill(child, info.si_signo);
    }
    return status;
}

int end_like(int status)
{
    struct rlimit no_core = {0, 0};
    sigset_t set;

    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    setrlimit(RLIMIT_CORE, &no_core); /* there is one already */
    signal(WTERMSIG(status), SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, WTERMSIG(status));
    raise(WTERMSIG(status));
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    return 128 + WTERMSIG(status);
}

int supervise(int fd, const struct launch *launch, const struct summary *summary)
{
    FILE *out = summary->path ? fopen(summary->path, "we") : stderr;
    pid_t child, parent = getpid();
    struct sigaction default_action = {.sa_handler = SIG_DFL}, child_action;
    sigset_t all, before;
    int status;

    if (!out) {
        complain("%s: %s", summary->path, strerror(errno));
        return EXIT_RUN_FAILED;
    }
    signals_block(&all, &before);
    /* If it is ignored, children vanish with their exit status. */
    sigaction(SIGCHLD, &default_action, &child_action);
    child = fork();
    if (child < 0) {
        complain("cannot fork: %s", strerror(errno));
        return EXIT_RUN_FAILED;
    }
    if (!child) {
        /* It is not to outlive the one who reports on it. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            raise(SIGKILL);
        sigaction(SIGCHLD, &child_action, NULL);
        sigprocmask(SIG_SETMASK, &before, NULL);
        _exit(launch_exec(fd, launch));
    }
    status = child_wait(child, &all);
    report(fd, out, launch, summary->json, status);
    if (out != stderr && fclose(out))
        complain("%s: %s", summary->path, strerror(errno));
    return end_like(status);
}
