/* SPDX-License-Identifier: BSD-2-Clause */
/* Machine, memory, interrupt controller, console and the ways to end. */
#include "fake.h"

#include "console.h"
#include "vm.h"
#include <arch/irqchip.h>
#include <arch/platform.h>
#include <arch/thread.h>
#include <outrider/task.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define MEMORY_BASE 0x20000000ull

struct fake fake = {.space_bits = 40, .irq_limit = 256, .keys = "", .uart_room = -1};
_Thread_local jmp_buf *fake_trap;

void fake_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s does not hold\n", file, line, what);
    abort();
}

void *fake_memory(uint64_t size)
{
    void *at = mmap((void *)MEMORY_BASE, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

    FAKE_CHECK(at == (void *)MEMORY_BASE);
    return at;
}

static bool put(uint64_t base UNUSED, char c)
{
    if (fake.uart_room == 0)
        return false;
    if (fake.uart_room > 0)
        fake.uart_room--;
    if (fake.console_len < sizeof(fake.console) - 1)
        fake.console[fake.console_len++] = c;
    return true;
}

static void want_room(uint64_t base UNUSED, bool on)
{
    fake.wants_room = on;
}

static void listen(uint64_t base UNUSED)
{
    fake.listening = true;
}

static int get(uint64_t base UNUSED)
{
    return *fake.keys ? *fake.keys++ : -1;
}

const struct uart uart_table[] = {
    {"arm,pl011", put, listen, get, want_room},
    {"fake,uart", put, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const char *fake_console(void)
{
    fake.console[fake.console_len] = '\0';
    return fake.console;
}

void fake_console_clear(void)
{
    fake.console_len = 0;
}

static NORETURN void end(enum fake_end how)
{
    if (fake_trap)
        longjmp(*fake_trap, how);
    fprintf(stderr, "the machine stops (%d)\n%s", how, fake_console());
    abort();
}

void arch_halt(void)
{
    end(FAKE_HALT);
}

void arch_power(bool reset)
{
    console_finish();
    end(reset ? FAKE_RESET : FAKE_OFF);
}

unsigned arch_space_bits(void)
{
    return fake.space_bits;
}

/* One page that no VMM may replace, at the end of the address space. */
status_t arch_vm_init(struct vm *vm)
{
    if (fake.vm_init_status != ORD_OK)
        return fake.vm_init_status;
    return ptab_map(&vm->ptab, BIT(fake.space_bits) - PAGE_SIZE, pa(fake.image_base), PAGE_SIZE,
                    PTAB_READ | PTAB_EXEC);
}

bool arch_firmware_valid(uint64_t first, uint64_t last)
{
    return first >= fake.firmware_first && first <= last && last <= fake.firmware_last;
}

uint64_t arch_image_base(void)
{
    return fake.image_base;
}

uint64_t arch_image_size(void)
{
    return fake.image_size;
}

uint64_t arch_pool_base(void)
{
    return fake.pool_base;
}

void arch_bootinfo(struct ord_bootinfo *info)
{
    info->gicd_typer = 0xfa4e;
}

void arch_mem_sync(void *start UNUSED, uint64_t size)
{
    fake.mem_synced += size;
}

void arch_start_cores(void)
{
    for (uint32_t i = 0; i < core_count; i++)
        if (&cores[i] != core_self())
            cores[i].mode = fake.dead_cores & BIT(i) ? CORE_OFF : CORE_HYP;
}

uint32_t arch_irq_limit(void)
{
    return fake.irq_limit;
}

void arch_irq_route(uint32_t intid, const struct core *c)
{
    FAKE_CHECK(intid >= 32 && intid < fake.irq_limit);
    fake.routed[intid] = c->index;
}

uint64_t arch_irq_control(uint32_t intid, uint32_t op)
{
    static const uint8_t set[] = {[ORD_IRQ_ENABLE] = ORD_IRQ_STATE_ENABLED,
                                  [ORD_IRQ_SET_PENDING] = ORD_IRQ_STATE_PENDING,
                                  [ORD_IRQ_SET_ACTIVE] = ORD_IRQ_STATE_ACTIVE,
                                  [ORD_IRQ_EDGE] = ORD_IRQ_STATE_EDGE,
                                  [ORD_IRQ_GET] = 0};
    static const uint8_t clear[] = {[ORD_IRQ_DISABLE] = ORD_IRQ_STATE_ENABLED,
                                    [ORD_IRQ_CLEAR_PENDING] = ORD_IRQ_STATE_PENDING,
                                    [ORD_IRQ_CLEAR_ACTIVE] = ORD_IRQ_STATE_ACTIVE,
                                    [ORD_IRQ_LEVEL] = ORD_IRQ_STATE_EDGE,
                                    [ORD_IRQ_GET] = 0};

    FAKE_CHECK(intid >= 32 && intid < fake.irq_limit && op <= ORD_IRQ_GET);
    fake.irq_state[intid] = (uint8_t)((fake.irq_state[intid] | set[op]) & ~clear[op]);
    return op == ORD_IRQ_GET ? fake.irq_state[intid] : 0;
}

void arch_irq_resume(uint32_t intid)
{
    fake.irq_state[intid] &= (uint8_t)~ORD_IRQ_STATE_ACTIVE;
}
