/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole way from boot information to a vCPU that is about to start, with RAM at the addresses of QEMU's
 * machine; and what is said when something is missing or wrong.
 */
#include <libfdt.h>
#include <string.h>
#include <sys/mman.h>
#include "boot.h"
#include "check.h"
#include "fake.h"
#include "heap.h"

#define MIB      (1ull << 20)
#define RAM_BASE 0x40000000ull
#define RAM_SIZE (96 * MIB)

static struct ord_bootinfo info;
static struct boot boot;
static void *machine, *heap;
static uint64_t machine_size;

struct header {
    uint32_t code[2];
    uint64_t text_offset, image_size, flags, reserved[3];
    uint32_t magic, pe_offset;
};

static void *at(uint64_t address)
{
    return (void *)(uintptr_t)address;
}

static struct ord_module *module(const char *name, const char *args, uint64_t base, uint64_t size)
{
    struct ord_module *m = &info.module[info.module_count++];

    strcpy(m->name, name);
    strcpy(m->args, args);
    m->base = base;
    m->size = size;
    return m;
}

/* A kernel of `size` bytes with a recognizable body that needs `image_size`. */
static void kernel(uint64_t base, uint64_t size, uint64_t image_size)
{
    struct header header = {.image_size = image_size, .flags = 0xa, .magic = 0x644d5241};

    for (uint64_t i = 0; i < size; i += 8)
        *(uint64_t *)at(base + i) = i * 3;
    memcpy(at(base), &header, sizeof(header));
    module("linux", "console=ttyAMA0 quiet", base, size);
}

static void start(void)
{
    fake_reset();
    memset(&boot, 0, sizeof(boot));
    memset(heap, 0, MIB);
    fake_bootinfo(&info, 4, RAM_BASE, RAM_SIZE);
    info.dtb_base = (uintptr_t)machine;
    info.dtb_size = machine_size;
    heap_init((uintptr_t)heap, MIB);
    memset(at(RAM_BASE), 0xee, RAM_SIZE);
}

static bool run(void)
{
    return boot_prepare(&boot, &info) && boot_make_vm(&boot) && boot_load(&boot);
}

/* Checks what the guest will find. */
static void check_guest(uint64_t kernel_base, uint64_t size, uint64_t initrd, uint64_t initrd_size)
{
    const struct vcpu *vcpu = &boot.vm.vcpu[0];
    const void *fdt = at(vcpu->context);

    CHECK_EQUAL(vcpu->entry, kernel_base);
    for (uint64_t i = 64; i < size; i += 8)
        CHECK(*(uint64_t *)at(kernel_base + i) == i * 3);
    CHECK(((struct header *)at(kernel_base))->magic == 0x644d5241);
    CHECK(vcpu->context % 8 == 0 && fdt_check_full(fdt, 2 * MIB) == 0);
    struct range places[] = {
        {kernel_base, boot.image.size}, {vcpu->context, fdt_totalsize(fdt)}, {initrd, initrd_size}};
    for (int i = 0; i < 3; i++) {
        CHECK(range_list_holds(&boot.vm.ram, places[i]) || !places[i].size);
        for (int j = 0; j < i; j++)
            CHECK(!places[i].size || !range_overlap(places[i], places[j]));
    }
    for (uint64_t i = 0; i < initrd_size; i++)
        CHECK(((unsigned char *)at(initrd))[i] == 0x77);
    CHECK(vcpu->context / (2 * MIB) == (vcpu->context + fdt_totalsize(fdt) - 1) / (2 * MIB));
    const char *bootargs = fdt_getprop(fdt, fdt_path_offset(fdt, "/chosen"), "bootargs", NULL);
    CHECK(bootargs && strcmp(bootargs, "console=ttyAMA0 quiet") == 0);
    CHECK(fake.syncs == 2);
}

static void test_good(void)
{
    /* in place */
    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    CHECK(run());
    check_guest(RAM_BASE + 16 * MIB, 5 * MIB, 0, 0);
    CHECK(fake.vcpu_count == 4 && fake.host_cores == 0 && fake.vm_cap);
    CHECK(fake_logged("vmm: guest cores: 0 1 2 3") && fake_logged("vmm: memory: 96 MiB in 1 range\n") &&
          fake_logged("vmm: command line: console=ttyAMA0 quiet"));
    CHECK(boot.vm.vcpu[0].power == VCPU_OFF);
    boot_start(&boot);
    CHECK(boot.vm.vcpu[0].power == VCPU_ON_PENDING && fake.signals[boot.vm.vcpu[0].notify_cap]);
    /* its memory reaches into the initrd: moved */
    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    memset(at(RAM_BASE + 21 * MIB), 0x77, 4 * MIB + 123);
    module("ramdisk", "", RAM_BASE + 21 * MIB, 4 * MIB + 123);
    CHECK(run());
    check_guest(RAM_BASE, 5 * MIB, RAM_BASE + 21 * MIB, 4 * MIB + 123);
    CHECK(fake_logged("MiB, moved"));
    /* not at a multiple of 2 MiB, new place overlaps the old one */
    start();
    kernel(RAM_BASE + 3 * MIB + 4096, 5 * MIB, 6 * MIB);
    memset(at(RAM_BASE), 0x77, 100);
    module("ramdisk", "", RAM_BASE, 100);
    CHECK(run());
    check_guest(RAM_BASE + 2 * MIB, 5 * MIB, RAM_BASE, 100);
    start();
    kernel(RAM_BASE + MIB - 4096, 5 * MIB, 6 * MIB);
    memset(at(RAM_BASE), 0x77, 100);
    module("ramdisk", "", RAM_BASE, 100);
    CHECK(run());
    check_guest(RAM_BASE + 2 * MIB, 5 * MIB, RAM_BASE, 100);
}

static void config(const char *property, const void *value, int size)
{
    unsigned char *blob = at(RAM_BASE + 40 * MIB);

    CHECK(fdt_create_empty_tree(blob, 4096) == 0);
    CHECK(fdt_setprop_string(blob, 0, "compatible", "outrider,config") == 0);
    CHECK(fdt_setprop(blob, 0, property, value, size) == 0);
    module("config", "", RAM_BASE + 40 * MIB, 4096);
}

static void test_config(void)
{
    fdt32_t core = cpu_to_fdt32(3);

    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    config("host-cores", &core, 4);
    CHECK(run());
    CHECK(fake.host_cores == 8 && fake.vcpu_count == 3 && fake_logged("vmm: host cores: 3"));
    check_guest(RAM_BASE + 16 * MIB, 5 * MIB, 0, 0);
    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    config("shared-cores", &core, 4);
    CHECK(run());
    CHECK(fake.host_cores == 0 && fake.shared_cores == 8 && fake.vcpu_count == 4 && fake.budget == 95000 &&
          fake.period == 100000 && fake_logged("vmm: shared cores: 3"));
    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    config("bootargs", "other", 6);
    CHECK(run() && fake_logged("vmm: command line: other"));
    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    config("host-coers", &core, 4);
    CHECK(!run() && fake_logged("vmm: configuration: unknown property host-coers; allowed are"));
    CHECK(!fake.vm_cap);
}

/* Firmware, or a device, has memory where the VMM would put something. */
static void reserve(struct range block, struct range node)
{
    void *fdt = malloc(machine_size + 4096);
    int parent;

    CHECK(fdt && fdt_open_into(machine, fdt, (int)machine_size + 4096) == 0);
    CHECK(fdt_add_mem_rsv(fdt, block.base, block.size) == 0);
    parent = fdt_add_subnode(fdt, 0, "reserved-memory");
    CHECK(parent > 0 && fdt_setprop_u32(fdt, parent, "#address-cells", 2) == 0);
    CHECK(fdt_setprop_u32(fdt, parent, "#size-cells", 2) == 0 &&
          fdt_setprop(fdt, parent, "ranges", NULL, 0) == 0);
    parent = fdt_add_subnode(fdt, parent, "firmware");
    CHECK(parent > 0 && fdt_setprop(fdt, parent, "no-map", NULL, 0) == 0);
    CHECK(fdt_appendprop_u64(fdt, parent, "reg", node.base) == 0 &&
          fdt_appendprop_u64(fdt, parent, "reg", node.size) == 0);
    info.dtb_base = (uintptr_t)fdt;
    info.dtb_size = fdt_totalsize(fdt);
}

static void check_reserved(struct range block, struct range node)
{
    const void *fdt = at(boot.vm.vcpu[0].context);
    struct range range;
    int firmware = fdt_path_offset(fdt, "/reserved-memory/firmware");

    for (uint64_t i = 0; i < block.size; i++)
        CHECK(*(unsigned char *)at(block.base + i) == 0xee);
    for (uint64_t i = 0; i < node.size; i++)
        CHECK(*(unsigned char *)at(node.base + i) == 0xee);
    CHECK(!range_overlap(block, (struct range){boot.vm.vcpu[0].entry, boot.image.size}) &&
          !range_overlap(node, (struct range){boot.vm.vcpu[0].entry, boot.image.size}));
    /* and Linux hears of it */
    CHECK(fdt_num_mem_rsv(fdt) == 1 && fdt_get_mem_rsv(fdt, 0, &range.base, &range.size) == 0);
    CHECK(range.base == block.base && range.size == block.size);
    CHECK(firmware > 0 && fdt_getprop(fdt, firmware, "no-map", NULL));
    CHECK(tree_reg(fdt, fdt_parent_offset(fdt, firmware), firmware, 0, &range));
    CHECK(range.base == node.base && range.size == node.size);
    CHECK(range_list_holds(&boot.vm.ram, node)); /* it stays the guest's memory */
    free(at(info.dtb_base));
}

static void test_reserved(void)
{
    struct range low = {RAM_BASE, 3 * MIB + 100}, behind = {RAM_BASE + 10 * MIB + 5, 7};

    /* the lowest places are not free: the device tree would go to the first, a moved kernel too */
    start();
    reserve(low, behind);
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    CHECK(run() && fake_logged("vmm: reserved: 0x40000000, 3076 KiB\n"));
    check_guest(RAM_BASE + 16 * MIB, 5 * MIB, 0, 0);
    CHECK_EQUAL(boot.vm.vcpu[0].context, RAM_BASE + 4 * MIB);
    check_reserved(low, behind);
    start();
    reserve(behind, low);
    kernel(RAM_BASE + 21 * MIB, 5 * MIB, 6 * MIB);
    CHECK(run() && fake_logged("MiB, moved"));
    check_guest(RAM_BASE + 4 * MIB, 5 * MIB, 0, 0);
    CHECK_EQUAL(boot.vm.vcpu[0].context, RAM_BASE + 12 * MIB);
    check_reserved(behind, low);
    /* the kernel's .bss would reach into it */
    behind.base = RAM_BASE + 21 * MIB + 4096;
    start();
    reserve(low, behind);
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    CHECK(run() && fake_logged("MiB, moved"));
    check_guest(RAM_BASE + 4 * MIB, 5 * MIB, 0, 0);
    check_reserved(low, behind);
    /* all of it */
    start();
    reserve((struct range){0, ~0ull}, behind);
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    CHECK(!run() && fake_logged("no free place for the kernel"));
    free(at(info.dtb_base));
}

static void test_bad(void)
{
    start();
    CHECK(!run() && fake_logged("no boot module \"linux\""));
    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    ((struct header *)at(RAM_BASE + 16 * MIB))->magic = 1;
    CHECK(!run() && fake_logged("vmm: kernel image: no arm64 Image header"));
    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    module("ramdisk", "", RAM_BASE + RAM_SIZE - 4096, 8192);
    CHECK(!run() && fake_logged("boot module \"ramdisk\" is not in usable memory"));
    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 90 * MIB);
    CHECK(!run() && fake_logged("too little memory"));
    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 50 * MIB);
    module("ramdisk", "", RAM_BASE + 48 * MIB, 4096); /* no piece of 50 MiB on either side */
    CHECK(!run() && fake_logged("no free place for the kernel"));
    start();
    info.dtb_size = 100;
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    CHECK(!run() && fake_logged("device tree is corrupt"));
    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    info.gicr_size = 0x40000;
    CHECK(!run() && fake_logged("redistributor region (256 KiB) is too small for 4"));
    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    info.gicd_base = 0x1000;
    CHECK(!run() && fake_logged("no GICv3"));
    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    heap_init((uintptr_t)heap, 4096);
    CHECK(!run() && fake_logged("too large"));
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    machine = file_read(argv[1], &machine_size);
    heap = malloc(MIB);
    CHECK(heap && mmap(at(RAM_BASE), RAM_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == at(RAM_BASE));
    test_good();
    test_config();
    test_reserved();
    test_bad();
    free(machine);
    free(heap);
    return 0;
}
