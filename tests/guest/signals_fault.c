/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Synchronous signals: siginfo and ucontext of each fault, relative to the instruction and the address that
 * cause it. An instruction at "fault_pc" is met with x0 = address, x9 = what comes after.
 */
#include "signals.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define PAGE 4096

static uint64_t base, expected_pc;

static void note_relative(const char *what, uint64_t value)
{
    if (value - base < 0x10000)
        note("%s=base+%lx", what, (unsigned long)(value - base));
    else
        note("%s=%lx", what, (unsigned long)value);
}

static void fault_handler(int number, siginfo_t *info, void *context)
{
    ucontext_t *user = context;
    struct _aarch64_ctx *head = (void *)user->uc_mcontext.__reserved;
    uint64_t pc = user->uc_mcontext.pc, at;

    memcpy(&at, &info->si_addr, sizeof(at));
    note("signal=%d code=%d", number, info->si_code);
    if (at == expected_pc)
        note("addr=pc");
    else
        note_relative("addr", at);
    if (pc == expected_pc)
        note("at=pc");
    else
        note_relative("at", pc);
    note_relative("fault", user->uc_mcontext.fault_address);
    for (; head->magic; head = (void *)((char *)head + head->size))
        if (head->magic == ESR_MAGIC)
            note("esr=%llx", ((struct esr_context *)head)->esr);
    user->uc_mcontext.pc = user->uc_mcontext.regs[9];
    user->uc_mcontext.sp = user->uc_mcontext.regs[10];
}

/* Executes one instruction with x0; x9 and x10 are pc and sp to go on with. */
#define ONE(text, address)                                                                                   \
    do {                                                                                                     \
        register uint64_t in __asm__("x0") = (uint64_t)(address);                                            \
        __asm__ volatile("adr x9, 2f\n\t"                                                                    \
                         "mov x10, sp\n\t"                                                                   \
                         "adr x11, 1f\n\t"                                                                   \
                         "str x11, %1\n"                                                                     \
                         "1: " text "\n"                                                                     \
                         "2: mov sp, x10\n"                                                                  \
                         : "+r"(in), "=m"(expected_pc)                                                       \
                         :                                                                                   \
                         : "x1", "x2", "x8", "x9", "x10", "x11", "x30", "memory", "cc");                     \
    } while (0)

/* Notes the signal of one instruction; the detached half proves that the core has left the thread for it. */
#define FAULT(name, text, address)                                                                           \
    do {                                                                                                     \
        struct ord_ioc_thread before, after;                                                                 \
        note("%s:", name);                                                                                   \
        if (both_detached && (thread_stat(gettid(), &before) || !becomes_detached()))                        \
            note("ATTACHED");                                                                                \
        ONE(text, address);                                                                                  \
        if (both_detached &&                                                                                 \
            (thread_stat(gettid(), &after) ||                                                                \
             after.stats.exceptions + after.stats.faults <= before.stats.exceptions + before.stats.faults))  \
            note("UNPROVED");                                                                                \
    } while (0)

static void handle_all(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGSYS};
    stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};

    CHECK(stack.ss_sp && sigaltstack(&stack, NULL) == 0);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        install(numbers[i], fault_handler, SA_ONSTACK);
}

static uint64_t mapping(int protection)
{
    char *data = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(data != MAP_FAILED);
    memset(data, 0, 4 * PAGE);
    CHECK(mprotect(data, 4 * PAGE, protection) == 0);
    base = (uint64_t)data;
    return base;
}

CASE(segv)
{
    uint64_t address;

    handle_all();
    address = mapping(PROT_NONE);
    FAULT("none, read", "ldr x1, [x0]", address);
    FAULT("none, write", "str x1, [x0]", address + 8);
    address = mapping(PROT_READ);
    FAULT("read-only, write", "str x1, [x0]", address + PAGE);
    FAULT("read-only, write byte", "strb w1, [x0]", address + PAGE + 3);
    FAULT("read-only, atomic", ".arch_extension lse\n\tldaddal x1, x2, [x0]", address + PAGE);
    FAULT("read-only, zero", "dc zva, x0", address + PAGE);
    FAULT("not executable", "blr x0", address);
    CHECK(munmap((void *)address, 4 * PAGE) == 0);
    FAULT("unmapped, read", "ldr x1, [x0]", address + 16);
    FAULT("unmapped, pair", "ldp x1, x2, [x0]", address + PAGE);
    FAULT("unmapped, write", "str x1, [x0]", address + 24);
    FAULT("unmapped, execute", "blr x0", address + 32);
    FAULT("unmapped, tag", "ldr x1, [x0]", address | 0x5aull << 56);
    FAULT("null", "ldr x1, [x0]", 0);
    FAULT("zero page, execute", "blr x0", 0);
    base = 0xfffffffffffff000;
    FAULT("kernel, read", "ldr x1, [x0]", 0xffff000000001000);
    FAULT("kernel, write", "str x1, [x0]", 0xffff800000001000);
    FAULT("kernel, execute", "blr x0", 0xffff800000001000);
    FAULT("hole, read", "ldr x1, [x0]", 0x00f0000000001000);
    /* Where the hypervisor has its stub. */
    FAULT("last page, read", "ldr x1, [x0]", base);
    FAULT("last page, write", "str x1, [x0]", base + 8);
    FAULT("last page, execute", "blr x0", base);
    FAULT("last page, vector", "blr x0", base + 0x400);
}

CASE(bus)
{
    char name[] = "/tmp/both/fXXXXXX";
    int fd = mkstemp(name);
    char *data;

    handle_all();
    CHECK(fd >= 0 && ftruncate(fd, PAGE) == 0);
    data = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(data != MAP_FAILED);
    base = (uint64_t)data;
    data[0] = 1;
    FAULT("beyond, read", "ldr x1, [x0]", data + PAGE);
    FAULT("beyond, write", "str x1, [x0]", data + 2 * PAGE);
    CHECK(ftruncate(fd, 0) == 0);
    FAULT("truncated", "ldr x1, [x0]", data);
    base = mapping(PROT_READ | PROT_WRITE);
    /* Across 16 bytes: within, FEAT_LSE2 allows it. */
    FAULT("exclusive, unaligned", "ldxr x1, [x0]", base + 9);
    FAULT("acquire, unaligned", "ldar x1, [x0]", base + 61);
    FAULT("pc, unaligned", "add x0, x11, #2\n\tbr x0", 0);
    /* Not proved by counters: emulators do not check it. */
    note("sp, unaligned:");
    ONE("sub sp, sp, #8\n\tldr x1, [sp]", 0);
}

CASE(ill)
{
    handle_all();
    FAULT("udf", "udf #0", 0);
    FAULT("udf 1234", "udf #1234", 0);
    FAULT("system register", "mrs x1, sctlr_el1", 0);
    FAULT("system register, write", "msr vbar_el1, x0", 0);
    FAULT("hvc", "hvc #0", 0);
    FAULT("hvc of the stub", "hvc #0xd", 0);
    FAULT("smc", "smc #0", 0);
    FAULT("eret", "eret", 0);
    FAULT("invalidate", "dc ivac, x0", mapping(PROT_READ));
    FAULT("tlbi", "tlbi vmalle1", 0);
    FAULT("daif", "msr daifset, #2", 0);
    FAULT("at", "at s1e0r, x0", 0);
}

CASE(trap)
{
    handle_all();
    FAULT("brk 0", "brk #0", 0);
    FAULT("brk 1234", "brk #1234", 0);
    FAULT("hlt", "hlt #1", 0);
}

/* No signal at all, yet Linux's work: registers that it emulates, immediates that it ignores. */
CASE(emulated)
{
    uint64_t x[8], value, zero = 0, all = ~0ul;

    __asm__ volatile("mrs %0, id_aa64pfr0_el1" : "=r"(value));
    note("pfr0=%lx", (unsigned long)value);
    __asm__ volatile("mrs %0, id_aa64isar0_el1" : "=r"(value));
    note("isar0=%lx", (unsigned long)value);
    __asm__ volatile("mrs %0, midr_el1" : "=r"(value));
    note("midr=%lx", (unsigned long)value);
    __asm__ volatile("mrs %0, ctr_el0" : "=r"(value));
    note("ctr=%lx", (unsigned long)value);
    __asm__ volatile("mrs %0, dczid_el0" : "=r"(value));
    note("dczid=%lx", (unsigned long)value);
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(value));
    note("cntfrq=%lx", (unsigned long)value);
    __asm__ volatile("mov x8, %1\n\tsvc #0x1234\n\tmov %0, x0"
                     : "=r"(x[0])
                     : "r"((uint64_t)SYS_getpid)
                     : "x0", "x8", "memory");
    note("pid=%d", (pid_t)x[0] == getpid());
    __asm__ volatile("wfe\n\tyield\n\tsevl\n\twfe\n\tisb\n\tdsb sy" ::: "memory");
    /* Traps of floating-point exceptions, which these cores do not have: nothing happens. */
    __asm__ volatile(
        "mrs %0, fpcr\n\tmsr fpcr, %2\n\tfmov d0, %3\n\tfdiv d0, d0, d0\n\tmrs %1, fpcr\n\tmsr fpcr, %0"
        : "=&r"(x[1]), "=&r"(value)
        : "r"(all & 0x9f00), "r"(zero)
        : "v0");
    note("fpcr=%lx", (unsigned long)value);
    /* Integer division by zero is silent. */
    __asm__ volatile("udiv %0, %1, %2" : "=r"(value) : "r"(all), "r"(zero));
    note("div=%lx", (unsigned long)value);
}

/* seccomp's SIGSYS has the call in its siginfo. */
static void sys_handler(int number, siginfo_t *info, void *context)
{
    ucontext_t *user = context;

    note("signal=%d code=%d call=%d arch=%x behind=%d x8=%lld x0=%lld", number, info->si_code,
         info->si_syscall, info->si_arch, (uint64_t)info->si_call_addr == user->uc_mcontext.pc,
         (long long)user->uc_mcontext.regs[8], (long long)user->uc_mcontext.regs[0]);
    user->uc_mcontext.regs[0] = 4711;
}

CASE(sys)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP | 5),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {4, code};

    install(SIGSYS, sys_handler, 0);
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
    for (int i = 0; i < 5; i++)
        R(SYS_getppid, 77);
}

/* Default actions of faults. */
CASE(segv_default)
{
    uint64_t address = mapping(PROT_NONE);

    if (both_detached && !becomes_detached())
        note("ATTACHED");
    ONE("ldr x1, [x0]", address);
}

CASE(ill_default)
{
    ONE("udf #0", 0);
}

/* A fault whose signal is blocked or ignored ends the process all the same. */
CASE(segv_blocked)
{
    uint64_t address = mapping(PROT_NONE);
    sigset_t set;

    handle_all();
    sigfillset(&set);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    ONE("ldr x1, [x0]", address);
}

/* The handler repairs what the instruction needs, which is executed again. */
static void repair(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    CHECK(mprotect((void *)((uint64_t)info->si_addr & ~4095ul), PAGE, PROT_READ | PROT_WRITE) == 0);
    both_shared->word[0]++;
}

CASE(repaired)
{
    uint64_t address, sum = 0;

    for (int i = 0; i < 50; i++) {
        install(SIGSEGV, repair, 0);
        address = mapping(PROT_NONE);
        for (int page = 0; page < 4; page++) {
            ((volatile uint64_t *)address)[page * 512 + i] = (uint64_t)i;
            sum += ((volatile uint64_t *)address)[page * 512 + i];
        }
        CHECK(munmap((void *)address, 4 * PAGE) == 0);
    }
    note("repairs=%lu sum=%lu", (unsigned long)both_shared->word[0], (unsigned long)sum);
}

/* Waiting for an interrupt in user mode ends: attached by the next tick, detached at once or by the signal.
 */
static void end_wait(pid_t tid)
{
    usleep(100000);
    CHECK(kill(tid, SIGUSR1) == 0);
}

static volatile uint64_t woken;

static void wake(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
    woken = 1;
}

CASE(wait_for_interrupt)
{
    pid_t sender;

    install(SIGUSR1, wake, 0);
    sender = both_when_computing(gettid(), end_wait);
    both_shared->word[15] = 1;
    while (!woken)
        __asm__ volatile("wfi" ::: "memory");
    note("%d", both_wait(sender));
}
