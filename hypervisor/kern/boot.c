/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the boot loader to the first task.
 *
 * RAM:  [ image | pool ] kept     [ memory of the first task ] kept     the rest: RAM resources
 *
 * Address space of the first task:
 *   as its ELF file says   segments
 *   TASK_INFO              struct ord_bootinfo, read-only
 *   TASK_DESCRIPTION       firmware's description of the machine, read-only
 *   TASK_HEAP, TASK_STACK  read-write
 */
#include "boot.h"

#include "context.h"
#include "core.h"
#include "elf.h"
#include "irq.h"
#include "notify.h"
#include "panic.h"
#include "platform.h"
#include "pool.h"
#include "report.h"
#include "string.h"
#include "task.h"
#include "vm.h"
#include <arch/platform.h>
#include <arch/thread.h>
#include <arch/timer.h>

#define TASK_INFO        0x7100000000ull
#define TASK_DESCRIPTION 0x7200000000ull
#define TASK_HEAP        0x7300000000ull
#define TASK_STACK       0x7380000000ull
#define TASK_MEMORY      (2ull << 20) /* segments, stack and heap */
#define STACK_SIZE       (64ull << 10)
#define TASK_PRIO        50

#define THREADS_MAX  96
#define NOTIFIES_MAX 128
#define IRQS_MAX     512
#define MEMORIES_MAX (ORD_CAP_FIRST_FREE - ORD_CAP_RAM)
#define TASKS_MAX    12

static struct range task_memory;

/* Free RAM for the first task: high, so that the guest's low memory stays in one piece. */
static bool find_task_memory(struct range *out)
{
    for (uint32_t i = platform.ram_count; i-- > 0;) {
        const struct range *r = &platform.ram[i];
        uint64_t at = ALIGN_DOWN(r->base + r->size, 2ull << 20);
        while (at >= r->base + TASK_MEMORY) {
            bool taken = range_overlaps(at - TASK_MEMORY, TASK_MEMORY, &platform.description);
            for (uint32_t k = 0; k < memory_kept_count() && !taken; k++) {
                struct range kept = memory_kept(k);
                taken = range_overlaps(at - TASK_MEMORY, TASK_MEMORY, &kept);
            }
            for (uint32_t m = 0; m < platform.module_count && !taken; m++)
                taken = range_overlaps(at - TASK_MEMORY, TASK_MEMORY,
                                       &(struct range){platform.module[m].base, platform.module[m].size});
            for (uint32_t m = 0; m < platform.reserved_count && !taken; m++)
                taken = range_overlaps(at - TASK_MEMORY, TASK_MEMORY, &platform.reserved[m]);
            if (!taken) {
                *out = (struct range){at - TASK_MEMORY, TASK_MEMORY};
                return true;
            }
            at -= 2ull << 20;
        }
    }
    return false;
}

static void add_resource(struct ord_bootinfo *info, uint64_t base, uint64_t size, uint32_t type)
{
    uint32_t i = info->resource_count;

    if (!size)
        return;
    if (i == ORD_RESOURCES_MAX || (type == ORD_RESOURCE_RAM && i == MEMORIES_MAX))
        refuse("the memory map has too many pieces");
    info->resource[i] = (struct ord_resource){base, size, type, 0};
    if (type == ORD_RESOURCE_RAM) {
        struct memory *m = pool_alloc(ORD_POOL_MEMORY);
        ASSERT(m);
        *m = (struct memory){base, size, false};
        info->resource[i].cap = ORD_CAP_RAM + i;
        status_t s = task_cap_insert(first_task, ORD_CAP_RAM + i, CAP_MEMORY, m,
                                     ORD_MEM_READ | ORD_MEM_WRITE | ORD_MEM_EXEC);
        ASSERT(s == ORD_OK);
    }
    info->resource_count++;
}

/* RAM without what is kept: cuts each range at the kept ones, in ascending order. */
static void add_ram(struct ord_bootinfo *info)
{
    for (uint32_t i = 0; i < platform.ram_count; i++) {
        uint64_t at = platform.ram[i].base, end = at + platform.ram[i].size;
        while (at < end) {
            struct range next = {end, 0};
            for (uint32_t k = 0; k < memory_kept_count(); k++) {
                struct range r = memory_kept(k);
                if (r.base + r.size > at && r.base < next.base)
                    next = r;
            }
            if (next.base > at)
                add_resource(info, at, next.base - at, ORD_RESOURCE_RAM);
            at = MAX(at, next.base + next.size);
            if (!next.size)
                break;
        }
    }
}

static void map_task(uint64_t at, uint64_t to, uint64_t size, unsigned rights)
{
    if (ptab_map(&first_task->ptab, at, pa(to), size, rights) != ORD_OK)
        panic("cannot map the first task at %lx", at);
}

static const struct ord_module *find_module(const char *name)
{
    for (uint32_t i = 0; i < platform.module_count; i++)
        if (!strcmp(platform.module[i].name, name))
            return &platform.module[i];
    return NULL;
}

static void insert_first_caps(void)
{
    static struct memory devices = {.base = 0, .device = true};

    devices.size = BIT(arch_space_bits());
    status_t s = task_cap_insert(first_task, ORD_CAP_TASK, CAP_TASK, first_task, 0);
    s |= task_cap_insert(first_task, ORD_CAP_CONSOLE, CAP_CONSOLE, first_task, 0);
    s |= task_cap_insert(first_task, ORD_CAP_POWER, CAP_POWER, first_task, 0);
    s |= task_cap_insert(first_task, ORD_CAP_IRQ_CONTROL, CAP_IRQ_CONTROL, first_task, 0);
    s |= task_cap_insert(first_task, ORD_CAP_DEVICES, CAP_MEMORY, &devices, ORD_MEM_READ | ORD_MEM_WRITE);
    ASSERT(s == ORD_OK);
}

static void fill_bootinfo(struct ord_bootinfo *info, uint64_t heap_size)
{
    info->magic = ORD_BOOTINFO_MAGIC;
    info->version = ORD_ABI_VERSION;
    info->description_base = TASK_DESCRIPTION + platform.description.base % PAGE_SIZE;
    info->description_size = platform.description.size;
    info->heap_base = TASK_HEAP;
    info->heap_size = heap_size;
    info->counter_hz = arch_counter_hz();
    info->space_bits = arch_space_bits();
    info->console_owned = platform.uart_owned;
    info->core_count = core_count;
    for (uint32_t i = 0; i < core_count; i++)
        info->core[i] = (struct ord_core){
            .hwid = cores[i].hwid,
            .flags = (READ_ONCE(cores[i].mode) != CORE_OFF ? ORD_BOOTINFO_CORE_ONLINE : 0) |
                     (&cores[i] == core_self() ? ORD_BOOTINFO_CORE_BOOT : 0),
        };
    info->module_count = platform.module_count;
    memcpy(info->module, platform.module, sizeof(info->module));
    arch_bootinfo(info);
    add_ram(info);
    for (uint32_t k = 0; k < memory_kept_count(); k++)
        add_resource(info, memory_kept(k).base, memory_kept(k).size, ORD_RESOURCE_KEPT);
}

/* Whether it is in one piece of memory that nobody but us may have a claim on. */
static bool in_ram(uint64_t base, uint64_t size)
{
    for (uint32_t i = 0; i < platform.ram_count; i++) {
        const struct range *r = &platform.ram[i];
        if (base >= r->base && base - r->base <= r->size && size <= r->size - (base - r->base))
            return true;
    }
    return false;
}

/* What the boot loader chose. */
static void check_places(void)
{
    if (!in_ram(arch_image_base(), arch_image_size()))
        refuse("the hypervisor's memory at %lx is not all RAM that it may use: load it elsewhere",
               arch_image_base());
    if (!in_ram(platform.description.base, platform.description.size))
        refuse("the machine's description at %lx is not in RAM that may be used: load it elsewhere",
               platform.description.base);
    for (uint32_t i = 0; i < platform.module_count; i++) {
        const struct ord_module *m = &platform.module[i];
        if (!in_ram(m->base, m->size))
            refuse(
                "boot module '%s' at %lx is not in RAM that may be used: load it lower, or give the machine "
                "more memory",
                m->name, m->base);
        if (range_overlaps(m->base, m->size, &(struct range){arch_image_base(), arch_image_size()}))
            refuse("boot module '%s' overlaps the hypervisor's memory: load it higher", m->name);
    }
}

static void start_first_task(void)
{
    const struct ord_module *m = find_module("vmm");
    const char *error;

    check_places();
    if (!m)
        refuse("no boot module is named 'vmm': load the VMM (first word of its bootargs: vmm)");
    if (!find_task_memory(&task_memory))
        refuse("too little memory: no free %u MiB for the first task", (unsigned)(TASK_MEMORY >> 20));
    memory_keep(task_memory.base, task_memory.size);
    memset(pa_ptr(pa(task_memory.base)), 0, task_memory.size);

    first_task = pool_alloc(ORD_POOL_TASK);
    ASSERT(first_task);
    memcpy(first_task->name, m->name, sizeof(m->name) - 1);
    first_task->first = true;
    first_task->cores = ~0u;
    first_task->prio_limit = ORD_PRIO_MAX;
    first_task->objects_left = ~0u;
    if (ptab_init(&first_task->ptab, PTAB_TASK, arch_space_bits(), (uint16_t)space_id()) != ORD_OK)
        panic("no memory for the first task");
    insert_first_caps();

    uint64_t used = 0, entry;
    error = elf_load(pa_ptr(pa(m->base)), m->size, &first_task->ptab, task_memory, &used, &entry);
    if (error)
        refuse("boot module 'vmm' cannot be loaded: %s", error);
    map_task(TASK_STACK, task_memory.base + used, STACK_SIZE, PTAB_READ | PTAB_WRITE);
    used += STACK_SIZE;
    map_task(TASK_HEAP, task_memory.base + used, task_memory.size - used, PTAB_READ | PTAB_WRITE);
    uint64_t from = ALIGN_DOWN(platform.description.base, PAGE_SIZE);
    uint64_t to = ALIGN_UP(platform.description.base + platform.description.size, PAGE_SIZE);
    map_task(TASK_DESCRIPTION, from, to - from, PTAB_READ);

    unsigned order = 0;
    while (PAGE_SIZE << order < sizeof(struct ord_bootinfo))
        order++;
    struct ord_bootinfo *info = pool_alloc_pages(order);
    ASSERT(info);
    fill_bootinfo(info, task_memory.size - used);
    map_task(TASK_INFO, ptr_pa(info).v, PAGE_SIZE << order, PTAB_READ);

    struct thread *t = pool_alloc(ORD_POOL_THREAD);
    ASSERT(t);
    thread_init(t, first_task, core_self(), TASK_PRIO);
    arch_thread_init(t, &first_task->ptab, entry, TASK_STACK + STACK_SIZE, TASK_INFO);
    status_t s = task_cap_insert(first_task, ORD_CAP_THREAD, CAP_THREAD, t, 0);
    ASSERT(s == ORD_OK);
    task_started(first_task);
    thread_wake(t);
}

void boot_main(void)
{
    pool_init(ORD_POOL_TASK, MAX(sizeof(struct task), sizeof(struct vm)), TASKS_MAX);
    pool_init(ORD_POOL_THREAD, MAX(sizeof(struct thread), sizeof(struct vcpu)), THREADS_MAX);
    pool_init(ORD_POOL_NOTIFY, sizeof(struct notify), NOTIFIES_MAX);
    pool_init(ORD_POOL_IRQ, sizeof(struct irq), IRQS_MAX);
    pool_init(ORD_POOL_MEMORY, sizeof(struct memory), MEMORIES_MAX);
    pool_init(ORD_POOL_CONTEXT, sizeof(struct context), ORD_CONTEXT_MAX);
    memory_keep(arch_image_base(), arch_image_size());
    for (uint32_t i = 0; i < platform.device_count; i++)
        memory_keep(platform.device[i].base, platform.device[i].size);
    arch_start_cores();
    start_first_task();
    report_listen();
}
