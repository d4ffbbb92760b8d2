/* SPDX-License-Identifier: BSD-2-Clause */
/* Channels between a guest and host tasks: a notification in each direction, and an interrupt of the guest.
 */
#ifndef HV_CHANNEL_H
#define HV_CHANNEL_H

#include "types.h"

struct irq;
struct notify;
struct vm;

/* Set once, `take` last. */
struct channel {
    struct notify *take; /* by the guest */
    struct notify *signal;
    uint64_t bits;
};

/* BAD_PARAM: id, no bits, irq is not a virtual one. EXISTS: there is that channel. BUSY: `take` raises one
 * already. */
status_t channel_create(struct vm *vm, uint64_t id, struct notify *signal, uint64_t bits, struct notify *take,
                        struct irq *irq) MUST_CHECK;
/* The channel of that number, or NULL. */
struct channel *channel_find(struct vm *vm, uint64_t id);

#endif
