/* SPDX-License-Identifier: BSD-2-Clause */
#include "vcpu.h"

#include "atomic.h"
#include "console.h"
#include "core.h"
#include "pool.h"
#include "string.h"
#include "task.h"
#include "vm.h"
#include <arch/thread.h>
#include <arch/timer.h>

/*
 * The watchdog. A guest that takes interrupts acknowledges its timer's soon. So each vCPU that runs looks now
 * and then, on its own core, whether the very same one is pending as at its last look, or nothing has
 * happened with interrupts masked (arch_vcpu_progress()); one that idles is woken by its interrupt, and
 * does not look. The VM hangs if all vCPUs that are on have been stuck for the watchdog's time.
 */
#define WATCH_LOOKS 4 /* in that time */
#define HANGS_MAX   8 /* that are reported: a guest must not fill the console */

static bool is_stuck(const struct vcpu *v, uint64_t now)
{
    uint64_t since = READ_ONCE(v->stuck_since);

    return since && now - since >= READ_ONCE(v->vm->watchdog);
}

static bool is_off(const struct vcpu *v)
{
    return !READ_ONCE(v->thread->in_guest) && READ_ONCE(v->thread->waits);
}

static void check_hang(struct vm *vm, uint64_t now)
{
    uint32_t count = atomic_load(&vm->vcpu_count);

    for (uint32_t i = 0; i < count; i++)
        if (!is_off(vm->vcpu[i]) && !is_stuck(vm->vcpu[i], now))
            return;
    if (atomic_exchange(&vm->hung, true) || vm->hangs == HANGS_MAX)
        return;
    vm->hangs++;
    print("VM %u hangs: its vCPUs have taken no interrupt for %lu s", vm->ptab.space,
          READ_ONCE(vm->watchdog) / arch_counter_hz());
    for (uint32_t i = 0; i < count; i++) {
        if (is_off(vm->vcpu[i]))
            continue;
        WRITE_ONCE(vm->vcpu[i]->hang, true);
        thread_post(vm->vcpu[i]->thread, THREAD_OP_KICK);
    }
}

static void watch(struct timer *timer)
{
    struct vcpu *v = CONTAINER_OF(timer, struct vcpu, watch);
    struct vm *vm = v->vm;
    const struct thread *t = v->thread;
    uint64_t now = MAX(arch_counter(), 1u), seen = 0;

    v->watch_armed = false;
    if (v->preempted && !t->core->budget.limit) {
        /* It does not hang: it is not given its core. */
        v->watch_seen = 0;
        WRITE_ONCE(v->stuck_since, 0);
        return;
    }
    if (READ_ONCE(vm->watchdog) && t->in_guest && !t->idle_guest)
        seen = arch_vcpu_progress(v);
    if (seen && seen == v->watch_seen) {
        if (is_stuck(v, now))
            check_hang(vm, now);
        return;
    }
    v->watch_seen = seen;
    WRITE_ONCE(v->stuck_since, seen ? now : 0);
    if (READ_ONCE(vm->hung) && atomic_exchange(&vm->hung, false) && vm->hangs < HANGS_MAX)
        print("VM %u takes interrupts again", vm->ptab.space);
}

static NOINLINE void watch_on(struct vcpu *v)
{
    uint64_t period = READ_ONCE(v->vm->watchdog);

    if (!period)
        return;
    v->watch_armed = true;
    timer_start(&v->watch, arch_counter() + MAX(period / WATCH_LOOKS, 1u));
}

void vcpu_watch(struct vcpu *v)
{
    if (!v->watch_armed)
        watch_on(v);
}

status_t vcpu_create(struct vm *vm, struct thread *t, uint64_t hwid, uint64_t state_address,
                     struct vcpu **out)
{
    uint32_t core = t->core->index;
    status_t s = ORD_OK;

    spin_lock(&vm->lock);
    if (t->vcpu)
        s = ORD_BAD_STATE;
    else if ((vm->guest_cores | (vm->host_cores & ~vm->shared_cores)) & BIT(core))
        s = ORD_BUSY; /* before anything is made; vm_take_guest_core() decides */
    struct vcpu *v = s == ORD_OK ? pool_alloc(ORD_POOL_THREAD) : NULL;
    void *page = v ? pool_alloc(ORD_POOL_PAGE) : NULL;
    if (s == ORD_OK && !page)
        s = ORD_NO_MEMORY;
    if (s == ORD_OK)
        s = ptab_map(&t->task->ptab, state_address, ptr_pa(page), PAGE_SIZE, PTAB_READ | PTAB_WRITE);
    bool mapped = s == ORD_OK;
    if (s == ORD_OK) {
        v->vm = vm;
        v->thread = t;
        v->state = page;
        v->hwid = hwid;
        v->index = vm->vcpu_count;
        v->below = vm->shared_cores & BIT(core);
        timer_init(&v->watch, watch);
        arch_vcpu_init(v, &vm->ptab);
        /* Another VM's lock does not keep it from taking the thread at this moment. */
        if (!atomic_cas(&t->vcpu, (struct vcpu *)NULL, v))
            s = ORD_BAD_STATE;
        else if ((s = vm_take_guest_core(vm, core)) != ORD_OK)
            atomic_store(&t->vcpu, (struct vcpu *)NULL);
    }
    if (s == ORD_OK) {
        vm->vcpu[vm->vcpu_count] = v;
        atomic_store(&vm->vcpu_count, vm->vcpu_count + 1);
        *out = v;
    } else {
        /* Unmapping a page that was just mapped needs no table. */
        if (mapped && ptab_unmap(&t->task->ptab, state_address, PAGE_SIZE) != ORD_OK)
            page = NULL;
        if (page)
            pool_free(ORD_POOL_PAGE, page);
        if (v)
            pool_free(ORD_POOL_THREAD, v);
    }
    spin_unlock(&vm->lock);
    return s;
}

status_t vcpu_run(struct vcpu *v)
{
    if (READ_ONCE(v->vm->stopped))
        return ORD_BAD_STATE;
    v->thread->in_guest = true;
    arch_vcpu_enter(v);
    if (v->below) {
        v->prio = v->thread->prio;
        thread_set_prio(v->thread, THREAD_PRIO_GUEST);
    }
    if (READ_ONCE(v->kicked) || READ_ONCE(v->hang))
        vcpu_handle_kick(v);
    return ORD_OK;
}

void vcpu_exit(struct vcpu *v, enum ord_exit reason)
{
    v->thread->in_guest = false;
    v->state->exit = reason;
    v->state->vmm_exits++;
    v->exit_count[reason]++;
    arch_vcpu_leave(v);
    if (v->below)
        thread_set_prio(v->thread, v->prio);
    arch_thread_result(v->thread, ORD_OK, 0);
}

void vcpu_pend(struct vcpu *v, uint32_t line)
{
    arch_vcpu_set_pending(&v->arch, line);
    atomic_store(&v->pending_any, 1u);
    if (v->thread->core == core_self()) {
        vcpu_handle_irq(v);
        return;
    }
    /* Not to interrupt the detached thread that it waits for. Pairs with vcpu_resume(). */
    smp_mb();
    if (!READ_ONCE(v->preempted))
        thread_post(v->thread, THREAD_OP_IRQ);
}

void vcpu_resume(struct vcpu *v)
{
    if (!v->preempted)
        return;
    WRITE_ONCE(v->preempted, false);
    smp_mb(); /* pairs with vcpu_pend(): either it sees this, or what it has set is seen when v is loaded */
}

inline void vcpu_handle_irq(struct vcpu *v)
{
    if (v->thread->idle_guest) {
        v->thread->idle_guest = false;
        WRITE_ONCE(v->preempted, true); /* or it is next, which is as good */
        thread_wake(v->thread);
    }
}

void vcpu_handle_kick(struct vcpu *v)
{
    /* What a run has answered already does not end the next one. */
    if (!v->thread->in_guest)
        return;
    bool hang = atomic_exchange(&v->hang, false);
    if (!hang && !atomic_exchange(&v->kicked, false))
        return;
    vcpu_handle_irq(v);
    vcpu_exit(v, hang ? ORD_EXIT_HANG : ORD_EXIT_KICK);
}

void vcpu_wait(struct vcpu *v)
{
    v->waits++;
    if (READ_ONCE(v->pending_any) || arch_vcpu_irq_pending(v))
        return;
    WRITE_ONCE(v->stuck_since, 0);
    v->watch_seen = 0;
    v->thread->idle_guest = true;
    thread_block(v->thread);
}
