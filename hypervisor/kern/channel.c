/* SPDX-License-Identifier: BSD-2-Clause */
#include "channel.h"

#include "atomic.h"
#include "notify.h"
#include "virq.h"
#include "vm.h"

status_t channel_create(struct vm *vm, uint64_t id, struct notify *signal, uint64_t bits, struct notify *take,
                        struct irq *irq)
{
    status_t s = ORD_OK;

    if (id >= ORD_CHANNELS_MAX || !bits || irq->line)
        return ORD_BAD_PARAM;
    spin_lock(&vm->lock);
    struct channel *c = &vm->channel[id];
    if (c->take) {
        s = ORD_EXISTS;
    } else if (!atomic_cas(&take->irq, (struct irq *)NULL, irq)) {
        s = ORD_BUSY;
    } else {
        c->signal = signal;
        c->bits = bits;
        atomic_store(&c->take, take);
    }
    spin_unlock(&vm->lock);
    /* What was signalled before had nobody to tell. */
    if (s == ORD_OK && notify_take(take, true))
        virq_raise(irq);
    return s;
}

struct channel *channel_find(struct vm *vm, uint64_t id)
{
    return id < ORD_CHANNELS_MAX && atomic_load(&vm->channel[id].take) ? &vm->channel[id] : NULL;
}
