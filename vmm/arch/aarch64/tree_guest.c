/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's tree: interrupt controller, memory, /chosen, aliases, our own node; and all steps in order. */
#include <string.h>
#include "gic.h"
#include "log.h"
#include "tree.h"
#include "vm.h"

/* Adds `value` as one or two cells, as #address-cells or #size-cells of the root say. */
static int append_cells(void *fdt, int node, const char *name, int count, uint64_t value)
{
    if (count == 2)
        return fdt_appendprop_u64(fdt, node, name, value);
    if (count == 1 && value >> 32 == 0)
        return fdt_appendprop_u32(fdt, node, name, (uint32_t)value);
    return -FDT_ERR_BADNCELLS;
}

static int append_range(void *fdt, int bus, int node, const char *name, struct range range)
{
    TREE_TRY(append_cells(fdt, node, name, fdt_address_cells(fdt, bus), range.base));
    return append_cells(fdt, node, name, fdt_size_cells(fdt, bus), range.size);
}

/* A distributor and one region of redistributors; nothing behind them. */
static int set_gic(struct vm *vm, void *fdt)
{
    static const char *const unwanted[] = {
        "interrupts", "interrupts-extended", "redistributor-stride",  "mbi-ranges",
        "mbi-alias",  "msi-controller",      "#redistributor-regions"};
    const struct ord_bootinfo *boot = vm->boot;
    int node = tree_find_gic(fdt, boot->gicd_base), child;

    TREE_TRY(node);
    while ((child = fdt_first_subnode(fdt, node)) >= 0) {
        TREE_TRY(fdt_del_node(fdt, child));
    }
    for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++)
        TREE_TRY(tree_del_prop(fdt, node, unwanted[i]));
    int bus = fdt_parent_offset(fdt, node);
    if (bus != 0) /* its addresses are a bus's own; they stay as they are */
        return bus < 0 ? bus : 0;
    TREE_TRY(fdt_delprop(fdt, node, "reg"));
    TREE_TRY(append_range(fdt, 0, node, "reg", (struct range){boot->gicd_base, GICD_FRAME_SIZE}));
    return append_range(fdt, 0, node, "reg",
                        (struct range){boot->gicr_base, GICR_FRAME_SIZE * vm->vcpu_count});
}

/* Reduces each memory node to what the guest was given of it; NUMA properties stay. */
static int set_memory_node(struct vm *vm, void *fdt, int node, bool *empty)
{
    struct range_list ram = {0};
    struct range range;

    for (int i = 0; tree_reg(fdt, 0, node, i, &range); i++) {
        for (uint32_t j = 0; j < vm->ram.count; j++) {
            struct range r = vm->ram.range[j];
            uint64_t base = r.base > range.base ? r.base : range.base;
            uint64_t end =
                r.base + r.size < range.base + range.size ? r.base + r.size : range.base + range.size;
            if (base < end && !range_list_add(&ram, (struct range){base, end - base}))
                return -FDT_ERR_NOSPACE;
        }
    }
    *empty = ram.count == 0;
    if (*empty)
        return 0;
    TREE_TRY(fdt_delprop(fdt, node, "reg"));
    for (uint32_t i = 0; i < ram.count; i++)
        TREE_TRY(append_range(fdt, 0, node, "reg", ram.range[i]));
    char name[32];
    text_format(name, sizeof(name), "memory@%lx", (unsigned long)ram.range[0].base);
    return fdt_set_name(fdt, node, name);
}

static int set_memory(struct vm *vm, void *fdt)
{
    int node = fdt_first_subnode(fdt, 0);

    while (node >= 0) {
        bool empty = false;
        if (tree_is_type(fdt, node, "memory"))
            TREE_TRY(set_memory_node(vm, fdt, node, &empty));
        if (empty)
            TREE_TRY(fdt_del_node(fdt, node));
        node = empty ? fdt_first_subnode(fdt, 0) : fdt_next_subnode(fdt, node);
    }
    return 0;
}

/* Takes out aliases of nodes that are gone. */
static int set_aliases(void *fdt)
{
    int aliases = fdt_path_offset(fdt, "/aliases");
    int property = aliases < 0 ? aliases : fdt_first_property_offset(fdt, aliases);

    while (property >= 0) {
        const char *name;
        int size;
        const char *path = fdt_getprop_by_offset(fdt, property, &name, &size);
        if (path && size > 0 && path[size - 1] == 0 && path[0] == '/' && fdt_path_offset(fdt, path) < 0) {
            TREE_TRY(fdt_delprop(fdt, aliases, name));
            property = fdt_first_property_offset(fdt, aliases);
        } else {
            property = fdt_next_property_offset(fdt, property);
        }
    }
    return 0;
}

/* A serial port for the console: the lowest serialN alias, else any known kind. */
static bool find_serial(const void *fdt, char *path)
{
    static const char *const kinds[] = {"arm,pl011", "ns16550a", "snps,dw-apb-uart", "arm,sbsa-uart"};
    char alias[16];

    for (unsigned i = 0; i < 8; i++) {
        text_format(alias, sizeof(alias), "serial%u", i);
        const char *target = fdt_get_alias(fdt, alias);
        int node = target ? fdt_path_offset(fdt, target) : -1;
        if (node >= 0 && !tree_disabled(fdt, node))
            return fdt_get_path(fdt, node, path, TREE_PATH_MAX) == 0;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        int node = -1;
        while ((node = fdt_node_offset_by_compatible(fdt, node, kinds[i])) >= 0)
            if (!tree_disabled(fdt, node))
                return fdt_get_path(fdt, node, path, TREE_PATH_MAX) == 0;
    }
    return false;
}

static int set_stdout(void *fdt, int chosen)
{
    const char *path = fdt_getprop(fdt, chosen, "stdout-path", NULL);
    char serial[TREE_PATH_MAX];

    if (path) {
        const char *options = strchr(path, ':');
        if (fdt_path_offset_namelen(fdt, path, options ? (int)(options - path) : (int)strlen(path)) >= 0)
            return 0;
    }
    if (find_serial(fdt, serial))
        return fdt_setprop_string(fdt, chosen, "stdout-path", serial);
    return tree_del_prop(fdt, chosen, "stdout-path");
}

/* Whether Linux could switch off one of the node's clocks. */
static bool clocks_gated(const void *fdt, int node)
{
    int size, cells_size;
    const fdt32_t *clocks = node < 0 ? NULL : fdt_getprop(fdt, node, "clocks", &size);

    for (int i = 0; clocks && i < size / 4;) {
        int provider = fdt_node_offset_by_phandle(fdt, fdt32_ld(clocks + i));
        if (provider < 0 || fdt_node_check_compatible(fdt, provider, "fixed-clock") != 0)
            return true;
        const fdt32_t *cells = fdt_getprop(fdt, provider, "#clock-cells", &cells_size);
        i += 1 + (cells && cells_size == 4 && fdt32_ld(cells) < 8 ? (int)fdt32_ld(cells) : 0);
    }
    return false;
}

/* Linux's command line, and what it has to know about devices that are not its own. */
static int set_bootargs(void *fdt, int chosen, const char *bootargs)
{
    int own = fdt_path_offset(fdt, TREE_OWN_NODE);
    const char *clocks = clocks_gated(fdt, own) ? " clk_ignore_unused" : "";
    const char *domains = own >= 0 && fdt_getprop(fdt, own, "power-domains", NULL) ? " pd_ignore_unused" : "";
    int length = (int)(strlen(bootargs) + strlen(clocks) + strlen(domains));
    void *words;

    if (!length)
        return 0;
    TREE_TRY(fdt_setprop_placeholder(fdt, chosen, "bootargs", length + 1, &words));
    text_format(words, (size_t)length + 1, "%s%s%s", bootargs, clocks, domains);
    if (*clocks || *domains)
        log_line("Linux leaves on what it does not use:%s%s", clocks, domains);
    return 0;
}

static int set_chosen(void *fdt, const struct machine_boot *boot)
{
    static const char *const unwanted[] = {"bootargs",
                                           "linux,initrd-start",
                                           "linux,initrd-end",
                                           "linux,uefi-system-table",
                                           "linux,uefi-mmap-start",
                                           "linux,uefi-mmap-size",
                                           "linux,uefi-mmap-desc-size",
                                           "linux,uefi-mmap-desc-ver"};
    int chosen = fdt_path_offset(fdt, "/chosen"), child;

    if (chosen < 0)
        chosen = fdt_add_subnode(fdt, 0, "chosen");
    TREE_TRY(chosen);
    while ((child = fdt_first_subnode(fdt, chosen)) >=
           0) /* boot modules and what else is for the hypervisor */
        TREE_TRY(fdt_del_node(fdt, child));
    for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++)
        TREE_TRY(tree_del_prop(fdt, chosen, unwanted[i]));
    TREE_TRY(set_bootargs(fdt, chosen, boot->bootargs ? boot->bootargs : ""));
    if (boot->initrd.size) {
        TREE_TRY(fdt_setprop_u64(fdt, chosen, "linux,initrd-start", boot->initrd.base));
        TREE_TRY(fdt_setprop_u64(fdt, chosen, "linux,initrd-end", boot->initrd.base + boot->initrd.size));
    }
    return set_stdout(fdt, chosen);
}

/* An edge-triggered interrupt of the GIC: type 0 (SPI) or 1 (PPI), number within that. */
static int add_interrupt(struct vm *vm, void *fdt, int node, uint32_t type, uint32_t number)
{
    enum { EDGE_RISING = 1 };
    int gic = tree_find_gic(fdt, vm->boot->gicd_base), size;
    uint32_t phandle = gic < 0 ? 0 : fdt_get_phandle(fdt, gic);
    const fdt32_t *cells = gic < 0 ? NULL : fdt_getprop(fdt, gic, "#interrupt-cells", &size);
    uint32_t cell_count = cells && size == 4 ? fdt32_ld(cells) : 3;

    TREE_TRY(gic);
    TREE_TRY(fdt_setprop_u32(fdt, node, "interrupt-parent", phandle));
    TREE_TRY(fdt_appendprop_u32(fdt, node, "interrupts", type));
    TREE_TRY(fdt_appendprop_u32(fdt, node, "interrupts", number));
    TREE_TRY(fdt_appendprop_u32(fdt, node, "interrupts", EDGE_RISING));
    for (uint32_t i = 3; i < cell_count; i++)
        TREE_TRY(fdt_appendprop_u32(fdt, node, "interrupts", 0));
    return 0;
}

/* The node that loads the guest module; its interrupt is the virtual exception. */
static int add_outrider(struct vm *vm, void *fdt)
{
    int node = fdt_path_offset(fdt, TREE_OWN_NODE);

    TREE_TRY(node);
    TREE_TRY(fdt_setprop_string(fdt, node, "compatible", "outrider,detach-1.0"));
    TREE_TRY(fdt_setprop_string(fdt, node, "method", "hvc"));
    for (uint32_t i = 0; i < vm->vcpu_count; i++)
        TREE_TRY(fdt_appendprop_u64(fdt, node, "vcpus", vm->vcpu[i].hwid));
    return add_interrupt(vm, fdt, node, 1, vm->virtual_exception - 16);
}

/* One node for each channel that the guest is an end of. */
static int add_channels(struct vm *vm, void *fdt)
{
    for (uint32_t i = 0; i < vm->tasks.channel_count; i++) {
        const struct task_channel *c = &vm->tasks.channel[i];
        char name[40];
        if (!c->irq)
            continue;
        text_format(name, sizeof(name), "channel@%lx", (unsigned long)c->memory.base);
        int node = fdt_add_subnode(fdt, 0, name);
        TREE_TRY(node);
        TREE_TRY(fdt_setprop_string(fdt, node, "compatible", "outrider,channel-1.0"));
        TREE_TRY(append_range(fdt, 0, node, "reg", c->memory));
        TREE_TRY(fdt_setprop_u32(fdt, node, "channel", c->id));
        TREE_TRY(fdt_setprop_string(fdt, node, "label", vm->config.channel[i].name));
        TREE_TRY(add_interrupt(vm, fdt, node, 0, c->irq - 32));
    }
    return 0;
}

/* Bytes of the tree without free space at its end, of which QEMU leaves nearly a MiB. */
static uint32_t used_size(const void *fdt)
{
    uint32_t end[] = {fdt_off_dt_struct(fdt) + fdt_size_dt_struct(fdt),
                      fdt_off_dt_strings(fdt) + fdt_size_dt_strings(fdt),
                      fdt_off_mem_rsvmap(fdt) +
                          (uint32_t)(fdt_num_mem_rsv(fdt) + 1) * (uint32_t)sizeof(struct fdt_reserve_entry)};
    uint32_t size = end[0];

    for (int i = 1; i < 3; i++)
        size = end[i] > size ? end[i] : size;
    return size;
}

uint32_t tree_guest_size(const void *machine, const struct machine_boot *boot)
{
    /* fdt_open_into() builds a tree whose blocks are in another order behind the old one */
    return 2 * used_size(machine) + (boot->bootargs ? (uint32_t)strlen(boot->bootargs) : 0) + 16384;
}

/* An own copy with room to grow; fdt_open_into() alone would want room for the free space too. */
static int copy(const void *machine, void *fdt, uint32_t size)
{
    uint32_t used = used_size(machine);

    if (used > size)
        return -FDT_ERR_NOSPACE;
    memcpy(fdt, machine, used);
    fdt_set_totalsize(fdt, used);
    return fdt_open_into(fdt, fdt, (int)size);
}

static bool step(const char *what, int error)
{
    if (error < 0)
        log_line("device tree, %s: %s", what, fdt_strerror(error));
    return error >= 0;
}

bool tree_make_guest(struct vm *vm, const void *machine, const struct machine_boot *boot, void *fdt,
                     uint32_t size)
{
    return step("copy", copy(machine, fdt, size)) && step("interrupt controller", set_gic(vm, fdt)) &&
           step("devices", tree_set_devices(vm, fdt)) && step("cores", tree_set_cpus(vm, fdt)) &&
           step("memory", set_memory(vm, fdt)) && step("aliases", set_aliases(fdt)) &&
           step("/chosen", set_chosen(fdt, boot)) && step("/outrider", add_outrider(vm, fdt)) &&
           step("channels", add_channels(vm, fdt)) && step("end", fdt_pack(fdt));
}
