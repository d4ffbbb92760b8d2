/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control calls of the guest about its contexts (context.h): under the lock of the VM, and not on a hot path.
 * They know which slots are taken and how many contexts a core has.
 */
#ifndef HV_DETACH_H
#define HV_DETACH_H

#include "types.h"

struct vm;

/* flags: ORD_CREATE_* */
status_t detach_create(struct vm *vm, uint64_t frame, uint64_t core, uint64_t prio, uint64_t flags,
                       uint32_t *id) MUST_CHECK;
status_t detach_destroy(struct vm *vm, uint64_t id) MUST_CHECK;
status_t detach_set(struct vm *vm, uint64_t id, uint64_t core, uint64_t prio) MUST_CHECK;

/* ORD_HC_IRQ_GRANT. */
status_t detach_grant(struct vm *vm, uint64_t id, uint64_t vline) MUST_CHECK;

/* ORD_HC_TIME. */
void detach_time(struct vm *vm);

#endif
