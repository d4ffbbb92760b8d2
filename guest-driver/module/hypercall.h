/* SPDX-License-Identifier: GPL-2.0-only */
/* Hypercalls of the detach ABI; see outrider/detach.h for each one's contract. */
#ifndef HVDETACH_HYPERCALL_H
#define HVDETACH_HYPERCALL_H

#include <linux/types.h>
#include <outrider/detach.h>
#include <outrider/status.h>

#include <hvd_arch.h>

struct hvd_core {
	u32 flags;   /* ORD_CORE_* */
	u32 count;   /* contexts on it */
	u32 context; /* one of these + 1, 0 = none */
	u64 id;      /* as the architecture names it: MPIDR on arm64 */
};

static inline long hvd_call_run(u32 context)
{
	/* All that this thread did before is seen by it on the host core; pairs with the event's release. */
	smp_mb();
	return hvd_call(ORD_HC_RUN, context, 0, 0, 0, NULL);
}

static inline long hvd_call_recall(u32 context)
{
	return hvd_call(ORD_HC_RECALL, context, 0, 0, 0, NULL);
}

static inline long hvd_call_destroy(u32 context)
{
	return hvd_call(ORD_HC_DESTROY, context, 0, 0, 0, NULL);
}

static inline long hvd_call_set(u32 context, u32 core, u32 prio)
{
	return hvd_call(ORD_HC_SET, context, core, prio, 0, NULL);
}

static inline long hvd_call_barrier(void)
{
	smp_mb();
	return hvd_call(ORD_HC_BARRIER, 0, 0, 0, 0, NULL);
}

static inline long hvd_call_flush(u64 asid, u64 address, u64 page_count)
{
	return hvd_call(ORD_HC_FLUSH, asid, address, page_count, 0, NULL);
}

static inline long hvd_call_setup(u64 ipa)
{
	return hvd_call(ORD_HC_SETUP, ipa, 0, 0, 0, NULL);
}

int hvd_status_errno(long status);
int hvd_hypervisor_find(void);
int hvd_core_info(u32 core, struct hvd_core *info);
int hvd_core_stats(u32 core, u64 *entries, u64 *irqs, u64 *runs);
int hvd_pool_info(u32 pool, u64 *used, u64 *capacity);
int hvd_context_create(u64 frame_ipa, u32 *core, u32 prio, bool shared, u32 *context);

/* What the hypervisor said when it was found. */
extern u32 hvd_abi_version;
extern u64 hvd_features;

#endif
