// SPDX-License-Identifier: GPL-2.0-only
/*
 * For tests only: what a guest's kernel may try against the hypervisor, one attack for each load. Loading
 * does it; it fails to load with EIO if the answer is not the one that it should be. A hypervisor that stops
 * is seen from outside. `rmmod hvdetach` first.
 *
 *   insmod hvdetach_attack.ko attack=table-in-device
 *
 * One more attack: a function that returns whether the hypervisor did right, and a line in `attacks`.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <asm/barrier.h>
#include <asm/sysreg.h>

#include "../hypercall.h"
#include "machine.h"
#include <outrider/hostcall.h>

static char *attack = "";
module_param(attack, charp, 0444);
MODULE_PARM_DESC(attack, "which one");
static unsigned int rounds = 100;
module_param(rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "of a storm");
static unsigned int duration = 2000;
module_param(duration, uint, 0444);
MODULE_PARM_DESC(duration, "milliseconds of what goes on beside a neighbour");
static unsigned int interrupt = 34;
module_param(interrupt, uint, 0444);
MODULE_PARM_DESC(interrupt, "a shared one of a device of Linux (QEMU virt: the clock)");
static unsigned long device = 0x09020000;
module_param(device, ulong, 0444);
MODULE_PARM_DESC(
	device,
	"page of registers that no driver uses and that aborts what it does not know (QEMU virt: fw_cfg)");
static unsigned long address[4];
static int address_count;
module_param_array(address, ulong, &address_count, 0444);
MODULE_PARM_DESC(address, "pages that are no memory of the guest: firmware's");
static unsigned long flash = 0x04000000;
module_param(flash, ulong, 0444);
MODULE_PARM_DESC(flash, "page of a device that can be read as memory (QEMU virt: the second flash)");

/* ---- a context with a page table of our own ---- */

#define USER_CODE   0x1000ul
#define USER_DATA   0x2000ul
#define USER_BEHIND (5ul << 21) /* below the entry of the second level that attacks fill in */
#define WAIT_MS     5000

/* Page tables have all of Linux's attributes for EL0: 4 KiB pages, 48 bits or what TCR_EL1 says. */
#define USER_PAGE      (3ul << 6 /* read only */ | 3ul << 8 | 1ul << 10 | 1ul << 11 | 1ul << 53 | 3ul)
#define USER_READ_ONLY (1ul << 7)
#define USER_TABLE     3ul

struct victim {
	struct ord_frame *frame;
	u64 *table[4]; /* of levels 0 to 3 */
	u32 *code;     /* at USER_CODE */
	u64 *data;     /* at USER_DATA */
	u64 core, prio, flags;
	u32 id;
	bool created;
};

static void *zero_page(void)
{
	return (void *)get_zeroed_page(GFP_KERNEL);
}

/* MAIR_EL1's index of normal, write-back memory. */
static u64 normal_index(void)
{
	u64 mair = read_sysreg(mair_el1), i;

	for (i = 0; i < 8; i++)
		if ((mair >> 8 * i & 0xff) == 0xff)
			return i;
	return 0;
}

static void victim_free(struct victim *v)
{
	unsigned int i;

	free_page((unsigned long)v->frame);
	free_page((unsigned long)v->code);
	free_page((unsigned long)v->data);
	for (i = 0; i < 4; i++)
		free_page((unsigned long)v->table[i]);
}

static bool victim_init(struct victim *v, const u32 *code, size_t size)
{
	u64 tcr = read_sysreg(tcr_el1);
	unsigned int i;

	memset(v, 0, sizeof(*v));
	v->frame = zero_page();
	v->code = zero_page();
	v->data = zero_page();
	v->core = ORD_CORE_ANY;
	v->prio = ORD_PRIO_DEFAULT;
	for (i = 0; i < 4; i++)
		v->table[i] = zero_page();
	if (PAGE_SIZE != 4096 || !v->frame || !v->code || !v->data || !v->table[0] || !v->table[1] ||
	    !v->table[2] || !v->table[3]) {
		pr_err("no memory, or not 4 KiB pages\n");
		victim_free(v);
		return false;
	}
	memcpy(v->code, code, size);
	for (i = 0; i < 3; i++)
		v->table[i][0] = virt_to_phys(v->table[i + 1]) | USER_TABLE;
	v->table[3][1] = virt_to_phys(v->code) | normal_index() << 2 | USER_PAGE;
	v->table[3][2] = virt_to_phys(v->data) | normal_index() << 2 | (USER_PAGE & ~USER_READ_ONLY);
	v->frame->magic = ORD_FRAME_MAGIC;
	v->frame->version = ORD_ABI_VERSION;
	v->frame->pc = USER_CODE;
	v->frame->ttbr0_el1 = virt_to_phys(v->table[0]);
	v->frame->asid = 0x7f;
	/* 48 bits below, whatever Linux has */
	v->frame->tcr_el1 = (tcr & ~0x3ful) | 16;
	v->frame->mair_el1 = read_sysreg(mair_el1);
	v->frame->sctlr_el1 = read_sysreg(sctlr_el1);
	v->frame->cpacr_el1 = 3ul << 20;
	/* the code, for the instruction fetches of another core */
	dsb(ish);
	asm volatile("ic ialluis\n\tdsb ish\n\tisb" ::: "memory");
	return true;
}

static bool victim_run(struct victim *v)
{
	u64 out[3];
	long status = ORD_OK;

	if (!v->created) {
		status = hvd_call(ORD_HC_CREATE, virt_to_phys(v->frame), v->core, v->prio, v->flags, out);
		v->created = status == ORD_OK;
		v->id = (u32)out[0];
	}
	if (status == ORD_OK)
		status = hvd_call_run(v->id);
	if (status != ORD_OK)
		pr_err("the context does not run (%ld)\n", status);
	return status == ORD_OK;
}

/* The event; RUNNING if there is none. */
static u32 victim_wait(struct victim *v)
{
	unsigned int ms;

	for (ms = 0; ms < WAIT_MS && smp_load_acquire(&v->frame->event) == ORD_EVENT_RUNNING; ms++)
		msleep(1);
	return smp_load_acquire(&v->frame->event);
}

/* Takes its memory back. False: the hypervisor does not let it go, and the memory stays where it is. */
static bool victim_end(struct victim *v)
{
	if (v->created) {
		hvd_call_recall(v->id);
		if (victim_wait(v) == ORD_EVENT_RUNNING || hvd_call_destroy(v->id) != ORD_OK) {
			pr_err("the context does not end\n");
			return false;
		}
	}
	victim_free(v);
	return true;
}

static bool victim_expect(struct victim *v, u32 event)
{
	u32 is = victim_wait(v);

	if (is != event)
		pr_err("event %u instead of %u: esr %llx, far %llx, pc %llx\n", is, event, v->frame->code,
		       v->frame->address, v->frame->pc);
	return is == event;
}

/* ---- a table of its own is in a device's registers ---- */

static const u32 sleep_code[] = {
	0xd2800e68, /* mov x8, #115: clock_nanosleep */
	0xd2800020, /* mov x0, #1: CLOCK_MONOTONIC */
	0xd2800021, /* mov x1, #1: TIMER_ABSTIME */
	0xd2880002, /* mov x2, #0x4000 */
	0xf2a01402, /* movk x2, #0xa0, lsl #16: USER_BEHIND + 0x4000 */
	0xd4000001, /* svc #0 */
	0x14000000, /* b . */
};

static const u32 load_code[] = {
	0xd2880002, /* mov x2, #0x4000 */
	0xf2a01402, /* movk x2, #0xa0, lsl #16 */
	0xf9400040, /* ldr x0, [x2] */
	0x14000000, /* b . */
};

/* The hypervisor is to read a time through it: the call is Linux's then. */
static bool table_in_device(void)
{
	struct victim v;
	bool ok;

	if (!victim_init(&v, sleep_code, sizeof(sleep_code)))
		return false;
	v.table[2][USER_BEHIND >> 21] = device | USER_TABLE;
	v.frame->serve = ORD_SERVE_SLEEP;
	ok = victim_run(&v) && victim_expect(&v, ORD_EVENT_SYSCALL);
	return victim_end(&v) && ok;
}

/* The thread's own access goes through it: an external abort on the walk is the thread's. */
static bool table_in_device_load(void)
{
	struct victim v;
	bool ok;

	if (!victim_init(&v, load_code, sizeof(load_code)))
		return false;
	v.table[2][USER_BEHIND >> 21] = device | USER_TABLE;
	ok = victim_run(&v) && victim_expect(&v, ORD_EVENT_FAULT);
	return victim_end(&v) && ok;
}

/* ---- registers that are not for a guest ---- */

/*
 * One instruction, with our own vectors and everything masked: what it faults with, or 0. Read or written is
 * x8; the handler steps over the instruction.
 */
asm("	.pushsection .text\n"
    "	.balign	2048\n"
    "attack_vectors:\n"
    "	.skip	0x200\n" /* SP_ELx, synchronous */
    "	mrs	x9, esr_el1\n"
    "	mrs	x10, elr_el1\n"
    "	add	x10, x10, #4\n"
    "	msr	elr_el1, x10\n"
    "	eret\n"
    "	.balign	2048\n"
    "	.popsection\n");
extern char attack_vectors[];

#define ATTEMPT(instruction, value)                                                                      \
	({                                                                                               \
		u64 vbar_ = read_sysreg(vbar_el1), esr_, in_ = (value);                                  \
		asm volatile("mov x8, %2\n\tmov x9, #0\n\tmrs x11, daif\n\tmsr daifset, #0xf\n\t"        \
			     "msr vbar_el1, %3\n\tisb\n\t" instruction "\n\tisb\n\tmsr vbar_el1, %4\n\t" \
			     "isb\n\tmsr daif, x11\n\tmov %0, x8\n\tmov %1, x9"                          \
			     : "=&r"(value), "=&r"(esr_)                                                 \
			     : "r"(in_), "r"(attack_vectors), "r"(vbar_)                                 \
			     : "x8", "x9", "x10", "x11", "memory");                                      \
		esr_;                                                                                    \
	})
#define READ_REG(reg, value)  ATTEMPT("mrs x8, " reg, value)
#define WRITE_REG(reg, value) ATTEMPT("msr " reg ", x8", value)

#define UNDEFINED 0x02000000ull /* EC 0, IL */

static bool expect(const char *what, u64 is, u64 wanted)
{
	if (is != wanted)
		pr_err("%s: %llx instead of %llx\n", what, is, wanted);
	return is == wanted;
}

#define EXPECT(what, is, wanted) (ok = expect(what, is, wanted) && ok)

static bool registers(void)
{
	bool ok = true;
	u64 v, esr;

	/* LORegions, statistical profiling: there are none */
	v = 1;
	EXPECT("write of LORC_EL1", WRITE_REG("S3_0_C10_C4_3", v), UNDEFINED);
	EXPECT("read of LORC_EL1", READ_REG("S3_0_C10_C4_3", v), UNDEFINED);
	EXPECT("read of LORID_EL1", READ_REG("S3_0_C10_C4_7", v), UNDEFINED);
	EXPECT("read of PMSIDR_EL1", READ_REG("S3_0_C9_C9_7", v), UNDEFINED);
	/* The OS lock is the vCPU's own. */
	v = 1;
	EXPECT("write of OSLAR_EL1", WRITE_REG("S2_0_C1_C0_4", v), 0);
	EXPECT("read of OSLSR_EL1", READ_REG("S2_0_C1_C1_4", v), 0);
	EXPECT("OSLSR_EL1.OSLK, locked", v & 2, 2);
	v = 0;
	EXPECT("write of OSLAR_EL1", WRITE_REG("S2_0_C1_C0_4", v), 0);
	esr = READ_REG("S2_0_C1_C1_4", v);
	EXPECT("OSLSR_EL1.OSLK, unlocked", v & 2, esr);
	/* Double lock and power down are not, and there is no debug ROM. */
	v = 1;
	EXPECT("write of OSDLR_EL1", WRITE_REG("S2_0_C1_C3_4", v), 0);
	EXPECT("read of OSDLR_EL1", READ_REG("S2_0_C1_C3_4", v), 0);
	EXPECT("OSDLR_EL1", v, 0);
	v = 1; /* QEMU's cores do not have this one */
	if (WRITE_REG("S2_0_C1_C4_4", v) != UNDEFINED) {
		EXPECT("read of DBGPRCR_EL1", READ_REG("S2_0_C1_C4_4", v), 0);
		EXPECT("DBGPRCR_EL1", v, 0);
	}
	EXPECT("read of MDRAR_EL1", READ_REG("S2_0_C1_C0_0", v), 0);
	EXPECT("MDRAR_EL1", v, 0);
	/* The interrupt controller's system registers stay on. */
	v = 0;
	EXPECT("write of ICC_SRE_EL1", WRITE_REG("S3_0_C12_C12_5", v), 0);
	EXPECT("read of ICC_SRE_EL1", READ_REG("S3_0_C12_C12_5", v), 0);
	EXPECT("ICC_SRE_EL1", v, 7);
	return ok;
}

/* ---- much at once ---- */

static const u32 spin_code[] = {
	0x14000000, /* b . */
};

static void nothing(void *unused)
{
}

/* Interrupts of all CPUs, each call that does not change what Linux has, RUN and RECALL: as fast as it goes.
 */
static bool storm(void)
{
	unsigned char *page = zero_page();
	struct victim v;
	unsigned int i;
	bool ok;

	if (!page || !victim_init(&v, spin_code, sizeof(spin_code))) {
		free_page((unsigned long)page);
		return false;
	}
	ok = victim_run(&v);
	for (i = 0; ok && i < rounds; i++) {
		on_each_cpu(nothing, NULL, 1);
		hvd_call(ORD_HC_INFO, (u64)ORD_ABI_MAJOR << 16, 0, 0, 0, NULL);
		hvd_call(ORD_HC_CORE_INFO, i % 5, 0, 0, 0, NULL);
		hvd_call(ORD_HC_POOL_INFO, i % 8, 0, 0, 0, NULL);
		hvd_call(ORD_HC_CORE_STATS, i % 5, 0, 0, 0, NULL);
		hvd_call(ORD_HC_CREATE, i, 0, 0, 0, NULL);
		hvd_call(ORD_HC_SETUP, i | 1, 0, 0, 0, NULL);
		hvd_call(ORD_HC_FLUSH, v.frame->asid, i % 2 ? ORD_FLUSH_ALL : 0, 1 << i % 20, 0, NULL);
		hvd_call(ORD_HC_BARRIER, 0, 0, 0, 0, NULL);
		hvd_call(ORD_HC(i % 64 + 0x40), i, i, i, i, NULL);
		ok = hvd_call(ORD_HC_LOG, (u64)i * 100, virt_to_phys(page), 0, 0, NULL) == ORD_OK;
		hvd_call_run(v.id);
		hvd_call_recall(v.id);
		hvd_call_recall(v.id);
		cond_resched();
	}
	free_page((unsigned long)page);
	return victim_end(&v) && ok;
}

/* ---- addresses of memory that is not the guest's ---- */

/* As a frame, an event page, a buffer, and as a page table that the hypervisor walks. */
static bool addresses(void)
{
	bool ok = address_count > 0;
	int i;

	for (i = 0; i < address_count; i++) {
		EXPECT("CREATE", hvd_call(ORD_HC_CREATE, address[i], ORD_CORE_ANY, ORD_PRIO_DEFAULT, 0, NULL),
		       ORD_BAD_ADDRESS);
		EXPECT("SETUP", hvd_call(ORD_HC_SETUP, address[i], 0, 0, 0, NULL), ORD_BAD_ADDRESS);
		EXPECT("LOG", hvd_call(ORD_HC_LOG, 0, address[i], 0, 0, NULL), ORD_BAD_ADDRESS);
		device = address[i];
		ok = table_in_device() && ok;
	}
	return ok;
}

/* ---- accesses that are not aligned ---- */

#define EC_DATA_ABORT   0x25ull
#define FAULT_ALIGNMENT 0x21ull

/* Write-combining memory of a device takes them, its registers do not: Linux's attributes count. */
static bool unaligned(void)
{
	void __iomem *memory = ioremap_wc(flash, PAGE_SIZE), *registers = ioremap(flash, PAGE_SIZE);
	bool ok = memory && registers;
	u64 v, esr;

	if (ok) {
		v = (u64)memory + 1;
		EXPECT("load of write-combining memory", ATTEMPT("ldr x8, [x8]", v), 0);
		v = (u64)registers + 1;
		esr = ATTEMPT("ldr x8, [x8]", v);
		EXPECT("load of registers: class", esr >> 26, EC_DATA_ABORT);
		EXPECT("load of registers: fault", esr & 0x3f, FAULT_ALIGNMENT);
	}
	iounmap(memory);
	iounmap(registers);
	return ok;
}

/* ---- what goes on beside a neighbour ---- */

/* Attackers have a lower priority than the neighbour: they may take nothing of its core but the hypervisor.
 */
#define PRIO_NEIGHBOUR 200
#define PRIO_ATTACKER  100
#define COUNT_MIN      1000 /* turns of the neighbour's loop, and of a CPU's, in that time */

static u64 host_core[2]; /* both the same, if there is only one */

static const u32 count_code[] = {
	0xd2840002, /* mov x2, #0x2000: USER_DATA */
	0x91000400, /* add x0, x0, #1 */
	0xf9000040, /* str x0, [x2] */
	0x17fffffe, /* b .-8 */
};

static const u32 irq_wait_code[] = {
	0xd2800048, /* mov x8, #2 */
	0xf2a1ea48, /* movk x8, #0xf52, lsl #16: ORD_HOSTCALL_IRQ_WAIT */
	0xaa1303e0, /* mov x0, x19 */
	0xd2800001, /* mov x1, #0 */
	0xd4000001, /* svc #0 */
	0x17fffffd, /* b .-12 */
};

struct worker {
	void (*step)(void); /* over and over */
	unsigned int cpu;
	struct task_struct *task;
	u64 steps;
};

static struct victim neighbour, attackers[2];
static struct ord_event_page *events;
static u64 target_turns, events_seen;

static int worker_run(void *data)
{
	struct worker *w = data;

	while (!kthread_should_stop()) {
		w->step();
		w->steps++;
		cond_resched();
	}
	return 0;
}

static bool find_host_cores(void)
{
	u64 out[3], core;
	int found = 0;

	for (core = 0; found < 2 && hvd_call(ORD_HC_CORE_INFO, core, 0, 0, 0, out) == ORD_OK; core++)
		if (out[0] & ORD_CORE_HOST)
			host_core[found++] = core;
	if (found == 1)
		host_core[1] = host_core[0];
	if (!found || num_online_cpus() < 2)
		pr_err("a host core and two CPUs are needed\n");
	return found && num_online_cpus() >= 2;
}

static bool attacker_init(struct victim *v, const u32 *code, size_t size, u64 core, u64 prio)
{
	bool ok = victim_init(v, code, size);

	v->core = core;
	v->prio = prio;
	v->flags = ORD_CREATE_SHARED;
	return ok;
}

/* Lets each worker go on for a while, on its CPU. True if all got on, and the neighbour, which never left. */
static bool attack_for(struct worker *w, unsigned int count)
{
	u64 turns;
	bool ok = attacker_init(&neighbour, count_code, sizeof(count_code), host_core[1], PRIO_NEIGHBOUR);
	unsigned int i;

	if (!ok)
		return false;
	ok = victim_run(&neighbour);
	for (i = 0; i < count; i++) {
		w[i].task = kthread_create(worker_run, &w[i], "attack/%u", i);
		if (IS_ERR(w[i].task)) {
			w[i].task = NULL;
			ok = false;
			continue;
		}
		kthread_bind(w[i].task, w[i].cpu);
		get_task_struct(w[i].task);
	}
	turns = READ_ONCE(*neighbour.data);
	for (i = 0; i < count && ok; i++)
		wake_up_process(w[i].task);
	msleep(duration);
	turns = READ_ONCE(*neighbour.data) - turns;
	for (i = 0; i < count; i++) {
		if (!w[i].task)
			continue;
		kthread_stop(w[i].task);
		put_task_struct(w[i].task);
		pr_info("worker %u: %llu steps\n", i, w[i].steps);
		ok = ok && w[i].steps;
	}
	pr_info("neighbour: %llu turns\n", turns);
	if (turns < COUNT_MIN || smp_load_acquire(&neighbour.frame->event) != ORD_EVENT_RUNNING) {
		pr_err("the neighbour does not go on: %llu turns, event %u\n", turns, neighbour.frame->event);
		ok = false;
	}
	ok = hvd_call(ORD_HC_INFO, (u64)ORD_ABI_MAJOR << 16, 0, 0, 0, NULL) == ORD_OK && ok;
	return victim_end(&neighbour) && ok;
}

static void victim_poll(struct victim *v)
{
	while (smp_load_acquire(&v->frame->event) == ORD_EVENT_RUNNING && !kthread_should_stop())
		cond_resched();
}

static void run_and_recall(struct victim *v)
{
	v->frame->pc = USER_CODE;
	hvd_call_run(v->id);
	udelay(v->data[1]++ % 32);
	hvd_call_recall(v->id);
	victim_poll(v);
}

/* Its interrupt is given and taken while its thread goes from core to core. */
static void step_move(void)
{
	static unsigned int round;

	run_and_recall(&attackers[0]);
	hvd_call_set(attackers[0].id, host_core[++round % 2], PRIO_ATTACKER);
}

static void step_grant(void)
{
	hvd_call(ORD_HC_IRQ_GRANT, attackers[0].id, interrupt, 0, 0, NULL);
	udelay(get_cycles() % 16);
	if (hvd_call(ORD_HC_IRQ_REVOKE, interrupt, 0, 0, 0, NULL) == ORD_OK)
		events_seen++;
}

static unsigned int other_cpu(void)
{
	return cpumask_next(cpumask_first(cpu_online_mask), cpu_online_mask);
}

static bool irq_moves(void)
{
	struct worker w[] = { { step_move, cpumask_first(cpu_online_mask) }, { step_grant, other_cpu() } };
	bool ok;

	if (!find_host_cores() ||
	    !attacker_init(&attackers[0], irq_wait_code, sizeof(irq_wait_code), host_core[0], PRIO_ATTACKER))
		return false;
	attackers[0].frame->x[19] = interrupt;
	ok = victim_run(&attackers[0]);
	ok = ok && attack_for(w, ARRAY_SIZE(w));
	pr_info("given and taken %llu times\n", events_seen);
	return victim_end(&attackers[0]) && ok && events_seen;
}

/* A CPU changes the word of the event page all the time in which the hypervisor is to set a bit. */
static void step_store(void)
{
	unsigned int i;

	for (i = 0; i < 10000; i++)
		WRITE_ONCE(events->pending[0], i);
}

static void step_event(void)
{
	attackers[0].frame->wait_cpu = 0;
	WRITE_ONCE(attackers[0].frame->wait, 1);
	run_and_recall(&attackers[0]);
	if (attackers[0].frame->event == ORD_EVENT_RECALLED)
		events_seen++;
}

static bool event_page(void)
{
	struct worker w[] = { { step_store, cpumask_first(cpu_online_mask) }, { step_event, other_cpu() } };
	bool ok, all;

	events = zero_page();
	if (!events || !find_host_cores() ||
	    !attacker_init(&attackers[0], spin_code, sizeof(spin_code), host_core[0], PRIO_ATTACKER))
		return false;
	ok = hvd_call_setup(virt_to_phys(events)) == ORD_OK && victim_run(&attackers[0]);
	ok = ok && attack_for(w, ARRAY_SIZE(w));
	all = events->all;
	ok = victim_end(&attackers[0]) && ok;
	if (hvd_call_setup(ORD_SETUP_NONE) == ORD_OK)
		free_page((unsigned long)events);
	else
		ok = false;
	pr_info("%llu events, the hypervisor gave up on the bit: %s\n", events_seen, all ? "yes" : "no");
	return ok && events_seen > COUNT_MIN / 100;
}

/* All other CPUs send software interrupts to the first one, which is to go on with what it does. */
static u64 target_affinity;

static void step_target(void)
{
	unsigned int i;

	for (i = 0; i < 1000; i++)
		WRITE_ONCE(target_turns, target_turns + 1);
}

/* IPIs of Linux that do nothing if nothing is to be done: reschedule, function call. */
static void step_sgi(void)
{
	u64 to = (target_affinity & 0xff00) << 8 | (target_affinity & 0xff0000) << 16 |
		 (target_affinity & 0xff00000000) << 16 | (target_affinity & 0xf0) << 40 |
		 1ull << (target_affinity & 0xf);
	unsigned int i;

	for (i = 0; i < 100; i++) {
		write_sysreg_s(to | (u64)(i % 2) << 24, sys_reg(3, 0, 12, 11, 5)); /* ICC_SGI1R_EL1 */
		isb();
	}
}

static void read_affinity(void *unused)
{
	target_affinity = read_sysreg(mpidr_el1);
}

static bool sgis(void)
{
	struct worker w[8] = { { step_target, cpumask_first(cpu_online_mask) } };
	unsigned int cpu, count = 1;

	if (!find_host_cores() || smp_call_function_single(w[0].cpu, read_affinity, NULL, 1))
		return false;
	for_each_online_cpu(cpu) if (cpu != w[0].cpu && count < ARRAY_SIZE(w)) w[count++] =
		(struct worker){ step_sgi, cpu };
	if (!attack_for(w, count))
		return false;
	pr_info("the target: %llu turns\n", target_turns);
	return target_turns > COUNT_MIN;
}

/* All CPUs ask for more than the neighbour's core can do in that time. */
static void step_posts(void)
{
	unsigned int i;

	for (i = 0; i < 100; i++) {
		hvd_call_run(attackers[i % 2].id);
		hvd_call(ORD_HC_IRQ_GRANT, attackers[i % 2].id, interrupt, 0, 0, NULL);
		hvd_call(ORD_HC_IRQ_REVOKE, interrupt, 0, 0, 0, NULL);
		hvd_call_recall(attackers[i % 2].id);
		hvd_call(ORD_HC_TIME, 0, 0, 0, 0, NULL);
	}
}

static bool posts(void)
{
	struct worker w[8] = {};
	unsigned int cpu, i, count = 0;
	u64 before[3], after[3];
	bool ok = find_host_cores();

	for (i = 0; i < 2 && ok; i++) {
		ok = attacker_init(&attackers[i], irq_wait_code, sizeof(irq_wait_code), host_core[1],
				   PRIO_ATTACKER);
		attackers[i].frame->x[19] = interrupt;
		ok = ok && victim_run(&attackers[i]);
	}
	for_each_online_cpu(cpu) if (count < ARRAY_SIZE(w)) w[count++] = (struct worker){ step_posts, cpu };
	hvd_call(ORD_HC_CORE_STATS, host_core[1], 0, 0, 0, before);
	ok = ok && attack_for(w, count);
	hvd_call(ORD_HC_CORE_STATS, host_core[1], 0, 0, 0, after);
	pr_info("the core entered the hypervisor %llu times\n", after[0] - before[0]);
	for (i = 0; i < 2; i++)
		if (attackers[i].frame)
			ok = victim_end(&attackers[i]) && ok;
	return ok && after[0] > before[0];
}

/* ---- calls of the machine's firmware ---- */

static unsigned long given, refused;
module_param(given, ulong, 0444);
MODULE_PARM_DESC(given, "call that the configuration gives to the guest; tests/guest/firmware.S answers it");
module_param(refused, ulong, 0444);
MODULE_PARM_DESC(refused, "one that it does not");

#define SMCCC_ARCH_FEATURES 0x80000001ul
#define WORKAROUND_1        0x80008000ul /* given, too */
#define WORKAROUND_2        0x80007ffful
#define EL3                 (3ul << 2) /* as CurrentEL reads there */
#define REGISTERS           18

/* All registers that a call may change, by either instruction. */
#define FIRMWARE_CALL(instruction, x)                                                                      \
	({                                                                                                 \
		register u64 *at_ asm("x19") = (x);                                                        \
		asm volatile("ldp x0, x1, [%0]\n\tldp x2, x3, [%0, #16]\n\tldp x4, x5, [%0, #32]\n\t"      \
			     "ldp x6, x7, [%0, #48]\n\tldp x8, x9, [%0, #64]\n\tldp x10, x11, [%0, #80]"   \
			     "\n\tldp x12, x13, [%0, #96]\n\tldp x14, x15, [%0, #112]\n\t"                 \
			     "ldp x16, x17, [%0, #128]\n\t" instruction " #0\n\tstp x0, x1, [%0]\n\t"      \
			     "stp x2, x3, [%0, #16]\n\tstp x4, x5, [%0, #32]\n\tstp x6, x7, [%0, #48]\n\t" \
			     "stp x8, x9, [%0, #64]\n\tstp x10, x11, [%0, #80]\n\tstp x12, x13, "          \
			     "[%0, #96]\n\tstp x14, x15, [%0, #112]\n\tstp x16, x17, [%0, #128]"           \
			     :                                                                             \
			     : "r"(at_)                                                                    \
			     : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11",   \
			       "x12", "x13", "x14", "x15", "x16", "x17", "memory");                        \
	})

static void firmware_call(bool smc, u64 function, u64 x[REGISTERS])
{
	unsigned int i;

	x[0] = function;
	for (i = 1; i < REGISTERS; i++)
		x[i] = 0x1000 + i;
	if (function == SMCCC_ARCH_FEATURES)
		x[1] = smc ? WORKAROUND_1 : WORKAROUND_2;
	if (smc)
		FIRMWARE_CALL("smc", x);
	else
		FIRMWARE_CALL("hvc", x);
}

/* What is given reaches EL3 with all registers and brings them back; what is not is unknown. */
static bool firmware(void)
{
	u64 x[REGISTERS];
	unsigned int i, smc;
	bool ok = given && refused;

	for (smc = 0; smc < 2; smc++) {
		firmware_call(smc, given, x);
		EXPECT("a given call: exception level", x[0], EL3);
		for (i = 1; i < REGISTERS; i++)
			EXPECT("a given call: register", x[i], ~(0x1000ull + i));
		firmware_call(smc, refused, x);
		EXPECT("a refused call", x[0], -1ull);
		for (i = 1; i < REGISTERS; i++)
			EXPECT("a refused call: register", x[i], 0x1000ull + i);
	}
	/* The firmware says that it has both, but one of them is not the guest's. */
	firmware_call(true, SMCCC_ARCH_FEATURES, x);
	EXPECT("a feature that is given", x[0], 0x10001);
	firmware_call(false, SMCCC_ARCH_FEATURES, x);
	EXPECT("a feature that is not", (u32)x[0], (u32)-1);
	return ok;
}

static const struct {
	const char *name;
	bool (*run)(void);
} attacks[] = {
	{ "table-in-device", table_in_device },
	{ "table-in-device-load", table_in_device_load },
	{ "registers", registers },
	{ "storm", storm },
	{ "addresses", addresses },
	{ "unaligned", unaligned },
	{ "firmware", firmware },
	{ "irq-moves", irq_moves },
	{ "event-page", event_page },
	{ "sgis", sgis },
	{ "posts", posts },
};

static int __init attack_init(void)
{
	int err = test_check_machine();
	unsigned int i;
	bool ok;

	if (err)
		return err;
	for (i = 0; i < ARRAY_SIZE(attacks); i++) {
		if (strcmp(attacks[i].name, attack))
			continue;
		ok = attacks[i].run();
		pr_info("%s: %s\n", attack, ok ? "passed" : "FAILED");
		return ok ? 0 : -EIO;
	}
	pr_err("there is no attack '%s'\n", attack);
	return -EINVAL;
}
module_init(attack_init);

static void __exit attack_exit(void)
{
}
module_exit(attack_exit);

MODULE_DESCRIPTION("Outrider: attacks on the hypervisor, for tests");
MODULE_AUTHOR("Outrider");
MODULE_LICENSE("GPL");
