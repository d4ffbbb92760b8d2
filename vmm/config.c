/* SPDX-License-Identifier: BSD-2-Clause */
#include <libfdt.h>
#include <string.h>
#include "arch/machine.h"
#include "blob.h"
#include "config_parse.h"
#include "firmware.h"

void config_default(struct config *config, const struct ord_bootinfo *boot)
{
    *config = (struct config){
        .guest_cores = config_cores_online(boot, ORD_BOOTINFO_CORE_ONLINE),
        .on_poweroff = POLICY_OFF,
        .on_reset = POLICY_RESET,
        .on_error = POLICY_OFF,
        .on_hang = POLICY_REPORT,
        .watchdog = 60,
        .budget = 95000,
        .period = 100000,
    };
}

static bool parse_cores(struct parse *p, const char *name, const void *value, int size, uint32_t *mask)
{
    uint32_t online = config_cores_online(p->boot, ORD_BOOTINFO_CORE_ONLINE);

    if (size == 0 || size % 4 != 0)
        return FAIL(p, "%s has %d bytes; it must be a list of core numbers, such as <2 3>", name, size);
    *mask = 0;
    for (int i = 0; i < size / 4; i++) {
        uint32_t core = fdt32_ld((const fdt32_t *)value + i);
        if (core >= p->boot->core_count || core >= ORD_CORES_MAX)
            return FAIL(p, "%s: there is no core %u; cores are 0 to %u", name, core, p->boot->core_count - 1);
        if (!(online & 1u << core))
            return FAIL(p, "%s: core %u did not start", name, core);
        if (*mask & 1u << core)
            return FAIL(p, "%s: core %u is named twice", name, core);
        *mask |= 1u << core;
    }
    return true;
}

static bool parse_host_cores(struct parse *p, const char *name, const void *value, int size)
{
    return parse_cores(p, name, value, size, &p->config->host_cores);
}

static bool parse_guest_cores(struct parse *p, const char *name, const void *value, int size)
{
    return parse_cores(p, name, value, size, &p->config->guest_cores);
}

static bool parse_shared_cores(struct parse *p, const char *name, const void *value, int size)
{
    return parse_cores(p, name, value, size, &p->config->shared_cores);
}

static bool parse_budget(struct parse *p, const char *name, const void *value, int size)
{
    if (size != 4)
        return FAIL(p, "%s must be a number of microseconds, such as <95000>; 0: no limit", name);
    p->config->budget = fdt32_ld(value);
    p->budget_given = true;
    return true;
}

static bool parse_period(struct parse *p, const char *name, const void *value, int size)
{
    if (size != 4 || fdt32_ld(value) < ORD_PERIOD_MIN || fdt32_ld(value) > ORD_PERIOD_MAX)
        return FAIL(p, "%s must be a number of microseconds, %u to %u, such as <100000>", name,
                    ORD_PERIOD_MIN, ORD_PERIOD_MAX);
    p->config->period = fdt32_ld(value);
    p->period_given = true;
    return true;
}

static bool parse_bootargs(struct parse *p, const char *name, const void *value, int size)
{
    if (!config_string_valid(value, size))
        return FAIL(p, "%s must be one string", name);
    if (size > ARCH_COMMAND_LINE_SIZE)
        return FAIL(p, "%s has %d characters; Linux takes up to %u", name, size - 1,
                    ARCH_COMMAND_LINE_SIZE - 1);
    p->config->bootargs = value;
    return true;
}

static bool parse_policy_of(struct parse *p, const char *name, const void *value, int size, unsigned count,
                            const char *allowed, enum policy *policy)
{
    static const char *const names[] = {[POLICY_OFF] = "off",
                                        [POLICY_RESET] = "reset",
                                        [POLICY_STOP] = "stop",
                                        [POLICY_KEEP] = "keep",
                                        [POLICY_REPORT] = "report"};

    if (!config_string_valid(value, size))
        return FAIL(p, "%s must be one string: %s", name, allowed);
    for (unsigned i = 0; i < count; i++)
        if (strcmp(names[i], value) == 0) {
            *policy = (enum policy)i;
            return true;
        }
    return FAIL(p, "%s = \"%s\": must be %s", name, (const char *)value, allowed);
}

static bool parse_policy(struct parse *p, const char *name, const void *value, int size, enum policy *policy)
{
    return parse_policy_of(p, name, value, size, POLICY_REPORT, "off, reset, stop or keep", policy);
}

static bool parse_on_poweroff(struct parse *p, const char *name, const void *value, int size)
{
    return parse_policy(p, name, value, size, &p->config->on_poweroff);
}

static bool parse_on_reset(struct parse *p, const char *name, const void *value, int size)
{
    return parse_policy(p, name, value, size, &p->config->on_reset);
}

static bool parse_on_error(struct parse *p, const char *name, const void *value, int size)
{
    return parse_policy(p, name, value, size, &p->config->on_error);
}

static bool parse_on_hang(struct parse *p, const char *name, const void *value, int size)
{
    return parse_policy_of(p, name, value, size, POLICY_REPORT + 1, "report, off, reset, stop or keep",
                           &p->config->on_hang);
}

static bool parse_watchdog(struct parse *p, const char *name, const void *value, int size)
{
    if (size != 4 || fdt32_ld(value) > ORD_WATCHDOG_MAX / 1000)
        return FAIL(p, "%s must be a number of seconds, 0 to %u, such as <60>", name,
                    ORD_WATCHDOG_MAX / 1000);
    p->config->watchdog = fdt32_ld(value);
    return true;
}

static bool parse_hide(struct parse *p, const char *name, const void *value, int size)
{
    if (!config_parse_paths(p, name, value, size))
        return false;
    p->config->hide = value;
    p->config->hide_size = (uint32_t)size;
    return true;
}

static bool parse_firmware_calls(struct parse *p, const char *name, const void *value, int size)
{
    const fdt32_t *cells = value;

    if (size <= 0 || size % 8)
        return FAIL(
            p, "%s must be pairs of function numbers, first and last, such as <0x82000010 0x8200001f>", name);
    p->config->firmware_count = 0;
    if (size / 8 > (int)ORD_FIRMWARE_RANGES_MAX)
        return FAIL(p, "%s has %d ranges; up to %u fit", name, size / 8, ORD_FIRMWARE_RANGES_MAX);
    for (int i = 0; i < size / 8; i++) {
        uint32_t first = fdt32_ld(cells + 2 * i), last = fdt32_ld(cells + 2 * i + 1);
        const char *why = firmware_refused(first, last);
        if (why)
            return FAIL(p, "%s: 0x%x to 0x%x: %s", name, first, last, why);
        p->config->firmware[p->config->firmware_count++] = (struct config_firmware){first, last};
    }
    return true;
}

static bool parse_compatible(struct parse *p, const char *name, const void *value, int size)
{
    return true; /* checked before all others */
}

static const struct {
    const char *name;
    bool (*parse)(struct parse *p, const char *name, const void *value, int size);
} properties[] = {
    {"compatible", parse_compatible},
    {"host-cores", parse_host_cores},
    {"guest-cores", parse_guest_cores},
    {"bootargs", parse_bootargs},
    {"on-poweroff", parse_on_poweroff},
    {"on-reset", parse_on_reset},
    {"on-error", parse_on_error},
    {"on-hang", parse_on_hang},
    {"watchdog", parse_watchdog},
    {"hide", parse_hide},
    {"shared-cores", parse_shared_cores},
    {"budget", parse_budget},
    {"period", parse_period},
    {"firmware-calls", parse_firmware_calls},
};
#define PROPERTY_COUNT (sizeof(properties) / sizeof(properties[0]))

static bool parse_property(struct parse *p, const char *name, const void *value, int size)
{
    char allowed[200];
    size_t length = 0;

    for (size_t i = 0; i < PROPERTY_COUNT; i++)
        if (strcmp(properties[i].name, name) == 0)
            return properties[i].parse(p, name, value, size);
    for (size_t i = 1; i < PROPERTY_COUNT; i++)
        length += text_format(allowed + length, sizeof(allowed) - length, "%s%s", i > 1 ? ", " : "",
                              properties[i].name);
    return FAIL(p, "unknown property %s; allowed are %s", name, allowed);
}

static bool finish_shared(struct parse *p)
{
    struct config *config = p->config;
    uint32_t host = config->shared_cores & config->host_cores;
    uint32_t idle = config->shared_cores & ~config->guest_cores & ~host;

    if (host)
        return FAIL(p, "core %u is in host-cores and in shared-cores: Linux does not run there",
                    (unsigned)__builtin_ctz(host));
    if (idle)
        return FAIL(p, "core %u is in shared-cores and not in guest-cores: Linux does not run there",
                    (unsigned)__builtin_ctz(idle));
    if (!config->shared_cores && (p->budget_given || p->period_given))
        return FAIL(p, "%s is for shared-cores, and there are none", p->budget_given ? "budget" : "period");
    if (p->period_given && !p->budget_given)
        config->budget = config->period / 100 * 95;
    if (!config->budget)
        config->budget = config->period;
    if (config->budget > config->period)
        return FAIL(p, "budget = <%u> is more than the period, %u microseconds", config->budget,
                    config->period);
    return true;
}

/* What no property can say alone. */
static bool parse_finish(struct parse *p)
{
    struct config *config = p->config;
    uint32_t online = config_cores_online(p->boot, ORD_BOOTINFO_CORE_ONLINE);
    uint32_t boot_core = config_cores_online(p->boot, ORD_BOOTINFO_CORE_BOOT);
    uint32_t both = config->host_cores & config->guest_cores;
    uint32_t tasks = config_task_cores(config);

    if (both)
        return FAIL(p, "core %u is in host-cores and in guest-cores", (unsigned)__builtin_ctz(both));
    if (!config->guest_cores)
        config->guest_cores = online & ~(config->host_cores | tasks);
    if (!config->guest_cores)
        return FAIL(p, "host-cores%s all %u cores; Linux needs one of them",
                    tasks ? " and tasks take" : " names", p->boot->core_count);
    if (tasks & (config->host_cores | config->guest_cores))
        return FAIL(p, "core %u is a task's and cannot be in host-cores or guest-cores",
                    (unsigned)__builtin_ctz(tasks & (config->host_cores | config->guest_cores)));
    if (config->host_cores & boot_core)
        return FAIL(p, "host-cores: core %u is the boot core and stays with Linux",
                    (unsigned)__builtin_ctz(boot_core));
    if (!(config->guest_cores & boot_core))
        return FAIL(p, "guest-cores must name core %u, the boot core",
                    boot_core ? (unsigned)__builtin_ctz(boot_core) : 0);
    return finish_shared(p);
}

bool config_parse(struct config *config, const void *blob, uint64_t size, const struct ord_bootinfo *boot,
                  char *error)
{
    struct parse parse = {.config = config, .boot = boot, .error = error};
    struct parse *p = &parse;
    int offset, child;

    config_default(config, boot);
    config->guest_cores = 0;
    if (!blob_check(blob, size))
        return FAIL(p, "not a valid device tree blob; compile the text with dtc -O dtb");
    if (fdt_node_check_compatible(blob, 0, "outrider,config") != 0)
        return FAIL(p, "the root node lacks compatible = \"outrider,config\"");
    fdt_for_each_subnode(child, blob, 0)
    {
        const char *name = fdt_get_name(blob, child, NULL);
        if (strcmp(name, "tasks") != 0 && strcmp(name, "channels") != 0)
            return FAIL(p, "unknown node %s; allowed are tasks and channels", name);
    }
    fdt_for_each_property_offset(offset, blob, 0)
    {
        const char *name;
        int length;
        const void *value = fdt_getprop_by_offset(blob, offset, &name, &length);
        if (!value || !name)
            return FAIL(p, "not a valid device tree blob; compile the text with dtc -O dtb");
        if (!parse_property(p, name, value, length))
            return false;
    }
    return config_parse_tasks(p, blob) && config_parse_channels(p, blob) && parse_finish(p);
}
