/* SPDX-License-Identifier: BSD-2-Clause */
/* Values that properties of the root node and of the nodes below have in common. */
#include <string.h>
#include "arch/machine.h"
#include "config_parse.h"

uint32_t config_cores_online(const struct ord_bootinfo *boot, uint32_t flags)
{
    uint32_t mask = 0;

    for (uint32_t i = 0; i < boot->core_count && i < ORD_CORES_MAX; i++)
        if ((boot->core[i].flags & flags) == flags)
            mask |= 1u << i;
    return mask;
}

bool config_strings_valid(const char *value, int size)
{
    int start = 0;

    if (size <= 0 || value[size - 1] != 0)
        return false;
    for (int i = 0; i < size; i++)
        if (value[i] == 0) {
            if (i == start && size > 1)
                return false;
            start = i + 1;
        }
    return true;
}

bool config_string_valid(const char *value, int size)
{
    return config_strings_valid(value, size) && strlen(value) + 1 == (size_t)size;
}

bool config_parse_paths(struct parse *p, const char *name, const void *value, int size)
{
    const char *path = value;

    if (!config_strings_valid(path, size))
        return FAIL(p, "%s must be a list of paths, such as " ARCH_DEVICE_NAMES, name);
    for (const char *end = path + size; path < end; path += strlen(path) + 1)
        switch (arch_machine_find(p->boot, path)) {
        case MACHINE_NOTHING:
            return FAIL(p, "%s: the machine has no node \"%s\"", name, path);
        case MACHINE_REQUIRED:
            return FAIL(p, "%s: \"%s\" cannot be hidden, Linux needs it", name, path);
        case MACHINE_DEVICE:
            break;
        }
    return true;
}
