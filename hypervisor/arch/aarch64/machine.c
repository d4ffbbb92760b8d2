/* SPDX-License-Identifier: BSD-2-Clause */
/* What the device tree says, for all of the hypervisor (struct platform) and for this architecture. */
#include "machine.h"

#include "console.h"
#include "string.h"
#include <arch/platform.h>

#define GIC_FRAME      0x10000ull
#define MPIDR_AFFINITY 0xff00ffffffull /* Aff3, Aff2..Aff0 */

struct machine machine;

/* Ascending, in whole pages. */
static const char *find_memory(const struct fdt *fdt)
{
    for (fdt_node n = fdt_first_child(fdt, fdt_root(fdt)); n; n = fdt_next_sibling(fdt, n)) {
        const char *type = fdt_string(fdt, n, "device_type");
        const char *status = fdt_string(fdt, n, "status");
        uint64_t base, size;

        if (!type || strcmp(type, "memory") || (status && strcmp(status, "okay")))
            continue;
        for (uint32_t i = 0; fdt_reg_local(fdt, n, i, &base, &size); i++) {
            uint64_t start = ALIGN_UP(base, PAGE_SIZE), end = ALIGN_DOWN(base + size, PAGE_SIZE);
            if (end <= start || end < base)
                continue;
            if (end > PLATFORM_ADDRESS_LIMIT)
                return "the device tree has memory above 256 TiB";
            if (platform.ram_count == PLATFORM_RANGES_MAX)
                return "the device tree has more memory ranges than fit";
            uint32_t at = platform.ram_count++;
            for (; at && platform.ram[at - 1].base > start; at--)
                platform.ram[at] = platform.ram[at - 1];
            platform.ram[at] = (struct range){start, end - start};
        }
    }
    for (uint32_t i = 1; i < platform.ram_count; i++)
        if (range_overlaps(platform.ram[i].base, platform.ram[i].size, &platform.ram[i - 1]))
            return "memory ranges of the device tree overlap";
    return platform.ram_count ? NULL : "the device tree has no memory node (device_type = \"memory\")";
}

/*
 * Reserved memory is of two kinds. What the kernel of a machine may map but not use (a frame buffer, a pool
 * of a driver) is RAM of the guest. What it must not even map (no-map: secure firmware, another processor)
 * may answer an access with an external abort, also one of the hypervisor: it is no RAM for anybody. So is
 * what the memory reservation block lists, but for what the boot loader passed to us: U-Boot reserves the
 * device tree there (Devicetree Specification v0.4, 3.5.4 and 5.3).
 */
static const char *find_reserved(const struct fdt *fdt)
{
    struct range *list = platform.firmware;
    uint32_t *count = &platform.firmware_count;
    fdt_node r = fdt_find_path(fdt, "/reserved-memory", 16);
    uint64_t base, size;
    bool fits = true;

    for (uint32_t i = 0; fdt_reserve(fdt, i, &base, &size); i++)
        fits &= range_merge(list, count, PLATFORM_RANGES_MAX, base, size);
    fits &= range_cut(list, count, PLATFORM_RANGES_MAX, arch_image_base(), arch_image_size());
    fits &= range_cut(list, count, PLATFORM_RANGES_MAX, platform.description.base, platform.description.size);
    for (uint32_t i = 0; i < platform.module_count; i++)
        fits &= range_cut(list, count, PLATFORM_RANGES_MAX, platform.module[i].base, platform.module[i].size);
    for (fdt_node n = r ? fdt_first_child(fdt, r) : 0; n; n = fdt_next_sibling(fdt, n)) {
        bool mapped = !fdt_get(fdt, n, "no-map").data;
        /* ranges is empty there: addresses are the machine's. Who has no reg is placed by the kernel. */
        for (uint32_t i = 0; fdt_reg_local(fdt, n, i, &base, &size); i++)
            fits &= range_merge(mapped ? platform.reserved : list, mapped ? &platform.reserved_count : count,
                                PLATFORM_RANGES_MAX, base, size);
    }
    return fits ? NULL : "the device tree reserves more memory ranges than fit";
}

/* Memory without what is firmware's, so that nothing ever maps that. */
static const char *find_usable(const struct fdt *fdt)
{
    const char *error = find_memory(fdt);

    if (!error)
        error = find_reserved(fdt);
    for (uint32_t i = 0; !error && i < platform.firmware_count; i++)
        if (!range_cut(platform.ram, &platform.ram_count, PLATFORM_RANGES_MAX, platform.firmware[i].base,
                       platform.firmware[i].size))
            error = "the device tree has more pieces of usable memory than fit";
    if (error)
        platform.ram_count = 0;
    return error || platform.ram_count ? error : "firmware reserves all of the memory";
}

static const char *find_cores(const struct fdt *fdt)
{
    fdt_node cpus = fdt_find_path(fdt, "/cpus", 5);

    if (!cpus)
        return "the device tree has no /cpus";
    uint32_t cells = fdt_u32(fdt, cpus, "#address-cells", 0, 1);
    for (fdt_node n = fdt_first_child(fdt, cpus); n; n = fdt_next_sibling(fdt, n)) {
        const char *type = fdt_string(fdt, n, "device_type");
        const char *status = fdt_string(fdt, n, "status");

        if (!type || strcmp(type, "cpu") || (status && !strcmp(status, "fail")))
            continue;
        if (platform.core_count == ORD_CORES_MAX) {
            print("only the first %d cores are used", ORD_CORES_MAX);
            break;
        }
        uint64_t id = fdt_u32(fdt, n, "reg", 0, 0);
        if (cells == 2)
            id = id << 32 | fdt_u32(fdt, n, "reg", 1, 0);
        if (cells < 1 || cells > 2 || fdt_get(fdt, n, "reg").size != 4 * cells || id & ~MPIDR_AFFINITY)
            return "a cpu node's reg is no affinity of a core (MPIDR)";
        for (uint32_t i = 0; i < platform.core_count; i++)
            if (platform.hwid[i] == id)
                return "two cpu nodes have the same reg";
        platform.hwid[platform.core_count++] = id;
    }
    return platform.core_count ? NULL : "the device tree has no cpu node";
}

static bool keep(uint64_t base, uint64_t size)
{
    return range_merge(platform.device, &platform.device_count, PLATFORM_RANGES_MAX, base, size);
}

/* All registers of a node. */
static bool keep_node(const struct fdt *fdt, fdt_node n)
{
    uint64_t base, size;
    bool fits = true;

    for (uint32_t i = 0; fdt_reg(fdt, n, i, &base, &size); i++)
        fits &= keep(base, size);
    return fits;
}

/* Frames are 64 KiB each, a redistributor has two (IHI 0069, 12.7), and none of it is memory. */
static bool gic_valid(const struct range *r, uint64_t size)
{
    if (r->base % GIC_FRAME || r->size < size || r->base >= PLATFORM_ADDRESS_LIMIT ||
        r->size > PLATFORM_ADDRESS_LIMIT - r->base)
        return false;
    for (uint32_t i = 0; i < platform.ram_count; i++)
        if (range_overlaps(r->base, r->size, &platform.ram[i]))
            return false;
    return true;
}

static const char *find_gic(const struct fdt *fdt)
{
    fdt_node gic = fdt_find_compatible(fdt, 0, "arm,gic-v3");
    uint64_t base, size;

    if (!gic || !fdt_reg_local(fdt, gic, 1, &base, &size))
        return "the device tree has no GICv3 (compatible \"arm,gic-v3\"); on QEMU: -machine "
               "virt,virtualization=on,gic-version=3";
    if (!fdt_reg(fdt, gic, 0, &machine.gicd.base, &machine.gicd.size) ||
        !fdt_reg(fdt, gic, 1, &machine.gicr.base, &machine.gicr.size))
        return "the GICv3 is behind a bus of the device tree whose ranges do not say where";
    if (!gic_valid(&machine.gicd, GIC_FRAME) || !gic_valid(&machine.gicr, 2 * GIC_FRAME) ||
        range_overlaps(machine.gicd.base, machine.gicd.size, &machine.gicr))
        return "the addresses of the GICv3 in the device tree cannot be right";
    return NULL;
}

/*
 * CoreSight and the debug registers of cores: through them one core halts another one at any exception
 * level and makes it execute instructions there ("Nailgun", Ning and Zhang, IEEE S&P 2019).
 */
static bool is_debug(const struct fdt *fdt, fdt_node n)
{
    static const char *const starts[] = {"arm,cs", "arm,etm", "arm,etb", "arm,debug"};
    struct fdt_prop p = fdt_get(fdt, n, "compatible");

    for (uint32_t i = 0; i < p.size;) {
        const char *s = (const char *)p.data + i;
        size_t len = strnlen(s, p.size - i);
        for (size_t k = 0; k < ARRAY_SIZE(starts); k++)
            if (len >= strlen(starts[k]) && !strncmp(s, starts[k], strlen(starts[k])))
                return true;
        /* arm,coresight-*, qcom,coresight-* and others' */
        for (size_t k = 0; k + 9 <= len; k++)
            if (!strncmp(s + k, "coresight", 9))
                return true;
        i += (uint32_t)len + 1;
    }
    return false;
}

/* Interrupt controllers with all that belongs to them, and ways into a core: nobody else may have them. */
static const char *find_devices(const struct fdt *fdt)
{
    bool fits = true;
    fdt_node n = 0;

    while ((n = fdt_next(fdt, n)))
        if (fdt_is_compatible(fdt, n, "arm,gic-v3") || fdt_is_compatible(fdt, n, "arm,gic-v3-its") ||
            is_debug(fdt, n))
            fits &= keep_node(fdt, n);
    if (platform.uart_owned)
        fits &= keep(platform.uart.base, platform.uart.size);
    return fits ? NULL : "the device tree has more interrupt controllers and debug registers than fit";
}

static const char *find_psci(const struct fdt *fdt)
{
    static const char *const names[] = {"arm,psci-1.0", "arm,psci-0.2"};
    fdt_node n = 0;

    for (size_t i = 0; !n && i < ARRAY_SIZE(names); i++)
        n = fdt_find_compatible(fdt, 0, names[i]);
    const char *method = n ? fdt_string(fdt, n, "method") : NULL;
    if (!method)
        return "the device tree has no PSCI 0.2 or later";
    /* The conduit of firmware below EL2 is SMC; an HVC would come back to ourselves. */
    return !strcmp(method, "smc") ? NULL : "PSCI's method is not smc: there is no firmware below EL2";
}

/* console=PATH or console=ALIAS names a UART to keep; otherwise stdout-path, shared with the guest. */
static void find_uart(const struct fdt *fdt)
{
    const char *name;
    size_t len = platform_option("console", &name);
    fdt_node n;

    platform.uart_owned = len != 0;
    if (!len) {
        fdt_node chosen = fdt_find_path(fdt, "/chosen", 7);
        name = chosen ? fdt_string(fdt, chosen, "stdout-path") : NULL;
        if (!name)
            return;
        while (name[len] && name[len] != ':')
            len++;
    }
    if (*name != '/') {
        char alias[32];
        fdt_node aliases = fdt_find_path(fdt, "/aliases", 8);
        if (len >= sizeof(alias) || !aliases)
            return;
        memcpy(alias, name, len);
        alias[len] = '\0';
        name = fdt_string(fdt, aliases, alias);
        if (!name)
            return;
        len = strlen(name);
    }
    n = fdt_find_path(fdt, name, len);
    for (const struct uart *u = uart_table; n && u->compatible; u++)
        if (fdt_is_compatible(fdt, n, u->compatible) &&
            fdt_reg(fdt, n, 0, &platform.uart.base, &platform.uart.size))
            platform.uart_compatible = u->compatible;
    /* A shared interrupt (type 0) of the GIC: the one whose interrupts have three cells. */
    fdt_node gic = fdt_find_compatible(fdt, 0, "arm,gic-v3");
    uint32_t root = fdt_u32(fdt, fdt_root(fdt), "interrupt-parent", 0, 0);
    if (platform.uart_compatible && gic && fdt_u32(fdt, n, "interrupts", 0, 1) == 0 &&
        fdt_u32(fdt, n, "interrupt-parent", 0, root) == fdt_u32(fdt, gic, "phandle", 0, 0))
        platform.uart_irq = fdt_u32(fdt, n, "interrupts", 1, 0) + 32;
}

static const char *find_modules(const struct fdt *fdt)
{
    fdt_node n = 0;

    while ((n = fdt_find_compatible(fdt, n, "multiboot,module"))) {
        const char *args = fdt_string(fdt, n, "bootargs");
        struct ord_module *m = &platform.module[platform.module_count];
        size_t len = 0;

        if (platform.module_count == ORD_MODULES_MAX)
            return "there are more boot modules than fit";
        if (!fdt_reg_local(fdt, n, 0, &m->base, &m->size) || !m->size)
            return "a boot module (multiboot,module) has no valid reg";
        if (!args)
            args = fdt_is_compatible(fdt, n, "multiboot,ramdisk") ? "ramdisk" : fdt_name(fdt, n);
        while (args[len] && args[len] != ' ')
            len++;
        memcpy(m->name, args, MIN(len, sizeof(m->name) - 1));
        while (args[len] == ' ')
            len++;
        if (strlen(args + len) >= sizeof(m->args))
            return "the arguments of a boot module are too long (487 bytes at most)";
        memcpy(m->args, args + len, strlen(args + len));
        platform.module_count++;
    }
    return NULL;
}

/* A console there would be memory, or the GIC: better none. */
static void check_uart(void)
{
    const struct range *u = &platform.uart;
    bool wrong = u->base >= PLATFORM_ADDRESS_LIMIT || u->size > PLATFORM_ADDRESS_LIMIT - u->base;
    uint64_t start = ALIGN_DOWN(u->base, PAGE_SIZE);

    for (uint32_t i = 0; i < platform.ram_count && !wrong; i++)
        wrong = range_overlaps(start, ALIGN_UP(u->base + u->size, PAGE_SIZE) - start, &platform.ram[i]);
    if (wrong || range_overlaps(u->base, u->size, &machine.gicd) ||
        range_overlaps(u->base, u->size, &machine.gicr)) {
        platform.uart = (struct range){0, 0};
        platform.uart_compatible = NULL;
        platform.uart_irq = 0;
    }
}

const char *machine_discover(const void *dtb, uint64_t limit)
{
    struct fdt *fdt = &machine.fdt;
    const char *error, *modules;

    if (fdt_open(fdt, dtb, limit) != ORD_OK)
        return "x0 does not point to a valid device tree";
    platform.description = (struct range){(uint64_t)(uintptr_t)dtb, fdt->size};
    fdt_node chosen = fdt_find_path(fdt, "/chosen", 7);
    if (chosen)
        platform.args = fdt_string(fdt, chosen, "bootargs");
    find_uart(fdt);
    modules = find_modules(fdt);
    if (!(error = find_usable(fdt)) && !(error = find_cores(fdt)) && (error = find_gic(fdt)))
        machine.gicd = machine.gicr = (struct range){0, 0}; /* or they would be mapped */
    if (!error)
        error = find_psci(fdt);
    check_uart();
    if (!error)
        error = modules ? modules : find_devices(fdt);
    return error;
}
