/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include "boot.h"
#include "call.h"
#include "firmware.h"
#include "heap.h"
#include "log.h"
#include "power.h"

#define MIB       (1ull << 20)
#define SPARE_MIN (32 * MIB) /* beside kernel and initrd: less does not boot a Linux */

static const struct ord_module *find_module(const struct ord_bootinfo *info, const char *name)
{
    for (uint32_t i = 0; i < info->module_count && i < ORD_MODULES_MAX; i++)
        if (strncmp(info->module[i].name, name, sizeof(info->module[i].name)) == 0)
            return &info->module[i];
    return NULL;
}

static const void *module_data(const struct ord_module *module)
{
    return (const void *)(uintptr_t)module->base;
}

/* Maps all RAM that the task may use, at its physical address. */
static bool map_own_ram(const struct ord_bootinfo *info)
{
    for (uint32_t i = 0; i < info->resource_count; i++) {
        const struct ord_resource *r = &info->resource[i];
        status_t status;

        if (r->type != ORD_RESOURCE_RAM || !r->size)
            continue;
        status = call_mem_map(ORD_CAP_TASK, r->cap, 0, r->base, r->size, ORD_MEM_READ | ORD_MEM_WRITE);
        if (status != ORD_OK) {
            log_line("memory at 0x%lx cannot be mapped (%ld)", (unsigned long)r->base, (long)status);
            return false;
        }
    }
    return true;
}

/* Whether the module lies in memory that was given to us. */
static bool module_valid(const struct ord_bootinfo *info, const struct ord_module *module)
{
    for (uint32_t i = 0; i < info->resource_count; i++) {
        const struct ord_resource *r = &info->resource[i];
        if (r->type == ORD_RESOURCE_RAM && module->base >= r->base && module->base - r->base <= r->size &&
            module->size <= r->size - (module->base - r->base))
            return true;
    }
    log_line("boot module \"%s\" is not in usable memory (0x%lx, %lu bytes); load it elsewhere", module->name,
             (unsigned long)module->base, (unsigned long)module->size);
    return false;
}

static bool find_modules(struct boot *boot)
{
    const struct ord_bootinfo *info = boot->info;

    boot->linux_module = find_module(info, "linux");
    boot->ramdisk = find_module(info, "ramdisk");
    boot->config = find_module(info, "config");
    if (!boot->linux_module) {
        log_line(
            "there is no boot module \"linux\"; load the kernel's Image with \"linux\" as the first word of "
            "its arguments, the kernel's command line behind it");
        return false;
    }
    return module_valid(info, boot->linux_module) && (!boot->ramdisk || module_valid(info, boot->ramdisk)) &&
           (!boot->config || module_valid(info, boot->config));
}

static bool read_config(struct boot *boot)
{
    struct config *config = &boot->vm.config;
    char error[CONFIG_ERROR_MAX];

    config_default(config, boot->info);
    if (boot->config &&
        !config_parse(config, module_data(boot->config), boot->config->size, boot->info, error)) {
        log_line("%s", error);
        return false;
    }
    return true;
}

bool boot_prepare(struct boot *boot, const struct ord_bootinfo *info)
{
    char error[IMAGE_ERROR_MAX];

    boot->info = info;
    if (!arch_machine_check(info, &boot->reserved) || !map_own_ram(info) || !find_modules(boot) ||
        !read_config(boot))
        return false;
    if (!arch_image_check(&boot->image, module_data(boot->linux_module), boot->linux_module->size, error)) {
        log_line("%s", error);
        return false;
    }
    boot->vm.page = boot->image.page;
    boot->start.bootargs = boot->vm.config.bootargs ? boot->vm.config.bootargs : boot->linux_module->args;
    if (boot->ramdisk)
        boot->start.initrd = (struct range){boot->ramdisk->base, boot->ramdisk->size};
    return true;
}

static void log_cores(const char *what, uint32_t mask)
{
    char list[ORD_CORES_MAX * 3 + 1] = "";
    size_t length = 0;

    for (uint32_t core = 0; core < ORD_CORES_MAX; core++)
        if (mask & 1u << core)
            length += text_format(list + length, sizeof(list) - length, " %u", core);
    log_line("%s cores:%s", what, mask ? list : " none");
}

static uint64_t total_size(const struct range_list *list)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < list->count; i++)
        total += list->range[i].size;
    return total;
}

static void log_memory(const struct range_list *ram, const struct range_list *reserved)
{
    log_line("memory: %lu MiB in %u range%s", (unsigned long)(total_size(ram) / MIB), ram->count,
             ram->count == 1 ? "" : "s");
    for (uint32_t i = 0; i < reserved->count && i < 8; i++)
        log_line("reserved: 0x%lx, %lu KiB", (unsigned long)reserved->range[i].base,
                 (unsigned long)(reserved->range[i].size / 1024));
    if (reserved->count > 8)
        log_line("reserved: %u ranges more", reserved->count - 8);
}

/* Modules stay where they are until the guest starts. */
static bool plan_tasks(struct boot *boot)
{
    const struct ord_bootinfo *info = boot->info;
    struct range_list used = boot->reserved;

    for (uint32_t i = 0; i < info->module_count && i < ORD_MODULES_MAX; i++) {
        struct range module = {info->module[i].base, info->module[i].size};
        if (!range_valid(module))
            continue;
        if (!range_list_add(&used, range_widen(module, ORD_PAGE_SIZE))) {
            log_line("the machine reserves too many ranges of memory");
            return false;
        }
    }
    for (uint32_t i = 0; i < boot->vm.config.task_count; i++)
        if (!module_valid(info, boot->vm.config.task[i].module))
            return false;
    return tasks_plan(&boot->vm, &used);
}

bool boot_make_vm(struct boot *boot)
{
    struct vm *vm = &boot->vm;

    vm->boot = boot->info;
    vm->virtual_exception = arch_virtual_exception_find(boot->info);
    if (!vm->virtual_exception || !plan_tasks(boot))
        return false;
    if (!vm_create(vm) || !arch_machine_describe(vm, &boot->start, &boot->description) ||
        !firmware_allow(vm) || !vm_create_vcpus(vm))
        return false;
    arch_irqchip_init(vm);
    if (!tasks_make(vm))
        return false;
    log_cores("guest", vm->config.guest_cores);
    log_cores("host", vm->config.host_cores);
    if (vm->config.shared_cores)
        log_cores("shared", vm->config.shared_cores);
    log_memory(&vm->ram, &boot->reserved);
    return true;
}

bool boot_place(const struct boot *boot, uint64_t *kernel, uint64_t *description)
{
    const struct image *image = &boot->image;
    struct range_list used = boot->reserved;
    struct range in_place = {boot->linux_module->base, image->size};

    if (boot->start.initrd.size && !range_list_add(&used, range_widen(boot->start.initrd, ORD_PAGE_SIZE)))
        return false;
    if (in_place.base % image->align == image->offset && range_list_holds(&boot->vm.ram, in_place) &&
        !range_list_overlap(&used, in_place))
        *kernel = in_place.base;
    else if (!range_find(&boot->vm.ram, &used, image->size, image->align, image->offset, kernel))
        return false;
    return range_list_add(&used, (struct range){*kernel, image->size}) &&
           range_find(&boot->vm.ram, &used, boot->description.size, boot->description.unit, 0, description);
}

static bool enough_memory(const struct boot *boot)
{
    uint64_t total = total_size(&boot->vm.ram), need = boot->image.size + boot->start.initrd.size + SPARE_MIN;

    if (total >= need)
        return true;
    log_line("too little memory: %lu MiB for the guest; kernel and initrd need %lu MiB",
             (unsigned long)(total / MIB), (unsigned long)(need / MIB));
    return false;
}

bool boot_load(struct boot *boot)
{
    const struct ord_module *module = boot->linux_module;
    uint64_t kernel, description;

    if (!enough_memory(boot))
        return false;
    if (boot->start.initrd.size &&
        !range_list_holds(&boot->vm.ram, range_widen(boot->start.initrd, boot->vm.page))) {
        log_line("boot module \"ramdisk\" is at the edge of memory, in a page of %u KiB that the guest has "
                 "in part; "
                 "load it elsewhere",
                 boot->vm.page / 1024);
        return false;
    }
    if (boot->description.size > boot->description.unit || !boot_place(boot, &kernel, &description)) {
        log_line(
            "too little memory: no free place for the kernel (%lu MiB in one piece, at a multiple of %lu "
            "MiB) and for the description of the machine beside the initrd and reserved memory",
            (unsigned long)(boot->image.size / MIB), (unsigned long)(boot->image.align / MIB));
        return false;
    }
    /* Before modules are overwritten. */
    if (!tasks_start(&boot->vm))
        return false;
    log_line("kernel: 0x%lx, %lu MiB%s, pages of %u KiB", (unsigned long)kernel,
             (unsigned long)(boot->image.size / MIB), kernel == module->base ? "" : ", moved",
             boot->image.page / 1024);
    if (boot->start.initrd.size)
        log_line("initrd: 0x%lx, %lu KiB", (unsigned long)boot->start.initrd.base,
                 (unsigned long)(boot->start.initrd.size / 1024));
    log_line("command line: %s", boot->start.bootargs);
    /* From here on, modules other than the initrd may be overwritten. */
    if (kernel != module->base)
        memmove((void *)(uintptr_t)kernel, module_data(module), module->size);
    arch_machine_load(&boot->vm, &boot->description, description);
    call_mem_sync((void *)(uintptr_t)kernel, boot->image.size);
    call_mem_sync((void *)(uintptr_t)description, boot->description.size);
    boot->vm.vcpu[0].entry = kernel;
    boot->vm.vcpu[0].context = description;
    return true;
}

void boot_start(struct boot *boot)
{
    struct vcpu *first = &boot->vm.vcpu[0];

    log_line("starting Linux");
    power_on(first, first->entry, first->context);
}
