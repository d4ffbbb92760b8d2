/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"

#include "irq.h"
#include "notify.h"
#include "string.h"
#include <arch/thread.h>
#include <sys/wait.h>
#include <unistd.h>

char *machine_ram;

void test_case(const char *name, void (*body)(void))
{
    fflush(stdout);
    pid_t child = fork();
    int status;

    CHECK(child >= 0);
    if (!child) {
        body();
        exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (status) {
        fprintf(stderr, "failed: %s (status 0x%x)\n", name, (unsigned)status);
        exit(1);
    }
    printf("ok: %s\n", name);
    fflush(stdout);
}

void fixture_start(uint32_t count, uint64_t pages)
{
    machine_ram = fake_memory(MEMORY_SIZE);
    fake.image_base = (uint64_t)machine_ram;
    fake.image_size = POOL_SIZE;
    fake.pool_base = (uint64_t)machine_ram;
    CHECK(pages * PAGE_SIZE <= POOL_SIZE);
    pool_init_pages(ptr_pa(machine_ram), pages * PAGE_SIZE);
    pool_init(ORD_POOL_TASK, MAX(sizeof(struct task), sizeof(struct vm)), 12);
    pool_init(ORD_POOL_THREAD, MAX(sizeof(struct thread), sizeof(struct vcpu)), 96);
    pool_init(ORD_POOL_NOTIFY, sizeof(struct notify), 128);
    pool_init(ORD_POOL_IRQ, sizeof(struct irq), 512);
    pool_init(ORD_POOL_MEMORY, sizeof(struct memory), 32);
    pool_init(ORD_POOL_CONTEXT, sizeof(struct context), ORD_CONTEXT_MAX);
    fake_cores(count);
}

struct task *fixture_task(void)
{
    struct task *t = pool_alloc(ORD_POOL_TASK);

    CHECK(t && ptab_init(&t->ptab, PTAB_TASK, 40, (uint16_t)space_id()) == ORD_OK);
    memcpy(t->name, "test", 5);
    t->first = true;
    t->cores = ~0u;
    t->prio_limit = ORD_PRIO_MAX;
    t->objects_left = ~0u;
    return t;
}

struct thread *fixture_thread(struct task *task, uint32_t core, uint8_t prio)
{
    struct thread *t = pool_alloc(ORD_POOL_THREAD);

    CHECK(t);
    thread_init(t, task, &cores[core], prio);
    task_started(task);
    return t;
}

struct vm *fixture_vm(void)
{
    struct vm *vm;

    CHECK(vm_create(20, &vm) == ORD_OK);
    CHECK(ptab_map(&vm->ptab, GUEST_BASE, ptr_pa(GUEST_RAM), GUEST_PAGES * PAGE_SIZE,
                   PTAB_READ | PTAB_WRITE | PTAB_EXEC) == ORD_OK);
    return vm;
}

struct vcpu *fixture_vcpu(struct vm *vm, struct task *task, uint32_t core)
{
    struct vcpu *v;
    struct thread *t = fixture_thread(task, core, 50);

    CHECK(vcpu_create(vm, t, cores[core].hwid, (16ull << 20) + core * PAGE_SIZE, &v) == ORD_OK);
    return v;
}

struct ord_frame *fixture_frame(uint32_t i)
{
    struct ord_frame *f = (struct ord_frame *)(GUEST_RAM + i * PAGE_SIZE);

    CHECK(i < GUEST_PAGES);
    memset(f, 0, sizeof(*f));
    f->magic = ORD_FRAME_MAGIC;
    f->version = ORD_ABI_VERSION;
    return f;
}

struct thread *fixture_host(uint32_t i)
{
    struct core *c = on_core(i);

    c->mode = CORE_HYP;
    arch_core_irqs(c);
    scheduler_drain(c);
    struct thread *t = core_pick(c);
    if (t)
        CHECK(scheduler_leave(c) == t);
    else
        c->mode = CORE_SLEEP;
    return t;
}
