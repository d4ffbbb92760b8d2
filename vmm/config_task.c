/* SPDX-License-Identifier: BSD-2-Clause */
#include <libfdt.h>
#include <string.h>
#include "arch/machine.h"
#include "config_parse.h"

/* Of a task or channel: it becomes the name of a file. */
static bool name_valid(const char *name)
{
    size_t length = strlen(name);

    if (length == 0 || length >= ORD_NAME_SIZE)
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
              c == '_'))
            return false;
    }
    return true;
}

uint32_t config_task_cores(const struct config *config)
{
    uint32_t mask = 0;

    for (uint32_t i = 0; i < config->task_count; i++)
        mask |= 1u << config->task[i].core;
    return mask;
}

static const struct ord_module *find_module(const struct ord_bootinfo *boot, const char *name)
{
    for (uint32_t i = 0; i < boot->module_count && i < ORD_MODULES_MAX; i++)
        if (strncmp(boot->module[i].name, name, sizeof(boot->module[i].name)) == 0)
            return &boot->module[i];
    return NULL;
}

static uint32_t find_task(const struct config *config, const char *name)
{
    for (uint32_t i = 0; i < config->task_count; i++)
        if (strcmp(config->task[i].name, name) == 0)
            return i;
    return CONFIG_LINUX;
}

static bool parse_core(struct parse *p, struct config_task *task, const void *value, int size)
{
    uint32_t core = size == 4 ? fdt32_ld(value) : 0;

    if (size != 4)
        return FAIL(p, "task %s: core must be one number, such as <2>", task->name);
    if (core >= p->boot->core_count || core >= ORD_CORES_MAX)
        return FAIL(p, "task %s: there is no core %u; cores are 0 to %u", task->name, core,
                    p->boot->core_count - 1);
    if (!(config_cores_online(p->boot, ORD_BOOTINFO_CORE_ONLINE) & 1u << core))
        return FAIL(p, "task %s: core %u did not start", task->name, core);
    if (config_cores_online(p->boot, ORD_BOOTINFO_CORE_BOOT) & 1u << core)
        return FAIL(p, "task %s: core %u is the boot core and stays with Linux", task->name, core);
    task->core = core;
    return true;
}

static bool parse_priority(struct parse *p, struct config_task *task, const void *value, int size)
{
    if (size != 4 || fdt32_ld(value) < ORD_PRIO_MIN || fdt32_ld(value) > ORD_PRIO_MAX)
        return FAIL(p, "task %s: priority must be a number, %u to %u, such as <100>", task->name,
                    ORD_PRIO_MIN, ORD_PRIO_MAX);
    task->priority = fdt32_ld(value);
    return true;
}

static bool parse_module(struct parse *p, struct config_task *task, const void *value, int size)
{
    if (!config_string_valid(value, size))
        return FAIL(p, "task %s: module must be one string", task->name);
    task->module = find_module(p->boot, value);
    if (!task->module)
        return FAIL(p, "task %s: there is no boot module \"%s\"", task->name, (const char *)value);
    return true;
}

static bool parse_console(struct parse *p, struct config_task *task, const void *value, int size)
{
    if (size)
        return FAIL(p, "task %s: console has no value", task->name);
    task->console = true;
    return true;
}

static bool parse_args(struct parse *p, struct config_task *task, const void *value, int size)
{
    if (!config_string_valid(value, size) || size > (int)sizeof(((struct ord_start *)0)->args))
        return FAIL(p, "task %s: args must be one string of up to %u characters", task->name,
                    (unsigned)sizeof(((struct ord_start *)0)->args) - 1);
    task->args = value;
    return true;
}

/* Whether an earlier path names that device, a part of it, or what it is a part of. */
static bool device_taken(struct parse *p, const struct config_task *task, const char *path)
{
    for (const struct config_task *t = p->config->task; t <= task; t++)
        for (const char *o = t->devices; o && o < t->devices + t->devices_size; o += strlen(o) + 1) {
            if (o == path)
                return false; /* the rest is behind it */
            if (arch_machine_overlap(p->boot, path, o))
                return true;
        }
    return false;
}

static bool parse_devices(struct parse *p, struct config_task *task, const void *value, int size)
{
    uint32_t count = 0;

    if (!config_parse_paths(p, "devices", value, size))
        return false;
    task->devices = value;
    task->devices_size = (uint32_t)size;
    for (const char *path = value; path < (const char *)value + size; path += strlen(path) + 1) {
        if (++count > ORD_TASK_DEVICES_MAX)
            return FAIL(p, "task %s: more than %u devices", task->name, ORD_TASK_DEVICES_MAX);
        if (strlen(path) >= sizeof(((struct ord_start *)0)->device[0].path))
            return FAIL(p, "task %s: the path %s is too long", task->name, path);
        if (device_taken(p, task, path))
            return FAIL(p, "task %s: %s is given away twice", task->name, path);
    }
    return true;
}

static const struct {
    const char *name;
    bool (*parse)(struct parse *p, struct config_task *task, const void *value, int size);
} task_properties[] = {
    {"core", parse_core},       {"priority", parse_priority}, {"module", parse_module},
    {"console", parse_console}, {"args", parse_args},         {"devices", parse_devices},
};
#define TASK_PROPERTY_COUNT (sizeof(task_properties) / sizeof(task_properties[0]))

static bool parse_task_property(struct parse *p, struct config_task *task, const char *name,
                                const void *value, int size)
{
    char allowed[96];
    size_t length = 0;

    for (size_t i = 0; i < TASK_PROPERTY_COUNT; i++)
        if (strcmp(task_properties[i].name, name) == 0)
            return task_properties[i].parse(p, task, value, size);
    for (size_t i = 0; i < TASK_PROPERTY_COUNT; i++)
        length += text_format(allowed + length, sizeof(allowed) - length, "%s%s", i ? ", " : "",
                              task_properties[i].name);
    return FAIL(p, "task %s: unknown property %s; allowed are %s", task->name, name, allowed);
}

static bool parse_task(struct parse *p, const void *blob, int node)
{
    struct config *config = p->config;
    const char *name = fdt_get_name(blob, node, NULL);
    struct config_task *task = &config->task[config->task_count];
    int offset;

    if (config->task_count == CONFIG_TASKS_MAX)
        return FAIL(p, "more than %u tasks", CONFIG_TASKS_MAX);
    if (!name_valid(name))
        return FAIL(p, "task %s: a name has 1 to %u letters, digits, - and _", name, ORD_NAME_SIZE - 1);
    if (find_task(config, name) != CONFIG_LINUX || strcmp(name, "vmm") == 0)
        return FAIL(p, "there are two tasks named %s", name);
    *task = (struct config_task){.name = name, .args = "", .core = ~0u, .priority = ORD_PRIO_DEFAULT};
    fdt_for_each_property_offset(offset, blob, node)
    {
        const char *property;
        int size;
        const void *value = fdt_getprop_by_offset(blob, offset, &property, &size);
        if (!value || !property)
            return FAIL(p, "not a valid device tree blob; compile the text with dtc -O dtb");
        if (!parse_task_property(p, task, property, value, size))
            return false;
    }
    if (fdt_first_subnode(blob, node) >= 0)
        return FAIL(p, "task %s: there are no nodes in a task", name);
    if (task->core == ~0u)
        return FAIL(p,
                    "task %s: core is missing; a task runs on the core that it is given, such as core = <2>",
                    name);
    if (!task->module)
        task->module = find_module(p->boot, name);
    if (!task->module)
        return FAIL(p, "task %s: there is no boot module \"%s\"", name, name);
    config->task_count++;
    return true;
}

/* The node `name`, if there is one: parse() for each node in it, of which one is a `what`. */
static bool parse_each(struct parse *p, const void *blob, const char *name, const char *what,
                       bool (*parse)(struct parse *p, const void *blob, int node))
{
    int nodes = fdt_subnode_offset(blob, 0, name), node;

    if (nodes < 0)
        return true;
    if (fdt_first_property_offset(blob, nodes) >= 0)
        return FAIL(p, "the node %s has no properties, only a node for each %s", name, what);
    fdt_for_each_subnode(node, blob, nodes)
    {
        if (!parse(p, blob, node))
            return false;
    }
    return true;
}

bool config_parse_tasks(struct parse *p, const void *blob)
{
    return parse_each(p, blob, "tasks", "task", parse_task);
}

static bool parse_ends(struct parse *p, struct config_channel *channel, const char *value, int size)
{
    uint32_t count = 0;

    if (!config_strings_valid(value, size))
        return FAIL(p, "channel %s: task must be the name of a task, or of two", channel->name);
    for (const char *end = value + size; value < end; value += strlen(value) + 1) {
        if (count == 2)
            return FAIL(p, "channel %s: it has two ends; task has more than two names", channel->name);
        channel->task[count] = find_task(p->config, value);
        if (channel->task[count] == CONFIG_LINUX)
            return FAIL(p, "channel %s: there is no task \"%s\"", channel->name, value);
        count++;
    }
    if (channel->task[0] == channel->task[1])
        return FAIL(p, "channel %s: both ends are the same task", channel->name);
    return true;
}

static bool parse_channel(struct parse *p, const void *blob, int node)
{
    struct config *config = p->config;
    const char *name = fdt_get_name(blob, node, NULL);
    struct config_channel *channel = &config->channel[config->channel_count];
    int offset;

    if (config->channel_count == CONFIG_CHANNELS_MAX)
        return FAIL(p, "more than %u channels", CONFIG_CHANNELS_MAX);
    if (!name_valid(name))
        return FAIL(p, "channel %s: a name has 1 to %u letters, digits, - and _", name, ORD_NAME_SIZE - 1);
    for (uint32_t i = 0; i < config->channel_count; i++)
        if (strcmp(config->channel[i].name, name) == 0)
            return FAIL(p, "there are two channels named %s", name);
    *channel = (struct config_channel){.name = name, .size = 65536, .task = {CONFIG_LINUX, CONFIG_LINUX}};
    fdt_for_each_property_offset(offset, blob, node)
    {
        const char *property;
        int size;
        const void *value = fdt_getprop_by_offset(blob, offset, &property, &size);
        if (!value || !property)
            return FAIL(p, "not a valid device tree blob; compile the text with dtc -O dtb");
        if (strcmp(property, "task") == 0) {
            if (!parse_ends(p, channel, value, size))
                return false;
        } else if (strcmp(property, "size") == 0) {
            channel->size = size == 4 ? fdt32_ld(value) : 0;
            if (!channel->size || channel->size % ORD_PAGE_SIZE || channel->size > CONFIG_CHANNEL_SIZE)
                return FAIL(p, "channel %s: size must be a multiple of %u, up to %u, such as <65536>", name,
                            ORD_PAGE_SIZE, CONFIG_CHANNEL_SIZE);
        } else {
            return FAIL(p, "channel %s: unknown property %s; allowed are task, size", name, property);
        }
    }
    if (fdt_first_subnode(blob, node) >= 0)
        return FAIL(p, "channel %s: there are no nodes in a channel", name);
    if (channel->task[0] == CONFIG_LINUX)
        return FAIL(p, "channel %s: task is missing: whom does it connect with Linux?", name);
    config->channel_count++;
    return true;
}

bool config_parse_channels(struct parse *p, const void *blob)
{
    return parse_each(p, blob, "channels", "channel", parse_channel);
}
