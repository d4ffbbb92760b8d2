// SPDX-License-Identifier: GPL-2.0-only
/* Finding the hypervisor, and those hypercalls that are not on a hot path. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/printk.h>

#include "hypercall.h"
#include "thread.h"

u32 hvd_abi_version;
u64 hvd_features;

/**
 * hvd_status_errno() - the errno that a program gets for a hypercall's status
 * @status: an ord_status
 *
 * Return: 0 or a negative errno.
 */
int hvd_status_errno(long status)
{
	switch (status) {
	case ORD_OK:
		return 0;
	case ORD_BAD_CORE:
		return -ENODEV;
	case ORD_CORE_OWNED:
	case ORD_NO_RIGHT:
		return -EPERM;
	case ORD_BUSY:
	case ORD_EXISTS:
		return -EBUSY;
	case ORD_NO_MEMORY:
		return -ENOMEM;
	case ORD_BAD_PARAM:
		return -EINVAL;
	case ORD_BAD_VERSION:
		return -EPROTO;
	case ORD_NOT_SUPPORTED:
		return -EOPNOTSUPP;
	default:
		return -EIO;
	}
}

/**
 * hvd_hypervisor_find() - look for Outrider and agree on the ABI
 *
 * Return: 0, -ENODEV without Outrider, -EPROTO if it speaks another version; says why in the log.
 */
int hvd_hypervisor_find(void)
{
	int err = hvd_arch_find();
	u64 out[3];
	long status;
	u32 uid;

	if (err)
		return err;
	uid = hvd_call(ORD_HC_CALL_UID, 0, 0, 0, 0, out);
	if (uid != ORD_UID_0 || (u32)out[0] != ORD_UID_1 || (u32)out[1] != ORD_UID_2 ||
	    (u32)out[2] != ORD_UID_3) {
		pr_err("Outrider is announced, but another hypervisor answers (%08x %08x %08x %08x)\n", uid,
		       (u32)out[0], (u32)out[1], (u32)out[2]);
		return -ENODEV;
	}
	status = hvd_call(ORD_HC_INFO, ORD_ABI_VERSION, 0, 0, 0, out);
	hvd_abi_version = out[0];
	hvd_features = out[1];
	if (status == ORD_BAD_VERSION || (status == ORD_OK && hvd_abi_version >> 16 != ORD_ABI_MAJOR)) {
		pr_err("the hypervisor speaks ABI %u.%u, this module %u.%u\n", hvd_abi_version >> 16,
		       hvd_abi_version & 0xffff, ORD_ABI_MAJOR, ORD_ABI_MINOR);
		return -EPROTO;
	}
	if (status != ORD_OK) {
		pr_err("the hypervisor refuses to be asked for its version (%ld)\n", status);
		return -ENODEV;
	}
	if (!(hvd_features & ORD_FEATURE_HW_TLB)) {
		pr_err("the hypervisor does not broadcast TLB invalidation, which this module relies on\n");
		return -EPROTO;
	}
	return 0;
}

/**
 * hvd_core_info() - describe one core
 * @core: index, from 0
 * @info: result
 *
 * Return: 0, or -ENODEV if there is no such core.
 */
int hvd_core_info(u32 core, struct hvd_core *info)
{
	u64 out[3];
	long status = hvd_call(ORD_HC_CORE_INFO, core, 0, 0, 0, out);

	if (status != ORD_OK)
		return hvd_status_errno(status);
	info->flags = out[0] & ORD_CORE_FLAGS;
	info->count = (u32)out[0] >> ORD_CORE_COUNT_SHIFT;
	info->context = out[1];
	info->id = out[2];
	return 0;
}

/**
 * hvd_core_stats() - counters of one core since boot
 * @core: index, from 0
 * @entries: entries to the hypervisor
 * @irqs: interrupts that it took
 * @runs: runs of guests and detached threads
 *
 * Return: 0 or a negative errno, with all counters zero.
 */
int hvd_core_stats(u32 core, u64 *entries, u64 *irqs, u64 *runs)
{
	u64 out[3];
	long status = hvd_call(ORD_HC_CORE_STATS, core, 0, 0, 0, out);

	if (status != ORD_OK) {
		*entries = *irqs = *runs = 0;
		return hvd_status_errno(status);
	}
	*entries = out[0];
	*irqs = out[1];
	*runs = out[2];
	return 0;
}

/**
 * hvd_pool_info() - use of one of the hypervisor's pools
 * @pool: enum ord_pool
 * @used: objects in use
 * @capacity: objects there are
 *
 * Return: 0 or a negative errno.
 */
int hvd_pool_info(u32 pool, u64 *used, u64 *capacity)
{
	u64 out[3];
	long status = hvd_call(ORD_HC_POOL_INFO, pool, 0, 0, 0, out);

	if (status != ORD_OK)
		return hvd_status_errno(status);
	*used = out[0];
	*capacity = out[1];
	return 0;
}

static long context_create(u64 frame_ipa, u32 core, u32 prio, bool shared, u32 *context)
{
	u64 out[3];
	long status = hvd_call(ORD_HC_CREATE, frame_ipa, core, prio, shared ? ORD_CREATE_SHARED : 0, out);

	if (status == ORD_OK)
		*context = out[0];
	return status;
}

/* The host core with the fewest contexts that takes another one; ORD_CORE_ANY if there is none. */
static u32 context_choose(bool shared)
{
	u32 best = ORD_CORE_ANY, least = U32_MAX, i;
	struct hvd_core info;

	for (i = 0; hvd_core_info(i, &info) == 0; i++) {
		/* Not one that runs Linux, too: its CPU is not to be slowed down without being asked. */
		if (!(info.flags & ORD_CORE_HOST) || (info.flags & ORD_CORE_GUEST) || info.count >= least)
			continue;
		if (info.count && !(shared && (info.flags & ORD_CORE_SHARED)))
			continue;
		best = i;
		least = info.count;
	}
	return best;
}

/**
 * hvd_context_create() - create a context on a core
 * @frame_ipa: physical address of its frame
 * @core: which one, or ORD_CORE_ANY for the host core with the fewest contexts; the one taken is stored here
 * @prio: ORD_PRIO_MIN..ORD_PRIO_MAX
 * @shared: the core may have others that are shared, too
 * @context: its id
 *
 * Return: 0, -ENOSPC if all host cores are taken, or what hvd_status_errno() makes of the status.
 */
int hvd_context_create(u64 frame_ipa, u32 *core, u32 prio, bool shared, u32 *context)
{
	long status;
	u32 i;

	if (*core != ORD_CORE_ANY)
		return hvd_status_errno(context_create(frame_ipa, *core, prio, shared, context));

	/* Somebody may be faster, but not for ever. */
	for (i = 0; i < ORD_CONTEXT_MAX; i++) {
		*core = context_choose(shared);
		if (*core == ORD_CORE_ANY)
			break;
		status = context_create(frame_ipa, *core, prio, shared, context);
		if (status != ORD_BUSY)
			return hvd_status_errno(status);
	}
	*core = ORD_CORE_ANY;
	return -ENOSPC;
}
