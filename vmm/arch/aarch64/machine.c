/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine, by its device tree; the guest gets one, too. */
#include "arch/machine.h"
#include <string.h>
#include "blob.h"
#include "gic.h"
#include "heap.h"
#include "log.h"
#include "tree.h"
#include "vm.h"

#define FDT_ALIGN (2ull << 20) /* a device tree of up to 2 MiB must not cross such a boundary */

static const void *machine_tree(const struct ord_bootinfo *boot)
{
    return (const void *)(uintptr_t)boot->description_base;
}

bool arch_machine_check(const struct ord_bootinfo *boot, struct range_list *reserved)
{
    if (!blob_check(machine_tree(boot), boot->description_size)) {
        log_line("the machine's device tree is corrupt");
        return false;
    }
    if (!tree_reserved(machine_tree(boot), 1ull << boot->space_bits, reserved)) {
        log_line("the machine's device tree reserves too many ranges of memory");
        return false;
    }
    return true;
}

/* Nodes that a guest cannot do without, or that are written anew for it. */
static bool node_required(const void *machine, int node)
{
    static const char *const paths[] = {"/", "/chosen", "/cpus", "/aliases", "/psci", "/timer"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (fdt_path_offset(machine, paths[i]) == node)
            return true;
    return fdt_node_check_compatible(machine, node, "arm,gic-v3") == 0 ||
           tree_is_type(machine, node, "memory") || tree_is_type(machine, node, "cpu");
}

enum machine_name arch_machine_find(const struct ord_bootinfo *boot, const char *name)
{
    const void *machine = machine_tree(boot);
    int node = *name == '/' ? fdt_path_offset(machine, name) : -FDT_ERR_BADPATH;

    if (node < 0)
        return MACHINE_NOTHING;
    return node_required(machine, node) ? MACHINE_REQUIRED : MACHINE_DEVICE;
}

static bool is_below(const void *fdt, int node, int above)
{
    while (node > above)
        node = fdt_parent_offset(fdt, node);
    return node == above;
}

bool arch_machine_overlap(const struct ord_bootinfo *boot, const char *name, const char *other)
{
    const void *machine = machine_tree(boot);
    int a = fdt_path_offset(machine, name), b = fdt_path_offset(machine, other);

    return is_below(machine, a, b) || is_below(machine, b, a);
}

bool arch_machine_device(const struct ord_bootinfo *boot, const char *name, struct machine_device *device)
{
    const void *machine = machine_tree(boot);
    int node = fdt_path_offset(machine, name), bus = node < 0 ? node : fdt_parent_offset(machine, node);

    *device = (struct machine_device){0};
    if (bus < 0 || !tree_reg(machine, bus, node, 0, &device->registers))
        return false;
    tree_node_spi(machine, boot->gicd_base, node, &device->interrupt, &device->edge);
    return true;
}

uint32_t arch_machine_spare_interrupt(const struct ord_bootinfo *boot, uint32_t below)
{
    uint32_t intid = below ? below : gic_intid_count(boot->gicd_typer);

    do
        intid--;
    while (intid >= GIC_SPI_FIRST && tree_uses_spi(machine_tree(boot), intid));
    return intid < GIC_SPI_FIRST ? 0 : intid;
}

uint32_t arch_virtual_exception_find(const struct ord_bootinfo *boot)
{
    uint32_t intid = tree_find_ppi(machine_tree(boot), boot->gicd_base);

    if (!intid)
        log_line("the machine has no GICv3, or no private interrupt to spare");
    return intid;
}

static bool check_gic(const struct vm *vm)
{
    const struct ord_bootinfo *info = vm->boot;

    if (vm->vcpu_count * GICR_FRAME_SIZE <= info->gicr_size && GICD_FRAME_SIZE <= info->gicd_size)
        return true;
    log_line("the machine's first redistributor region (%lu KiB) is too small for %u guest cores",
             (unsigned long)(info->gicr_size / 1024), vm->vcpu_count);
    return false;
}

bool arch_machine_describe(struct vm *vm, const struct machine_boot *boot,
                           struct machine_description *description)
{
    const void *machine = machine_tree(vm->boot);
    uint32_t size = tree_guest_size(machine, boot);

    if (!check_gic(vm))
        return false;
    void *fdt = heap_alloc(size, 8);
    if (!fdt) {
        log_line("the machine's device tree is too large (%u bytes)", size);
        return false;
    }
    if (!tree_make_guest(vm, machine, boot, fdt, size))
        return false;
    *description = (struct machine_description){fdt, fdt_totalsize(fdt), FDT_ALIGN};
    return true;
}

void arch_machine_load(const struct vm *vm, const struct machine_description *description, uint64_t address)
{
    log_line("device tree: 0x%lx, %lu KiB; virtual exception: interrupt %u", (unsigned long)address,
             (unsigned long)(description->size / 1024), vm->virtual_exception);
    memcpy((void *)(uintptr_t)address, description->data, description->size);
}
