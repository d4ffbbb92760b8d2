/* SPDX-License-Identifier: BSD-2-Clause */
/* PSCI and the vCPUs' threads: every result code, races of CPU_ON, the ends of a VM, all exits. */
#include <pthread.h>
#include <string.h>
#include "check.h"
#include "fake.h"

#define VERSION       0x84000000u
#define CPU_SUSPEND   0xc4000001u
#define CPU_OFF       0x84000002u
#define CPU_ON        0xc4000003u
#define CPU_ON_32     0x84000003u
#define AFFINITY_INFO 0xc4000004u
#define SYSTEM_OFF    0x84000008u
#define SYSTEM_RESET  0x84000009u
#define FEATURES      0x8400000au
#define SYSTEM_RESET2 0xc4000012u
#define ENTRY         0x40200000u

static struct ord_bootinfo info;
static struct vm vm;
static jmp_buf thread_end;

static void start(uint32_t vcpu_count)
{
    fake_reset();
    fake_bootinfo(&info, vcpu_count, 0x40000000, 0x10000000);
    fake_vm(&vm, &info, vcpu_count);
    arch_irqchip_init(&vm);
    vm.vcpu[0].power = VCPU_ON;
}

static bool runs_on; /* what the last call's handler returned */

static int64_t call_as(uint32_t vcpu, uint32_t fid, uint64_t a1, uint64_t a2, uint64_t a3)
{
    struct ord_vcpu_state *s = vm.vcpu[vcpu].state;

    s->exit = ORD_EXIT_CALL;
    s->x[0] = fid;
    s->x[1] = a1;
    s->x[2] = a2;
    s->x[3] = a3;
    s->x[4] = 44;
    runs_on = vcpu_handle_exit(&vm.vcpu[vcpu]);
    CHECK(s->x[1] == a1 && s->x[2] == a2 && s->x[3] == a3 && s->x[4] == 44);
    return (int64_t)s->x[0];
}

#define CALL(...)                   CALL_(__VA_ARGS__, 0, 0, 0, )
#define CALL_(fid, a1, a2, a3, ...) call_as(0, fid, a1, a2, a3)

static void test_queries(void)
{
    start(2);
    CHECK_EQUAL(CALL(VERSION), 0x10001);
    CHECK_EQUAL(CALL(0x84000006u), 2);
    CHECK_EQUAL(CALL(0x80000000u), 0x10001);
    CHECK_EQUAL(CALL(0x80000001u, 0x80000000u), 0);
    CHECK_EQUAL(CALL(0x80000001u, 0x80008000u), -1);
    CHECK_EQUAL(CALL(FEATURES, CPU_ON), 0);
    CHECK_EQUAL(CALL(FEATURES, CPU_ON_32), 0);
    CHECK_EQUAL(CALL(FEATURES, CPU_SUSPEND), 0);
    CHECK_EQUAL(CALL(FEATURES, SYSTEM_RESET2), 0);
    CHECK_EQUAL(CALL(FEATURES, 0x80000000u), 0);
    CHECK_EQUAL(CALL(FEATURES, 0xc4000002u), -1); /* CPU_OFF has no 64-bit version */
    CHECK_EQUAL(CALL(FEATURES, 0xc400000eu), -1); /* SYSTEM_SUSPEND */
    CHECK_EQUAL(CALL(0xc400000eu), -1);
    CHECK_EQUAL(CALL(0x12345678u), -1);
    CHECK_EQUAL(CALL(0xc4000002u), -1);
    CHECK_EQUAL(CALL(CPU_SUSPEND, 0), 0);
    CHECK_EQUAL(CALL(CPU_SUSPEND, 1 << 16), -2);
    CHECK_EQUAL(CALL(SYSTEM_RESET2, 1), -2);
    CHECK(runs_on && fake.power == -1);
}

static void test_on(void)
{
    start(3);
    CHECK_EQUAL(CALL(AFFINITY_INFO, 0), 0);
    CHECK_EQUAL(CALL(AFFINITY_INFO, 1), 1);
    CHECK_EQUAL(CALL(AFFINITY_INFO, 3), -2);
    CHECK_EQUAL(CALL(AFFINITY_INFO, 0, 4), -2);
    CHECK_EQUAL(CALL(AFFINITY_INFO, 0, 1), 0);
    CHECK_EQUAL(CALL(AFFINITY_INFO, 1ull << 31), -2);
    CHECK_EQUAL(CALL(CPU_ON, 3, ENTRY), -2);
    CHECK_EQUAL(CALL(CPU_ON, 0x80000001, ENTRY), -2);
    CHECK_EQUAL(CALL(CPU_ON, 1, 0x1000), -9);
    CHECK_EQUAL(CALL(CPU_ON, 1, ENTRY + 2), -9);
    CHECK_EQUAL(CALL(CPU_ON, 1, 0x50000000), -9);
    CHECK_EQUAL(CALL(CPU_ON, 1, ~3ull), -9);
    CHECK_EQUAL(CALL(CPU_ON, 0, ENTRY), -4);
    CHECK(vm.vcpu[1].power == VCPU_OFF && fake.signals[201] == 0);
    CHECK_EQUAL(CALL(CPU_ON, 1, ENTRY, 0x1122334455667788), 0);
    CHECK(vm.vcpu[1].power == VCPU_ON_PENDING && fake.signals[201] == 1);
    CHECK_EQUAL(CALL(AFFINITY_INFO, 1), 2);
    CHECK_EQUAL(CALL(CPU_ON, 1, ENTRY + 4), -5);
    CHECK(vm.vcpu[1].entry == ENTRY && vm.vcpu[1].context == 0x1122334455667788);
    CHECK_EQUAL(CALL(CPU_ON_32, 0xffffffff00000002, 0xffffffff00000000 | ENTRY, ~0ull), 0);
    CHECK(vm.vcpu[2].entry == ENTRY && vm.vcpu[2].context == 0xffffffff);
}

/* What a guest does on vCPU 1: looks at its registers, switches itself off twice. */
static int guest_runs;

static status_t guest_on_off(uint64_t vcpu)
{
    struct ord_vcpu_state *s = vm.vcpu[1].state;

    CHECK_EQUAL(vcpu, vm.vcpu[1].cap);
    CHECK(s->pc == ENTRY && s->pstate == 0x3c5 && s->x[0] == 7u + (unsigned)guest_runs && s->x[1] == 0);
    CHECK(vm.vcpu[1].power == VCPU_ON);
    guest_runs++;
    s->exit = ORD_EXIT_CALL;
    s->x[0] = CPU_OFF;
    s->x[1] = 99; /* must be gone at the next start */
    /* at once somebody else starts it again, before its thread has stopped */
    vm.vcpu[0].state->exit = ORD_EXIT_CALL;
    return ORD_OK;
}

enum { THREAD_ENDED = 1, THREAD_WAITS = 2 };

static int run_thread(uint32_t vcpu)
{
    int how;

    fake.exit = fake.blocked = &thread_end;
    how = setjmp(thread_end);
    if (how == 0)
        vcpu_thread(&vm.vcpu[vcpu]);
    return how;
}

static void test_thread(void)
{
    start(2);
    guest_runs = 0;
    fake.run = guest_on_off;
    run_thread(1); /* nobody started it */
    CHECK_EQUAL(guest_runs, 0);
    CHECK_EQUAL(CALL(CPU_ON, 1, ENTRY, 7), 0);
    run_thread(1);
    CHECK(guest_runs == 1 && vm.vcpu[1].power == VCPU_OFF);
    CHECK_EQUAL(CALL(AFFINITY_INFO, 1), 1);
    CHECK_EQUAL(CALL(CPU_ON, 1, ENTRY, 8), 0);
    run_thread(1);
    CHECK(guest_runs == 2 && vm.vcpu[1].power == VCPU_OFF);
}

#define SPI     40u
#define GICD(r) (info.gicd_base + (r))

static void gic_put(uint64_t address, uint32_t size, uint64_t data)
{
    struct mmio mmio = {address, size, true, data};

    CHECK(arch_irqchip_access(&vm, &vm.vcpu[0], &mmio));
}

/* An SPI that is enabled and routed to the vCPU with this affinity. */
static void spi_on(uint32_t count, bool edge, uint64_t router)
{
    start(count);
    gic_put(GICD(0xc00 + SPI / 16 * 4), 4, edge ? 2u << 2 * (SPI % 16) : 0);
    gic_put(GICD(0x6000 + SPI * 8), 8, router);
    gic_put(GICD(0), 4, 2);
    gic_put(GICD(0x104), 4, 1u << (SPI - 32));
    CHECK(fake.irq[SPI].enabled && fake.irq[SPI].edge == edge);
}

static uint32_t spi_enabled(void)
{
    struct mmio mmio = {GICD(0x104), 4, false, 0};

    CHECK(arch_irqchip_access(&vm, &vm.vcpu[0], &mmio));
    return (uint32_t)mmio.data >> (SPI - 32);
}

static status_t guest_stays(uint64_t vcpu)
{
    return vcpu == vm.vcpu[1].cap ? ORD_BAD_STATE : ORD_OK;
}

/* A vCPU goes off with an SPI that it has not ended. */
static void test_off_spi(void)
{
    struct fake_irq *irq = &fake.irq[SPI];

    /* as Linux does it: routed away first; the device asks on, so the other vCPU gets it */
    spi_on(2, false, 1);
    fake_raise(SPI);
    CHECK(irq->holder == vm.vcpu[1].cap && irq->taken == 1);
    gic_put(GICD(0x6000 + SPI * 8), 8, 0);
    CHECK(irq->holder == vm.vcpu[1].cap); /* what it has, stays there */
    call_as(1, CPU_OFF, 0, 0, 0);
    CHECK(!runs_on && vm.vcpu[1].power == VCPU_OFF && fake.resets == 1);
    CHECK(irq->holder == vm.vcpu[0].cap && irq->taken == 2);
    /* an edge that was dropped is not raised again, and the next one arrives */
    spi_on(2, true, 1);
    fake_raise(SPI);
    gic_put(GICD(0x6000 + SPI * 8), 8, 0);
    call_as(1, CPU_OFF, 0, 0, 0);
    CHECK(!irq->holder && irq->state == 0 && irq->taken == 1);
    fake_raise(SPI);
    CHECK(irq->holder == vm.vcpu[0].cap);
    /* not routed away: it waits in the distributor, until it is */
    for (int edge = 0; edge < 2; edge++) {
        spi_on(2, edge, 1);
        if (!edge)
            fake_raise(SPI);
        call_as(1, CPU_OFF, 0, 0, 0);
        if (edge)
            fake_raise(SPI);
        CHECK(!irq->holder && !irq->enabled && spi_enabled() && irq->taken == !edge);
        gic_put(GICD(0x6000 + SPI * 8), 8, 0);
        CHECK(irq->enabled && irq->holder == vm.vcpu[0].cap);
    }
    /* … or until the vCPU is back */
    spi_on(2, false, 1);
    fake_raise(SPI);
    call_as(1, CPU_OFF, 0, 0, 0);
    CHECK_EQUAL(CALL(CPU_ON, 1, ENTRY), 0);
    CHECK(!irq->holder);
    fake.run = guest_stays;
    run_thread(1);
    CHECK(irq->holder == vm.vcpu[1].cap && irq->taken == 2);
    /* routed to one that is off: off, too */
    spi_on(3, false, 0);
    call_as(1, CPU_OFF, 0, 0, 0);
    gic_put(GICD(0x6000 + SPI * 8), 8, 1);
    CHECK(!irq->enabled);
    fake_raise(SPI);
    CHECK(!irq->taken);
    gic_put(GICD(0x184), 4, 1u << (SPI - 32)); /* disabled by the guest meanwhile: stays so */
    gic_put(GICD(0x6000 + SPI * 8), 8, 2);
    CHECK(!irq->enabled && irq->vcpu == vm.vcpu[2].cap);
    /* to any: to one that is on */
    spi_on(2, false, 1ull << 31);
    CHECK(irq->vcpu == vm.vcpu[0].cap);
    fake_raise(SPI);
    call_as(0, CPU_OFF, 0, 0, 0);
    CHECK(irq->enabled && irq->vcpu == vm.vcpu[1].cap && irq->holder == vm.vcpu[1].cap);
}

static void end_with(uint32_t fid, enum policy policy)
{
    start(2);
    vm.cap = 60;
    vm.config.on_poweroff = vm.config.on_reset = policy;
    fake.exit = &thread_end;
    if (setjmp(thread_end) == 0)
        CALL(fid, 0, 0);
}

static void test_end(void)
{
    end_with(SYSTEM_OFF, POLICY_OFF);
    CHECK(fake.power == ORD_POWER_OFF && fake_logged("vmm: guest powered off") && vm.ending);
    end_with(SYSTEM_RESET, POLICY_RESET);
    CHECK(fake.power == ORD_POWER_RESET && fake_logged("vmm: guest asked for reset"));
    end_with(SYSTEM_RESET2, POLICY_RESET);
    CHECK(fake.power == ORD_POWER_RESET);
    end_with(SYSTEM_OFF, POLICY_STOP);
    CHECK(fake.power == -1 && fake.vm_stops == 1 && fake.kicks == 2 && fake.signals[200] &&
          fake.signals[201]);
    CHECK(!runs_on);
    end_with(SYSTEM_OFF, POLICY_KEEP);
    CHECK(fake.power == -1 && fake.vm_stops == 0 && fake.kicks == 2);
    CALL(SYSTEM_RESET); /* only the first end counts */
    CHECK(fake.power == -1 && !fake_logged("reset"));
    end_with(SYSTEM_OFF, POLICY_OFF);
    start(1);
    fake.power_fails = true;
    CALL(SYSTEM_OFF);
    CHECK(fake.power == ORD_POWER_OFF && fake.vm_stops == 1 && fake_logged("the machine refuses"));
    CHECK(run_thread(0) == THREAD_WAITS);
}

static uint64_t guest_ends_as;
static struct vcpu *guest_ends_on;

static status_t guest_ends(uint64_t vcpu)
{
    struct ord_vcpu_state *s = guest_ends_on->state;

    CHECK_EQUAL(vcpu, guest_ends_on->cap);
    s->exit = guest_ends_as ? ORD_EXIT_CALL : ORD_EXIT_ERROR;
    s->x[0] = guest_ends_as;
    return ORD_OK;
}

/* The VM ends and the machine stays on: one thread must wait for ever, whichever vCPU ended it. */
static void test_stay(void)
{
    static const uint32_t calls[] = {SYSTEM_OFF, SYSTEM_RESET, 0};

    for (uint32_t i = 0; i < 18; i++) {
        uint32_t last = i / 6;
        enum policy policy = i % 2 ? POLICY_KEEP : POLICY_STOP;
        start(3);
        vm.config.on_poweroff = vm.config.on_reset = vm.config.on_error = policy;
        guest_ends_on = &vm.vcpu[last];
        guest_ends_as = calls[i / 2 % 3];
        guest_ends_on->power = VCPU_ON_PENDING;
        fake.run = guest_ends;
        CHECK(run_thread(last) == (last ? THREAD_ENDED : THREAD_WAITS));
        for (uint32_t other = 0; other < 3; other++)
            CHECK(run_thread(other) == (other ? THREAD_ENDED : THREAD_WAITS));
        CHECK(fake.power == -1 && fake.vm_stops == (policy == POLICY_STOP));
        CHECK(fake_logged("the machine stays on"));
        CHECK(fake_logged(policy == POLICY_STOP ? ": the VM stops with its detached threads; "
                                                : ": vCPUs stop, detached threads run on; "));
    }
}

static void test_exits(void)
{
    struct ord_vcpu_state *s;

    start(1);
    vm.config.on_error = POLICY_STOP;
    s = vm.vcpu[0].state;
    s->exit = ORD_EXIT_MMIO;
    s->mmio_size = 4;
    s->ipa = info.gicd_base + 0xffe8;
    s->mmio_data = 1;
    s->answer = ORD_ANSWER_ABORT;
    CHECK(vcpu_handle_exit(&vm.vcpu[0]) && s->mmio_data == 0x3b && s->answer == ORD_ANSWER_NONE);
    for (uint64_t i = 0; i < 1000; i++) {
        s->ipa = 0x70000000 + i * 8;
        s->answer = ORD_ANSWER_NONE;
        s->exit = i % 2 ? ORD_EXIT_MMIO : ORD_EXIT_ABORT;
        CHECK(vcpu_handle_exit(&vm.vcpu[0]) && s->answer == ORD_ANSWER_ABORT);
    }
    CHECK(fake_logged("no device at 0x70000008") && !fake_logged("0x70000200")); /* bounded */
    s->exit = ORD_EXIT_KICK;
    CHECK(vcpu_handle_exit(&vm.vcpu[0]) && !vm.ending);
    s->exit = ORD_EXIT_ERROR;
    s->x[3] = 0x1234abcd;
    CHECK(!vcpu_handle_exit(&vm.vcpu[0]) && vm.ending && fake.vm_stops == 1);
    CHECK(fake_logged("guest cannot go on") && fake_logged("x03 000000001234abcd"));
}

/* Each vCPU that is on shows its registers; then the policy acts, once. */
static void test_hang(void)
{
    for (int policy = POLICY_OFF; policy <= POLICY_REPORT; policy++) {
        start(4);
        vm.config.on_hang = policy;
        for (uint32_t i = 0; i < 4; i++) {
            vm.vcpu[i].power = i == 2 ? VCPU_OFF : VCPU_ON;
            vm.vcpu[i].state->exit = ORD_EXIT_HANG;
            vm.vcpu[i].state->pc = 0x1000 + i;
        }
        fake.power_fails = true;
        CHECK(vcpu_handle_exit(&vm.vcpu[0]) && vcpu_handle_exit(&vm.vcpu[3]));
        CHECK(!vm.ending && fake.power == -1 && fake_logged("vCPU 0: exit 6, pc 0x1000"));
        CHECK(!fake_logged("guest hangs") && fake_logged("vCPU 3: exit 6, pc 0x1003"));
        CHECK(vcpu_handle_exit(&vm.vcpu[1]) == (policy == POLICY_REPORT));
        CHECK(fake_logged("vCPU 1: exit 6, pc 0x1001") && fake_logged("guest hangs: "));
        CHECK(!vm.ending == (policy == POLICY_REPORT));
        CHECK(fake.power == (policy == POLICY_OFF     ? ORD_POWER_OFF
                             : policy == POLICY_RESET ? ORD_POWER_RESET
                                                      : -1));
    }
    /* Again, all of it. */
    for (uint32_t i = 0; i < 4; i++)
        CHECK(i == 2 || vcpu_handle_exit(&vm.vcpu[i]));
    CHECK(!vm.ending && !vm.hanging);
}

/* All vCPUs call CPU_ON for the last one at once: exactly one succeeds. */
static pthread_barrier_t barrier;
static uint32_t successes;

static void *turn_on(void *argument)
{
    uint32_t vcpu = (uint32_t)(uintptr_t)argument;

    for (int round = 0; round < 2000; round++) {
        pthread_barrier_wait(&barrier);
        int64_t result = call_as(vcpu, CPU_ON, 3, ENTRY, vcpu);
        CHECK(result == 0 || result == -5);
        if (result == 0)
            __atomic_fetch_add(&successes, 1, __ATOMIC_RELAXED);
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
            CHECK_EQUAL(successes, (uint32_t)round + 1);
            vm.vcpu[3].power = VCPU_OFF;
        }
    }
    return NULL;
}

static void test_race(void)
{
    pthread_t thread[3];

    start(4);
    CHECK(pthread_barrier_init(&barrier, NULL, 3) == 0);
    for (uintptr_t i = 0; i < 3; i++)
        CHECK(pthread_create(&thread[i], NULL, turn_on, (void *)i) == 0);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_join(thread[i], NULL) == 0);
}

static void test_random(void)
{
    uint64_t seed = 5;

    start(4);
    vm.config.on_poweroff = vm.config.on_reset = POLICY_KEEP;
    for (int round = 0; round < 300000; round++) {
        uint32_t fid = 0x80000000u | (uint32_t)(random_next(&seed) & 0x7f00001f);
        uint64_t a1 = random_next(&seed) >> random_next(&seed) % 64;
        call_as((uint32_t)(round % 4), fid, a1, random_next(&seed) % 2 ? ENTRY : a1, a1);
    }
}

int main(void)
{
    test_queries();
    test_on();
    test_thread();
    test_off_spi();
    test_end();
    test_stay();
    test_exits();
    test_hang();
    test_race();
    test_random();
    return 0;
}
