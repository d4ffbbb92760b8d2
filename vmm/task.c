/* SPDX-License-Identifier: BSD-2-Clause */
#include "task.h"
#include <string.h>
#include "arch/machine.h"
#include "call.h"
#include "log.h"
#include "vm.h"

/* A task's address space; tasks are linked to addresses below the start page. */
#define TASK_BASE     0x10000ull
#define TASK_START    ORD_TASK_RESERVED_BASE
#define TASK_STACK    (ORD_TASK_RESERVED_BASE + (1ull << 30))
#define TASK_CHANNELS ORD_TASK_RESERVED_END
#define TASK_DEVICES  (ORD_TASK_RESERVED_END + (64ull << 30))
#define STACK_SIZE    65536ull
#define BLOCK         (2ull << 20) /* the guest's memory stays in pieces of that */

_Static_assert(TASKS_MAX == CONFIG_TASKS_MAX, "one for each");

static uint64_t align_up(uint64_t value, uint64_t to)
{
    return (value + to - 1) & ~(to - 1);
}

/* The highest place, so that the guest's low memory stays in one piece. */
static bool find_memory(const struct ord_bootinfo *boot, const struct range_list *used, uint64_t size,
                        struct range *out)
{
    for (uint32_t i = boot->resource_count; i-- > 0;) {
        const struct ord_resource *r = &boot->resource[i];
        if (r->type != ORD_RESOURCE_RAM || r->size < size)
            continue;
        for (uint64_t at = (r->base + r->size - size) & ~(BLOCK - 1); at >= r->base; at -= BLOCK) {
            *out = (struct range){at, size};
            if (!range_list_overlap(used, *out))
                return true;
            if (at < BLOCK)
                break;
        }
    }
    return false;
}

/* Interrupts that no device of the machine uses: from the highest down. */
static bool plan_interrupts(struct vm *vm)
{
    struct tasks *tasks = &vm->tasks;
    uint32_t number = 0, id = 0;

    for (uint32_t i = 0; i < tasks->channel_count; i++) {
        struct task_channel *c = &tasks->channel[i];
        if (vm->config.channel[i].task[1] != CONFIG_LINUX)
            continue;
        number = arch_machine_spare_interrupt(vm->boot, number);
        if (!number) {
            log_line("channel %s: the machine has no interrupt to spare", vm->config.channel[i].name);
            return false;
        }
        c->irq = number;
        c->id = id++;
    }
    return true;
}

bool tasks_plan(struct vm *vm, const struct range_list *used)
{
    struct tasks *tasks = &vm->tasks;
    const struct config *config = &vm->config;
    uint64_t size = 0;

    tasks->count = config->task_count;
    tasks->channel_count = config->channel_count;
    if (!tasks->count)
        return true;
    for (uint32_t i = 0; i < tasks->count; i++) {
        struct task *t = &tasks->task[i];
        const struct config_task *c = &config->task[i];
        const char *error = elf_parse(&t->elf, (const void *)(uintptr_t)c->module->base, c->module->size,
                                      TASK_BASE, TASK_START);
        if (error) {
            log_line("task %s: boot module \"%s\" cannot be loaded: %s", c->name, c->module->name, error);
            return false;
        }
        t->size = t->elf.size + ORD_PAGE_SIZE + STACK_SIZE;
        size += t->size;
    }
    /* A channel shares no page of the guest with anything: it would have all of it. */
    for (uint32_t i = 0; i < tasks->channel_count; i++)
        size += align_up(config->channel[i].size, vm->page);
    if (!find_memory(vm->boot, used, align_up(size, BLOCK), &tasks->memory)) {
        log_line("too little memory: tasks and channels need %lu KiB in one piece",
                 (unsigned long)(align_up(size, BLOCK) / 1024));
        return false;
    }
    uint64_t at = tasks->memory.base;
    for (uint32_t i = 0; i < tasks->channel_count; at += align_up(config->channel[i++].size, vm->page))
        tasks->channel[i].memory = (struct range){at, config->channel[i].size};
    for (uint32_t i = 0; i < tasks->count; at += tasks->task[i++].size)
        tasks->task[i].memory = at;
    return range_list_add(&vm->set_aside, tasks->memory) && plan_interrupts(vm);
}

/* Maps physical memory that is ours into a space. */
static status_t map(struct vm *vm, uint32_t space, uint64_t memory, uint64_t address, uint64_t size,
                    uint32_t rights)
{
    for (uint32_t i = 0; i < vm->boot->resource_count; i++) {
        const struct ord_resource *r = &vm->boot->resource[i];
        if (r->type == ORD_RESOURCE_RAM && memory >= r->base && memory - r->base < r->size)
            return call_mem_map(space, r->cap, memory - r->base, address, size, rights);
    }
    return ORD_BAD_ADDRESS;
}

static status_t make_task(struct vm *vm, struct task *t, const struct config_task *c)
{
    t->cap = vm_cap_alloc();
    t->notify = vm_cap_alloc();
    status_t s = call_task_create(t->cap, c->name, strlen(c->name), 1ull << c->core, c->priority);
    if (s == ORD_OK)
        s = call_notify_create(t->notify);
    t->start = (struct ord_start){
        .magic = ORD_START_MAGIC,
        .version = ORD_ABI_VERSION,
        .counter_hz = vm->boot->counter_hz,
        .core = c->core,
        .priority = c->priority,
        .notify = ORD_CAP_FIRST_FREE,
    };
    memcpy(t->start.name, c->name, strlen(c->name));
    memcpy(t->start.args, c->args, strlen(c->args));
    t->next_slot = ORD_CAP_FIRST_FREE + 1;
    if (s == ORD_OK)
        s = call_cap_copy(t->cap, t->start.notify, t->notify, ORD_NOTIFY_WAIT | ORD_NOTIFY_SIGNAL);
    if (s == ORD_OK && c->console) {
        t->start.console = ORD_CAP_CONSOLE;
        s = call_cap_copy(t->cap, ORD_CAP_CONSOLE, ORD_CAP_CONSOLE, 0);
    }
    return s;
}

/* The next place in the task's list of channels. */
static struct ord_start_channel *add_end(struct task *t, const char *name, uint32_t end)
{
    struct ord_start_channel *e = &t->start.channel[t->start.channel_count];

    memcpy(e->name, name, strlen(name));
    e->bit = t->start.channel_count++;
    e->end = end;
    e->signal = t->next_slot++;
    return e;
}

/* Gives the task its end: memory, and the right to signal one bit of the other end. */
static status_t connect(struct vm *vm, struct task *t, struct ord_start_channel *e, struct range memory,
                        uint32_t other, uint32_t bit)
{
    uint64_t at = TASK_CHANNELS;

    for (struct ord_start_channel *before = t->start.channel; before < e; before++)
        at = align_up(before->address + before->size, BLOCK);
    e->address = at;
    e->size = memory.size;
    e->signal_bit = bit;
    status_t s = map(vm, t->cap, memory.base, at, memory.size, ORD_MEM_READ | ORD_MEM_WRITE);
    return s == ORD_OK ? call_cap_copy(t->cap, e->signal, other, ORD_NOTIFY_SIGNAL | ORD_NOTIFY_BIT(bit)) : s;
}

/* Linux's end: memory at its physical address, a notification that raises an interrupt. */
static status_t connect_linux(struct vm *vm, const struct task_channel *c, struct task *t,
                              struct ord_start_channel *e)
{
    uint32_t take = vm_cap_alloc(), irq = vm_cap_alloc();
    status_t s = call_notify_create(take);

    if (s == ORD_OK)
        s = call_irq_create(irq, 0);
    if (s == ORD_OK)
        s = arch_irqchip_add_virtual(vm, c->irq, irq);
    if (s == ORD_OK)
        s = call_vm_channel(vm->cap, c->id, t->notify, 1ull << e->bit, take, irq);
    if (s == ORD_OK)
        s = connect(vm, t, e, c->memory, take, 0);
    if (s == ORD_OK)
        s = map(vm, vm->cap, c->memory.base, c->memory.base, c->memory.size, ORD_MEM_READ | ORD_MEM_WRITE);
    return s;
}

static status_t make_channel(struct vm *vm, const struct task_channel *c, const struct config_channel *config)
{
    struct task *a = &vm->tasks.task[config->task[0]], *b;
    struct ord_start_channel *of_a = add_end(a, config->name, 0), *of_b;

    memset((void *)(uintptr_t)c->memory.base, 0, c->memory.size);
    if (config->task[1] == CONFIG_LINUX)
        return connect_linux(vm, c, a, of_a);
    b = &vm->tasks.task[config->task[1]];
    of_b = add_end(b, config->name, 1);
    status_t s = connect(vm, a, of_a, c->memory, b->notify, of_b->bit);
    return s == ORD_OK ? connect(vm, b, of_b, c->memory, a->notify, of_a->bit) : s;
}

/* Registers and interrupt of a device that Linux does not see. NULL, or what is wrong with it. */
static const char *give_device(struct vm *vm, struct task *t, const char *path)
{
    struct ord_start_device *d = &t->start.device[t->start.device_count];
    struct machine_device device;
    struct range pages;

    if (!arch_machine_device(vm->boot, path, &device))
        return "it has no registers";
    pages = range_widen(device.registers, ORD_PAGE_SIZE);
    if (range_list_overlap(&vm->taken, pages))
        return "it shares a page with memory or a device of Linux";
    if (!range_list_add(&vm->taken, pages))
        return "there are too many devices";
    uint64_t at = TASK_DEVICES + t->start.device_count * (1ull << 30);
    if (pages.size > 1ull << 30 || call_mem_map(t->cap, ORD_CAP_DEVICES, pages.base, at, pages.size,
                                                ORD_MEM_READ | ORD_MEM_WRITE) != ORD_OK)
        return "its registers cannot be mapped";
    memcpy(d->path, path, strlen(path));
    d->address = at + (device.registers.base - pages.base);
    d->size = device.registers.size;
    if (device.interrupt) {
        uint32_t irq = vm_cap_alloc();
        if (call_irq_create(irq, device.interrupt) != ORD_OK)
            return "its interrupt is in use";
        call_irq_control(irq, device.edge ? ORD_IRQ_EDGE : ORD_IRQ_LEVEL, NULL);
        d->irq = t->next_slot++;
        if (call_cap_copy(t->cap, d->irq, irq, 0) != ORD_OK)
            return "its interrupt cannot be given";
    }
    t->start.device_count++;
    return NULL;
}

static bool give_devices(struct vm *vm, struct task *t, const struct config_task *c)
{
    for (uint32_t i = 0; i < c->devices_size; i += (uint32_t)strlen(c->devices + i) + 1) {
        const char *error = give_device(vm, t, c->devices + i);
        if (error) {
            log_line("task %s cannot have %s: %s", c->name, c->devices + i, error);
            return false;
        }
    }
    return true;
}

bool tasks_make(struct vm *vm)
{
    struct tasks *tasks = &vm->tasks;

    for (uint32_t i = 0; i < tasks->count; i++) {
        status_t s = make_task(vm, &tasks->task[i], &vm->config.task[i]);
        if (s != ORD_OK) {
            log_line("task %s cannot be created (%ld)", vm->config.task[i].name, (long)s);
            return false;
        }
        if (!give_devices(vm, &tasks->task[i], &vm->config.task[i]))
            return false;
    }
    for (uint32_t i = 0; i < tasks->channel_count; i++) {
        status_t s = make_channel(vm, &tasks->channel[i], &vm->config.channel[i]);
        if (s != ORD_OK) {
            log_line("channel %s cannot be created (%ld)", vm->config.channel[i].name, (long)s);
            return false;
        }
    }
    return true;
}

static status_t load(struct vm *vm, struct task *t)
{
    uint64_t at = t->memory;
    status_t s = ORD_OK;

    memset((void *)(uintptr_t)t->memory, 0, t->size);
    for (uint32_t i = 0; i < t->elf.segment_count && s == ORD_OK; i++) {
        const struct elf_segment *g = &t->elf.segment[i];
        memcpy((void *)(uintptr_t)(at + g->skip), g->data, g->data_size);
        s = map(vm, t->cap, at, g->address, g->size, g->rights);
        at += g->size;
    }
    call_mem_sync((const void *)(uintptr_t)t->memory, t->elf.size);
    t->start.first_free = t->next_slot;
    memcpy((void *)(uintptr_t)at, &t->start, sizeof(t->start));
    if (s == ORD_OK)
        s = map(vm, t->cap, at, TASK_START, ORD_PAGE_SIZE, ORD_MEM_READ);
    at += ORD_PAGE_SIZE;
    return s == ORD_OK ? map(vm, t->cap, at, TASK_STACK, STACK_SIZE, ORD_MEM_READ | ORD_MEM_WRITE) : s;
}

/* The guest gets the memory where their programs lie, which are not for it to read. It may read with its
 * caches off. */
static void clear_modules(const struct vm *vm)
{
    for (uint32_t i = 0; i < vm->tasks.count; i++) {
        const struct ord_module *m = vm->config.task[i].module;
        memset((void *)(uintptr_t)m->base, 0, m->size);
        call_mem_sync((const void *)(uintptr_t)m->base, m->size);
    }
}

bool tasks_start(struct vm *vm)
{
    struct tasks *tasks = &vm->tasks;

    for (uint32_t i = 0; i < tasks->count; i++) {
        status_t s = load(vm, &tasks->task[i]);
        if (s != ORD_OK) {
            log_line("task %s cannot be loaded (%ld)", vm->config.task[i].name, (long)s);
            return false;
        }
    }
    clear_modules(vm);
    /* From here on they are out of our reach: an error of ours cannot hit them. */
    if (tasks->count)
        call_mem_unmap(ORD_CAP_TASK, tasks->memory.base, tasks->memory.size);
    for (uint32_t i = 0; i < tasks->count; i++) {
        const struct config_task *c = &vm->config.task[i];
        status_t s = call_task_start(tasks->task[i].cap, tasks->task[i].elf.entry, TASK_STACK + STACK_SIZE,
                                     TASK_START, c->core, c->priority);
        if (s != ORD_OK) {
            log_line("task %s cannot be started (%ld)", c->name, (long)s);
            return false;
        }
        log_line("task %s: core %u, priority %u", c->name, c->core, c->priority);
    }
    return true;
}
