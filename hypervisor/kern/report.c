/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads other cores' state without asking them: a snapshot that may be a little wrong, but disturbs nobody.
 * Only registers are where they are: their core is interrupted for them.
 *
 * A report may have thousands of lines, and its core has other things to do. So it is made in steps of a
 * line, or of LOOKS things that have none: one step each PUMP_MIN_US, and none while the console has no room.
 * The same timer sends the console's output where the UART has no interrupt of ours.
 */
#include "report.h"

#include "atomic.h"
#include "console.h"
#include "context.h"
#include "core.h"
#include "platform.h"
#include "string.h"
#include "task.h"
#include "vm.h"
#include <arch/irqchip.h>
#include <arch/timer.h>
#include <outrider/task.h>

#define KEYS_MAX    8      /* of one interrupt, and that wait */
#define LOOKS       32     /* without a line */
#define ROOM        1024   /* in the console's queue, for a step */
#define PUMP_MIN_US 1000   /* from one step to the next */
#define PUMP_MAX_US 128000 /* … if the UART takes nothing, or will interrupt */
#define ANSWER_MS   1000   /* that a core has to tell its registers */

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

/* How far a report has come. */
struct walk {
    uint32_t core;
    uint32_t slot, index; /* of the first task's capabilities; of what hangs off a VM there */
    uint32_t line;        /* of what is shown now */
    uint64_t deadline;
    uint32_t asked;
};

/* The first task's VM in the slot where the walk is. */
static struct vm *vm_here(const struct walk *w)
{
    return task_cap_lookup(first_task, w->slot, CAP_VM, NULL);
}

static bool slots_left(const struct walk *w)
{
    return first_task && w->slot < ORD_CAP_COUNT;
}

static struct context *context_here(const struct walk *w, const struct vm *vm)
{
    struct context *c = atomic_load(&vm->context[w->index]);

    return c && READ_ONCE(c->taken) ? c : NULL;
}

/* The next of the first task's threads and its VMs' contexts' threads; NULL if there is none in this place.
 */
static const struct thread *next_thread(struct walk *w)
{
    const struct vm *vm = vm_here(w);

    if (vm && w->index < ORD_CONTEXT_MAX) {
        const struct context *c = context_here(w, vm);
        w->index++;
        return c ? &c->thread : NULL;
    }
    w->index = 0;
    return task_cap_lookup(first_task, w->slot++, CAP_THREAD, NULL);
}

static bool ready(const struct core *core, const struct thread *t)
{
    if (!t || READ_ONCE(t->core) != core || READ_ONCE(t->state) != THREAD_READY ||
        t == READ_ONCE(core->running))
        return false;
    print("  ready: %s %u, priority %u", kind(t), number(t), t->prio);
    return true;
}

static void core_now(const struct core *c)
{
    static const char *const modes[] = {"in the hypervisor", "executes", "idle, polls", "idle, sleeps",
                                        "off"};
    const struct thread *t = READ_ONCE(c->running);
    uint32_t mode = MIN(READ_ONCE(c->mode), (uint32_t)ARRAY_SIZE(modes) - 1);

    if (t)
        print("core %u (hwid %lx): %s, %s %u, priority %u", c->index, c->hwid, modes[mode], kind(t),
              number(t), t->prio);
    else
        print("core %u (hwid %lx): %s", c->index, c->hwid, modes[mode]);
}

static bool cores_now(struct walk *w)
{
    const struct core *c = &cores[w->core];

    if (w->core >= core_count)
        return false;
    if (w->line < 2) {
        if (w->line++ == 0)
            core_now(c);
        else
            print("  entries %lu, interrupts %lu, exits %lu, contexts %u", READ_ONCE(c->entries),
                  READ_ONCE(c->irqs), READ_ONCE(c->runs), READ_ONCE(c->contexts));
        return true;
    }
    for (int i = 0; i < LOOKS; i++) {
        if (!slots_left(w)) {
            *w = (struct walk){.core = w->core + 1};
            break;
        }
        if (ready(c, next_thread(w)))
            break;
    }
    return true;
}

static const char *activity(const struct vcpu *v)
{
    const struct thread *t = v->thread;

    if (READ_ONCE(t->in_guest))
        return READ_ONCE(t->idle_guest) ? "idle" : READ_ONCE(v->preempted) ? "waits for its core" : "runs";
    return READ_ONCE(t->waits) ? "off" : "in the VMM";
}

static void vcpu_now(const struct vm *vm, uint32_t index, uint32_t line)
{
    const struct vcpu *v = vm->vcpu[index];
    const struct ord_vcpu_state *s = v->state;

    switch (line) {
    case 0:
        print("vCPU %u of VM %u on core %u: %s; waiting interrupts: %u", index, vm->ptab.space,
              v->thread->core->index, activity(v), arch_vcpu_pending_count(&v->arch));
        break;
    case 1:
        print("  exits %lu: interrupts %lu, hypercalls %lu, idle %lu, to the VMM %lu; injected %lu", s->exits,
              s->irqs, s->hypercalls, v->waits, s->vmm_exits, s->injected);
        break;
    default:
        print("  to the VMM: MMIO %lu, calls %lu, aborts %lu, kicks %lu, errors %lu, hangs %lu",
              v->exit_count[ORD_EXIT_MMIO], v->exit_count[ORD_EXIT_CALL], v->exit_count[ORD_EXIT_ABORT],
              v->exit_count[ORD_EXIT_KICK], v->exit_count[ORD_EXIT_ERROR], v->exit_count[ORD_EXIT_HANG]);
    }
}

static bool vcpus_now(struct walk *w)
{
    for (int i = 0; i < LOOKS && slots_left(w); i++) {
        const struct vm *vm = vm_here(w);
        if (!vm || w->index >= atomic_load(&vm->vcpu_count)) {
            w->slot++;
            w->index = 0;
            continue;
        }
        vcpu_now(vm, w->index, w->line++);
        if (w->line == 3) {
            w->line = 0;
            w->index++;
        }
        return true;
    }
    return slots_left(w);
}

static void context_now(const struct vm *vm, const struct context *c, uint32_t line)
{
    static const char *const states[] = {"changing", "in Linux", "detached"};
    const struct ord_stats *s = &c->stats;

    switch (line) {
    case 0:
        print("context %u of VM %u on core %u, priority %u%s: %s", c->id, vm->ptab.space,
              c->thread.core->index, c->thread.prio, c->shared ? ", shared" : "",
              states[MIN(context_state(c), 2u)]);
        break;
    case 1:
        print("  runs %lu, system calls %lu, faults %lu, exceptions %lu, recalls %lu", s->runs, s->syscalls,
              s->faults, s->exceptions, s->recalls);
        break;
    default:
        print("  interrupts %lu, host calls %lu, exits %lu, preempted %lu, throttled %lu, sleeps %lu",
              s->irqs, s->hostcalls, s->exits, s->preempted, s->throttled, s->sleeps);
    }
}

static bool contexts_now(struct walk *w)
{
    for (int i = 0; i < LOOKS && slots_left(w); i++) {
        const struct vm *vm = vm_here(w);
        if (!vm || w->index == ORD_CONTEXT_MAX) {
            w->slot++;
            w->index = 0;
            continue;
        }
        const struct context *c = context_here(w, vm);
        if (!c) {
            w->line = 0;
            w->index++;
            continue;
        }
        w->asked = 1; /* there is one */
        context_now(vm, c, w->line++);
        if (w->line == 3) {
            w->line = 0;
            w->index++;
        }
        return true;
    }
    if (slots_left(w))
        return true;
    if (!w->asked)
        print("no context");
    return false;
}

static bool is_host_core(const struct core *c)
{
    for (uint64_t slot = 0; first_task && slot < ORD_CAP_COUNT; slot++) {
        const struct vm *vm = task_cap_lookup(first_task, slot, CAP_VM, NULL);
        if (vm)
            return READ_ONCE(vm->host_cores) & BIT(c->index);
    }
    return false;
}

#define REGISTERS_LINE 3

static void registers_line(const struct core *c, uint32_t first)
{
    static const struct arch_register none = {"", 0};
    const struct arch_register *r[REGISTERS_LINE];

    for (uint32_t i = 0; i < REGISTERS_LINE; i++)
        r[i] = first + i < c->register_count ? &c->registers[first + i] : &none;
    if (r[2] != &none)
        print("  %10s %016lx %10s %016lx %10s %016lx", r[0]->name, r[0]->value, r[1]->name, r[1]->value,
              r[2]->name, r[2]->value);
    else if (r[1] != &none)
        print("  %10s %016lx %10s %016lx", r[0]->name, r[0]->value, r[1]->name, r[1]->value);
    else
        print("  %10s %016lx", r[0]->name, r[0]->value);
}

/* line: 0: to be asked; 1: asked; then what its lines are. */
static bool registers_now(struct walk *w, bool host_cores)
{
    struct core *c = &cores[w->core];

    if (w->core >= core_count)
        return false;
    if (w->line == 0) {
        if (READ_ONCE(c->mode) == CORE_OFF || (!host_cores && is_host_core(c))) {
            w->core++;
            return true;
        }
        w->deadline = arch_counter() + arch_counter_hz() * ANSWER_MS / 1000;
        w->asked = core_ask_registers(c);
        w->line = 1;
    } else if (w->line == 1) {
        if (core_told_registers(c, w->asked)) {
            if (c->registers_of)
                print("core %u: %s %u", c->index, kind(c->registers_of), number(c->registers_of));
            else
                print("core %u: idle", c->index);
            w->line = 2;
        } else if (arch_counter() > w->deadline) {
            print("core %u does not answer", c->index);
            *w = (struct walk){.core = w->core + 1};
        }
    } else {
        uint32_t first = (w->line++ - 2) * REGISTERS_LINE;
        if (first < c->register_count)
            registers_line(c, first);
        else
            *w = (struct walk){.core = w->core + 1};
    }
    return true;
}

static bool registers_guest(struct walk *w)
{
    return registers_now(w, false);
}

static bool registers_all(struct walk *w)
{
    return registers_now(w, true);
}

static bool help(struct walk *w);

static const struct {
    char key;
    bool (*step)(struct walk *w); /* false: that was all */
    const char *help;
} keys[] = {
    {'c', cores_now, "cores: what runs, what is ready, counters"},
    {'v', vcpus_now, "vCPUs: what they do, waiting interrupts, exits"},
    {'d', contexts_now, "detached threads: state, core, priority, counters"},
    {'r', registers_guest, "registers of all cores but host cores"},
    {'R', registers_all, "registers of all cores: a detached thread is interrupted for it"},
    {'h', help, "this list (also ?)"},
};

static bool help(struct walk *w)
{
    print("%c  %s", keys[w->line].key, keys[w->line].help);
    return ++w->line < ARRAY_SIZE(keys);
}

/* ---- keys, and the console's output: all on the core that listens ---- */

static struct core *listener;
static uint32_t interrupt; /* the UART's; 0: it has none of ours */
static struct timer pump;
static uint64_t pump_us = PUMP_MIN_US;

static char typed[KEYS_MAX]; /* reports to make, the first one has begun */
static uint32_t typed_count;
static struct walk walk;

static void key_typed(char key)
{
    bool known = key == '?';

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        known |= keys[i].key == key;
    if (known && typed_count < KEYS_MAX)
        typed[typed_count++] = key == '?' ? 'h' : key;
}

static void report_step(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (keys[i].key != typed[0] || keys[i].step(&walk))
            continue;
        walk = (struct walk){0};
        typed_count--;
        memmove(typed, typed + 1, typed_count);
        return;
    }
}

/* What is to be done later is done by the timer; a UART that interrupts needs it only if it forgets to. */
static void pump_later(bool more)
{
    if (typed_count)
        pump_us = PUMP_MIN_US;
    if (more || typed_count)
        timer_start(&pump, arch_counter() + arch_counter_hz() * pump_us / 1000000);
    else
        timer_stop(&pump);
}

void report_pump(void)
{
    uint64_t room = console_room();
    bool more = console_send();

    pump_us = console_room() > room && !interrupt ? PUMP_MIN_US : MIN(pump_us * 2, PUMP_MAX_US);
    pump_later(more);
}

static void pump_fires(struct timer *t UNUSED)
{
    if (typed_count && console_room() >= ROOM)
        report_step();
    report_pump();
}

static void kick(void)
{
    arch_console_kick(listener);
}

void report_listen(void)
{
    uint32_t line = platform_console_irq();

    listener = core_self();
    timer_init(&pump, pump_fires);
    if (line >= ARCH_LINE_FIRST && line < arch_irq_limit()) {
        arch_irq_control(line, ORD_IRQ_LEVEL);
        arch_irq_route(line, listener);
        if (console_listen()) {
            interrupt = line;
            arch_irq_control(line, ORD_IRQ_ENABLE);
        }
    }
    console_start(kick);
}

bool report_interrupt(uint32_t line)
{
    int c;

    if (line != interrupt)
        return false;
    /* Somebody may type faster than this prints: the rest is for the next interrupt. */
    for (int i = 0; i < KEYS_MAX && (c = console_key()) >= 0; i++)
        key_typed((char)c);
    report_pump();
    return true;
}
