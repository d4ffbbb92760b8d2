/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices. Every register range of every node that stays in the tree is mapped for the guest, at its own
 * address; a node that the hypervisor keeps is taken out of the tree. Deleting a node moves the others, so
 * the walk begins anew after each; what is mapped already is in vm->taken and is not mapped twice.
 */
#include <string.h>
#include "call.h"
#include "log.h"
#include "tree.h"
#include "vm.h"

#define DEPTH_MAX 12

/* Maps the pages of the range that are not taken yet. */
static status_t map_range(struct vm *vm, struct range range)
{
    struct range rest, part;

    if (range.base + range.size > 1ull << vm->boot->space_bits)
        return ORD_BAD_ADDRESS;
    rest = range_widen(range, ORD_PAGE_SIZE);
    while (range_list_gap(&vm->taken, &rest, &part)) {
        /* Taken also if it fails: a part of it may be mapped by then. */
        if (!range_list_add(&vm->taken, part))
            return ORD_NO_MEMORY;
        status_t status = call_mem_map(vm->cap, ORD_CAP_DEVICES, part.base, part.base, part.size,
                                       ORD_MEM_READ | ORD_MEM_WRITE | ORD_MEM_DEVICE);
        if (status != ORD_OK)
            return status;
    }
    return ORD_OK;
}

/* Whether the hypervisor keeps a page of the range: a page is the least that it can give. */
static bool range_kept(const struct ord_bootinfo *boot, struct range range)
{
    for (uint32_t i = 0; i < boot->resource_count; i++) {
        struct range kept = {boot->resource[i].base, boot->resource[i].size};
        if (boot->resource[i].type == ORD_RESOURCE_KEPT && range_valid(kept) &&
            range_overlap(range_widen(kept, ORD_PAGE_SIZE), range))
            return true;
    }
    return false;
}

/* Nodes whose reg is no device register, or whose device is emulated. */
static bool node_special(const void *fdt, int bus, int node)
{
    static const char *const names[] = {"chosen", "aliases", "cpus", "psci", "reserved-memory"};
    const char *name = fdt_get_name(fdt, node, NULL);

    for (size_t i = 0; bus == 0 && i < sizeof(names) / sizeof(names[0]); i++)
        if (name && strcmp(name, names[i]) == 0)
            return true;
    return tree_is_type(fdt, node, "memory") || fdt_node_check_compatible(fdt, node, "arm,gic-v3") == 0;
}

/* Maps the node's registers. False if the guest cannot have it. */
static bool node_map(struct vm *vm, const void *fdt, int bus, int node)
{
    struct range range;
    status_t status;

    for (int i = 0; tree_reg(fdt, bus, node, i, &range); i++) {
        if (range_kept(vm->boot, range)) {
            log_line("%s stays with the hypervisor", fdt_get_name(fdt, node, NULL));
            return false;
        }
        status = map_range(vm, range);
        if (status != ORD_OK) {
            log_line("%s is left out: 0x%lx cannot be mapped (%ld)", fdt_get_name(fdt, node, NULL),
                     (unsigned long)range.base, (long)status);
            return false;
        }
    }
    return true;
}

/* Maps the windows behind a PCI host bridge. */
static void node_map_windows(struct vm *vm, const void *fdt, int bus, int node)
{
    struct range range;
    status_t status;

    for (int i = 0; tree_window(fdt, bus, node, i, &range); i++) {
        status = map_range(vm, range);
        if (status != ORD_OK)
            log_line("%s: its window at 0x%lx cannot be mapped (%ld)", fdt_get_name(fdt, node, NULL),
                     (unsigned long)range.base, (long)status);
    }
}

/*
 * A device that the hypervisor keeps has no driver in Linux, which then takes its clocks for unused. So they
 * are our own node's, as Xen has it for its console (Documentation/devicetree/bindings/arm/xen.txt), and
 * Linux is told to leave alone what firmware has switched on (set_chosen()).
 */
static int node_keep_supplies(void *fdt, int node)
{
    static const char *const names[] = {"clocks", "power-domains"};
    uint32_t cells[32];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int size;
        const void *value = fdt_getprop(fdt, node, names[i], &size);
        if (!value || size > (int)sizeof(cells))
            continue;
        memcpy(cells, value, (size_t)size);
        int own = fdt_path_offset(fdt, TREE_OWN_NODE);
        TREE_TRY(own);
        TREE_TRY(fdt_appendprop(fdt, own, names[i], cells, size));
    }
    return 0;
}

/*
 * Maps memory that firmware lets only a device's driver map (no-map), if this node is the device: the
 * hypervisor does not count it as RAM. What no device refers to, nobody has.
 */
static void node_map_memory(struct vm *vm, const void *fdt, int node)
{
    int size, reserved = fdt_path_offset(fdt, "/reserved-memory");
    const fdt32_t *cells = fdt_getprop(fdt, node, "memory-region", &size);
    struct range range;

    for (int i = 0; cells && i < size / 4; i++) {
        int memory = fdt_node_offset_by_phandle(fdt, fdt32_ld(cells + i));
        if (memory < 0 || fdt_parent_offset(fdt, memory) != reserved ||
            !fdt_getprop(fdt, memory, "no-map", NULL))
            continue;
        for (int k = 0; tree_reg_local(fdt, reserved, memory, k, &range); k++) {
            status_t status = range_valid(range) ? map_range(vm, range) : ORD_BAD_ADDRESS;
            if (status != ORD_OK)
                log_line("%s: its memory at 0x%lx cannot be mapped (%ld)", fdt_get_name(fdt, node, NULL),
                         (unsigned long)range.base, (long)status);
        }
    }
}

/* Maps everything on a bus. Returns 1 after it deleted a node, else 0 or an error. */
static int bus_map(struct vm *vm, void *fdt, int bus, int depth)
{
    int node, result;

    fdt_for_each_subnode(node, fdt, bus)
    {
        if (node_special(fdt, bus, node) || tree_disabled(fdt, node))
            continue;
        if (!node_map(vm, fdt, bus, node)) {
            char path[TREE_PATH_MAX];
            TREE_TRY(fdt_get_path(fdt, node, path, sizeof(path)));
            TREE_TRY(node_keep_supplies(fdt, node));
            TREE_TRY(fdt_del_node(fdt, fdt_path_offset(fdt, path))); /* it may have moved */
            return 1;
        }
        node_map_memory(vm, fdt, node);
        if (tree_is_type(fdt, node, "pci")) {
            node_map_windows(vm, fdt, bus, node);
        } else if (fdt_getprop(fdt, node, "ranges", NULL) && depth < DEPTH_MAX) {
            result = bus_map(vm, fdt, node, depth + 1);
            if (result != 0)
                return result;
        }
    }
    return 0;
}

static int hide_list(const char *path, uint32_t size, void *fdt)
{
    for (uint32_t i = 0; i < size; i += (uint32_t)strlen(path + i) + 1) {
        int node = fdt_path_offset(fdt, path + i);
        if (node > 0)
            TREE_TRY(fdt_del_node(fdt, node));
    }
    return 0;
}

/* What is not Linux's: hidden, or a task's. */
static int hide_nodes(const struct config *config, void *fdt)
{
    for (uint32_t i = 0; i < config->task_count; i++)
        TREE_TRY(hide_list(config->task[i].devices, config->task[i].devices_size, fdt));
    return hide_list(config->hide, config->hide_size, fdt);
}

/*
 * Parts of a core that the hypervisor does not give to a VM: counters, profiling, trace and debug. It keeps
 * those with registers in memory (hypervisor/arch/aarch64/machine.c says why); the others have no use without
 * them.
 */
static bool core_device(const void *fdt, int node)
{
    static const char *const kinds[] = {"arm,statistical-profiling-extension-v1",
                                        "arm,embedded-trace-extension", "arm,trace-buffer-extension"};
    static const char *const starts[] = {"arm,cs", "arm,etm", "arm,etb", "arm,debug"};
    const char *name;
    int length;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (fdt_node_check_compatible(fdt, node, kinds[i]) == 0)
            return true;
    for (int k = 0; (name = fdt_stringlist_get(fdt, node, "compatible", k, &length)); k++) {
        for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
            if (strncmp(name, starts[i], strlen(starts[i])) == 0)
                return true;
        if (strstr(name, "coresight"))
            return true;
    }
    /* arm,cortex-a72-pmu, arm,armv8-pmuv3, arm,dsu-pmu, apple,…-pmu: no registers in memory */
    name = fdt_stringlist_get(fdt, node, "compatible", 0, &length);
    return name && strstr(name, "-pmu") && !fdt_getprop(fdt, node, "reg", NULL);
}

static int drop_core_devices(void *fdt)
{
    int node = 0;

    while ((node = fdt_next_node(fdt, node, NULL)) >= 0)
        if (core_device(fdt, node)) {
            TREE_TRY(fdt_del_node(fdt, node));
            node = 0;
        }
    return 0;
}

/* Nodes that only the secure world may use: status "disabled", secure-status something else. */
static int drop_secure(void *fdt)
{
    int node = 0;

    while ((node = fdt_next_node(fdt, node, NULL)) >= 0) {
        if (!fdt_getprop(fdt, node, "secure-status", NULL) || !tree_disabled(fdt, node))
            continue;
        TREE_TRY(fdt_del_node(fdt, node));
        node = 0;
    }
    return 0;
}

/* Whether the phandle in cell `index` of the property leads nowhere. */
static bool reference_dead(const void *fdt, int node, const char *name, int index)
{
    int size;
    const fdt32_t *cells = fdt_getprop(fdt, node, name, &size);

    return cells && size >= (index + 1) * 4 && fdt_node_offset_by_phandle(fdt, fdt32_ld(cells + index)) < 0;
}

/* References to what the guest does not have: interrupt translation, left-out IOMMUs. */
static int drop_references(void *fdt)
{
    for (int node = 0; node >= 0; node = fdt_next_node(fdt, node, NULL)) {
        TREE_TRY(tree_del_prop(fdt, node, "msi-map"));
        TREE_TRY(tree_del_prop(fdt, node, "msi-map-mask"));
        TREE_TRY(tree_del_prop(fdt, node, "msi-parent"));
        if (reference_dead(fdt, node, "iommus", 0))
            TREE_TRY(fdt_delprop(fdt, node, "iommus"));
        if (reference_dead(fdt, node, "iommu-map", 1))
            TREE_TRY(fdt_delprop(fdt, node, "iommu-map"));
    }
    return 0;
}

int tree_set_devices(struct vm *vm, void *fdt)
{
    struct range gicd = {vm->boot->gicd_base, vm->boot->gicd_size};
    struct range gicr = {vm->boot->gicr_base, vm->boot->gicr_size};
    int result;

    if ((range_valid(gicd) && !range_list_add(&vm->taken, gicd)) ||
        (range_valid(gicr) && !range_list_add(&vm->taken, gicr)))
        return -FDT_ERR_NOSPACE;
    TREE_TRY(fdt_add_subnode(fdt, 0, TREE_OWN_NODE + 1));
    TREE_TRY(hide_nodes(&vm->config, fdt));
    TREE_TRY(drop_secure(fdt));
    TREE_TRY(drop_core_devices(fdt));
    do
        result = bus_map(vm, fdt, 0, 0);
    while (result > 0);
    TREE_TRY(result);
    return drop_references(fdt);
}
