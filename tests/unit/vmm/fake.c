/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <sys/mman.h>
#include "check.h"
#include "fake.h"

struct fake fake;
static struct ord_vcpu_state fake_states[ORD_CORES_MAX] __attribute__((aligned(ORD_PAGE_SIZE)));

/* State pages of vCPUs that the code under test creates: vcpu_create backs them. */
const uint64_t fake_state_base = 0x74000000;

void fake_reset(void)
{
    fake = (struct fake){.irq_limit = GIC_INTID_MAX, .power = -1};
    memset(fake_states, 0, sizeof(fake_states));
}

bool fake_logged(const char *text)
{
    return strstr(fake.log, text) != NULL;
}

void fake_bootinfo(struct ord_bootinfo *info, uint32_t core_count, uint64_t ram_base, uint64_t ram_size)
{
    *info = (struct ord_bootinfo){
        .magic = ORD_BOOTINFO_MAGIC,
        .version = ORD_ABI_VERSION,
        .gicd_base = 0x8000000,
        .gicd_size = 0x10000,
        .gicr_base = 0x80a0000,
        .gicr_size = 0xf60000,
        .gicd_typer = 0x37a0008 | 1u << 17, /* 288 interrupts, with LPIs */
        .space_bits = 40,
        .core_count = core_count,
        .resource_count = 1,
        .resource = {{ram_base, ram_size, ORD_RESOURCE_RAM, ORD_CAP_RAM}},
    };
    for (uint32_t i = 0; i < core_count; i++)
        info->core[i] = (struct ord_core){
            .hwid = i, .flags = ORD_BOOTINFO_CORE_ONLINE | (i ? 0 : ORD_BOOTINFO_CORE_BOOT)};
}

void fake_keep(struct ord_bootinfo *info, uint64_t base, uint64_t size)
{
    CHECK(info->resource_count < ORD_RESOURCES_MAX);
    info->resource[info->resource_count++] = (struct ord_resource){base, size, ORD_RESOURCE_KEPT, 0};
    CHECK(range_list_add(&fake.kept, (struct range){base, size}));
}

void fake_vm(struct vm *vm, struct ord_bootinfo *info, uint32_t count)
{
    memset(vm, 0, sizeof(*vm));
    vm->boot = info;
    vm->page = ORD_PAGE_SIZE;
    vm->vcpu_count = count;
    config_default(&vm->config, info);
    for (uint32_t i = 0; i < count; i++)
        vm->vcpu[i] = (struct vcpu){.vm = vm,
                                    .index = i,
                                    .core = i,
                                    .hwid = info->core[i].hwid,
                                    .cap = 100 + i,
                                    .notify_cap = 200 + i,
                                    .state = &fake_states[i],
                                    .arch.online = true};
    for (uint32_t i = 0; i < info->resource_count; i++)
        if (info->resource[i].type == ORD_RESOURCE_RAM)
            CHECK(range_list_add(&vm->ram, (struct range){info->resource[i].base, info->resource[i].size}));
}

status_t call_console_write(const char *text, uint64_t length)
{
    CHECK(length > 0 && length <= ORD_CONSOLE_MAX);
    if (fake.log_length + length + 1 > sizeof(fake.log))
        fake.log_length = 0;
    memcpy(fake.log + fake.log_length, text, length);
    fake.log_length += length;
    fake.log[fake.log_length] = 0;
    return ORD_OK;
}

status_t call_mem_map(uint64_t space, uint64_t mem, uint64_t offset, uint64_t address, uint64_t size,
                      uint64_t rights)
{
    struct range range = {address, size};

    CHECK(range_valid(range) && address % ORD_PAGE_SIZE == 0 && size % ORD_PAGE_SIZE == 0);
    if (mem == ORD_CAP_DEVICES) {
        CHECK_EQUAL(offset, address);
        CHECK(rights == (ORD_MEM_READ | ORD_MEM_WRITE | ORD_MEM_DEVICE) && space == fake.vm_cap);
        if (range_list_overlap(&fake.kept, range))
            return ORD_BUSY;
        /* mapping a page twice is a mistake of the VMM */
        CHECK(!range_list_overlap(&fake.guest_devices, range) && !range_list_overlap(&fake.guest_ram, range));
        CHECK(range_list_add(&fake.guest_devices, range));
        return ORD_OK;
    }
    CHECK(mem >= ORD_CAP_RAM && mem < ORD_CAP_FIRST_FREE && offset % ORD_PAGE_SIZE == 0);
    if (space != ORD_CAP_TASK && space != fake.vm_cap) {
        CHECK(space >= ORD_CAP_FIRST_FREE && space < ORD_CAP_COUNT && fake.task_of_cap[space]);
        return ORD_OK;
    }
    struct range_list *list = space == ORD_CAP_TASK ? &fake.own_ram : &fake.guest_ram;
    CHECK(space == ORD_CAP_TASK || space == fake.vm_cap);
    CHECK(!range_list_overlap(list, range) && range_list_add(list, range));
    return ORD_OK;
}

status_t call_mem_unmap(uint64_t space, uint64_t address, uint64_t size)
{
    CHECK(space == ORD_CAP_TASK);
    return ORD_OK;
}

status_t call_task_create(uint64_t dst, const char *name, uint64_t length, uint64_t cores,
                          uint64_t priority_limit)
{
    CHECK(dst >= ORD_CAP_FIRST_FREE && dst < ORD_CAP_COUNT && length > 0 && length < ORD_NAME_SIZE && cores);
    fake.task_of_cap[dst] = ++fake.task_count;
    return ORD_OK;
}

status_t call_cap_copy(uint64_t task, uint64_t slot, uint64_t source, uint64_t rights)
{
    CHECK(task < ORD_CAP_COUNT && fake.task_of_cap[task] && slot < ORD_CAP_COUNT && source < ORD_CAP_COUNT);
    return ORD_OK;
}

status_t call_task_start(uint64_t task, uint64_t entry, uint64_t stack_top, uint64_t argument, uint64_t core,
                         uint64_t priority)
{
    CHECK(task < ORD_CAP_COUNT && fake.task_of_cap[task] && stack_top % 16 == 0);
    fake.task_starts++;
    return ORD_OK;
}

status_t call_vm_channel(uint64_t vm, uint64_t channel, uint64_t signal, uint64_t bits, uint64_t take,
                         uint64_t irq)
{
    CHECK(vm == fake.vm_cap && channel < ORD_CHANNELS_MAX && bits);
    return ORD_OK;
}

status_t call_vm_create(uint64_t dst, uint64_t intid)
{
    CHECK(dst >= ORD_CAP_FIRST_FREE && dst < ORD_CAP_COUNT && !fake.vm_cap);
    CHECK(intid >= 16 && intid < 32);
    fake.vm_cap = (uint32_t)dst;
    fake.vppi = intid;
    return ORD_OK;
}

status_t call_vm_add_core(uint64_t vm, uint64_t core, uint64_t priority_limit, uint64_t budget,
                          uint64_t period)
{
    CHECK(vm == fake.vm_cap && core < ORD_CORES_MAX && !((fake.host_cores | fake.shared_cores) & 1u << core));
    CHECK(!fake.vcpu_count && budget <= period && !budget == !period);
    *(period ? &fake.shared_cores : &fake.host_cores) |= 1u << core;
    fake.budget = budget;
    fake.period = period;
    return ORD_OK;
}

status_t call_vm_stop(uint64_t vm)
{
    fake.vm_stops++;
    return ORD_OK;
}

status_t call_vm_firmware(uint64_t vm, uint64_t first, uint64_t last)
{
    CHECK(fake.vm_cap && vm == fake.vm_cap && !fake.vcpu_count);
    fake.firmware_count++;
    fake.firmware_first = first;
    fake.firmware_last = last;
    return fake.firmware_status;
}

status_t call_vm_watchdog(uint64_t vm, uint64_t milliseconds)
{
    fake.watchdog = milliseconds;
    return vm == fake.vm_cap ? ORD_OK : ORD_BAD_CAP;
}

status_t call_thread_create(uint64_t dst, void (*entry)(void *), void *stack_top, void *argument,
                            uint64_t core, uint64_t priority)
{
    /* Where detached threads run, too, the VMM goes before them. */
    CHECK(priority == (fake.shared_cores >> core & 1 ? 255 : 50));
    CHECK(entry == vcpu_thread && (uintptr_t)stack_top % 16 == 0);
    return ORD_OK;
}

_Noreturn void call_thread_exit(void)
{
    CHECK(fake.exit);
    longjmp(*fake.exit, 1);
}

status_t call_vcpu_create(uint64_t dst, uint64_t vm, uint64_t thread, uint64_t hwid,
                          struct ord_vcpu_state *state)
{
    uint32_t i = fake.vcpu_count++;

    CHECK(vm == fake.vm_cap && (uintptr_t)state % ORD_PAGE_SIZE == 0);
    CHECK_EQUAL((uintptr_t)state, fake_state_base + i * ORD_PAGE_SIZE);
    CHECK(mmap(state, ORD_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
               0) == state);
    fake.vcpu_hwid[i] = hwid;
    return ORD_OK;
}

/* What the distributor and the hypervisor do with an SPI that is pending. */
static void irq_take(struct fake_irq *i)
{
    bool pending = (i->state & ORD_IRQ_STATE_PENDING) || (i->line && !i->edge);

    if (!i->enabled || !pending || (i->state & ORD_IRQ_STATE_ACTIVE))
        return;
    i->state = ORD_IRQ_STATE_ACTIVE;
    i->holder = i->vcpu;
    i->taken++;
}

void fake_raise(uint32_t intid)
{
    struct fake_irq *i = &fake.irq[intid];

    if (i->edge)
        i->state |= ORD_IRQ_STATE_PENDING;
    else
        i->line = true;
    irq_take(i);
}

/* Deactivates what the vCPU holds; a level-triggered one is pending again at once. */
status_t call_vcpu_reset(uint64_t vcpu)
{
    __atomic_fetch_add(&fake.resets, 1, __ATOMIC_RELAXED);
    for (uint32_t intid = 32; intid < GIC_INTID_MAX; intid++) {
        struct fake_irq *i = &fake.irq[intid];
        if (i->holder != vcpu)
            continue;
        i->holder = 0;
        i->state &= ~(uint64_t)ORD_IRQ_STATE_ACTIVE;
        irq_take(i);
    }
    return ORD_OK;
}

status_t call_vcpu_run(uint64_t vcpu)
{
    return fake.run ? fake.run(vcpu) : ORD_BAD_STATE;
}

status_t call_vcpu_kick(uint64_t vcpu)
{
    __atomic_fetch_add(&fake.kicks, 1, __ATOMIC_RELAXED);
    return ORD_OK;
}

status_t call_vcpu_inject(uint64_t vcpu, uint64_t intid, uint64_t priority)
{
    CHECK(intid < GIC_INTID_MAX && priority < 256);
    fake.injections++;
    fake.last_injected = (uint32_t)intid;
    return ORD_OK;
}

status_t call_notify_create(uint64_t dst)
{
    return ORD_OK;
}

/* A test has one thread per vCPU or none: without a signal, none will come. */
status_t call_notify_wait(uint64_t notify, uint64_t *bits)
{
    *bits = __atomic_exchange_n(&fake.signals[notify], 0, __ATOMIC_ACQ_REL);
    if (!*bits && fake.blocked)
        longjmp(*fake.blocked, 2);
    return *bits ? ORD_OK : ORD_ABORTED;
}

status_t call_notify_signal(uint64_t notify, uint64_t bits)
{
    __atomic_fetch_or(&fake.signals[notify], bits, __ATOMIC_ACQ_REL);
    return ORD_OK;
}

status_t call_irq_create(uint64_t dst, uint64_t intid)
{
    CHECK(dst >= ORD_CAP_FIRST_FREE && dst < ORD_CAP_COUNT);
    if (!intid) { /* its number is that which it is bound to */
        fake.virtual_irq[dst] = true;
        return ORD_OK;
    }
    CHECK(intid >= 32 && intid < GIC_INTID_MAX);
    CHECK(!fake.irq[intid].exists && !fake.irq_of_cap[dst]);
    if (intid == fake.busy_irq)
        return ORD_BUSY;
    if (!fake.irq_limit)
        return ORD_NO_MEMORY;
    fake.irq_limit--;
    fake.irq[intid].exists = true;
    fake.irq_of_cap[dst] = (uint32_t)intid;
    return ORD_OK;
}

static struct fake_irq *irq_of(uint64_t cap)
{
    CHECK(cap < ORD_CAP_COUNT && fake.irq_of_cap[cap]);
    return &fake.irq[fake.irq_of_cap[cap]];
}

status_t call_irq_bind(uint64_t irq, uint64_t vcpu, uint64_t intid, uint64_t priority)
{
    if (fake.virtual_irq[irq])
        fake.irq_of_cap[irq] = (uint32_t)intid;
    struct fake_irq *i = irq_of(irq);

    CHECK(fake.irq_of_cap[irq] == intid && priority < 256);
    i->bound = true;
    i->vcpu = vcpu;
    i->priority = priority;
    return ORD_OK;
}

status_t call_irq_control(uint64_t irq, enum ord_irq_op op, uint64_t *state)
{
    struct fake_irq *i = irq_of(irq);

    switch (op) {
    case ORD_IRQ_ENABLE:
    case ORD_IRQ_DISABLE:
        CHECK(i->bound);
        i->enabled = op == ORD_IRQ_ENABLE;
        irq_take(i);
        break;
    case ORD_IRQ_SET_PENDING:
        i->state |= ORD_IRQ_STATE_PENDING;
        break;
    case ORD_IRQ_CLEAR_PENDING:
        i->state &= ~(uint64_t)ORD_IRQ_STATE_PENDING;
        break;
    case ORD_IRQ_SET_ACTIVE:
        i->state |= ORD_IRQ_STATE_ACTIVE;
        break;
    case ORD_IRQ_CLEAR_ACTIVE:
        i->state &= ~(uint64_t)ORD_IRQ_STATE_ACTIVE;
        break;
    case ORD_IRQ_EDGE:
    case ORD_IRQ_LEVEL:
        i->edge = op == ORD_IRQ_EDGE;
        break;
    case ORD_IRQ_GET:
        *state = i->state;
        break;
    }
    return ORD_OK;
}

status_t call_power(enum ord_power_op op)
{
    fake.power = (int)op;
    if (fake.power_fails || !fake.exit)
        return ORD_NOT_SUPPORTED;
    longjmp(*fake.exit, 1);
}

status_t call_mem_sync(const void *address, uint64_t size)
{
    struct range range = {(uint64_t)(uintptr_t)address, size};

    fake.syncs++;
    range_list_add(&fake.synced, range_widen(range, ORD_PAGE_SIZE));
    return ORD_OK;
}
