/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * faults: accesses and instructions that Linux must resolve or punish: each with the exact signal, code and
 * address, the same detached as attached. Among them what a user program may try against the hypervisor.
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/ucontext.h>
#include <unistd.h>

#define PAGE 4096ul

static sigjmp_buf jump;
static volatile int caught, code;
static void *volatile address;
static volatile uint64_t caught_pc;

static void handler(int number, siginfo_t *info, void *context)
{
    caught = number;
    code = info->si_code;
    address = info->si_addr;
    caught_pc = ((ucontext_t *)context)->uc_mcontext.pc;
    siglongjmp(jump, 1);
}

static void expect(const char *name, int number, int expected_code, void *expected_address,
                   void (*action)(void *), void *argument)
{
    caught = 0;
    if (!sigsetjmp(jump, 1))
        action(argument);
    if (caught != number || (expected_code && code != expected_code) ||
        (expected_address != MAP_FAILED && address != expected_address))
        test_fail("%s: signal %d code %d address %p, expected %d %d %p", name, caught, code, address, number,
                  expected_code, expected_address);
    printf("%s: signal %d code %d\n", name, caught, code);
}

static void read_byte(void *where)
{
    (void)*(volatile char *)where;
}

static void write_byte(void *where)
{
    *(volatile char *)where = 1;
}

static void call(void *where)
{
    ((void (*)(void))where)();
}

static void atomic_misaligned(void *where)
{
    __asm__ volatile("ldaxr x9, [%0]" ::"r"(where) : "x9", "memory");
}

#define INSTRUCTION(name, text)                                                                              \
    static void name(void *where)                                                                            \
    {                                                                                                        \
        __asm__ volatile(text ::"r"(where) : "x0", "x1", "x2", "x3", "memory");                              \
    }
INSTRUCTION(do_udf, "udf #0")
INSTRUCTION(do_hvc, "mov w0, #0x0001; movk w0, #0xc600, lsl #16; mov x1, #0x10000; hvc #0")
INSTRUCTION(do_hvc_run, "mov w0, #0x0006; movk w0, #0xc600, lsl #16; mov x1, #0; hvc #0")
INSTRUCTION(do_hvc_imm, "hvc #0xffff")
INSTRUCTION(do_smc, "mov w0, #0x0008; movk w0, #0x8400, lsl #16; smc #0") /* PSCI SYSTEM_OFF */
INSTRUCTION(do_msr_vbar, "msr vbar_el1, %0")
INSTRUCTION(do_msr_ttbr, "msr ttbr0_el1, %0")
INSTRUCTION(do_mrs_hcr, "mrs x0, hcr_el2")
INSTRUCTION(do_daif, "msr daifset, #0xf")
INSTRUCTION(do_tlbi, "tlbi vmalle1is")
INSTRUCTION(do_eret, "eret")
INSTRUCTION(do_icc, "mrs x0, S3_0_C12_C12_0") /* ICC_IAR1_EL1 */
INSTRUCTION(do_cntp, "msr cntp_cval_el0, xzr")
INSTRUCTION(do_brk, "brk #0x123")

static void test_instructions(void)
{
    static const struct {
        const char *name;
        void (*action)(void *);
    } forbidden[] = {
        {"udf", do_udf},
        {"hvc info", do_hvc},
        {"hvc run", do_hvc_run},
        {"hvc #0xffff", do_hvc_imm},
        {"smc", do_smc},
        {"msr vbar", do_msr_vbar},
        {"msr ttbr0", do_msr_ttbr},
        {"mrs hcr", do_mrs_hcr},
        {"msr daif", do_daif},
        {"tlbi", do_tlbi},
        {"eret", do_eret},
        {"icc", do_icc},
        {"msr cntp", do_cntp},
    };

    for (size_t i = 0; i < sizeof(forbidden) / sizeof(*forbidden); i++)
        expect(forbidden[i].name, SIGILL, 0, MAP_FAILED, forbidden[i].action, NULL);
    expect("brk", SIGTRAP, TRAP_BRKPT, MAP_FAILED, do_brk, NULL);
}

static void test_addresses(void)
{
    static const struct {
        const char *name;
        uint64_t address;
    } kernel[] = {
        {"last page", 0xfffffffffffff000ull},
        {"vectors of the stub", 0xfffffffffffff400ull},
        {"kernel half", 0xffff800000000000ull},
        {"between the halves", 0x00ff000000000000ull},
    };

    expect("null read", SIGSEGV, SEGV_MAPERR, NULL, read_byte, NULL);
    expect("null write", SIGSEGV, SEGV_MAPERR, NULL, write_byte, NULL);
    expect("null call", SIGSEGV, SEGV_MAPERR, NULL, call, NULL);
    for (size_t i = 0; i < sizeof(kernel) / sizeof(*kernel); i++) {
        void *where = (void *)kernel[i].address;

        /* Linux hides these addresses and their codes to some degree: the signal is what counts. */
        expect(kernel[i].name, SIGSEGV, 0, MAP_FAILED, read_byte, where);
        expect(kernel[i].name, SIGSEGV, 0, MAP_FAILED, write_byte, where);
        expect(kernel[i].name, SIGSEGV, 0, MAP_FAILED, call, where);
    }
}

static void test_mappings(void)
{
    char name[] = "/tmp/faults.XXXXXX";
    const int fd = mkstemp(name);
    char *file, *none, *data, *tagged;

    CHECK(fd >= 0 && unlink(name) == 0 && ftruncate(fd, 100) == 0);
    file = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    none = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    data = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(file != MAP_FAILED && none != MAP_FAILED && data != MAP_FAILED);
    expect("read of PROT_NONE", SIGSEGV, SEGV_ACCERR, none, read_byte, none);
    expect("write to read-only file", SIGSEGV, SEGV_ACCERR, file + 50, write_byte, file + 50);
    expect("read behind the file", SIGBUS, BUS_ADRERR, file + PAGE, read_byte, file + PAGE);
    data[0] = 0;
    expect("call of data", SIGSEGV, SEGV_ACCERR, data, call, data);
    expect("call of untouched data", SIGSEGV, SEGV_ACCERR, data + PAGE, call, data + PAGE);
    /* Across 16 bytes: within, FEAT_LSE2 allows it. */
    expect("misaligned exclusive", SIGBUS, BUS_ADRALN, MAP_FAILED, atomic_misaligned, data + 9);
    expect("misaligned pc", SIGBUS, BUS_ADRALN, MAP_FAILED, call, (char *)test_mappings + 2);
    munmap(data, 2 * PAGE);
    expect("read after munmap", SIGSEGV, SEGV_MAPERR, data, read_byte, data);
    /* Top byte ignored: an ordinary access. */
    data = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(data != MAP_FAILED);
    tagged = (char *)((uintptr_t)data | 0x5aull << 56);
    *(volatile char *)tagged = 77;
    CHECK(*(volatile char *)data == 77);
    munmap(data, PAGE);
    munmap(none, PAGE);
    munmap(file, 2 * PAGE);
    close(fd);
}

/* The stack grows by faults. */
static uint64_t recurse(unsigned int depth)
{
    volatile char frame[1500];

    frame[0] = (char)depth;
    return depth ? recurse(depth - 1) + (uint64_t)frame[0] : 0;
}

static void test_stack(void)
{
    const uint64_t first = recurse(3000), second = recurse(3000);

    CHECK(first == second);
    printf("stack: %lu\n", (unsigned long)first);
}

/* si_addr and the handler's pc name the access itself. */
static void test_pc(void)
{
    uint64_t pc;

    caught = 0;
    if (!sigsetjmp(jump, 1))
        __asm__ volatile("adr x1, 1f\n\tstr x1, %0\n\tmov x1, #16\n1:\tldr x0, [x1]\n\t"
                         : "=m"(pc)::"x0", "x1", "memory");
    CHECK(caught == SIGSEGV && caught_pc == pc);
}

int main(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE};
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        CHECK(sigaction(numbers[i], &action, NULL) == 0);
    test_addresses();
    test_mappings();
    test_instructions();
    test_stack();
    test_pc();
    return test_pass("all signals are exact");
}
