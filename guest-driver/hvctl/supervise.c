// SPDX-License-Identifier: BSD-2-Clause
/*
 * hvctl run --stat: the program runs in a child, and hvctl stays to report. It stays out of the way, in
 * Linux: the child is in the same process group, so that the terminal's signals reach it directly; signals
 * that were sent to hvctl alone are passed on; when the terminal stops both, hvctl stops after the program,
 * for the shell to see; when the program dies of a signal, hvctl dies of the same one.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hvctl.h"

#define LOOK_FIRST_NS 10000000
#define LOOK_LAST_NS  900000000

static void report_text(FILE *out, const struct ord_ioc_list *ended, unsigned long others, int status)
{
    if (WIFSIGNALED(status))
        fprintf(out, "%-26s %d (%s)\n", "ended by signal", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        fprintf(out, "%-26s %d\n", "exit status", WEXITSTATUS(status));
    if (ended->lost)
        fprintf(out, "%-26s %u\n", "threads before these", ended->lost);
    threads_print(out, ended);
    if (others)
        fprintf(out, "%-26s %lu or more; --threads=all detaches them, too\n", "other threads, in Linux",
                others);
}

static void report_json(FILE *out, const struct ord_ioc_list *ended, char **argv, unsigned long others,
                        int status)
{
    json_t *root = thread_json(&ended->thread[ended->count - 1]), *command = json_array();

    json_object_update_new(root, threads_json(ended));
    for (char **arg = argv; *arg; arg++)
        json_array_append_new(command, json_string(*arg) ?: json_string("?"));
    json_object_set_new(root, "lost", json_integer(ended->lost));
    json_object_set_new(root, "in_linux", json_integer((json_int_t)others));
    json_object_set_new(root, "command", command);
    json_object_set_new(root, "exit_status",
                        WIFEXITED(status) ? json_integer(WEXITSTATUS(status)) : json_null());
    json_object_set_new(root, "signal", WIFSIGNALED(status) ? json_integer(WTERMSIG(status)) : json_null());
    json_print(out, root);
}

/* threads: as many as it had at a time. */
static void report(int fd, FILE *out, const struct launch *launch, bool json, unsigned long threads,
                   int status)
{
    static struct ord_ioc_list ended;
    unsigned long others = launch->threads == LAUNCH_MAIN && threads ? threads - 1 : 0;

    /* Nothing is known of one that could not be detached; it has said so itself. */
    if (!device_ended(fd, &ended) || !ended.count)
        return;
    if (json)
        report_json(out, &ended, launch->argv, others, status);
    else
        report_text(out, &ended, others, status);
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

void job_signal(struct job *job, const siginfo_t *info)
{
    if (info->si_signo == SIGCHLD)
        return;
    if (info->si_signo == SIGTSTP || info->si_signo == SIGTTIN || info->si_signo == SIGTTOU)
        job->stop_asked = true;
    else if (info->si_signo == SIGCONT)
        job->stop_asked = false;
    /* The terminal's and the kernel's own go to the whole group anyway. */
    if (info->si_code != SI_KERNEL)
        kill(job->child, info->si_signo);
}

void job_stop(struct job *job)
{
    if (!job->stopped || !job->stop_asked)
        return;
    job->stop_asked = false;
    raise(SIGSTOP);
}

/* Looks at the child: true when it has ended. */
static bool child_ended(struct job *job, int *status)
{
    while (waitpid(job->child, status, WNOHANG | WUNTRACED | WCONTINUED) == job->child) {
        if (WIFEXITED(*status) || WIFSIGNALED(*status))
            return true;
        job->stopped = WIFSTOPPED(*status);
    }
    return false;
}

/* How many threads the child has now; a folder has a link from each one in it. */
static unsigned long child_threads(pid_t child)
{
    char path[64];
    struct stat info;

    snprintf(path, sizeof(path), "/proc/%d/task", child);
    return !stat(path, &info) && info.st_nlink > 2 ? info.st_nlink - 2 : 0;
}

/* *threads: the most that were seen at a time, in looks that come less and less often, down to one a second.
 */
static int child_wait(struct job *job, const sigset_t *all, unsigned long *threads)
{
    struct timespec timeout = {.tv_nsec = LOOK_FIRST_NS};
    unsigned long now;
    siginfo_t info;
    int status;

    while (!child_ended(job, &status)) {
        job_stop(job);
        now = child_threads(job->child);
        if (now > *threads)
            *threads = now;
        if (sigtimedwait(all, &info, &timeout) >= 0) {
            job_signal(job, &info);
            continue;
        }
        timeout.tv_nsec *= 2;
        if (timeout.tv_nsec > LOOK_LAST_NS)
            timeout.tv_nsec = LOOK_LAST_NS;
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
    pid_t parent = getpid();
    unsigned long threads = 0;
    struct job job = {0};
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
    launch_release(fd);
    job.child = fork();
    if (job.child < 0) {
        complain("cannot fork: %s", strerror(errno));
        return EXIT_RUN_FAILED;
    }
    if (!job.child) {
        /* It is not to outlive the one who reports on it. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            raise(SIGKILL);
        sigaction(SIGCHLD, &child_action, NULL);
        sigprocmask(SIG_SETMASK, &before, NULL);
        _exit(launch_exec(fd, launch));
    }
    status = child_wait(&job, &all, &threads);
    report(fd, out, launch, summary->json, threads, status);
    if (out != stderr && fclose(out))
        complain("%s: %s", summary->path, strerror(errno));
    return end_like(status);
}
