/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's device tree and its devices, from QEMU's machine and from a made-up board. */
#include <string.h>
#include "blob.h"
#include "check.h"
#include "fake.h"
#include "tree.h"

static struct ord_bootinfo info;
static struct vm vm;
static void *fdt;

static const struct machine_boot boot = {.bootargs = "console=ttyAMA0 root=/dev/vda",
                                         .initrd = {0x48000000, 0x1234}};

/* Makes the guest's tree in a buffer of the size that the VMM would take. */
static bool make(const void *machine, const struct machine_boot *b)
{
    uint32_t size = tree_guest_size(machine, b);

    free(fdt);
    fdt = malloc(size);
    CHECK(fdt);
    vm.boot = &info;
    vm.virtual_exception = tree_find_ppi(machine, info.gicd_base);
    CHECK(vm_create(&vm));
    bool result = tree_make_guest(&vm, machine, b, fdt, size);
    if (result)
        CHECK(fdt_check_full(fdt, fdt_totalsize(fdt)) == 0);
    return result;
}

static void start(uint32_t core_count, uint64_t ram_base, uint64_t ram_size)
{
    fake_reset();
    vm_cap_free(vm.cap); /* nothing else took one since */
    memset(&vm, 0, sizeof(vm));
    fake_bootinfo(&info, core_count, ram_base, ram_size);
    config_default(&vm.config, &info);
    vm.page = ORD_PAGE_SIZE;
}

static int node(const char *path)
{
    return fdt_path_offset(fdt, path);
}

static bool has(const char *path, const char *name)
{
    return node(path) >= 0 && fdt_getprop(fdt, node(path), name, NULL);
}

static const char *text(const char *path, const char *name)
{
    const char *value = node(path) < 0 ? NULL : fdt_getprop(fdt, node(path), name, NULL);

    return value ? value : "";
}

/* Cell `index` of a property, with its number of cells. */
static uint32_t cell(const char *path, const char *name, int index, int count)
{
    int size;
    const fdt32_t *value = fdt_getprop(fdt, node(path), name, &size);

    CHECK(value);
    CHECK_EQUAL(size, count * 4);
    return fdt32_ld(value + index);
}

static bool device_mapped(uint64_t base, uint64_t size)
{
    return range_list_holds(&fake.guest_devices, (struct range){base, size});
}

static bool any_mapped(uint64_t base, uint64_t size)
{
    return range_list_overlap(&fake.guest_devices, (struct range){base, size});
}

static void check_virt_devices(void)
{
    CHECK(device_mapped(0x9010000, 0x1000) && device_mapped(0x9020000, 0x1000) &&
          device_mapped(0x9030000, 0x1000));
    CHECK(device_mapped(0, 0x8000000)); /* both flash banks */
    CHECK(device_mapped(0xa000000, 0x1000) && device_mapped(0xa003000, 0x1000));
    CHECK(device_mapped(0x4010000000, 0x10000000));   /* ECAM */
    CHECK(device_mapped(0x10000000, 0x2eff0000));     /* PCI memory */
    CHECK(device_mapped(0x3eff0000, 0x10000));        /* PCI I/O */
    CHECK(device_mapped(0x8000000000, 0x8000000000)); /* PCI memory, to the end of the address space */
    CHECK(!any_mapped(0x8000000, 0x1000000));         /* interrupt controller, ITS */
    CHECK(!any_mapped(0xe000000, 0x1000000) && !any_mapped(0x90b0000, 0x1000)); /* secure */
    CHECK(!any_mapped(0x40000000, 0x80000000));
}

static void test_virt(const void *machine)
{
    start(4, 0x40000000, 0x7f000000);
    vm.config.host_cores = 8;
    vm.config.guest_cores = 7;
    CHECK(make(machine, &boot));
    CHECK_EQUAL(fake.host_cores, 8);
    CHECK_EQUAL(vm.vcpu_count, 3);
    CHECK_EQUAL(vm.virtual_exception, 31);
    check_virt_devices();
    CHECK(device_mapped(0x9000000, 0x1000) && device_mapped(0x9040000, 0x1000));
    /* memory is what the VM has */
    CHECK_EQUAL(cell("/memory@40000000", "reg", 1, 4), 0x40000000);
    CHECK_EQUAL(cell("/memory@40000000", "reg", 3, 4), 0x7f000000);
    /* cores, in their map too */
    CHECK(node("/cpus/cpu@2") >= 0 && node("/cpus/cpu@3") < 0);
    CHECK(strcmp(text("/cpus/cpu@1", "enable-method"), "psci") == 0);
    CHECK(node("/cpus/cpu-map/socket0/cluster0/core2") >= 0 &&
          node("/cpus/cpu-map/socket0/cluster0/core3") < 0);
    CHECK(strcmp(text("/psci", "method"), "hvc") == 0 && !has("/psci", "cpu_on") && !has("/psci", "migrate"));
    CHECK(fdt_stringlist_count(fdt, node("/psci"), "compatible") == 2);
    /* interrupts */
    CHECK(node("/intc@8000000/its@8080000") < 0 && !has("/intc@8000000", "interrupts"));
    CHECK_EQUAL(cell("/intc@8000000", "reg", 5, 8), 0x80a0000);
    CHECK_EQUAL(cell("/intc@8000000", "reg", 7, 8), 3 * 0x20000);
    CHECK(!has("/pcie@10000000", "msi-map") && has("/pcie@10000000", "interrupt-map"));
    CHECK(has("/timer", "interrupts") && node("/pmu") < 0);
    /* boot */
    CHECK(strcmp(text("/chosen", "bootargs"), boot.bootargs) == 0);
    CHECK(strcmp(text("/chosen", "stdout-path"), "/pl011@9000000") == 0);
    CHECK_EQUAL(cell("/chosen", "linux,initrd-start", 1, 2), 0x48000000);
    CHECK_EQUAL(cell("/chosen", "linux,initrd-end", 1, 2), 0x48001234);
    CHECK(fdt_first_subnode(fdt, node("/chosen")) < 0);
    CHECK(has("/chosen", "rng-seed") && has("/chosen", "kaslr-seed"));
    /* the module's node */
    CHECK(strcmp(text("/outrider", "compatible"), "outrider,detach-1.0") == 0);
    CHECK_EQUAL(cell("/outrider", "interrupts", 0, 3), 1);
    CHECK_EQUAL(cell("/outrider", "interrupts", 1, 3), 15);
    CHECK_EQUAL(cell("/outrider", "interrupts", 2, 3), 1);
    CHECK_EQUAL(cell("/outrider", "interrupt-parent", 0, 1), fdt_get_phandle(fdt, node("/intc@8000000")));
    for (int i = 0; i < 3; i++)
        CHECK(cell("/outrider", "vcpus", 2 * i, 6) == 0 &&
              cell("/outrider", "vcpus", 2 * i + 1, 6) == (uint32_t)i);
    CHECK(node("/secram@e000000") < 0 && node("/pl011@90b0000") < 0);
    CHECK(!has("/aliases", "serial2") && has("/aliases", "serial0"));
}

/* The VM's first vCPU is the boot core's, wherever that is in the tree. */
static void test_boot_core(const void *machine)
{
    static const uint32_t order[] = {2, 0, 1, 3};

    start(4, 0x40000000, 0x7f000000);
    info.core[0].flags &= ~ORD_BOOTINFO_CORE_BOOT;
    info.core[2].flags |= ORD_BOOTINFO_CORE_BOOT;
    CHECK(make(machine, &boot));
    for (int i = 0; i < 4; i++)
        CHECK_EQUAL(cell("/outrider", "vcpus", 2 * i + 1, 8), order[i]);
}

/* The hypervisor owns the first serial port; one page of the flash is refused; memory in two parts. */
static void test_kept(const void *machine)
{
    struct machine_boot none = {.bootargs = ""};

    start(4, 0x40000000, 0x1000000);
    info.console_owned = 1;
    fake_keep(&info, 0x9000000, 0x1000);
    fake_keep(&info, 0x8000000, 0x10000);
    fake_keep(&info, 0x80a0000, 0xf60000);
    fake_keep(&info, 0x41000000, 0x800000); /* its own memory */
    info.resource[info.resource_count++] =
        (struct ord_resource){0x41800000, 0x7e800000, ORD_RESOURCE_RAM, ORD_CAP_RAM + info.resource_count};
    CHECK(range_list_add(&fake.kept, (struct range){0x7000000, 0x1000})); /* not announced */
    CHECK(make(machine, &none));
    CHECK(node("/pl011@9000000") < 0 && node("/flash@0") < 0 && !has("/aliases", "serial0"));
    CHECK(fake_logged("pl011@9000000 stays with the hypervisor") && fake_logged("flash@0 is left out"));
    CHECK(strcmp(text("/chosen", "stdout-path"), "/pl011@9040000") == 0);
    CHECK(!any_mapped(0x9000000, 0x1000) && device_mapped(0x9040000, 0x1000));
    CHECK_EQUAL(cell("/memory@40000000", "reg", 3, 8), 0x1000000);
    CHECK_EQUAL(cell("/memory@40000000", "reg", 5, 8), 0x41800000);
    CHECK(!has("/chosen", "bootargs") && !has("/chosen", "linux,initrd-start"));
}

/* A device that the hypervisor keeps: Linux must leave its clocks and its power domain on. */
static void test_supplies(const void *machine)
{
    void *gated = malloc(65536);
    uint32_t phandle;
    int clock;

    /* QEMU's clock cannot be switched off: it is named, and nothing else. */
    start(4, 0x40000000, 0x80000000);
    info.console_owned = 1;
    fake_keep(&info, 0x9040000, 0x1000);
    CHECK(make(machine, &boot) && node("/pl011@9040000") < 0);
    CHECK_EQUAL(cell("/outrider", "clocks", 1, 2), 0x8000);
    CHECK(strcmp(text("/chosen", "bootargs"), boot.bootargs) == 0);
    /* One of a clock controller, behind a fixed one. */
    CHECK(gated && fdt_open_into(machine, gated, 65536) == 0);
    CHECK(fdt_generate_phandle(gated, &phandle) == 0);
    clock = fdt_add_subnode(gated, 0, "clock-controller");
    CHECK(clock > 0 && fdt_setprop_u32(gated, clock, "phandle", phandle) == 0);
    CHECK(fdt_setprop_string(gated, clock, "compatible", "vendor,clocks") == 0);
    CHECK(fdt_setprop_u32(gated, clock, "#clock-cells", 1) == 0);
    int uart = fdt_path_offset(gated, "/pl011@9040000");
    CHECK(uart > 0 && fdt_setprop_u32(gated, uart, "clocks", 0x8000) == 0);
    CHECK(fdt_appendprop_u32(gated, uart, "clocks", phandle) == 0 &&
          fdt_appendprop_u32(gated, uart, "clocks", 7) == 0);
    start(4, 0x40000000, 0x80000000);
    info.console_owned = 1;
    fake_keep(&info, 0x9040000, 0x1000);
    CHECK(make(gated, &boot) && node("/pl011@9040000") < 0);
    CHECK_EQUAL(cell("/outrider", "clocks", 0, 3), 0x8000);
    CHECK_EQUAL(cell("/outrider", "clocks", 1, 3), phandle);
    CHECK_EQUAL(cell("/outrider", "clocks", 2, 3), 7);
    char want[256];
    snprintf(want, sizeof(want), "%s clk_ignore_unused", boot.bootargs);
    CHECK(strcmp(text("/chosen", "bootargs"), want) == 0 && fake_logged("leaves on what it does not use"));
    CHECK(strcmp(text("/outrider", "compatible"), "outrider,detach-1.0") == 0);
    /* A power domain; and no command line of its own. */
    struct machine_boot none = {.bootargs = ""};
    uart = fdt_path_offset(gated, "/pl011@9040000");
    CHECK(fdt_delprop(gated, uart, "clocks") == 0);
    CHECK(fdt_setprop_u32(gated, fdt_path_offset(gated, "/pl011@9040000"), "power-domains", phandle) == 0);
    start(4, 0x40000000, 0x80000000);
    info.console_owned = 1;
    fake_keep(&info, 0x9040000, 0x1000);
    CHECK(make(gated, &none) && !has("/outrider", "clocks"));
    CHECK_EQUAL(cell("/outrider", "power-domains", 0, 1), phandle);
    CHECK(strcmp(text("/chosen", "bootargs"), " pd_ignore_unused") == 0);
    /* Its own devices are Linux's matter. */
    start(4, 0x40000000, 0x80000000);
    CHECK(make(gated, &boot) && !has("/outrider", "power-domains"));
    CHECK(strcmp(text("/chosen", "bootargs"), boot.bootargs) == 0);
    free(gated);
}

/* A guest with large pages has whole ones, and nothing else is in them. */
static void test_large_pages(const void *machine)
{
    static const struct {
        uint32_t page;
        uint64_t first, first_size, second, second_size;
    } want[] = {{16384, 0x40004000, 0xff4000, 0x41800000, 0x7e7fc000},
                {65536, 0x40010000, 0xfe0000, 0x41800000, 0x7e7f0000}};

    for (int i = 0; i < 2; i++) {
        start(4, 0x40001000, 0xffa000);
        vm.page = want[i].page;
        fake_keep(&info, 0x40ffb000, 0x805000);
        info.resource[info.resource_count++] = (struct ord_resource){0x41800000, 0x7e7ff000, ORD_RESOURCE_RAM,
                                                                     ORD_CAP_RAM + info.resource_count};
        info.resource[info.resource_count++] = /* less than a page */
            (struct ord_resource){0xbffff000, 0x1000, ORD_RESOURCE_RAM, ORD_CAP_RAM + info.resource_count};
        CHECK(make(machine, &boot));
        CHECK_EQUAL(vm.ram.count, 2);
        CHECK(vm.ram.range[0].base == want[i].first && vm.ram.range[0].size == want[i].first_size);
        CHECK(vm.ram.range[1].base == want[i].second && vm.ram.range[1].size == want[i].second_size);
        CHECK_EQUAL(fake.guest_ram.count, 2);
        CHECK_EQUAL(cell(i ? "/memory@40010000" : "/memory@40004000", "reg", 7, 8), want[i].second_size);
    }
}

static void test_hidden(const void *machine)
{
    start(4, 0x40000000, 0x80000000);
    vm.config.hide = "/pl031@9010000\0/pl011@9000000\0/pl011@9040000\0/pcie@10000000";
    vm.config.hide_size = 15 + 15 + 15 + 15;
    CHECK(make(machine, &boot));
    CHECK(node("/pl031@9010000") < 0 && !any_mapped(0x9010000, 0x1000) && !any_mapped(0x10000000, 0x1000));
    CHECK(!has("/chosen", "stdout-path")); /* no serial port is left */
}

static void test_small_room(const void *machine)
{
    uint32_t full;

    start(4, 0x40000000, 0x80000000);
    CHECK(make(machine, &boot));
    full = fdt_totalsize(fdt);
    for (uint32_t size = 64; size < full; size += 97) {
        start(4, 0x40000000, 0x80000000);
        vm.boot = &info;
        vm.virtual_exception = 31;
        CHECK(vm_create(&vm));
        void *small = malloc(size);
        CHECK(small && !tree_make_guest(&vm, machine, &boot, small, size) && fake_logged("device tree, "));
        free(small);
    }
}

/* QEMU's tree says that it has a MiB, most of it free. */
static void test_padded(const void *machine)
{
    void *padded = malloc(1 << 20);

    CHECK(padded && fdt_open_into(machine, padded, 1 << 20) == 0);
    CHECK(tree_guest_size(padded, &boot) < 65536);
    start(4, 0x40000000, 0x80000000);
    CHECK(make(padded, &boot) && fdt_totalsize(fdt) < 32768);
    free(padded);
}

static void board_info(void)
{
    start(4, 0, 0x3c000000);
    info.core[2].hwid = 0x100;
    info.core[3].hwid = 0x101;
    info.gicd_base = 0xf0100000;
    info.gicr_base = 0xf0180000;
    info.gicr_size = 0x80000;
    info.space_bits = 40;
    fake_keep(&info, 0x40000000, 0x1000000);
    fake_keep(&info, 0xf0100000, 0x10000);
    fake_keep(&info, 0xf0180000, 0x80000);
    fake_keep(&info, 0xf0300000, 0x20000); /* the IOMMU */
    info.resource[info.resource_count++] =
        (struct ord_resource){0x41000000, 0x3f000000, ORD_RESOURCE_RAM, ORD_CAP_RAM + info.resource_count};
}

static void test_board(const void *machine)
{
    board_info();
    vm.config.guest_cores = 9;
    vm.config.host_cores = 2;
    CHECK(make(machine, &boot));
    CHECK_EQUAL(vm.vcpu[1].hwid, 0x101);
    CHECK(cell("/outrider", "vcpus", 1, 4) == 0 && cell("/outrider", "vcpus", 3, 4) == 0x101);
    /* PPIs 15 and 9..14 are in use */
    CHECK_EQUAL(vm.virtual_exception, 24);
    CHECK_EQUAL(cell("/outrider", "interrupts", 1, 3), 8);
    CHECK_EQUAL(cell("/memory@0", "reg", 3, 8), 0x3c000000);
    CHECK_EQUAL(cell("/memory@0", "reg", 5, 8), 0x41000000);
    CHECK(node("/memory@8000000000") < 0); /* not given to us */
    CHECK(has("/memory@0", "numa-node-id"));
    CHECK(node("/cpus/cpu@0") >= 0 && node("/cpus/cpu@1") < 0 && node("/cpus/cpu@100") < 0);
    CHECK(!has("/cpus/cpu@0", "cpu-release-addr") && !has("/cpus/cpu@0", "cpu-idle-states"));
    CHECK(strcmp(text("/cpus/cpu@0", "enable-method"), "psci") == 0 && node("/cpus/idle-states") < 0);
    CHECK(node("/cpus/cpu-map/cluster0/core0") >= 0 && node("/cpus/cpu-map/cluster0/core1") < 0);
    /* core 1 of cluster 1 is its only one now: its number is 0 */
    CHECK_EQUAL(cell("/cpus/cpu-map/cluster1/core0", "cpu", 0, 1),
                fdt_get_phandle(fdt, node("/cpus/cpu@101")));
    CHECK(strcmp(text("/firmware/psci", "method"), "hvc") == 0 && node("/psci") < 0);
    CHECK(strcmp(text("/chosen", "stdout-path"), "serial0:115200n8") == 0);
    /* addresses through two levels of ranges */
    CHECK(device_mapped(0xfe201000, 0x1000) && device_mapped(0xf0400000, 0x1000) &&
          device_mapped(0xf0600000, 0x1000));
    CHECK(device_mapped(0xf0012000, 0x1000));
    CHECK(!any_mapped(0xf0500000, 0x1000) && !any_mapped(0xf0100000, 0x200000) &&
          !any_mapped(0, 0x3c100000) && !any_mapped(0x3c201000, 0x80000000 - 0x3c201000));
    CHECK(node("/soc/iommu@300000") < 0 && !has("/soc/ethernet@400000", "iommus"));
    CHECK(node("/soc/spare@500000") >= 0 && node("/soc/i2c@600000/sensor@48") >= 0);
    CHECK(has("/soc/interrupt-controller@100000", "reg") &&
          node("/soc/interrupt-controller@100000/its@200000") < 0);
    CHECK(node("/reserved-memory/pool@30000000") >= 0);
    /* what only a driver may map is its own, as a device; nobody has what no device asks for */
    CHECK(device_mapped(0x3c100000, 0x2000) && device_mapped(0x3c200000, 0x1000));
    CHECK(!any_mapped(0x3d000000, 0x100000) && !any_mapped(0x30000000, 0x100000));
    /* ways into a core: not even where the hypervisor would give them */
    CHECK(node("/soc/etm@800000") < 0 && node("/soc/debug@801000") < 0 && node("/soc/tpda@802000") < 0);
    CHECK(!any_mapped(0xf0800000, 0x3000) && node("/soc/funnel") < 0);
    CHECK(node("/soc/debug-uart@803000") >= 0 && device_mapped(0xf0803000, 0x1000));
}

static void test_reserved(const void *machine)
{
    struct range_list list = {0};
    void *copy = malloc(65536);

    CHECK(tree_reserved(machine, 1ull << 40, &list) && list.count == 4);
    CHECK(list.range[0].base == 0x30000000 && list.range[0].size == 0x100000);
    CHECK(copy && fdt_open_into(machine, copy, 65536) == 0);
    CHECK(fdt_add_mem_rsv(copy, 0x1234, 0x10) == 0 && fdt_add_mem_rsv(copy, 1ull << 41, 0x1000) == 0);
    CHECK(fdt_add_mem_rsv(copy, 0x5000, 0) == 0 && fdt_add_mem_rsv(copy, (1ull << 40) - 1, ~0ull) == 0);
    /* placed by the kernel; in two parts; not in use, and yet not ours; no ranges: Linux reads it all the
     * same */
    int bus = fdt_path_offset(copy, "/reserved-memory"), child = fdt_add_subnode(copy, bus, "cma");
    CHECK(child > 0 && fdt_setprop_u64(copy, child, "size", 0x100000) == 0);
    child = fdt_add_subnode(copy, bus, "two");
    CHECK(child > 0 && fdt_setprop_string(copy, child, "status", "disabled") == 0);
    for (uint64_t base = 0x10000000; base <= 0x20000000; base += 0x10000000)
        CHECK(fdt_appendprop_u64(copy, child, "reg", base) == 0 &&
              fdt_appendprop_u64(copy, child, "reg", 0x2000) == 0);
    CHECK(fdt_delprop(copy, fdt_path_offset(copy, "/reserved-memory"), "ranges") == 0);
    static const struct range want[] = {
        {0x1000, 0x1000},     {0x10000000, 0x2000}, {0x20000000, 0x2000},   {0x30000000, 0x100000},
        {0x3c100000, 0x2000}, {0x3c200000, 0x1000}, {0x3d000000, 0x100000}, {(1ull << 40) - 0x1000, 0x1000}};
    list.count = 0;
    CHECK(tree_reserved(copy, 1ull << 40, &list) && list.count == 8);
    CHECK(memcmp(list.range, want, sizeof(want)) == 0);
    for (uint64_t i = 0; i < RANGE_LIST_MAX; i++)
        CHECK(fdt_add_mem_rsv(copy, 0x50000000 + i * 0x2000, 1) == 0);
    list.count = 0;
    CHECK(!tree_reserved(copy, 1ull << 40, &list));
    free(copy);
}

static void test_board_cluster(const void *machine)
{
    board_info();
    vm.config.guest_cores = 3;
    CHECK(make(machine, &boot));
    CHECK(node("/cpus/cpu-map/cluster0/core1") >= 0 && node("/cpus/cpu-map/cluster1") < 0);
    board_info();
    info.core[3].hwid = 0x102; /* a core that the tree does not have */
    CHECK(!make(machine, &boot) && fake_logged("device tree, cores"));
    board_info();
    fake_keep(&info, 0xfe201000, 0x100); /* both serial ports share a page */
    CHECK(make(machine, &boot));
    CHECK(node("/soc/serial@7e201000") < 0 && node("/soc/serial@7e201400") < 0);
    CHECK(!has("/chosen", "stdout-path") && !any_mapped(0xfe201000, 0x1000));
}

/* Damaged machine trees that pass libfdt's check must end in a tree or a message. */
static void test_damage(const void *machine, uint64_t machine_size)
{
    uint64_t seed = 2026;
    int usable = 0;

    for (int round = 0; round < 3000; round++) {
        unsigned char *damaged = malloc(machine_size);
        CHECK(damaged);
        memcpy(damaged, machine, machine_size);
        for (uint64_t i = random_next(&seed) % 3 + 1; i; i--)
            damaged[56 + random_next(&seed) % (machine_size - 56)] =
                random_next(&seed) % 2 ? (unsigned char)random_next(&seed)
                                       : (unsigned char)(random_next(&seed) % 9);
        if (blob_check(damaged, machine_size)) {
            if (round % 2)
                start(4, 0x40000000, 0x7f000000);
            else
                board_info();
            struct range_list list = {0};
            tree_reserved(damaged, 1ull << info.space_bits, &list);
            if (tree_find_ppi(damaged, info.gicd_base))
                usable += make(damaged, &boot);
        }
        free(damaged);
    }
    CHECK(usable > 100);
}

int main(int argc, char **argv)
{
    uint64_t virt_size, board_size;
    void *virt, *board;

    CHECK(argc == 3);
    virt = file_read(argv[1], &virt_size);
    board = file_read(argv[2], &board_size);
    test_virt(virt);
    test_boot_core(virt);
    test_kept(virt);
    test_supplies(virt);
    test_large_pages(virt);
    test_hidden(virt);
    test_small_room(virt);
    test_padded(virt);
    test_board(board);
    test_reserved(board);
    test_board_cluster(board);
    test_damage(virt, virt_size);
    test_damage(board, board_size);
    free(virt);
    free(board);
    free(fdt);
    return 0;
}
