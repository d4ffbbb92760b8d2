/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Host task ABI: native user-mode programs (the VMM) <-> hypervisor (abi.md, section "Host tasks").
 *
 * A call has a number and up to six arguments; it returns an ord_status and a value, on arm64 in x0 and x1
 * (the names below). How it is made is the architecture's (arch/NAME/task.h). A host task's addresses are its
 * own.
 *
 * Capabilities are indices into the task's table, chosen by the caller where a call creates one ("dst").
 */
#ifndef OUTRIDER_TASK_H
#define OUTRIDER_TASK_H

#include "arch.h"
#include "types.h"

/* ---- Calls ------------------------------------------------------------------------------------------- */

enum ord_call {
    /* console_write(console cap, address, length <= ORD_CONSOLE_MAX) */
    ORD_CALL_CONSOLE_WRITE = 0,
    /* mem_map(task or vm cap, mem cap, offset, address, size, rights ORD_MEM_*): offset, address and size
     * in multiples of the page. BAD_ADDRESS outside the object, BUSY over a range that the hypervisor
     * keeps, EXISTS over an existing mapping. Blocks are as large as alignment allows. -> x1 bytes that were
     * mapped, from the start: nothing else runs on the core meanwhile, so the rest may be for other calls. */
    ORD_CALL_MEM_MAP = 1,
    /* mem_unmap(task or vm cap, address, size) -> x1 bytes that were done, as mem_map. */
    ORD_CALL_MEM_UNMAP = 2,
    /* vm_create(dst, line of the virtual exception, ORD_EXCEPTION_FIRST..LAST) */
    ORD_CALL_VM_CREATE = 3,
    /* vm_add_core(vm cap, core index, prio limit, budget, period): gives the core to the VM as a host core.
     * Budget and period 0: it runs no vCPU. Else it may, one that is created later: detached threads go
     * before it, for `budget` of each `period` microseconds in which it wants to run (the same: always). */
    ORD_CALL_VM_ADD_CORE = 4,
    /* thread_create(dst, entry, stack pointer, argument in x0, core index, priority): ready at once. */
    ORD_CALL_THREAD_CREATE = 5,
    /* vcpu_create(dst, vm cap, thread cap, hwid, state page address): makes that thread of the
     * caller's task the one that runs the vCPU; the hypervisor maps the state page (struct
     * ord_vcpu_state) into the caller's task at the address. A core runs one vCPU of a VM, and none if it is
     * a host core without a period (BUSY). */
    ORD_CALL_VCPU_CREATE = 6,
    /* vcpu_reset(vcpu cap): all of its kernel's registers to their reset values, pending interrupts dropped.
     * The general ones are then taken from the state page. Only by the vCPU's thread. */
    ORD_CALL_VCPU_RESET = 7,
    /* vcpu_run(vcpu cap): enters the guest; returns OK with the reason in the state page. Only by the
     * vCPU's thread (NO_RIGHT). BAD_STATE after vm_stop. */
    ORD_CALL_VCPU_RUN = 8,
    /* vcpu_kick(vcpu cap): its vcpu_run returns with ORD_EXIT_KICK, now or when next called. */
    ORD_CALL_VCPU_KICK = 9,
    /* vcpu_inject(vcpu cap, line below ORD_LINE_LIMIT, priority): makes a virtual interrupt pending (edge).
     * Those of a vCPU alone also obey private_enabled and use private_priority. */
    ORD_CALL_VCPU_INJECT = 10,
    /* notify_create(dst) */
    ORD_CALL_NOTIFY_CREATE = 11,
    /* notify_wait(cap, deadline or 0) -> x1 the bits signalled since the last wait (never 0). With a deadline
     * (see sleep_until): TIMED_OUT if there are none by then. */
    ORD_CALL_NOTIFY_WAIT = 12,
    /* notify_signal(cap, bits) */
    ORD_CALL_NOTIFY_SIGNAL = 13,
    /* irq_create(dst, irq-control cap, line): BUSY if taken. Line 0: a virtual one, which only
     * software raises: a channel, or irq_control(SET_PENDING). */
    ORD_CALL_IRQ_CREATE = 14,
    /* irq_bind(irq cap, vcpu cap, virtual line, priority): delivered to that vCPU from now on; the
     * physical interrupt is routed to its core and deactivated by the guest's own EOI. May be repeated
     * to move it or change the priority. */
    ORD_CALL_IRQ_BIND = 15,
    /* irq_control(irq cap, op ORD_IRQ_*) -> x1 for ORD_IRQ_GET: bits ORD_IRQ_STATE_* */
    ORD_CALL_IRQ_CONTROL = 16,
    /* cap_delete(cap): reserved, NOT_SUPPORTED in version 1: objects live as long as their task. */
    ORD_CALL_CAP_DELETE = 17,
    /* power(power cap, op ORD_POWER_*): does not return if it succeeds. */
    ORD_CALL_POWER = 18,
    /* vm_stop(vm cap): ends the detached threads of the VM; they report no more events. */
    ORD_CALL_VM_STOP = 19,
    /* thread_exit(): ends the calling thread; the task ends with its last one, or when one faults (with a
     * reason on the console). */
    ORD_CALL_THREAD_EXIT = 20,
    /* mem_sync(address, size): the task's memory range becomes visible to instruction fetch and to
     * agents with caches off (clean to the point of coherency, invalidate instruction caches). At most
     * ORD_SYNC_MAX bytes at a time. */
    ORD_CALL_MEM_SYNC = 21,
    /* vm_watchdog(vm cap, milliseconds up to ORD_WATCHDOG_MAX; 0: off): when all vCPUs that are on have had
     * the same interrupt of their virtual timer pending for that long, each exits with ORD_EXIT_HANG. */
    ORD_CALL_VM_WATCHDOG = 22,
    /* sleep_until(time in ticks of the counter): returns OK then, at once if it is past. BAD_PARAM for what
     * can never come: from 2^63 on. */
    ORD_CALL_SLEEP_UNTIL = 23,
    /* task_create(dst, address of a name, length 1..15, mask of cores, priority limit): an empty task, which
     * may have threads on these cores with priorities up to the limit. By the first task only (NO_RIGHT). */
    ORD_CALL_TASK_CREATE = 24,
    /* cap_copy(task cap, slot in that task, own cap, rights): gives what the caller holds, with no more
     * rights. Console (rights 0), memory (ORD_MEM_*), notification (ORD_NOTIFY_*), interrupt (0). */
    ORD_CALL_CAP_COPY = 25,
    /* task_start(task cap, entry, stack pointer, argument in x0, core index, priority): its first thread,
     * which is its capability ORD_CAP_THREAD. */
    ORD_CALL_TASK_START = 26,
    /* irq_notify(irq cap, notification cap, bits): from now on the interrupt signals these bits, on the
     * caller's core, and stays silent from then until irq_ack. BUSY if it is bound to a vCPU. */
    ORD_CALL_IRQ_NOTIFY = 27,
    /* irq_ack(irq cap): the device has been served, its interrupt may come again. */
    ORD_CALL_IRQ_ACK = 28,
    /* vm_channel(vm cap, channel 0.., notification cap, bits, notification cap, virtual irq cap): the guest's
     * kernel signals the former two (ORD_HC_NOTIFY_SIGNAL), and takes the latter (ORD_HC_NOTIFY_TAKE), which
     * raises that interrupt whenever it is signalled. */
    ORD_CALL_VM_CHANNEL = 29,
    /* vm_firmware(vm cap, first, last): the guest may make these calls of the machine's firmware. BAD_PARAM:
     * not for a guest (outrider/smccc.h). BAD_STATE: a VM has vCPUs. NO_MEMORY: ORD_FIRMWARE_RANGES_MAX. */
    ORD_CALL_VM_FIRMWARE = 30,
    ORD_CALL_COUNT = 31,
};

#define ORD_CONSOLE_MAX         256
#define ORD_SYNC_MAX            (256ull << 10) /* bytes of one mem_sync: nothing else runs on the core meanwhile */
#define ORD_WATCHDOG_MAX        86400000u
#define ORD_FIRMWARE_RANGES_MAX 16u /* of a VM */
#define ORD_PERIOD_MIN          1000u
#define ORD_PERIOD_MAX          1000000u

/* Rights to a notification. With BIT(n), only bit n can be signalled. */
#define ORD_NOTIFY_SIGNAL (1u << 0)
#define ORD_NOTIFY_WAIT   (1u << 1)
#define ORD_NOTIFY_BIT(n) (((n) + 1u) << 8)

/* Objects (threads, notifications) that a task of task_create() may make itself. */
#define ORD_TASK_OBJECTS_MAX 16

#define ORD_TIME_MAX ((1ull << 63) - 1)

#define ORD_MEM_READ   (1u << 0)
#define ORD_MEM_WRITE  (1u << 1)
#define ORD_MEM_EXEC   (1u << 2)
#define ORD_MEM_DEVICE (1u << 3) /* registers, not memory; implied for device objects */

enum ord_irq_op {
    ORD_IRQ_ENABLE = 0,
    ORD_IRQ_DISABLE = 1,
    ORD_IRQ_SET_PENDING = 2,
    ORD_IRQ_CLEAR_PENDING = 3,
    ORD_IRQ_SET_ACTIVE = 4,
    ORD_IRQ_CLEAR_ACTIVE = 5,
    ORD_IRQ_EDGE = 6,
    ORD_IRQ_LEVEL = 7,
    ORD_IRQ_GET = 8,
};
#define ORD_IRQ_STATE_ENABLED (1u << 0)
#define ORD_IRQ_STATE_PENDING (1u << 1) /* here or in the vCPU */
#define ORD_IRQ_STATE_ACTIVE  (1u << 2)
#define ORD_IRQ_STATE_EDGE    (1u << 3)

enum ord_power_op { ORD_POWER_OFF = 0, ORD_POWER_RESET = 1 };

/* ---- Boot information: x0 of a task's first thread points to it -------------------------------------- */

/* The hypervisor places boot information, description, heap and first stack in this part of the task. */
#define ORD_TASK_RESERVED_BASE 0x7100000000ull
#define ORD_TASK_RESERVED_END  0x7400000000ull

#define ORD_BOOTINFO_MAGIC 0x3162726fu /* "orb1" */
#define ORD_CORES_MAX      32
#define ORD_RESOURCES_MAX  208
#define ORD_MODULES_MAX    8

/* Capabilities that the first task starts with. */
enum ord_cap {
    ORD_CAP_NULL = 0,
    ORD_CAP_TASK = 1,    /* itself */
    ORD_CAP_CONSOLE = 2, /* the debug console */
    ORD_CAP_POWER = 3,
    ORD_CAP_IRQ_CONTROL = 4,
    ORD_CAP_DEVICES = 5, /* memory object: all physical addresses that are not RAM, and memory that firmware
                          * does not let an operating system map by itself (no-map); offset = address */
    ORD_CAP_THREAD = 6,  /* its first thread */
    ORD_CAP_RAM = 8,     /* resource i of type RAM has the capability ORD_CAP_RAM + its index */
    ORD_CAP_FIRST_FREE = 112,
    ORD_CAP_COUNT = 576,
};

enum ord_resource_type {
    ORD_RESOURCE_RAM = 1,  /* given to the task: memory object, whole pages, not used by the hypervisor */
    ORD_RESOURCE_KEPT = 2, /* kept by the hypervisor: RAM or devices; mem_map refuses it */
};

struct ord_resource {
    uint64_t base, size; /* physical */
    uint32_t type;
    uint32_t cap; /* 0 for KEPT */
};

/* A boot module: it lies in a RAM resource, which the task may map and reuse. */
struct ord_module {
    uint64_t base, size;
    char name[16];  /* first word of its bootargs; "ramdisk" for a multiboot,ramdisk */
    char args[488]; /* the rest, NUL-terminated */
};

struct ord_core {
    uint64_t hwid;  /* what the machine calls it; arm64: MPIDR's affinity fields only */
    uint32_t flags; /* ORD_BOOTINFO_CORE_* */
    uint32_t reserved;
};
#define ORD_BOOTINFO_CORE_ONLINE (1u << 0)
#define ORD_BOOTINFO_CORE_BOOT   (1u << 1) /* the task's first thread runs here */

struct ord_bootinfo {
    uint32_t magic;   /* ORD_BOOTINFO_MAGIC */
    uint32_t version; /* ORD_ABI_VERSION */
    /* Firmware's description of the machine (arm64: the device tree), in the task's address space, read-only.
     */
    uint64_t description_base, description_size;
    uint64_t heap_base, heap_size; /* free, zeroed memory of the task, in its address space */
    uint64_t counter_hz;
    ORD_BOOTINFO_ARCH;
    uint32_t space_bits; /* size of a VM's physical address space */
    uint32_t core_count, resource_count, module_count;
    uint32_t console_owned; /* not 0: the console's device is KEPT; else shared with the guest */
    struct ord_core core[ORD_CORES_MAX];
    struct ord_resource resource[ORD_RESOURCES_MAX];
    struct ord_module module[ORD_MODULES_MAX];
};

/* ---- Start page: x0 of the first thread of a task that the VMM starts by configuration -------------- */

#define ORD_START_MAGIC        0x3173726fu /* "ors1" */
#define ORD_NAME_SIZE          16          /* of tasks and channels, with NUL */
#define ORD_TASK_CHANNELS_MAX  16
#define ORD_TASK_DEVICES_MAX   4
#define ORD_TASK_DEVICE_BIT(i) (32 + (i)) /* of the task's notification: interrupt of device i */

struct ord_start_channel {
    char name[ORD_NAME_SIZE];
    uint64_t address, size; /* its memory, in the task's address space */
    uint32_t signal;        /* capability of the other end's notification; only bit `signal_bit` */
    uint32_t signal_bit;
    uint32_t bit; /* of the own notification: the other end has signalled */
    uint32_t end; /* 0, 1: which of the two ends this is; Linux is always 1 */
};

struct ord_start_device {
    char path[64];          /* in the machine's device tree */
    uint64_t address, size; /* its registers, in the task's address space */
    uint32_t irq;           /* capability of its interrupt; 0: it has none */
    uint32_t reserved;
};

struct ord_start {
    uint32_t magic;   /* ORD_START_MAGIC */
    uint32_t version; /* ORD_ABI_VERSION */
    uint64_t counter_hz;
    char name[ORD_NAME_SIZE];
    char args[256];
    uint32_t core, priority;
    uint32_t console;    /* capability, or 0: it has no console */
    uint32_t notify;     /* capability of its own notification: to wait for */
    uint32_t first_free; /* capabilities from here on are empty */
    uint32_t channel_count, device_count;
    uint32_t reserved;
    struct ord_start_channel channel[ORD_TASK_CHANNELS_MAX];
    struct ord_start_device device[ORD_TASK_DEVICES_MAX];
};
ORD_ASSERT(sizeof(struct ord_start_channel) == 48);
ORD_ASSERT(sizeof(struct ord_start_device) == 88);
ORD_ASSERT(sizeof(struct ord_start) == 320 + 16 * 48 + 4 * 88);

/* ---- vCPU state page --------------------------------------------------------------------------------- */

enum ord_exit {
    ORD_EXIT_NONE = 0,
    ORD_EXIT_MMIO = 1,  /* a decoded access to what is no memory: mmio_*; pc still on the instruction */
    ORD_EXIT_CALL = 2,  /* a call that is not the hypervisor's (arm64: PSCI); pc behind it */
    ORD_EXIT_ABORT = 3, /* the same, but it is not known what was to be read or written */
    ORD_EXIT_KICK = 4,  /* vcpu_kick() */
    ORD_EXIT_ERROR = 5, /* the guest cannot go on */
    ORD_EXIT_HANG = 6,  /* vm_watchdog(): it takes no interrupts, and so do all others */
};

/*
 * Shared by the hypervisor and the vCPU's thread. The general registers live here while the guest is out;
 * the hypervisor sanitizes them on entry and trusts nothing.
 */
struct ord_vcpu_state {
    ORD_VCPU_REGISTERS;
    /* exit */
    uint32_t exit;       /* enum ord_exit */
    uint32_t mmio_size;  /* 1, 2, 4, 8 */
    uint32_t mmio_write; /* the value is in mmio_data */
    uint32_t mmio_reg;   /* as the architecture numbers them; for reads the VMM writes mmio_data */
    uint64_t mmio_data;  /* write: value, zero-extended. Read: set by the VMM before the next vcpu_run,
                          * which extends it as the instruction asks and steps pc. */
    ORD_VCPU_FAULT;      /* what the exit is about, as the architecture says it */
    /* answer of the VMM to ORD_EXIT_MMIO and _ABORT; read and cleared by vcpu_run */
    uint32_t answer; /* enum ord_answer */
    uint32_t reserved0;
    ORD_VCPU_PRIVATE; /* interrupts of this vCPU alone */
    /* statistics by the hypervisor */
    uint64_t exits;      /* all exits of the guest on this vCPU */
    uint64_t vmm_exits;  /* those that returned from vcpu_run */
    uint64_t irqs;       /* physical interrupts taken while the guest ran */
    uint64_t injected;   /* virtual interrupts made pending */
    uint64_t hypercalls; /* detach ABI */
    uint64_t reserved1[32];
};
ORD_VCPU_ASSERT;
ORD_ASSERT(sizeof(struct ord_vcpu_state) <= ORD_PAGE_SIZE);

enum ord_answer {
    ORD_ANSWER_NONE = 0,  /* MMIO: done (data is in mmio_data). ABORT: run again at the same pc */
    ORD_ANSWER_ABORT = 1, /* as if no device had answered */
};

#endif
