/* SPDX-License-Identifier: BSD-2-Clause */
/* /cpus, its cpu-map, and /psci: the guest sees its own cores only and starts them with HVC. */
#include <string.h>
#include "log.h"
#include "tree.h"
#include "vm.h"

/* The core's MPIDR affinity; false if reg makes no sense. */
static bool cpu_affinity(const void *fdt, int node, uint64_t *affinity)
{
    int size;
    const fdt32_t *reg = fdt_getprop(fdt, node, "reg", &size);

    if (!reg || (size != 4 && size != 8))
        return false;
    *affinity = tree_cells(reg, size / 4);
    return true;
}

static int set_cores(struct vm *vm, void *fdt, int cpus)
{
    uint32_t found = 0;
    uint64_t affinity;
    int node = fdt_first_subnode(fdt, cpus);

    while (node >= 0) {
        if (!tree_is_type(fdt, node, "cpu")) {
            node = fdt_next_subnode(fdt, node);
        } else if (cpu_affinity(fdt, node, &affinity) && vm_find_vcpu(vm, affinity)) {
            TREE_TRY(fdt_setprop_string(fdt, node, "enable-method", "psci"));
            TREE_TRY(tree_del_prop(fdt, node, "cpu-release-addr"));
            TREE_TRY(tree_del_prop(fdt, node, "cpu-idle-states"));
            TREE_TRY(tree_del_prop(fdt, node, "power-domains"));
            TREE_TRY(tree_del_prop(fdt, node, "power-domain-names"));
            found++;
            node = fdt_next_subnode(fdt, node);
        } else {
            TREE_TRY(fdt_del_node(fdt, node));
            node = fdt_first_subnode(fdt, cpus);
            found = 0;
        }
    }
    return found == vm->vcpu_count ? 0 : -FDT_ERR_NOTFOUND;
}

/* Removes the leaves of cores that are gone, and what becomes empty. */
static int map_prune(void *fdt, int map, int depth)
{
    int node = fdt_first_subnode(fdt, map);

    while (node >= 0) {
        int size;
        const fdt32_t *cpu = fdt_getprop(fdt, node, "cpu", &size);
        bool empty;

        if (cpu)
            empty = size != 4 || fdt_node_offset_by_phandle(fdt, fdt32_ld(cpu)) < 0;
        else if (depth > 8)
            empty = true;
        else {
            TREE_TRY(map_prune(fdt, node, depth + 1));
            empty = fdt_first_subnode(fdt, node) < 0;
        }
        if (empty)
            TREE_TRY(fdt_del_node(fdt, node));
        node = empty ? fdt_first_subnode(fdt, map) : fdt_next_subnode(fdt, node);
    }
    return 0;
}

/* Numbers sockets, clusters, cores, threads without gaps: Linux stops at the first that is missing. */
static int map_number(void *fdt, int map)
{
    static const char *const names[] = {"socket", "cluster", "core", "thread"};
    unsigned count[4] = {0};
    int node;

    fdt_for_each_subnode(node, fdt, map)
    {
        const char *name = fdt_get_name(fdt, node, NULL);
        for (unsigned i = 0; name && i < 4; i++) {
            size_t length = strlen(names[i]);
            char numbered[24];
            if (strncmp(name, names[i], length) != 0 || name[length] < '0' || name[length] > '9')
                continue;
            text_format(numbered, sizeof(numbered), "%s%u", names[i], count[i]++);
            TREE_TRY(fdt_set_name(fdt, node, numbered));
            break;
        }
        TREE_TRY(map_number(fdt, node));
    }
    return 0;
}

static int set_psci(void *fdt)
{
    static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2";
    static const char *const legacy[] = {"cpu_on", "cpu_off", "cpu_suspend", "migrate"};
    int node = fdt_node_offset_by_compatible(fdt, -1, "arm,psci-1.0"), child;

    if (node < 0)
        node = fdt_node_offset_by_compatible(fdt, -1, "arm,psci-0.2");
    if (node < 0)
        node = fdt_add_subnode(fdt, 0, "psci");
    TREE_TRY(node);
    while ((child = fdt_first_subnode(fdt, node)) >= 0)
        TREE_TRY(fdt_del_node(fdt, child));
    TREE_TRY(fdt_setprop(fdt, node, "compatible", compatible, sizeof(compatible)));
    TREE_TRY(fdt_setprop_string(fdt, node, "method", "hvc"));
    for (size_t i = 0; i < sizeof(legacy) / sizeof(legacy[0]); i++)
        TREE_TRY(tree_del_prop(fdt, node, legacy[i]));
    return tree_del_prop(fdt, node, "status");
}

int tree_set_cpus(struct vm *vm, void *fdt)
{
    int cpus = fdt_path_offset(fdt, "/cpus"), node;

    TREE_TRY(cpus);
    TREE_TRY(set_cores(vm, fdt, cpus));
    node = fdt_subnode_offset(fdt, cpus, "idle-states");
    if (node >= 0)
        TREE_TRY(fdt_del_node(fdt, node));
    node = fdt_subnode_offset(fdt, cpus, "cpu-map");
    if (node >= 0) {
        TREE_TRY(map_prune(fdt, node, 0));
        TREE_TRY(map_number(fdt, node));
    }
    return set_psci(fdt);
}
