/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <outrider/task.h>
#include "tree.h"

uint64_t tree_cells(const fdt32_t *cells, int count)
{
    uint64_t value = 0;

    for (int i = 0; i < count; i++)
        value = value << 32 | fdt32_ld(cells + i);
    return value;
}

static int cells_of(const void *fdt, int node, const char *name, int missing)
{
    int size;
    const fdt32_t *cells = fdt_getprop(fdt, node, name, &size);

    if (!cells)
        return missing;
    return size == 4 && fdt32_ld(cells) <= 4 ? (int)fdt32_ld(cells) : -1;
}

static int address_cells(const void *fdt, int node)
{
    return cells_of(fdt, node, "#address-cells", 2);
}

static int size_cells(const void *fdt, int node)
{
    return cells_of(fdt, node, "#size-cells", 1);
}

/* Entry `index` of an array of (child address, parent address, size); false behind its end. */
static bool ranges_entry(const void *fdt, int bus, int node, int index, uint64_t *child, struct range *parent)
{
    int child_cells = address_cells(fdt, node), parent_cells = address_cells(fdt, bus);
    int count = size_cells(fdt, node), size;
    const fdt32_t *ranges = fdt_getprop(fdt, node, "ranges", &size);

    if (!ranges || child_cells < 1 || parent_cells < 1 || parent_cells > 2 || count < 1 || count > 2)
        return false;
    int stride = child_cells + parent_cells + count;
    if ((index + 1) * stride * 4 > size)
        return false;
    ranges += index * stride;
    *child = tree_cells(ranges, child_cells);
    parent->base = tree_cells(ranges + child_cells, parent_cells);
    parent->size = tree_cells(ranges + child_cells + parent_cells, count);
    return true;
}

/* Translates a range on `bus` to the root's addresses. */
static bool translate(const void *fdt, int bus, struct range *range)
{
    for (int depth = 0; bus != 0; depth++) {
        int above = fdt_parent_offset(fdt, bus), size, index = 0;
        uint64_t child;
        struct range parent;

        if (above < 0 || depth > 16 || !fdt_getprop(fdt, bus, "ranges", &size))
            return false;
        while (size && ranges_entry(fdt, above, bus, index, &child, &parent) &&
               (range->base < child || range->base - child >= parent.size ||
                range->size > parent.size - (range->base - child)))
            index++;
        if (size && !ranges_entry(fdt, above, bus, index, &child, &parent))
            return false;
        if (size)
            range->base = parent.base + (range->base - child);
        bus = above;
    }
    return range_valid(*range);
}

bool tree_reg_local(const void *fdt, int bus, int node, int index, struct range *range)
{
    int address_count = address_cells(fdt, bus), size_count = size_cells(fdt, bus), size;
    const fdt32_t *reg = fdt_getprop(fdt, node, "reg", &size);
    int stride = address_count + size_count;

    if (!reg || address_count < 1 || address_count > 2 || size_count < 1 || size_count > 2 ||
        (index + 1) * stride * 4 > size)
        return false;
    reg += index * stride;
    range->base = tree_cells(reg, address_count);
    range->size = tree_cells(reg + address_count, size_count);
    return true;
}

bool tree_reg(const void *fdt, int bus, int node, int index, struct range *range)
{
    return tree_reg_local(fdt, bus, node, index, range) && range_valid(*range) && translate(fdt, bus, range);
}

bool tree_window(const void *fdt, int bus, int node, int index, struct range *range)
{
    uint64_t child;

    return ranges_entry(fdt, bus, node, index, &child, range) && range_valid(*range) &&
           translate(fdt, bus, range);
}

static bool reserve(struct range_list *list, uint64_t limit, struct range range)
{
    if (!range.size || range.base >= limit)
        return true;
    if (range.size > limit - range.base)
        range.size = limit - range.base;
    return range_list_add(list, range_widen(range, ORD_PAGE_SIZE));
}

bool tree_reserved(const void *fdt, uint64_t limit, struct range_list *list)
{
    int bus = fdt_path_offset(fdt, "/reserved-memory"), node;
    struct range range;

    for (int i = 0; i < fdt_num_mem_rsv(fdt); i++)
        if (fdt_get_mem_rsv(fdt, i, &range.base, &range.size) == 0 && !reserve(list, limit, range))
            return false;
    if (bus < 0)
        return true;
    /* ranges is empty there: addresses are the machine's. Who has no reg is placed by the kernel. */
    fdt_for_each_subnode(node, fdt, bus)
    {
        for (int i = 0; tree_reg_local(fdt, bus, node, i, &range); i++)
            if (!reserve(list, limit, range))
                return false;
    }
    return true;
}

bool tree_disabled(const void *fdt, int node)
{
    const char *status = fdt_getprop(fdt, node, "status", NULL);

    return status && strcmp(status, "okay") != 0 && strcmp(status, "ok") != 0;
}

bool tree_is_type(const void *fdt, int node, const char *type)
{
    const char *value = fdt_getprop(fdt, node, "device_type", NULL);

    return value && strcmp(value, type) == 0;
}

int tree_del_prop(void *fdt, int node, const char *name)
{
    int error = fdt_delprop(fdt, node, name);

    return error == -FDT_ERR_NOTFOUND ? 0 : error;
}

int tree_find_gic(const void *fdt, uint64_t gicd_base)
{
    int node = fdt_node_offset_by_compatible(fdt, -1, "arm,gic-v3");
    struct range range;

    while (node >= 0) {
        int bus = fdt_parent_offset(fdt, node);
        if (bus >= 0 && tree_reg(fdt, bus, node, 0, &range) && range.base == gicd_base)
            return node;
        node = fdt_node_offset_by_compatible(fdt, node, "arm,gic-v3");
    }
    return node;
}

static uint32_t ppi_bit(const fdt32_t *interrupt)
{
    enum { GIC_PPI = 1 };

    return fdt32_ld(interrupt) == GIC_PPI && fdt32_ld(interrupt + 1) < 16
               ? 1u << (16 + fdt32_ld(interrupt + 1))
               : 0;
}

/* The phandle of the controller that a node's interrupts property refers to; 0 if unknown. */
static uint32_t interrupt_parent(const void *fdt, int node)
{
    for (int depth = 0; node >= 0 && depth < 32; depth++) {
        int size;
        const fdt32_t *parent = fdt_getprop(fdt, node, "interrupt-parent", &size);
        if (parent && size == 4)
            return fdt32_ld(parent);
        node = fdt_parent_offset(fdt, node);
    }
    return 0;
}

static uint32_t ppis_of_node(const void *fdt, int node, uint32_t gic_phandle, int gic_cells)
{
    uint32_t used = 0;
    int size;
    const fdt32_t *cells = fdt_getprop(fdt, node, "interrupts", &size);

    if (cells && interrupt_parent(fdt, node) == gic_phandle)
        for (; size >= gic_cells * 4; size -= gic_cells * 4, cells += gic_cells)
            used |= ppi_bit(cells);
    cells = fdt_getprop(fdt, node, "interrupts-extended", &size);
    while (cells && size >= 4) {
        uint32_t phandle = fdt32_ld(cells);
        int controller = fdt_node_offset_by_phandle(fdt, phandle);
        int count = controller < 0 ? -1 : cells_of(fdt, controller, "#interrupt-cells", -1);
        if (count < 0 || size < (count + 1) * 4)
            break;
        if (phandle == gic_phandle && count >= 2)
            used |= ppi_bit(cells + 1);
        cells += count + 1;
        size -= (count + 1) * 4;
    }
    return used;
}

uint32_t tree_find_ppi(const void *fdt, uint64_t gicd_base)
{
    /* 25..30 have fixed uses: virtual interface, timers (Arm BSA, section "PPI assignments") */
    uint32_t used = 0x7e000000;
    int gic = tree_find_gic(fdt, gicd_base);
    int gic_cells = gic < 0 ? -1 : cells_of(fdt, gic, "#interrupt-cells", -1);

    if (gic_cells < 3)
        return 0;
    /* the controller's own interrupts refer to itself by default */
    for (int node = 0; node >= 0; node = fdt_next_node(fdt, node, NULL))
        used |= ppis_of_node(fdt, node, fdt_get_phandle(fdt, gic), gic_cells);
    for (uint32_t intid = 31; intid >= 16; intid--)
        if (!(used & 1u << intid))
            return intid;
    return 0;
}

/*
 * Whether the cells hold (0, n): SPI n. Maps and lists for other controllers are not told apart, so this says
 * yes too often; there are many more SPIs than a machine uses.
 */
static bool cells_name_spi(const fdt32_t *cells, int size, uint32_t n)
{
    for (int i = 0; i + 1 < size / 4; i++)
        if (fdt32_ld(cells + i) == 0 && fdt32_ld(cells + i + 1) == n)
            return true;
    return false;
}

bool tree_uses_spi(const void *fdt, uint32_t intid)
{
    static const char *const names[] = {"interrupts", "interrupts-extended", "interrupt-map", "mbi-ranges"};

    for (int node = 0; node >= 0; node = fdt_next_node(fdt, node, NULL))
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            int size;
            const fdt32_t *cells = fdt_getprop(fdt, node, names[i], &size);
            if (cells && cells_name_spi(cells, size, intid - 32))
                return true;
        }
    return false;
}

bool tree_node_spi(const void *fdt, uint64_t gicd_base, int node, uint32_t *intid, bool *edge)
{
    enum { GIC_SPI = 0, EDGE_BOTH = 3 };
    int gic = tree_find_gic(fdt, gicd_base), size;
    const fdt32_t *cells = fdt_getprop(fdt, node, "interrupts", &size);

    if (gic < 0 || !cells || size < 12 || interrupt_parent(fdt, node) != fdt_get_phandle(fdt, gic) ||
        fdt32_ld(cells) != GIC_SPI || fdt32_ld(cells + 1) >= 988)
        return false;
    *intid = fdt32_ld(cells + 1) + 32;
    *edge = fdt32_ld(cells + 2) & EDGE_BOTH;
    return true;
}
