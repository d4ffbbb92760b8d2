/* SPDX-License-Identifier: GPL-2.0-only */
/* Hypercalls of the detach ABI; see outrider/detach.h for each one's contract. */
#ifndef HVDETACH_HYPERCALL_H
#define HVDETACH_HYPERCALL_H

#include <linux/arm-smccc.h>
#include <linux/types.h>
#include <outrider/detach.h>
#include <outrider/status.h>

struct hvd_core {
	u32 flags;   /* ORD_CORE_* */
	u32 count;   /* contexts on it */
	u32 context; /* one of these + 1, 0 = none */
	u64 mpidr;
};

/* Issues a hypercall; returns its ord_status, with values 1..3 in @res (may not be NULL). */
static inline long hvd_call(u32 function, u64 a1, u64 a2, u64 a3, u64 a4, struct arm_smccc_res *res)
{
	u64 fn = function, zero = 0;

	arm_smccc_1_1_hvc(fn, a1, a2, a3, a4, zero, res);
	return (long)res->a0;
}

static inline long hvd_call_run(u32 context)
{
	struct arm_smccc_res res;

	/* All that this thread did before is seen by it on the host core; pairs with the event's release. */
	smp_mb();
	return hvd_call(ORD_HC_RUN, context, 0, 0, 0, &res);
}

static inline long hvd_call_recall(u32 context)
{
	struct arm_smccc_res res;

	return hvd_call(ORD_HC_RECALL, context, 0, 0, 0, &res);
}

static inline long hvd_call_destroy(u32 context)
{
	struct arm_smccc_res res;

	return hvd_call(ORD_HC_DESTROY, context, 0, 0, 0, &res);
}

static inline long hvd_call_set(u32 context, u32 core, u32 prio)
{
	struct arm_smccc_res res;

	return hvd_call(ORD_HC_SET, context, core, prio, 0, &res);
}

static inline long hvd_call_barrier(void)
{
	struct arm_smccc_res res;

	smp_mb();
	return hvd_call(ORD_HC_BARRIER, 0, 0, 0, 0, &res);
}

static inline long hvd_call_flush(u64 asid, u64 address, u64 page_count)
{
	struct arm_smccc_res res;

	return hvd_call(ORD_HC_FLUSH, asid, address, page_count, 0, &res);
}

static inline long hvd_call_setup(u64 ipa)
{
	struct arm_smccc_res res;

	return hvd_call(ORD_HC_SETUP, ipa, 0, 0, 0, &res);
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
