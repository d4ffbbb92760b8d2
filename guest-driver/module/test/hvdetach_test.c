// SPDX-License-Identifier: GPL-2.0-only
/*
 * For tests only: hypercalls with pseudo-random function numbers and arguments from the guest's kernel.
 * Loading it does the work; it fails to load with EIO if a result is not an ord_status or if the
 * hypervisor is not afterwards what it was before. `rmmod hvdetach` first.
 *
 *   insmod hvdetach_test.ko count=1000000 seed=1
 *
 * Left out are only calls that could hurt this very kernel while the hypervisor does what it is told:
 * functions outside of the vendor's range (PSCI would power the machine off), and handing it addresses of
 * RAM which is not this module's. Contexts do get created and run, with frames full of noise; their table
 * base points to empty tables.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <asm/sysreg.h>

#include "../hypercall.h"
#include "machine.h"

#define STATUS_COUNT (1 - ORD_STATUS_MIN)
#define EMPTY_ORDER  4 /* a top table of any granule is empty: 64 KiB */
#define REFILL_CALLS 64
#define DESTROY_MS   1000

static unsigned int count = 1000000;
module_param(count, uint, 0444);
MODULE_PARM_DESC(count, "number of hypercalls");
static unsigned long long seed = 1;
module_param(seed, ullong, 0444);
MODULE_PARM_DESC(seed, "of the pseudo-random sequence");

static struct ord_frame *frame; /* the only RAM that the hypervisor is given, */
static void *event_page;        /* with this one */
static void *empty_tables;
static u64 state;

static u64 random_next(void) /* splitmix64: the same everywhere for one seed */
{
	u64 z = state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static u32 random_function(void)
{
	switch (random_next() % 8) {
	case 0:
		return ORD_HC_BASE + (random_next() & 0xffff);
	case 1:
		return 0x86000000u | (random_next() & 0xffff);
	default:
		return ORD_HC_BASE + random_next() % 0x18;
	}
}

static u64 random_argument(void)
{
	switch (random_next() % 6) {
	case 0:
		return random_next() % 8 ? (1ull << random_next() % 64) - random_next() % 2 : ORD_ABI_VERSION;
	case 1:
		return random_next();
	case 2:
		return virt_to_phys(frame) + (random_next() % 4 ? 0 : random_next() % 4096);
	case 3:
		return virt_to_phys(event_page);
	case 4:
		return random_next() % 4;
	default:
		return random_next() % 140;
	}
}

/* Where the hypervisor would write. */
static u64 random_address(void)
{
	u64 address = random_argument();

	if (!pfn_valid(address >> PAGE_SHIFT) || address >> PAGE_SHIFT == virt_to_phys(frame) >> PAGE_SHIFT ||
	    address >> PAGE_SHIFT == virt_to_phys(event_page) >> PAGE_SHIFT)
		return address;
	return virt_to_phys(frame);
}

/* Noise, or a frame that nearly passes: also while a context runs from it. */
static void random_frame(void)
{
	u64 *words = (u64 *)frame, i;
	bool noise = random_next() % 2;

	for (i = 0; i < sizeof(*frame) / sizeof(u64); i++)
		words[i] = noise ? random_next() : 0;
	frame->ttbr0_el1 = virt_to_phys(empty_tables);
	if (random_next() % 8) {
		frame->magic = ORD_FRAME_MAGIC;
		frame->version = ORD_ABI_VERSION;
	}
	if (noise)
		return;
	frame->event = random_next() % 9;
	frame->pc = random_next() & 0xfffffffffffcull;
	frame->asid = random_next() & 0xffff;
	frame->tcr_el1 = read_sysreg(tcr_el1);
	frame->mair_el1 = read_sysreg(mair_el1);
	frame->sctlr_el1 = read_sysreg(sctlr_el1);
	frame->cpacr_el1 = 3ul << 20;
	frame->wait = random_next() % 2;
	frame->wait_cpu = random_next() % 4 ? 0 : random_next();
	if (random_next() % 4 == 0)
		words[random_next() % (sizeof(*frame) / sizeof(u64))] = random_next();
	frame->ttbr0_el1 = virt_to_phys(empty_tables);
}

static bool test_calls(void)
{
	unsigned long by_status[STATUS_COUNT] = {}, other = 0;
	u64 out[3];
	u64 a1, a2, a3, a4;
	unsigned int i;
	u32 function;
	long status;

	for (i = 0; i < count; i++) {
		if (i % REFILL_CALLS == 0) {
			random_frame();
			cond_resched();
		}
		function = random_function();
		a1 = random_argument();
		a2 = random_argument();
		a3 = random_argument();
		a4 = random_next() % 2 ? 0 : random_argument();
		if (function == ORD_HC_SETUP || function == ORD_HC_CREATE)
			a1 = random_address();
		if (function == ORD_HC_LOG)
			a2 = random_address();
		if (function == ORD_HC_IRQ_GRANT)
			a2 %= 32; /* not this kernel's devices */
		if (function == ORD_HC_CREATE && random_next() % 2) {
			a1 = virt_to_phys(frame);
			a2 = ORD_CORE_ANY;
		}
		status = hvd_call(function, a1, a2, a3, a4, out);
		if (!(function & BIT(30))) { /* a 32-bit call */
			status = (s32)status;
			if (function == ORD_HC_CALL_UID || function == ORD_HC_REVISION)
				continue;
		}
		if (status <= 0 && status >= ORD_STATUS_MIN) {
			by_status[-status]++;
			continue;
		}
		if (!other++)
			pr_err("call %u: %08x(%llx, %llx, %llx, %llx) returned %ld\n", i, function, a1, a2,
			       a3, a4, status);
	}
	for (i = 0; i < STATUS_COUNT; i++)
		if (by_status[i])
			pr_info("status %d: %lu\n", -(int)i, by_status[i]);
	pr_info("other results: %lu\n", other);
	return !other;
}

/* Returns the number of contexts that would not go. */
static unsigned int test_destroy(void)
{
	unsigned int left = 0, ms;
	long status;
	u32 id;

	for (id = 0; id < ORD_CONTEXT_MAX; id++) {
		for (ms = 0; ms < DESTROY_MS; ms++) {
			status = hvd_call_destroy(id);
			if (status != ORD_BUSY && status != ORD_BAD_STATE)
				break;
			hvd_call_recall(id);
			msleep(1);
		}
		if (status != ORD_OK && status != ORD_BAD_CAP && status != ORD_BAD_PARAM) {
			pr_err("context %u cannot be destroyed (%ld)\n", id, status);
			left++;
		}
	}
	return left;
}

struct snapshot {
	long status;
	u64 version, features, contexts_max;
	u64 contexts_used, contexts_capacity;
};

static struct snapshot test_snapshot(void)
{
	struct snapshot s = {};
	u64 out[3];

	s.status = hvd_call(ORD_HC_INFO, ORD_ABI_VERSION, 0, 0, 0, out);
	s.version = out[0];
	s.features = out[1];
	s.contexts_max = out[2];
	if (hvd_call(ORD_HC_POOL_INFO, ORD_POOL_CONTEXT, 0, 0, 0, out) == ORD_OK) {
		s.contexts_used = out[0];
		s.contexts_capacity = out[1];
	}
	return s;
}

static bool test_run(bool *keep_pages)
{
	struct snapshot before = test_snapshot(), after;
	unsigned int left;
	long status;
	bool ok;

	if (before.status != ORD_OK) {
		pr_err("info fails beforehand (%ld)\n", before.status);
		return false;
	}
	ok = test_calls();
	left = test_destroy();
	status = hvd_call_setup(ORD_SETUP_NONE);
	if (left || status != ORD_OK) {
		pr_err("%u contexts left; setup(none) returns %ld\n", left, status);
		*keep_pages = true;
		ok = false;
	}
	after = test_snapshot();
	if (memcmp(&before, &after, sizeof(before))) {
		pr_err("info has changed: %ld %llx %llx %llu, contexts %llu of %llu, was %ld %llx %llx %llu, %llu of %llu\n",
		       after.status, after.version, after.features, after.contexts_max, after.contexts_used,
		       after.contexts_capacity, before.status, before.version, before.features,
		       before.contexts_max, before.contexts_used, before.contexts_capacity);
		ok = false;
	}
	return ok;
}

static int __init test_init(void)
{
	bool keep_pages = false, ok = false;
	int err = test_check_machine();

	if (err)
		return err;
	state = seed;
	frame = (struct ord_frame *)get_zeroed_page(GFP_KERNEL);
	event_page = (void *)get_zeroed_page(GFP_KERNEL);
	empty_tables = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, EMPTY_ORDER);
	if (!frame || !event_page || !empty_tables) {
		err = -ENOMEM;
	} else {
		ok = test_run(&keep_pages);
		pr_info("%u calls, seed %llu: %s\n", count, seed, ok ? "passed" : "FAILED");
		err = ok ? 0 : -EIO;
	}
	if (!keep_pages) {
		free_page((unsigned long)frame);
		free_page((unsigned long)event_page);
		free_pages((unsigned long)empty_tables, EMPTY_ORDER);
	}
	return err;
}
module_init(test_init);

static void __exit test_exit(void)
{
}
module_exit(test_exit);

MODULE_DESCRIPTION("Outrider: random hypercalls, for tests");
MODULE_AUTHOR("Outrider");
MODULE_LICENSE("GPL");
