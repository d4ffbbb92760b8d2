/* SPDX-License-Identifier: BSD-2-Clause */
#include "vcpu.h"

#include "atomic.h"
#include "core.h"
#include "pool.h"
#include "string.h"
#include "task.h"
#include "vm.h"
#include <arch/thread.h>

status_t vcpu_create(struct vm *vm, struct thread *t, uint64_t mpidr, uint64_t state_address,
                     struct vcpu **out)
{
    uint32_t core = t->core->index;
    status_t s = ORD_OK;

    spin_lock(&vm->lock);
    if (t->vcpu)
        s = ORD_BAD_STATE;
    else if ((vm->guest_cores | vm->host_cores) & BIT(core))
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
        v->mpidr = mpidr;
        v->index = vm->vcpu_count;
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
    if (READ_ONCE(v->kicked))
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
    arch_thread_result(v->thread, ORD_OK, 0);
}

void vcpu_pend(struct vcpu *v, uint32_t intid)
{
    if (intid < 32)
        atomic_or(&v->pending_private, (uint32_t)BIT(intid));
    else
        atomic_or(&v->pending_spi[intid / 64], BIT(intid % 64));
    atomic_store(&v->pending_any, 1u);
    if (v->thread->core == core_self())
        vcpu_handle_irq(v);
    else
        thread_post(v->thread, THREAD_OP_IRQ);
}

void vcpu_handle_irq(struct vcpu *v)
{
    if (v->thread->idle_guest) {
        v->thread->idle_guest = false;
        thread_wake(v->thread);
    }
}

void vcpu_handle_kick(struct vcpu *v)
{
    /* What a run has answered already does not end the next one. */
    if (!v->thread->in_guest || !atomic_exchange(&v->kicked, false))
        return;
    vcpu_handle_irq(v);
    vcpu_exit(v, ORD_EXIT_KICK);
}

void vcpu_wait(struct vcpu *v)
{
    v->waits++;
    if (READ_ONCE(v->pending_any) || arch_vcpu_irq_pending(v))
        return;
    v->thread->idle_guest = true;
    thread_block(v->thread);
}
