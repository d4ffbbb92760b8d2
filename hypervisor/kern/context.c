/* SPDX-License-Identifier: BSD-2-Clause */
#include "context.h"

#include "atomic.h"
#include "console.h"
#include "core.h"
#include "grant.h"
#include "vm.h"
#include "wait.h"
#include <arch/thread.h>

struct context *context_find(struct vm *vm, uint64_t id)
{
    return id < ORD_CONTEXT_MAX ? atomic_load(&vm->context[id]) : NULL;
}

/* Ends its wait with an event. */
static void interrupt(struct context *c)
{
    wait_cancel(c);
    arch_context_save(c);
    context_event(c, ORD_EVENT_INTERRUPTED, 0, 0, 0);
}

static NOINLINE void expired(struct context *c)
{
    if (c->wait == WAIT_IRQ)
        grant_expired(c);
    else if (wait_expired(c) == WAIT_CLOCK_GONE)
        interrupt(c);
}

static void fire(struct timer *timer)
{
    struct context *c = CONTAINER_OF(timer, struct context, timer);

    if (!wait_is_over(c))
        expired(c); /* last, so that the frequent way needs no stack */
}

void context_init(struct context *c, struct vm *vm, uint32_t id)
{
    list_init(&c->thread.ready);
    timer_init(&c->timer, fire);
    c->vm = vm;
    c->id = id;
    c->thread.context = c;
}

bool context_change(struct context *c, enum context_state from, enum context_state to)
{
    uint32_t old = READ_ONCE(c->state);
    uint32_t run = (old & ~CONTEXT_STATE) + (to == CONTEXT_RUNNING ? CONTEXT_RUN : 0);

    return (old & CONTEXT_STATE) == from && atomic_cas(&c->state, old, run | to);
}

status_t context_run(struct vm *vm, uint64_t id)
{
    struct context *c = context_find(vm, id);

    if (!c || !READ_ONCE(c->taken))
        return ORD_BAD_CAP;
    if (READ_ONCE(vm->stopped) || !context_change(c, CONTEXT_IDLE, CONTEXT_RUNNING))
        return ORD_BAD_STATE;
    WRITE_ONCE(c->frame->event, ORD_EVENT_RUNNING);
    thread_post(&c->thread, THREAD_OP_RUN);
    return ORD_OK;
}

status_t context_recall(struct vm *vm, uint64_t id)
{
    status_t s = ORD_OK;

    /* The lock: it stays on its core until the request is in that core's mailbox. */
    spin_lock(&vm->lock);
    struct context *c = context_find(vm, id);
    if (!c || !c->taken) {
        s = ORD_BAD_CAP;
    } else {
        uint32_t state = atomic_load(&c->state);
        /* For this run alone: one that its event was faster than is void. */
        if ((state & CONTEXT_STATE) == CONTEXT_RUNNING) {
            atomic_store(&c->recall_asked, state);
            thread_post(&c->thread, THREAD_OP_RECALL);
        }
    }
    spin_unlock(&vm->lock);
    return s;
}

void context_handle_run(struct context *c)
{
    if (READ_ONCE(c->vm->stopped))
        return;
    status_t s = arch_context_load(c);
    c->stats.runs++;
    if (s != ORD_OK) {
        context_event(c, ORD_EVENT_REJECTED, (uint64_t)s, 0, 0);
        return;
    }
    thread_wake(&c->thread);
    /* Asked for between the change of state and this request: RECALL has come first, and has found nothing.
     */
    if (READ_ONCE(c->recall_asked) == c->state)
        context_handle_recall(c);
}

void context_handle_recall(struct context *c)
{
    if ((c->thread.state != THREAD_READY && !c->wait) || atomic_load(&c->recall_asked) != c->state)
        return;
    if (c->wait) {
        interrupt(c);
        return;
    }
    arch_context_save(c);
    context_event(c, ORD_EVENT_RECALLED, 0, 0, 0);
}

void context_handle_notify(struct context *c)
{
    if (c->wait == WAIT_NOTIFY)
        wait_notified(c);
    else if (c->wait == WAIT_IRQ)
        grant_notified(c);
}

void context_handle_time(struct context *c)
{
    if (c->wait == WAIT_CLOCK && wait_again(c) == WAIT_CLOCK_GONE)
        interrupt(c);
}

void context_handle_stop(struct context *c)
{
    if (c->thread.state != THREAD_READY && !c->wait)
        return;
    wait_cancel(c);
    /* Its core may still hold its registers, and must not save them when the frame is somebody else's. */
    arch_context_save(c);
    thread_block(&c->thread);
}

void context_preempted(struct context *c)
{
    c->frame->stats.preempted = ++c->stats.preempted;
}

void context_throttled(struct context *c)
{
    struct vm *vm = c->vm;

    c->frame->stats.throttled = ++c->stats.throttled;
    if (!READ_ONCE(vm->throttled) && !atomic_exchange(&vm->throttled, true))
        print("VM %u: detached threads on core %u have used up their budget: its vCPU goes first for a while",
              vm->ptab.space, c->thread.core->index);
}

#define MARK_TRIES 16

/* Sets the bit of context `id`. The guest writes these words, too, and must not be able to keep this going.
 */
static void mark(struct ord_event_page *page, uint32_t id)
{
    uint64_t *word = &page->pending[id / 64];

    for (int i = 0; i < MARK_TRIES; i++) {
        uint64_t old = READ_ONCE(*word);
        if (atomic_cas_once(word, old, old | BIT(id % 64)))
            return;
    }
    atomic_store(&page->all, 1ull);
}

/* The guest sleeps and wants to be told about the event of context `id`. With the end of context_event(), so
 * that the frequent way, on which it does not, needs no stack. */
static NOINLINE void tell(struct vm *vm, uint32_t id, uint32_t cpu, struct core *core, struct thread *outer)
{
    struct ord_event_page *page = READ_ONCE(vm->event_page);

    if (page)
        mark(page, id);
    uint32_t count = atomic_load(&vm->vcpu_count); /* pairs with vcpu_create(): these vCPUs are complete */
    if (count)
        vcpu_pend(vm->vcpu[cpu < count ? cpu : 0], vm->exception);
    atomic_store(&core->handling, outer);
}

void context_event(struct context *c, enum ord_event event, uint64_t code, uint64_t address,
                   uint64_t physical)
{
    struct ord_frame *f = c->frame;
    struct vm *vm = c->vm;
    uint32_t id = c->id;
    struct core *core = c->thread.core;
    struct thread *outer = core->handling;

    /* destroy() waits for the end of this: frame and event page are the guest's to take back only then. */
    atomic_store(&core->handling, &c->thread);
    if (c->thread.state == THREAD_READY)
        thread_block(&c->thread);
    switch (event) {
    case ORD_EVENT_SYSCALL:
        c->stats.syscalls++;
        break;
    case ORD_EVENT_FAULT:
    case ORD_EVENT_STAGE2:
        c->stats.faults++;
        break;
    case ORD_EVENT_RECALLED:
    case ORD_EVENT_INTERRUPTED:
        c->stats.recalls++;
        break;
    default:
        c->stats.exceptions++;
    }
    f->core = core->index;
    context_publish(c);
    f->code = code;
    f->address = address;
    f->physical = physical;
    /* From here on the guest may run the context again: nothing of c is used any more. */
    atomic_store(&c->state, (c->state & ~CONTEXT_STATE) | CONTEXT_IDLE);
    atomic_store(&f->event, (uint32_t)event);
    smp_mb();
    if (READ_ONCE(f->wait))
        tell(vm, id, READ_ONCE(f->wait_cpu), core, outer);
    else
        atomic_store(&core->handling, outer);
}
