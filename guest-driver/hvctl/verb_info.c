// SPDX-License-Identifier: BSD-2-Clause
/* hvctl info */
#include <inttypes.h>
#include <stdlib.h>

#include "hvctl.h"
#include <hvctl_arch.h>

static const char *const pool_names[ORD_POOL_COUNT] = {
    [ORD_POOL_PAGE] = "page",       [ORD_POOL_TASK] = "task", [ORD_POOL_THREAD] = "thread",
    [ORD_POOL_NOTIFY] = "notify",   [ORD_POOL_IRQ] = "irq",   [ORD_POOL_MEMORY] = "memory",
    [ORD_POOL_CONTEXT] = "context",
};

static const struct feature {
    uint64_t bit;
    const char *name; /* in JSON */
    const char *text;
} features[] = {
    {ORD_FEATURE_HW_TLB, "hw-tlb", "TLB invalidation in hardware"},
    {ORD_FEATURE_SHARED, "shared", "shared cores"},
    {ORD_FEATURE_LOG, "log", "log"},
    {ORD_FEATURE_SLEEP, "sleep", "sleeps"},
    {ORD_FEATURE_IRQ, "irq", "interrupts of devices"},
    {ORD_FEATURE_NOTIFY, "notify", "channels to host tasks"},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    bool *json = state->input;

    (void)arg;
    if (key != 'j')
        return ARGP_ERR_UNKNOWN;
    *json = true;
    return 0;
}

static const char *core_role(uint32_t flags)
{
    if (flags & ORD_CORE_GUEST)
        return flags & ORD_CORE_HOST ? "Linux, host" : "Linux";
    return flags & ORD_CORE_HOST ? "host" : "-";
}

static void print_text(const struct ord_ioc_info *info)
{
    printf("Outrider, ABI %u.%u", info->abi_version >> 16, info->abi_version & 0xffff);
    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
        if (info->features & features[i].bit)
            printf(", %s", features[i].text);
    printf("\n\n%4s %-11s %8s %12s %12s %12s %7s %-6s %s\n", "CORE", "ROLE", ARCH_CORE, "ENTRIES",
           "INTERRUPTS", "RUNS", "THREADS", "SHARED", "ONE OF THEM");
    for (uint32_t i = 0; i < info->core_count; i++) {
        const struct ord_ioc_core *core = &info->core[i];

        printf("%4u %-11s %8" PRIx64 " %12" PRIu64 " %12" PRIu64 " %12" PRIu64 " %7u %-6s ", i,
               core_role(core->flags), core->hwid, core->entries, core->irqs, core->runs, core->context_count,
               core->flags & ORD_CORE_SHARED ? "yes" : "-");
        if (core->tid)
            printf("%d%s\n", core->tid, core->flags & ORD_CORE_RUNNING ? ", running" : "");
        else
            printf("%s\n", core->context ? "of another pid namespace" : "-");
    }
    printf("\n%-10s %8s %8s\n", "POOL", "USED", "OF");
    for (int i = 0; i < ORD_POOL_COUNT; i++)
        printf("%-10s %8" PRIu64 " %8" PRIu64 "\n", pool_names[i], info->pool_used[i],
               info->pool_capacity[i]);
}

static json_t *core_json(uint32_t number, const struct ord_ioc_core *core)
{
    return json_pack("{s:I, s:I, s:b, s:b, s:b, s:b, s:I, s:o, s:o, s:I, s:I, s:I}", "core",
                     (json_int_t)number, ARCH_CORE_KEY, (json_int_t)core->hwid, "guest",
                     !!(core->flags & ORD_CORE_GUEST), "host", !!(core->flags & ORD_CORE_HOST), "running",
                     !!(core->flags & ORD_CORE_RUNNING), "shared", !!(core->flags & ORD_CORE_SHARED),
                     "contexts", (json_int_t)core->context_count, "context",
                     core->context ? json_integer(core->context - 1) : json_null(), "tid",
                     core->tid ? json_integer(core->tid) : json_null(), "entries", (json_int_t)core->entries,
                     "irqs", (json_int_t)core->irqs, "runs", (json_int_t)core->runs);
}

static json_t *info_json(const struct ord_ioc_info *info)
{
    json_t *cores = json_array(), *pools = json_array(), *names = json_array();

    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
        if (info->features & features[i].bit)
            json_array_append_new(names, json_string(features[i].name));
    for (uint32_t i = 0; i < info->core_count; i++)
        json_array_append_new(cores, core_json(i, &info->core[i]));
    for (int i = 0; i < ORD_POOL_COUNT; i++)
        json_array_append_new(pools, json_pack("{s:s, s:I, s:I}", "name", pool_names[i], "used",
                                               (json_int_t)info->pool_used[i], "capacity",
                                               (json_int_t)info->pool_capacity[i]));
    return json_pack("{s:{s:I, s:I}, s:o, s:o, s:o}", "abi", "major", (json_int_t)(info->abi_version >> 16),
                     "minor", (json_int_t)(info->abi_version & 0xffff), "features", names, "cores", cores,
                     "pools", pools);
}

int verb_info(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"json", 'j', NULL, 0, "Print JSON", 0},
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .doc =
            "Shows the hypervisor: its version, the machine's cores with what happened on each since it was "
            "switched on, and how much of its fixed number of objects is in use.",
    };
    static struct ord_ioc_info info;
    bool json = false;
    int fd;

    if (argp_parse(&argp, argc, argv, 0, NULL, &json))
        return EXIT_USAGE;
    fd = device_open();
    if (fd < 0 || !device_info(fd, &info))
        return EXIT_FAILURE;
    if (json)
        json_print(stdout, info_json(&info));
    else
        print_text(&info);
    return output_finish() ? EXIT_SUCCESS : EXIT_FAILURE;
}
