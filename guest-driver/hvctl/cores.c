// SPDX-License-Identifier: BSD-2-Clause
/* Lists of cores, such as 2,3 or 2-4. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hvctl.h"

/* "N" or "N-M", within a list. */
static bool cores_parse_part(char *part, struct cores *cores)
{
    char *dash = strchr(part, '-');
    unsigned long first, last;

    if (dash)
        *dash = '\0';
    if (!parse_number(part, 0, ORD_CORE_ANY - 1, &first))
        return false;
    last = first;
    if (dash && !parse_number(dash + 1, first, ORD_CORE_ANY - 1, &last))
        return false;
    if (last - first >= ORD_GROUP_CORES_MAX)
        return false;
    for (; first <= last; first++) {
        for (uint32_t i = 0; i < cores->count; i++)
            if (cores->core[i] == first)
                return false;
        if (cores->count == ORD_GROUP_CORES_MAX)
            return false;
        cores->core[cores->count++] = (uint32_t)first;
    }
    return true;
}

bool cores_parse(const char *text, struct cores *cores, const char **bad)
{
    char *copy = strdup(text), *rest = copy, *part;
    bool good = copy != NULL;

    cores->count = 0;
    while (good && (part = strsep(&rest, ",")) != NULL) {
        size_t start = (size_t)(part - copy);

        good = cores_parse_part(part, cores);
        if (!good && bad)
            *bad = text + start;
    }
    free(copy);
    return good;
}

/* NULL, or why no thread can ever be detached to it; with `now`, at this moment. */
static const char *core_problem(const struct ord_ioc_info *info, uint32_t number, bool shared, bool now)
{
    const struct ord_ioc_core *core = &info->core[number];

    if (number >= info->core_count || !core->flags)
        return "there is no core %u; 'hvctl info' lists the cores";
    if (!(core->flags & ORD_CORE_HOST))
        return core->flags & ORD_CORE_GUEST ? "core %u belongs to Linux; 'hvctl info' lists host cores"
                                            : "core %u is not a host core of this machine; see 'hvctl info'";
    if (!now || !core->context || (shared && core->flags & ORD_CORE_SHARED))
        return NULL;
    if (core->context_count == 1 && core->tid == (int32_t)gettid())
        return NULL; /* by this very thread, which another hvctl has detached */
    return shared ? "core %u is busy with a thread that does not share it; 'hvctl ps' shows which"
                  : "core %u is busy; 'hvctl ps' shows with what; --shared lets threads share a core";
}

bool cores_check(int fd, const struct cores *cores, bool shared, bool now)
{
    static struct ord_ioc_info info;
    const char *problem;

    if (!device_info(fd, &info))
        return false;
    for (uint32_t i = 0; i < cores->count; i++) {
        problem = core_problem(&info, cores->core[i], shared, now);
        if (problem) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            complain(problem, cores->core[i]);
#pragma GCC diagnostic pop
            return false;
        }
    }
    return true;
}

bool cores_all(int fd, struct cores *cores, bool shared)
{
    static struct ord_ioc_info info;

    cores->count = 0;
    if (!device_info(fd, &info))
        return false;
    for (uint32_t i = 0; i < info.core_count && cores->count < ORD_GROUP_CORES_MAX; i++)
        /* One that runs Linux, too, must be named. */
        if (!(info.core[i].flags & ORD_CORE_GUEST) && !core_problem(&info, i, shared, true))
            cores->core[cores->count++] = i;
    if (!cores->count)
        complain("no host core is free%s; 'hvctl info' lists the cores", shared ? " or shared" : "");
    return cores->count > 0;
}
