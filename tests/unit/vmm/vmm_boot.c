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
#include "tree.h"

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
    boot.vm.state_base = fake_state_base;
    memset(heap, 0, MIB);
    fake_bootinfo(&info, 4, RAM_BASE, RAM_SIZE);
    info.description_base = (uintptr_t)machine;
    info.description_size = machine_size;
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
    const fdt32_t calls[] = {cpu_to_fdt32(0x82000000), cpu_to_fdt32(0x820000ff)};
    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    CHECK(run() && !fake.firmware_count);
    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    config("firmware-calls", calls, sizeof(calls));
    CHECK(run() && fake.firmware_count == 1 && fake.firmware_first == 0x82000000 &&
          fake.firmware_last == 0x820000ff && fake_logged("vmm: firmware calls: 0x82000000 to 0x820000ff"));
    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    config("firmware-calls", calls, sizeof(calls));
    fake.firmware_status = ORD_NOT_SUPPORTED;
    CHECK(!run() && fake_logged("vmm: firmware calls 0x82000000 to 0x820000ff are refused (-1)"));
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
    info.description_base = (uintptr_t)fdt;
    info.description_size = fdt_totalsize(fdt);
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
    free(at(info.description_base));
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
    free(at(info.description_base));
}

/* A task whose program is one page of code, and one of data that is larger than the file. */
static void program(uint64_t base)
{
    struct {
        uint8_t ident[16];
        uint16_t type, machine;
        uint32_t version;
        uint64_t entry, phoff, shoff;
        uint32_t flags;
        uint16_t sizes[6];
        struct {
            uint32_t type, flags;
            uint64_t offset, vaddr, paddr, filesz, memsz, align;
        } segment[2];
    } f = {.ident = "\177ELF\2\1\1",
           .type = 2,
           .machine = 183,
           .entry = 0x100000,
           .phoff = 64,
           .sizes = {64, 56, 2}};

    f.segment[0].type = f.segment[1].type = 1;
    f.segment[0].flags = 5;
    f.segment[1].flags = 6;
    f.segment[0].vaddr = 0x100000;
    f.segment[1].vaddr = 0x101000;
    f.segment[0].filesz = f.segment[0].memsz = f.segment[1].filesz = 100;
    f.segment[1].memsz = 3 << 20;
    f.segment[0].offset = f.segment[1].offset = sizeof(f);
    memcpy(at(base), &f, sizeof(f));
    memset(at(base + sizeof(f)), 0x55, 100);
    module("sampler", "", base, sizeof(f) + 100);
}

static void task_config(uint32_t channel_size)
{
    unsigned char *blob = at(RAM_BASE + 40 * MIB);
    int node;

    config("bootargs", "console=ttyAMA0 quiet", 22);
    node = fdt_add_subnode(blob, fdt_add_subnode(blob, 0, "tasks"), "sampler");
    CHECK(node > 0 && fdt_setprop_u32(blob, node, "core", 3) == 0);
    node = fdt_add_subnode(blob, fdt_add_subnode(blob, 0, "channels"), "samples");
    CHECK(node > 0 && fdt_setprop_string(blob, node, "task", "sampler") == 0);
    CHECK(fdt_setprop_u32(blob, node, "size", channel_size) == 0);
}

static void test_tasks(void)
{
    struct range range, block = {RAM_BASE + RAM_SIZE - 4 * MIB, 4 * MIB};
    unsigned char *memory = at(block.base + 65536);
    uint32_t id;

    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    program(RAM_BASE + 30 * MIB);
    task_config(65536);
    CHECK(run() && fake.task_count == 1 && fake.task_starts == 1 && fake.vcpu_count == 3);
    CHECK(boot.vm.tasks.memory.base == block.base && boot.vm.tasks.memory.size <= block.size);
    /* Linux has no byte of it, and reaches the channel only. Nor of the module that it came in. */
    const struct ord_module *from = &info.module[1];
    CHECK(strcmp(from->name, "sampler") == 0);
    for (uint64_t i = 0; i < from->size; i++)
        CHECK(*((const char *)at(from->base) + i) == 0);
    CHECK(range_list_holds(&fake.synced, (struct range){from->base, from->size}));
    CHECK(!range_list_overlap(&boot.vm.ram, boot.vm.tasks.memory));
    CHECK(range_list_overlap(&fake.guest_ram, (struct range){block.base, 65536}));
    CHECK(!range_list_overlap(&fake.guest_ram, (struct range){block.base + 65536, block.size - 65536}));
    /* The program: code, data, the rest of them zero; then the start page. */
    for (uint32_t i = 0; i < 0x1000 + (3 << 20); i++)
        CHECK(memory[i] == (i % 0x1000 < 100 && i < 0x1100 ? 0x55 : 0));
    const struct ord_start *page = (const void *)(memory + 0x1000 + (3 << 20));
    CHECK(page->magic == ORD_START_MAGIC && strcmp(page->name, "sampler") == 0 && page->core == 3);
    CHECK(page->channel_count == 1 && page->channel[0].size == 65536 &&
          page->first_free > page->channel[0].signal);
    const void *fdt = at(boot.vm.vcpu[0].context);
    int node = fdt_node_offset_by_compatible(fdt, -1, "outrider,channel-1.0");
    CHECK(node > 0 && tree_reg(fdt, 0, node, 0, &range) && range.base == block.base && range.size == 65536);
    CHECK(strcmp(fdt_getprop(fdt, node, "label", NULL), "samples") == 0);
    bool edge;
    CHECK(tree_node_spi(fdt, info.gicd_base, node, &id, &edge) && id == 287 && edge);
    CHECK(boot.vm.irqchip.irq[287] && fake.irq[287].bound);
    /* What is at the upper end already is left alone. */
    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    program(RAM_BASE + RAM_SIZE - MIB);
    task_config(65536);
    CHECK(run() && boot.vm.tasks.memory.base == RAM_BASE + RAM_SIZE - 6 * MIB);
    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    reserve((struct range){block.base, block.size}, (struct range){RAM_BASE + 10 * MIB, 4096});
    program(RAM_BASE + 30 * MIB);
    task_config(65536);
    CHECK(run() && boot.vm.tasks.memory.base == RAM_BASE + RAM_SIZE - 8 * MIB);
    free(at(info.description_base));
    /* No place; no ELF file; not in memory that is ours. */
    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    program(RAM_BASE + 30 * MIB);
    for (uint64_t i = 0; i < 3; i++)
        module("other", "", RAM_BASE + (50 + 15 * i) * MIB, 4096);
    task_config(16 << 20);
    CHECK(!run() && fake_logged("too little memory: tasks and channels need 20480 KiB") && !fake.vm_cap);
    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    program(RAM_BASE + 30 * MIB);
    *(char *)at(RAM_BASE + 30 * MIB) = 0;
    task_config(65536);
    CHECK(!run() &&
          fake_logged("task sampler: boot module \"sampler\" cannot be loaded: it is not a static"));
    start();
    kernel(RAM_BASE + 16 * MIB, 5 * MIB, 6 * MIB);
    program(RAM_BASE + 30 * MIB);
    info.module[info.module_count - 1].base = RAM_BASE + RAM_SIZE;
    task_config(65536);
    CHECK(!run() && fake_logged("boot module \"sampler\" is not in usable memory"));
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
    info.description_size = 100;
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
    test_tasks();
    test_bad();
    free(machine);
    free(heap);
    return 0;
}
