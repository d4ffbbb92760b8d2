/* SPDX-License-Identifier: BSD-2-Clause */
/* Hypercalls of guest kernels. Everything is decoded and checked here or in what is called. */
#include "call.h"

#include "atomic.h"
#include "channel.h"
#include "console.h"
#include "context.h"
#include "core.h"
#include "detach.h"
#include "grant.h"
#include "notify.h"
#include "pool.h"
#include "vm.h"
#include "wait.h"
#include <arch/hypercall.h>
#include <outrider/detach.h>
#include <outrider/hostcall.h>

typedef status_t handler(struct vcpu *v, const uint64_t arg[5], uint64_t out[3]);

static status_t do_info(struct vcpu *v UNUSED, const uint64_t arg[5], uint64_t out[3])
{
    out[0] = ORD_ABI_VERSION;
    out[1] = arch_hypercall_features() | ORD_FEATURE_SHARED | ORD_FEATURE_LOG | ORD_FEATURE_SLEEP |
             ORD_FEATURE_IRQ | ORD_FEATURE_NOTIFY;
    out[2] = ORD_CONTEXT_MAX;
    return READ_ONCE(arg[0]) >> 16 == ORD_ABI_MAJOR ? ORD_OK : ORD_BAD_VERSION;
}

static struct core *core_of(uint64_t index)
{
    return index < core_count ? &cores[index] : NULL;
}

static status_t do_core_info(struct vcpu *v, const uint64_t arg[5], uint64_t out[3])
{
    struct core *c = core_of(arg[0]);

    if (!c)
        return ORD_BAD_CORE;
    if (v->vm->guest_cores & BIT(c->index))
        out[0] |= ORD_CORE_GUEST;
    if (v->vm->host_cores & BIT(c->index)) {
        out[0] |= ORD_CORE_HOST;
        spin_lock(&v->vm->lock);
        for (uint32_t i = 0; i < ORD_CONTEXT_MAX && c->contexts; i++) {
            struct context *x = v->vm->context[i];
            bool running;
            if (!x || !x->taken || x->thread.core != c)
                continue;
            /* One that runs is the better example. */
            running = context_state(x) == CONTEXT_RUNNING;
            if (!out[1] || (running && !(out[0] & ORD_CORE_RUNNING)))
                out[1] = i + 1;
            if (running)
                out[0] |= ORD_CORE_RUNNING;
        }
        if (c->contexts && c->shared)
            out[0] |= ORD_CORE_SHARED;
        out[0] |= (uint64_t)c->contexts << ORD_CORE_COUNT_SHIFT;
        spin_unlock(&v->vm->lock);
    }
    out[2] = c->hwid;
    return ORD_OK;
}

static status_t do_core_stats(struct vcpu *v UNUSED, const uint64_t arg[5], uint64_t out[3])
{
    struct core *c = core_of(READ_ONCE(arg[0]));

    if (!c)
        return ORD_BAD_CORE;
    out[0] = READ_ONCE(c->entries);
    out[1] = READ_ONCE(c->irqs);
    out[2] = READ_ONCE(c->runs);
    return ORD_OK;
}

static status_t do_pool_info(struct vcpu *v, const uint64_t arg[5], uint64_t out[3])
{
    if (arg[0] >= ORD_POOL_COUNT)
        return ORD_BAD_PARAM;
    /* A context's memory stays with its slot: what counts are those in use. */
    out[0] = arg[0] == ORD_POOL_CONTEXT ? READ_ONCE(v->vm->context_count) : READ_ONCE(pools[arg[0]].used);
    out[1] = pools[arg[0]].capacity;
    return ORD_OK;
}

static status_t do_setup(struct vcpu *v, const uint64_t arg[5], uint64_t out[3] UNUSED)
{
    void *page = arg[0] == ORD_SETUP_NONE ? NULL : vm_page(v->vm, arg[0]);
    status_t s = ORD_OK;

    if (!page && arg[0] != ORD_SETUP_NONE)
        return ORD_BAD_ADDRESS;
    spin_lock(&v->vm->lock);
    if (v->vm->context_count)
        s = ORD_BUSY;
    else
        WRITE_ONCE(v->vm->event_page, page);
    spin_unlock(&v->vm->lock);
    return s;
}

static status_t do_create(struct vcpu *v, const uint64_t arg[5], uint64_t out[3])
{
    uint32_t id = 0;

    status_t s = detach_create(v->vm, arg[0], arg[1], arg[2], arg[3], &id);
    out[0] = id;
    return s;
}

static status_t do_run(struct vcpu *v, const uint64_t arg[5], uint64_t out[3] UNUSED)
{
    return context_run(v->vm, READ_ONCE(arg[0]));
}

static status_t do_recall(struct vcpu *v, const uint64_t arg[5], uint64_t out[3] UNUSED)
{
    return context_recall(v->vm, READ_ONCE(arg[0]));
}

static status_t do_destroy(struct vcpu *v, const uint64_t arg[5], uint64_t out[3] UNUSED)
{
    return detach_destroy(v->vm, arg[0]);
}

static status_t do_set(struct vcpu *v, const uint64_t arg[5], uint64_t out[3] UNUSED)
{
    return detach_set(v->vm, arg[0], arg[1], arg[2]);
}

static status_t do_flush(struct vcpu *v UNUSED, const uint64_t arg[5], uint64_t out[3] UNUSED)
{
    if (arg[0] >> 16 || (arg[1] != ORD_FLUSH_ALL && arg[1] % PAGE_SIZE))
        return ORD_BAD_PARAM;
    arch_hypercall_flush(arg[0], arg[1], arg[2]);
    return ORD_OK;
}

static status_t do_barrier(struct vcpu *v, const uint64_t arg[5] UNUSED, uint64_t out[3] UNUSED)
{
    core_barrier(READ_ONCE(v->vm->host_cores));
    return ORD_OK;
}

/* Byte by byte: no more at once than what other calls take. */
#define LOG_STEP 256

static status_t do_log(struct vcpu *v, const uint64_t arg[5], uint64_t out[3])
{
    char *page = vm_page(v->vm, arg[1]);

    if (!page)
        return ORD_BAD_ADDRESS;
    out[0] = console_log(arg[0], page, LOG_STEP, &out[1], &out[2]);
    return ORD_OK;
}

static status_t do_notify_signal(struct vcpu *v, const uint64_t arg[5], uint64_t out[3] UNUSED)
{
    struct channel *c = channel_find(v->vm, arg[0]);

    if (!c)
        return ORD_BAD_CAP;
    notify_signal(c->signal, c->bits);
    return ORD_OK;
}

static status_t do_notify_take(struct vcpu *v, const uint64_t arg[5], uint64_t out[3])
{
    struct channel *c = channel_find(v->vm, READ_ONCE(arg[0]));
    const uint64_t flags = READ_ONCE(arg[1]);

    if (!c)
        return ORD_BAD_CAP;
    if (flags & ~(uint64_t)ORD_TAKE_PEEK)
        return ORD_BAD_PARAM;
    out[0] = notify_take(c->take, flags & ORD_TAKE_PEEK);
    return ORD_OK;
}

static status_t do_irq_grant(struct vcpu *v, const uint64_t arg[5], uint64_t out[3] UNUSED)
{
    return detach_grant(v->vm, arg[0], arg[1]);
}

static status_t do_irq_revoke(struct vcpu *v, const uint64_t arg[5], uint64_t out[3] UNUSED)
{
    return grant_revoke(v->vm, arg[0]);
}

static status_t do_time(struct vcpu *v, const uint64_t arg[5] UNUSED, uint64_t out[3] UNUSED)
{
    detach_time(v->vm);
    return ORD_OK;
}

static status_t unknown(struct vcpu *v UNUSED, const uint64_t arg[5] UNUSED, uint64_t out[3] UNUSED)
{
    return ORD_NOT_SUPPORTED;
}

static handler *const table[] = {
    [ORD_HC_INFO - ORD_HC_BASE] = do_info,
    [ORD_HC_CORE_INFO - ORD_HC_BASE] = do_core_info,
    [ORD_HC_POOL_INFO - ORD_HC_BASE] = do_pool_info,
    [ORD_HC_SETUP - ORD_HC_BASE] = do_setup,
    [ORD_HC_CREATE - ORD_HC_BASE] = do_create,
    [ORD_HC_RUN - ORD_HC_BASE] = do_run,
    [ORD_HC_RECALL - ORD_HC_BASE] = do_recall,
    [ORD_HC_DESTROY - ORD_HC_BASE] = do_destroy,
    [ORD_HC_SET - ORD_HC_BASE] = do_set,
    [ORD_HC_FLUSH - ORD_HC_BASE] = do_flush,
    [ORD_HC_BARRIER - ORD_HC_BASE] = do_barrier,
    [ORD_HC_CORE_STATS - ORD_HC_BASE] = do_core_stats,
    [ORD_HC_LOG - ORD_HC_BASE] = do_log,
    [ORD_HC_NOTIFY_SIGNAL - ORD_HC_BASE] = do_notify_signal,
    [ORD_HC_NOTIFY_TAKE - ORD_HC_BASE] = do_notify_take,
    [ORD_HC_TIME - ORD_HC_BASE] = do_time,
    [ORD_HC_IRQ_GRANT - ORD_HC_BASE] = do_irq_grant,
    [ORD_HC_IRQ_REVOKE - ORD_HC_BASE] = do_irq_revoke,
};

/* What these ask of other cores, or of the own one, goes through a mailbox. Their arguments are where the VMM
 * may write (hypercall_quick()): each is read once. */
#define QUICK                                                                                                \
    (BIT(ORD_HC_INFO - ORD_HC_BASE) | BIT(ORD_HC_RUN - ORD_HC_BASE) | BIT(ORD_HC_RECALL - ORD_HC_BASE) |     \
     BIT(ORD_HC_CORE_STATS - ORD_HC_BASE) | BIT(ORD_HC_NOTIFY_TAKE - ORD_HC_BASE))

static void call(handler *h, struct vcpu *v, const uint64_t arg[5], uint64_t result[4])
{
    v->state->hypercalls++;
    result[0] = (uint64_t)(int64_t)h(v, arg, result + 1);
}

bool hypercall_quick(struct vcpu *v, uint32_t index, const uint64_t arg[5], uint64_t result[4])
{
    if (index >= 64 || !(QUICK & BIT(index)))
        return false;
    call(table[index], v, arg, result);
    return true;
}

void hypercall_dispatch(struct vcpu *v, uint32_t index, const uint64_t arg[5], uint64_t result[4])
{
    handler *h = index < ARRAY_SIZE(table) ? table[index] : NULL;

    call(h ? h : unknown, v, arg, result);
}

/* The channel, or NULL with the error. */
static struct channel *granted(struct context *c, uint64_t id, uint64_t *error)
{
    struct channel *channel = channel_find(c->vm, id);

    *error = (uint64_t) - (channel ? ORD_HOSTCALL_EPERM : ORD_HOSTCALL_ENODEV);
    return channel && (c->channels & BIT(id)) ? channel : NULL;
}

static void do_irq(struct context *c, uint64_t number, const uint64_t arg[6], uint64_t result[4])
{
    struct irq *i = grant_find(c, arg[0]);
    uint64_t value = (uint64_t)-ORD_HOSTCALL_EPERM;

    if (i && number == ORD_HOSTCALL_IRQ_WAIT && grant_wait(c, i, arg[1], &value))
        return;
    if (i && number == ORD_HOSTCALL_IRQ_ACK)
        value = grant_complete(c, i) ? 0 : (uint64_t)-ORD_HOSTCALL_EINVAL;
    result[0] = value;
}

static void do_notify(struct context *c, uint64_t number, const uint64_t arg[6], uint64_t result[4])
{
    uint64_t value;
    struct channel *channel = granted(c, arg[0], &value);

    if (channel && number == ORD_HOSTCALL_NOTIFY_WAIT && wait_notify(c, channel->take, arg[1], &value))
        return;
    if (channel && number == ORD_HOSTCALL_NOTIFY_POLL)
        value = notify_take(channel->take, false);
    if (channel && number == ORD_HOSTCALL_NOTIFY_SIGNAL) {
        notify_signal(channel->signal, channel->bits);
        value = 0;
    }
    result[0] = value;
}

bool hostcall_dispatch(struct context *c, uint64_t number, const uint64_t arg[6], uint64_t result[4])
{
    if (!hostcall_is(number))
        return false;
    c->stats.hostcalls++;
    switch ((uint32_t)number) {
    case ORD_HOSTCALL_INFO:
        result[0] = ORD_ABI_VERSION;
        result[1] = c->thread.core->index;
        result[2] = c->id;
        result[3] = c->thread.prio;
        break;
    case ORD_HOSTCALL_SLEEP_UNTIL:
        if (!wait_counter(c, arg[0]))
            result[0] = 0;
        break;
    case ORD_HOSTCALL_IRQ_WAIT:
    case ORD_HOSTCALL_IRQ_ACK:
        do_irq(c, (uint32_t)number, arg, result);
        break;
    case ORD_HOSTCALL_NOTIFY_SIGNAL:
    case ORD_HOSTCALL_NOTIFY_WAIT:
    case ORD_HOSTCALL_NOTIFY_POLL:
        do_notify(c, (uint32_t)number, arg, result);
        break;
    default:
        result[0] = (uint64_t)-ORD_HOSTCALL_ENOSYS;
    }
    return true;
}
