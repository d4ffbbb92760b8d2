/* SPDX-License-Identifier: BSD-2-Clause */
#include "detach.h"

#include "atomic.h"
#include "context.h"
#include "core.h"
#include "grant.h"
#include "pool.h"
#include "scheduler.h"
#include "vm.h"

/* A core has one context, or any number of those that may share it. With vm->lock held, as for all of these.
 */
static bool has_room(const struct core *core, const struct context *c)
{
    return !core->contexts || (core->shared && c->shared);
}

static void join_core(struct core *core, struct context *c)
{
    core->shared = c->shared;
    WRITE_ONCE(core->contexts, core->contexts + 1);
    c->thread.core = core;
}

static void quit_core(struct core *core)
{
    WRITE_ONCE(core->contexts, core->contexts - 1);
}

/* Finds a host core for c: the one asked for, or of those that have room and no vCPU one with the fewest
 * contexts. */
static status_t find_core(struct vm *vm, struct context *c, uint64_t core, struct core **out)
{
    struct core *best = NULL;

    if (core != ORD_CORE_ANY) {
        if (core >= core_count)
            return ORD_BAD_CORE;
        if (!(vm->host_cores & BIT(core)))
            return (vm->guest_cores & BIT(core)) ? ORD_CORE_OWNED : ORD_BAD_CORE;
        best = has_room(&cores[core], c) ? &cores[core] : NULL;
    }
    for (uint32_t i = 0; core == ORD_CORE_ANY && i < core_count; i++)
        if ((vm->host_cores & ~vm->shared_cores & BIT(i)) && has_room(&cores[i], c) &&
            (!best || cores[i].contexts < best->contexts))
            best = &cores[i];
    *out = best;
    return best ? ORD_OK : ORD_BUSY;
}

static status_t check_prio(const struct vm *vm, const struct core *core, uint64_t prio)
{
    return prio < ORD_PRIO_MIN || prio > vm->prio_limit[core->index] ? ORD_BAD_PARAM : ORD_OK;
}

/* A free slot's context. Slots are filled on first use and never emptied. With vm->lock held. */
static struct context *find_slot(struct vm *vm)
{
    for (uint32_t i = 0; i < ORD_CONTEXT_MAX; i++) {
        struct context *c = vm->context[i];
        if (c && c->taken)
            continue;
        if (!c) {
            c = pool_alloc(ORD_POOL_CONTEXT);
            if (!c)
                return NULL;
            context_init(c, vm, i);
        }
        return c;
    }
    return NULL;
}

status_t detach_create(struct vm *vm, uint64_t frame, uint64_t core, uint64_t prio, uint64_t flags,
                       uint32_t *id)
{
    struct core *on;
    struct ord_frame *f = vm_page(vm, frame);
    status_t s;

    if (flags & ~(uint64_t)ORD_CREATE_SHARED)
        return ORD_BAD_PARAM;
    if (!f)
        return ORD_BAD_ADDRESS;
    if (READ_ONCE(f->magic) != ORD_FRAME_MAGIC || READ_ONCE(f->version) >> 16 != ORD_ABI_MAJOR)
        return ORD_BAD_VERSION;
    spin_lock(&vm->lock);
    struct context *c = vm->stopped ? NULL : find_slot(vm);
    if (c)
        c->shared = flags & ORD_CREATE_SHARED;
    s = vm->stopped ? ORD_BAD_STATE : c ? find_core(vm, c, core, &on) : ORD_NO_MEMORY;
    if (s == ORD_OK)
        s = check_prio(vm, on, prio);
    if (s == ORD_OK) {
        join_core(on, c);
        c->taken = true;
        c->frame = f;
        c->stats = (struct ord_stats){0};
        context_publish(c);
        c->thread.prio = (uint8_t)prio;
        c->thread.state = THREAD_BLOCKED;
        f->context = c->id;
        f->core = c->thread.core->index;
        f->event = ORD_EVENT_NONE;
        vm->context_count++;
        atomic_store(&vm->context[c->id], c);
        atomic_store(&c->state, (c->state & ~CONTEXT_STATE) | CONTEXT_IDLE);
        *id = c->id;
    } else if (c && !vm->context[c->id]) {
        pool_free(ORD_POOL_CONTEXT, c);
    }
    spin_unlock(&vm->lock);
    return s;
}

/* Its core still has a request for it, or is in the middle of one or of its last event. */
static bool in_hand(const struct context *c)
{
    return atomic_load(&c->thread.ops) || atomic_load(&c->thread.core->handling) == &c->thread;
}

/*
 * Takes an idle context out of use; then no core touches it or its frame any more. vm->lock is held, but not
 * while waiting: a host thread on that core may want it.
 */
static void settle(struct vm *vm, struct context *c)
{
    while (in_hand(c)) {
        spin_unlock(&vm->lock);
        /* It may be this very core that has it in its mailbox, or the other one may wait for this one. */
        scheduler_drain(core_self());
        cpu_relax();
        spin_lock(&vm->lock);
    }
}

/* The context, if it does not run: nobody runs it until it is idle again, or gone. With vm->lock held. */
static status_t close_context(struct vm *vm, uint64_t id, struct context **out)
{
    struct context *c = context_find(vm, id);

    if (!c || !c->taken)
        return ORD_BAD_CAP;
    if (!context_change(c, CONTEXT_IDLE, CONTEXT_CLOSED))
        return ORD_BUSY;
    settle(vm, c);
    *out = c;
    return ORD_OK;
}

status_t detach_grant(struct vm *vm, uint64_t id, uint64_t vline)
{
    status_t s = ORD_BAD_CAP;

    spin_lock(&vm->lock);
    struct context *c = context_find(vm, id);
    if (c && c->taken)
        s = grant_give(c, vline);
    spin_unlock(&vm->lock);
    return s;
}

status_t detach_destroy(struct vm *vm, uint64_t id)
{
    struct context *c;

    spin_lock(&vm->lock);
    status_t s = close_context(vm, id, &c);
    if (s == ORD_OK) {
        grant_revoke_all(c);
        settle(vm, c); /* the last one may be in its mailbox */
        quit_core(c->thread.core);
        c->taken = false;
        vm->context_count--;
    }
    spin_unlock(&vm->lock);
    return s;
}

status_t detach_set(struct vm *vm, uint64_t id, uint64_t core, uint64_t prio)
{
    struct context *c;

    spin_lock(&vm->lock);
    status_t s = close_context(vm, id, &c);
    if (s == ORD_OK) {
        struct core *old = c->thread.core, *on = old;
        if (core != ORD_CORE_ANY && core != old->index)
            s = find_core(vm, c, core, &on);
        if (s == ORD_OK)
            s = check_prio(vm, on, prio);
        if (s == ORD_OK) {
            if (on != old) {
                quit_core(old);
                join_core(on, c);
                grant_move_all(c);
            }
            c->thread.prio = (uint8_t)prio;
        }
        atomic_store(&c->state, (c->state & ~CONTEXT_STATE) | CONTEXT_IDLE);
    }
    spin_unlock(&vm->lock);
    return s;
}

void detach_time(struct vm *vm)
{
    uint32_t mask = 0;

    /* The lock: as for a recall. Cores are interrupted behind it, and once. */
    spin_lock(&vm->lock);
    for (uint32_t i = 0; i < ORD_CONTEXT_MAX && vm->context_count; i++) {
        struct context *c = vm->context[i];
        if (c && c->taken && READ_ONCE(c->wait) == WAIT_CLOCK)
            mask |= (uint32_t)BIT(thread_request(&c->thread, THREAD_OP_TIME)->index);
    }
    spin_unlock(&vm->lock);
    core_notify_all(mask);
}
