/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads other cores' state without asking them: a snapshot that may be a little wrong, but disturbs nobody.
 * Only registers are where they are: their core is interrupted for them.
 */
#include "report.h"

#include "atomic.h"
#include "console.h"
#include "context.h"
#include "core.h"
#include "platform.h"
#include "task.h"
#include "vm.h"
#include <arch/irqchip.h>
#include <outrider/task.h>

#define KEYS_MAX 8 /* of one interrupt */

static const char *kind(const struct thread *t)
{
    return t->context               ? "detached thread"
           : READ_ONCE(t->in_guest) ? "vCPU"
           : t->vcpu                ? "VMM of vCPU"
                                    : "host thread";
}

static uint32_t number(const struct thread *t)
{
    return t->context ? t->context->id : t->vcpu ? t->vcpu->index : 0;
}

static struct vm *next_vm(uint64_t *slot)
{
    struct vm *vm = NULL;

    while (!vm && *slot < ORD_CAP_COUNT && first_task)
        vm = task_cap_lookup(first_task, (*slot)++, CAP_VM, NULL);
    return vm;
}

static struct context *next_context(const struct vm *vm, uint32_t *i)
{
    while (*i < ORD_CONTEXT_MAX) {
        struct context *c = atomic_load(&vm->context[(*i)++]);
        if (c && READ_ONCE(c->taken))
            return c;
    }
    return NULL;
}

static void ready(const struct core *core, const struct thread *t)
{
    if (t && READ_ONCE(t->core) == core && READ_ONCE(t->state) == THREAD_READY &&
        t != READ_ONCE(core->running))
        print("  ready: %s %u, priority %u", kind(t), number(t), t->prio);
}

static void cores_now(void)
{
    static const char *const modes[] = {"in the hypervisor", "executes", "idle, polls", "idle, sleeps",
                                        "off"};

    for (uint32_t i = 0; i < core_count; i++) {
        const struct core *c = &cores[i];
        const struct thread *t = READ_ONCE(c->running);
        struct context *x;
        struct vm *vm;
        uint32_t mode = MIN(READ_ONCE(c->mode), (uint32_t)ARRAY_SIZE(modes) - 1);

        if (t)
            print("core %u (MPIDR %lx): %s, %s %u, priority %u", i, c->mpidr, modes[mode], kind(t), number(t),
                  t->prio);
        else
            print("core %u (MPIDR %lx): %s", i, c->mpidr, modes[mode]);
        print("  entries %lu, interrupts %lu, exits %lu, contexts %u", READ_ONCE(c->entries),
              READ_ONCE(c->irqs), READ_ONCE(c->runs), READ_ONCE(c->contexts));
        for (uint64_t slot = 0; first_task && slot < ORD_CAP_COUNT; slot++)
            ready(c, task_cap_lookup(first_task, slot, CAP_THREAD, NULL));
        for (uint64_t slot = 0; (vm = next_vm(&slot));)
            for (uint32_t k = 0; (x = next_context(vm, &k));)
                ready(c, &x->thread);
    }
}

static const char *activity(const struct vcpu *v)
{
    const struct thread *t = v->thread;

    if (READ_ONCE(t->in_guest))
        return READ_ONCE(t->idle_guest) ? "idle" : READ_ONCE(v->preempted) ? "waits for its core" : "runs";
    return READ_ONCE(t->waits) ? "off" : "in the VMM";
}

static void vcpus_now(void)
{
    struct vm *vm;

    for (uint64_t slot = 0; (vm = next_vm(&slot));)
        for (uint32_t i = 0; i < READ_ONCE(vm->vcpu_count); i++) {
            const struct vcpu *v = vm->vcpu[i];
            const struct ord_vcpu_state *s = v->state;
            uint32_t shared = 0;
            for (size_t w = 0; w < ARRAY_SIZE(v->pending_spi); w++)
                for (uint64_t spi = READ_ONCE(v->pending_spi[w]); spi; spi &= spi - 1)
                    shared++;
            print("vCPU %u of VM %u on core %u: %s; waiting interrupts: private %x, %u shared", i,
                  vm->ptab.vmid, v->thread->core->index, activity(v), READ_ONCE(v->pending_private), shared);
            print("  exits %lu: interrupts %lu, hypercalls %lu, idle %lu, to the VMM %lu; injected %lu",
                  s->exits, s->irqs, s->hypercalls, v->waits, s->vmm_exits, s->injected);
            print("  to the VMM: MMIO %lu, calls %lu, aborts %lu, kicks %lu, errors %lu, hangs %lu",
                  v->exit_count[ORD_EXIT_MMIO], v->exit_count[ORD_EXIT_CALL], v->exit_count[ORD_EXIT_ABORT],
                  v->exit_count[ORD_EXIT_KICK], v->exit_count[ORD_EXIT_ERROR], v->exit_count[ORD_EXIT_HANG]);
        }
}

static void contexts_now(void)
{
    static const char *const states[] = {"changing", "in Linux", "detached"};
    struct context *c;
    struct vm *vm;
    bool any = false;

    for (uint64_t slot = 0; (vm = next_vm(&slot));)
        for (uint32_t i = 0; (c = next_context(vm, &i)); any = true) {
            const struct ord_stats *s = &c->stats;
            print("context %u of VM %u on core %u, priority %u%s: %s", c->id, vm->ptab.vmid,
                  c->thread.core->index, c->thread.prio, c->shared ? ", shared" : "",
                  states[MIN(READ_ONCE(c->state), 2u)]);
            print("  runs %lu, system calls %lu, faults %lu, exceptions %lu, recalls %lu", s->runs,
                  s->syscalls, s->faults, s->exceptions, s->recalls);
            print("  interrupts %lu, host calls %lu, exits %lu, preempted %lu, throttled %lu, sleeps %lu",
                  s->irqs, s->hostcalls, s->exits, s->preempted, s->throttled, s->sleeps);
        }
    if (!any)
        print("no context");
}

static bool is_host_core(const struct core *c)
{
    struct vm *vm;

    for (uint64_t slot = 0; (vm = next_vm(&slot));)
        if (READ_ONCE(vm->host_cores) & BIT(c->index))
            return true;
    return false;
}

static void registers_now(bool host_cores)
{
    for (uint32_t i = 0; i < core_count; i++) {
        struct core *c = &cores[i];
        if (!host_cores && is_host_core(c))
            continue;
        if (READ_ONCE(c->mode) == CORE_OFF)
            continue;
        if (!core_registers(c)) {
            print("core %u does not answer", i);
            continue;
        }
        const struct thread *t = c->registers_of;
        if (t)
            print("core %u: %s %u", i, kind(t), number(t));
        else
            print("core %u: idle", i);
        for (uint32_t k = 0; k < c->register_count; k += 3) {
            const struct arch_register *r = &c->registers[k];
            static const struct arch_register none = {"", 0};
            const struct arch_register *r1 = k + 1 < c->register_count ? r + 1 : &none;
            const struct arch_register *r2 = k + 2 < c->register_count ? r + 2 : &none;
            if (r2 != &none)
                print("  %10s %016lx %10s %016lx %10s %016lx", r->name, r->value, r1->name, r1->value,
                      r2->name, r2->value);
            else if (r1 != &none)
                print("  %10s %016lx %10s %016lx", r->name, r->value, r1->name, r1->value);
            else
                print("  %10s %016lx", r->name, r->value);
        }
    }
}

static void registers_guest(void)
{
    registers_now(false);
}

static void registers_all(void)
{
    registers_now(true);
}

static void help(void);

static const struct {
    char key;
    void (*act)(void);
    const char *help;
} keys[] = {
    {'c', cores_now, "cores: what runs, what is ready, counters"},
    {'v', vcpus_now, "vCPUs: what they do, waiting interrupts, exits"},
    {'d', contexts_now, "detached threads: state, core, priority, counters"},
    {'r', registers_guest, "registers of all cores but host cores"},
    {'R', registers_all, "registers of all cores: a detached thread is interrupted for it"},
    {'h', help, "this list (also ?)"},
};

static void help(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        print("%c  %s", keys[i].key, keys[i].help);
}

static void key_typed(char key)
{
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (keys[i].key == (key == '?' ? 'h' : key))
            keys[i].act();
}

void report_listen(void)
{
    uint32_t intid = platform_console_irq();

    if (intid < 32 || intid >= arch_irq_limit())
        return;
    arch_irq_control(intid, ORD_IRQ_LEVEL);
    arch_irq_route(intid, core_self());
    if (console_listen())
        arch_irq_control(intid, ORD_IRQ_ENABLE);
}

bool report_interrupt(uint32_t intid)
{
    int c;

    if (!intid || intid != platform_console_irq())
        return false;
    /* Somebody may type faster than this prints: the rest is for the next interrupt. */
    for (int i = 0; i < KEYS_MAX && (c = console_key()) >= 0; i++)
        key_typed((char)c);
    return true;
}
