/* SPDX-License-Identifier: BSD-2-Clause */
#include "platform.h"

#include "console.h"
#include "string.h"

struct platform platform;

bool range_overlaps(uint64_t base, uint64_t size, const struct range *r)
{
    return size && r->size && base < r->base + r->size && r->base < base + size;
}

size_t platform_option(const char *key, const char **value)
{
    size_t len = strlen(key);

    for (const char *s = platform.args; s && *s;) {
        size_t word = 0;
        while (s[word] && s[word] != ' ')
            word++;
        if (word > len && !strncmp(s, key, len) && s[len] == '=') {
            *value = s + len + 1;
            return word - len - 1;
        }
        s += word;
        while (*s == ' ')
            s++;
    }
    return 0;
}

static const char *find_memory(const struct fdt *fdt)
{
    for (fdt_node n = fdt_first_child(fdt, fdt_root(fdt)); n; n = fdt_next_sibling(fdt, n)) {
        const char *type = fdt_string(fdt, n, "device_type");
        const char *status = fdt_string(fdt, n, "status");
        uint64_t base, size;

        if (!type || strcmp(type, "memory") || (status && strcmp(status, "okay")))
            continue;
        for (uint32_t i = 0; fdt_reg(fdt, n, i, &base, &size); i++) {
            uint64_t start = ALIGN_UP(base, PAGE_SIZE), end = ALIGN_DOWN(base + size, PAGE_SIZE);
            if (end <= start || end < base)
                continue;
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

static void find_reserved(const struct fdt *fdt)
{
    fdt_node r = fdt_find_path(fdt, "/reserved-memory", 16);
    uint64_t base, size;

    if (!r)
        return;
    for (fdt_node n = fdt_first_child(fdt, r); n; n = fdt_next_sibling(fdt, n))
        for (uint32_t i = 0; fdt_reg(fdt, n, i, &base, &size); i++)
            if (platform.reserved_count < PLATFORM_RANGES_MAX)
                platform.reserved[platform.reserved_count++] = (struct range){base, size};
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
        platform.mpidr[platform.core_count++] = id;
    }
    return platform.core_count ? NULL : "the device tree has no cpu node";
}

static const char *find_gic(const struct fdt *fdt)
{
    fdt_node gic = fdt_find_compatible(fdt, 0, "arm,gic-v3");
    fdt_node its = fdt_find_compatible(fdt, 0, "arm,gic-v3-its");

    if (!gic || !fdt_reg(fdt, gic, 0, &platform.gicd.base, &platform.gicd.size) ||
        !fdt_reg(fdt, gic, 1, &platform.gicr.base, &platform.gicr.size))
        return "the device tree has no GICv3 (compatible \"arm,gic-v3\"); on QEMU: -machine "
               "virt,virtualization=on,gic-version=3";
    if (its)
        fdt_reg(fdt, its, 0, &platform.gits.base, &platform.gits.size);
    return NULL;
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
    platform.psci_smc = !strcmp(method, "smc");
    /* The conduit of firmware below EL2 is SMC; an HVC would come back to ourselves. */
    return platform.psci_smc ? NULL : "PSCI's method is not smc: there is no firmware below EL2";
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
        if (!fdt_reg(fdt, n, 0, &m->base, &m->size) || !m->size)
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

const char *platform_init(const void *dtb, uint64_t limit)
{
    struct fdt *fdt = &platform.fdt;
    const char *error;

    if (fdt_open(fdt, dtb, limit) != ORD_OK)
        return "x0 does not point to a valid device tree";
    platform.dtb_base = (uint64_t)(uintptr_t)dtb;
    platform.dtb_size = fdt->size;
    fdt_node chosen = fdt_find_path(fdt, "/chosen", 7);
    if (chosen)
        platform.args = fdt_string(fdt, chosen, "bootargs");
    find_uart(fdt);
    find_reserved(fdt);
    if ((error = find_memory(fdt)) || (error = find_cores(fdt)) || (error = find_gic(fdt)) ||
        (error = find_psci(fdt)))
        return error;
    return find_modules(fdt);
}

uint32_t platform_console_irq(void)
{
    return platform.uart_owned ? platform.uart_irq : 0;
}
