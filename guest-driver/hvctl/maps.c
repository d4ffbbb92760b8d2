// SPDX-License-Identifier: BSD-2-Clause
/* The mappings of a process, read when they are needed. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "tracer.h"

void maps_forget(struct maps *maps)
{
    for (size_t i = 0; i < maps->count; i++)
        free(maps->map[i].name);
    free(maps->map);
    *maps = (struct maps){0};
}

static void maps_read(struct maps *maps, int32_t pid)
{
    char path[64], *line = NULL;
    size_t size = 0;
    FILE *file;

    maps_forget(maps);
    maps->pid = pid;
    snprintf(path, sizeof(path), "/proc/%d/maps", pid);
    file = fopen(path, "re");
    if (!file)
        return;
    while (getline(&line, &size, file) > 0) {
        struct map map = {0};
        int name = 0;

        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %*s %n", &map.start, &map.end,
                   map.perms, &map.offset, &name) < 4 ||
            !name)
            continue;
        line[strcspn(line, "\n")] = '\0';
        map.name = grow(NULL, strlen(line + name) * TEXT_ESCAPE_FACTOR + 1, 1);
        text_escape(map.name, strlen(line + name) * TEXT_ESCAPE_FACTOR + 1, line + name, SIZE_MAX);
        maps->map = grow(maps->map, maps->count + 1, sizeof(map));
        maps->map[maps->count++] = map;
    }
    free(line);
    fclose(file);
}

const struct map *maps_find(struct maps *maps, int32_t pid, uint64_t address)
{
    if (maps->pid != pid)
        maps_read(maps, pid);
    for (size_t i = 0; i < maps->count; i++)
        if (address >= maps->map[i].start && address < maps->map[i].end)
            return &maps->map[i];
    return NULL;
}

const char *map_name(const struct map *map)
{
    const char *name = map && map->name ? map->name : "", *slash = strrchr(name, '/');

    if (!map)
        return "no mapping";
    if (!*name)
        return "anonymous memory";
    return slash && slash[1] ? slash + 1 : name;
}
