// SPDX-License-Identifier: BSD-2-Clause
/* Threads that a command names: PID (all of a process), PID/TID, or the id of one thread alone. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hvctl.h"

/* The process that a thread belongs to; 0 if there is no such thread. */
static int32_t process_of(int32_t tid)
{
    char path[64], line[128];
    int32_t pid = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", tid);
    file = fopen(path, "re");
    if (!file)
        return 0;
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, "Tgid: %d", &pid) == 1)
            break;
    fclose(file);
    return pid;
}

bool target_parse(const char *text, struct target *target)
{
    char *copy = strdup(text), *slash = copy ? strchr(copy, '/') : NULL;
    unsigned long pid, tid = 0;
    bool good;

    if (slash)
        *slash = '\0';
    good =
        copy && parse_number(copy, 1, INT_MAX, &pid) && (!slash || parse_number(slash + 1, 1, INT_MAX, &tid));
    free(copy);
    if (!good) {
        complain("'%s' is not a process or thread: PID or PID/TID", text);
        return false;
    }
    *target = (struct target){.pid = (int32_t)pid, .tid = (int32_t)tid};
    if (tid) {
        if (process_of((int32_t)tid) == (int32_t)pid)
            return true;
        complain("process %lu has no thread %lu; 'hvctl ps' lists detached threads", pid, tid);
        return false;
    }
    target->pid = process_of((int32_t)pid);
    if (!target->pid) {
        complain("there is no process %lu; 'hvctl ps' lists detached threads", pid);
        return false;
    }
    if (target->pid != (int32_t)pid)
        target->tid = (int32_t)pid;
    return true;
}

int target_threads(int fd, const struct target *target, struct ord_ioc_list *list)
{
    uint32_t count = 0;

    if (!device_list(fd, list))
        return -1;
    for (uint32_t i = 0; i < list->count; i++)
        if (target->tid ? list->thread[i].tid == target->tid : list->thread[i].tgid == target->pid)
            list->thread[count++] = list->thread[i];
    list->count = count;
    return (int)count;
}

bool target_detached(int fd, const struct target *target, struct ord_ioc_list *list)
{
    int count = target_threads(fd, target, list);

    if (!count && target->tid)
        complain("%d is not a detached thread; 'hvctl ps' lists them", target->tid);
    else if (!count)
        complain("process %d has no detached thread; 'hvctl ps' lists them", target->pid);
    return count > 0;
}
