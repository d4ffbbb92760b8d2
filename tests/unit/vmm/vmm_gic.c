/* SPDX-License-Identifier: BSD-2-Clause */
/* Distributor and redistributors: what Linux's driver does, the corners, and random accesses. */
#include <pthread.h>
#include <string.h>
#include "check.h"
#include "fake.h"

#define GICD 0x8000000ull
#define GICR 0x80a0000ull

static struct ord_bootinfo info;
static struct vm vm;

static bool access_as(uint32_t vcpu, bool write, uint64_t address, uint32_t size, uint64_t *data)
{
    struct mmio mmio = {address, size, write, *data};
    bool hit = arch_irqchip_access(&vm, &vm.vcpu[vcpu], &mmio);

    CHECK(write || !hit || size == 8 || mmio.data >> size * 8 == 0); /* no bits beyond the size */
    *data = mmio.data;
    return hit;
}

static uint64_t get(uint64_t address, uint32_t size)
{
    uint64_t data = 0xdeadbeefdeadbeef;

    CHECK(access_as(0, false, address, size, &data));
    return data;
}

static void put(uint64_t address, uint32_t size, uint64_t data)
{
    CHECK(access_as(0, true, address, size, &data));
}

static void start(uint32_t vcpu_count)
{
    fake_reset();
    fake_bootinfo(&info, vcpu_count, 0x40000000, 0x10000000);
    fake_vm(&vm, &info, vcpu_count);
    arch_irqchip_init(&vm);
}

static void test_identification(void)
{
    start(3);
    CHECK_EQUAL(get(GICD + 0, 4), 0x50); /* ARE, DS; nothing enabled, no write pending */
    put(GICD + 0, 4, ~0u);
    CHECK_EQUAL(get(GICD + 0, 4), 0x53);
    CHECK_EQUAL(get(GICD + 4, 4) & 0x1f, 8);
    CHECK_EQUAL(get(GICD + 4, 4) & (1 << 17 | 1 << 16 | 1 << 10 | 1 << 8),
                0); /* no LPIs, MBIs, security, ESPIs */
    CHECK_EQUAL(get(GICD + 0xffe8, 4) >> 4, 3);
    CHECK_EQUAL(get(GICR + 0xffe8, 4) >> 4, 3);
    for (uint64_t i = 0; i < 3; i++) {
        uint64_t typer = get(GICR + i * 0x20000 + 8, 8);
        CHECK_EQUAL(typer >> 32, i);
        CHECK_EQUAL(typer >> 8 & 0xffff, i);
        CHECK_EQUAL(typer >> 4 & 1, i == 2);
        CHECK_EQUAL(typer & 0xb, 0);
        CHECK_EQUAL(get(GICR + i * 0x20000 + 8, 4), (uint32_t)typer);
        CHECK_EQUAL(get(GICR + i * 0x20000 + 12, 4), typer >> 32);
    }
    uint64_t data = 0;
    CHECK(!access_as(0, false, GICR + 3 * 0x20000, 4, &data)); /* behind the last redistributor */
    CHECK(!access_as(0, false, GICD + 0x10000, 4, &data) && !access_as(0, false, GICD - 4, 4, &data));
    vm.vcpu[1].hwid = 0x1200030201;
    CHECK_EQUAL(get(GICR + 0x20008, 8) >> 32, 0x12030201);
}

/* The order in which Linux's driver sets its registers at boot, then one device's interrupt. */
static void test_linux(void)
{
    start(2);
    put(GICD, 4, 0);
    for (uint32_t i = 32; i < 288; i += 32) {
        put(GICD + 0x80 + i / 8, 4, ~0u);
        put(GICD + 0x380 + i / 8, 4, ~0u);
        put(GICD + 0x180 + i / 8, 4, ~0u);
    }
    for (uint32_t i = 32; i < 288; i += 16)
        put(GICD + 0xc00 + i / 4, 4, 0);
    for (uint32_t i = 32; i < 288; i += 4)
        put(GICD + 0x400 + i, 4, 0xa0a0a0a0);
    put(GICD, 4, 0x13);
    for (uint32_t i = 32; i < 288; i++)
        put(GICD + 0x6000 + i * 8, 8, 0);
    for (uint32_t i = 0; i < GIC_INTID_MAX; i++)
        CHECK(!fake.irq[i].exists); /* nothing is asked of the hypervisor before an interrupt is wanted */
    CHECK_EQUAL(get(GICR + 0x14, 4), 6);
    put(GICR + 0x14, 4, 4);
    CHECK_EQUAL(get(GICR + 0x14, 4), 0);
    put(GICR + 0x10080, 4, ~0u);
    put(GICR + 0x10380, 4, ~0u);
    put(GICR + 0x10180, 4, ~0u);
    for (uint32_t i = 0; i < 32; i += 4)
        put(GICR + 0x10400 + i, 4, 0xa0a0a0a0);
    put(GICR + 0x10100, 4, 1 << 27 | 0xff);
    CHECK_EQUAL(vm.vcpu[0].state->private_enabled, 1 << 27 | 0xff);
    CHECK_EQUAL(vm.vcpu[0].state->private_priority[27], 0xa0);
    CHECK_EQUAL(vm.vcpu[1].state->private_enabled, 0);
    /* SPI 48: rising edge, to vCPU 1, priority, on */
    put(GICD + 0xc00 + 48 / 4, 4, 2);
    put(GICD + 0x6000 + 48 * 8, 8, 1);
    put(GICD + 0x400 + 48, 1, 0x80);
    put(GICD + 0x100 + 48 / 8 / 4 * 4, 4, 1 << 16);
    CHECK(fake.irq[48].exists && fake.irq[48].enabled && fake.irq[48].edge);
    CHECK_EQUAL(fake.irq[48].vcpu, vm.vcpu[1].cap);
    CHECK_EQUAL(fake.irq[48].priority, 0x80);
    put(GICD + 0x6000 + 48 * 8, 8, 0);
    CHECK_EQUAL(fake.irq[48].vcpu, vm.vcpu[0].cap);
    put(GICD + 0x180 + 4, 4, 1 << 16);
    CHECK(!fake.irq[48].enabled);
    CHECK_EQUAL(get(GICD + 0x100 + 4, 4), 0);
}

static void test_spi(void)
{
    start(2);
    put(GICD + 0x104, 4, 3);
    CHECK(!fake.irq[32].enabled); /* group 1 is off in GICD_CTLR */
    put(GICD, 4, 2);
    CHECK(fake.irq[32].enabled && fake.irq[33].enabled && !fake.irq[34].exists);
    put(GICD + 0x84, 4, ~1u); /* 32 to group 0 */
    CHECK(!fake.irq[32].enabled && fake.irq[33].enabled);
    put(GICD, 4, 0);
    CHECK(!fake.irq[33].enabled);
    put(GICD, 4, 2);
    CHECK(fake.irq[33].enabled && !fake.irq[32].enabled);
    CHECK_EQUAL(get(GICD + 0x104, 4), 3);
    /* pending and active */
    put(GICD + 0x204, 4, 1 << 1 | 1 << 5);
    CHECK_EQUAL(get(GICD + 0x204, 4), 1 << 1 | 1 << 5);
    CHECK_EQUAL(get(GICD + 0x284, 4), 1 << 1 | 1 << 5);
    put(GICD + 0x284, 4, 1 << 1 | 1 << 9);
    CHECK_EQUAL(get(GICD + 0x204, 4), 1 << 5);
    CHECK(!fake.irq[41].exists); /* clearing makes no object */
    put(GICD + 0x304, 4, 1 << 1);
    CHECK_EQUAL(get(GICD + 0x304, 4), 2);
    put(GICD + 0x384, 4, 2);
    CHECK_EQUAL(get(GICD + 0x384, 4), 0);
    /* route: unknown affinity and 1-of-N go to vCPU 0; halves of the register */
    put(GICD + 0x6000 + 33 * 8, 8, 1);
    CHECK_EQUAL(fake.irq[33].vcpu, vm.vcpu[1].cap);
    put(GICD + 0x6004 + 33 * 8, 4, 7);
    CHECK_EQUAL(get(GICD + 0x6000 + 33 * 8, 8), 0x700000001);
    CHECK_EQUAL(fake.irq[33].vcpu, vm.vcpu[0].cap);
    put(GICD + 0x6000 + 33 * 8, 8, 1ull << 31 | 1);
    CHECK_EQUAL(fake.irq[33].vcpu, vm.vcpu[0].cap);
    put(GICD + 0x6000 + 33 * 8, 8, ~0ull);
    CHECK_EQUAL(get(GICD + 0x6000 + 33 * 8, 8), 0xff80ffffff);
    /* configuration of an interrupt that is in use */
    CHECK(!fake.irq[33].edge);
    put(GICD + 0xc08, 4, ~0u);
    CHECK(fake.irq[33].edge && !fake.irq[48].exists);
    CHECK_EQUAL(get(GICD + 0xc08, 4), 0xaaaaaaaa);
    put(GICD + 0xc08, 4, 0);
    CHECK(!fake.irq[33].edge);
    /* priorities exist in five bits */
    put(GICD + 0x420, 4, 0xffffffff);
    CHECK_EQUAL(get(GICD + 0x420, 4), 0xf8f8f8f8);
    CHECK_EQUAL(get(GICD + 0x421, 1), 0xf8);
    CHECK_EQUAL(fake.irq[33].priority, 0xf8);
}

static void test_refused(void)
{
    start(1);
    put(GICD, 4, 2);
    fake.busy_irq = 40;
    for (int i = 0; i < 100; i++) {
        put(GICD + 0x104, 4, 1 << 8);
        put(GICD + 0x184, 4, 1 << 8);
    }
    CHECK(fake_logged("interrupt 40 is not available"));
    CHECK(!strstr(strstr(fake.log, "interrupt 40") + 1, "interrupt 40"));
    put(GICD + 0x204, 4, 1 << 8);
    CHECK_EQUAL(get(GICD + 0x204, 4), 0);
    fake.irq_limit = 2; /* running out is no harm either */
    put(GICD + 0x108, 4, ~0u);
    CHECK(fake.irq[64].enabled && fake.irq[65].enabled && !fake.irq[66].exists);
    CHECK_EQUAL(get(GICD + 0x108, 4), ~0u);
}

static void test_sizes(void)
{
    start(1);
    put(GICD, 1, 2); /* ignored: a byte to a word register */
    put(GICD, 8, 2);
    put(GICD, 2, 2);
    CHECK_EQUAL(get(GICD, 4), 0x50);
    CHECK_EQUAL(get(GICD + 4, 8), 0);
    CHECK_EQUAL(get(GICD + 2, 4), 0); /* misaligned */
    put(GICD + 0x420, 2, 0xffff);
    put(GICD + 0x420, 8, ~0ull);
    CHECK_EQUAL(get(GICD + 0x420, 4), 0);
    CHECK_EQUAL(get(GICD + 0x6100, 2), 0);
    /* SPIs that the machine lacks, private interrupts in the distributor, targets and SGIs of old GICs */
    put(GICD + 0x100 + 9 * 4, 4, ~0u);
    CHECK_EQUAL(get(GICD + 0x100 + 9 * 4, 4), 0);
    put(GICD + 0x100, 4, ~0u);
    CHECK_EQUAL(get(GICD + 0x100, 4), 0);
    put(GICD + 0x400, 4, ~0u);
    CHECK_EQUAL(get(GICD + 0x400, 4), 0);
    put(GICD + 0x800, 4, ~0u);
    CHECK_EQUAL(get(GICD + 0x820, 1), 0);
    put(GICD + 0xf00, 4, 1);
    put(GICD + 0xd04, 4, ~0u);
    CHECK_EQUAL(get(GICD + 0xd04, 4), 0);
    CHECK_EQUAL(get(GICR, 4), 0);
    CHECK_EQUAL(get(GICR + 0x70, 8), 0);
    put(GICR + 8, 8, ~0ull);
    CHECK_EQUAL(get(GICR + 8, 8), 0x10);
}

static void test_private(void)
{
    start(2);
    put(GICR + 0x10100, 4, 0xffff);
    CHECK_EQUAL(vm.vcpu[0].state->private_enabled, 0);
    put(GICD, 4, 2);
    CHECK_EQUAL(vm.vcpu[0].state->private_enabled, 0xffff);
    put(GICR + 0x10080, 4, 0xfffffff0);
    CHECK_EQUAL(vm.vcpu[0].state->private_enabled, 0xfff0);
    uint32_t kicks = fake.kicks;
    put(GICR + 0x10180, 4, 0xf0); /* one's own: no kick */
    CHECK_EQUAL(fake.kicks, kicks);
    CHECK_EQUAL(get(GICR + 0x10180, 4), 0xff0f);
    put(GICR + 0x30100, 4, 1 << 5); /* another vCPU's */
    CHECK_EQUAL(fake.kicks, kicks + 1);
    CHECK_EQUAL(vm.vcpu[1].state->private_enabled, 1 << 5);
    put(GICR + 0x30200, 4, 1u << 5 | 1u << 31);
    CHECK_EQUAL(fake.injections, 2);
    CHECK_EQUAL(fake.last_injected, 31);
    vm.vcpu[1].state->private_pending = 0x30;
    vm.vcpu[1].state->private_active = 0x40;
    CHECK_EQUAL(get(GICR + 0x30280, 4), 0x30);
    CHECK_EQUAL(get(GICR + 0x30300, 4), 0x40);
    CHECK_EQUAL(get(GICR + 0x10c00, 4), 0xaaaaaaaa);
    put(GICR + 0x10c00, 4, 0);
    CHECK_EQUAL(get(GICR + 0x10c00, 4), 0xaaaaaaaa);
    put(GICR + 0x10c04, 4, 0xffffff0f);
    CHECK_EQUAL(get(GICR + 0x10c04, 4), 0xaaaaaa0a);
    put(GICR + 0x1041f, 1, 0xff);
    CHECK_EQUAL(vm.vcpu[0].state->private_priority[31], 0xf8);
    put(GICR + 0x10420, 4, ~0u);
    CHECK_EQUAL(get(GICR + 0x10420, 4), 0);
}

static void random_access(uint64_t *seed, uint32_t vcpu)
{
    static const uint32_t sizes[] = {1, 2, 4, 4, 4, 8};
    uint64_t data = random_next(seed) % 3 ? random_next(seed) : ~0ull;
    uint64_t offset = random_next(seed) % (random_next(seed) % 2 ? 0x1000 : 0x10000);
    uint64_t base = random_next(seed) % 2 ? GICD : GICR + 0x10000 * (random_next(seed) % 9);
    uint32_t size = sizes[random_next(seed) % 6];

    if (random_next(seed) % 8)
        offset &= ~(uint64_t)(size - 1);
    data &= size == 8 ? ~0ull : (1ull << size * 8) - 1;
    access_as(vcpu, random_next(seed) % 2, base + offset, size, &data);
}

static void test_random(void)
{
    uint64_t seed = 31337;
    uint32_t typers[] = {0x8, 0x0, 0x1f, 0x1e, ~0u};

    for (unsigned i = 0; i < sizeof(typers) / sizeof(typers[0]); i++) {
        start(4);
        fake.irq_limit = i % 2 ? 300 : 20;
        info.gicd_typer = typers[i];
        arch_irqchip_init(&vm);
        for (int round = 0; round < 400000; round++)
            random_access(&seed, (uint32_t)(round % 4));
    }
}

static void *random_thread(void *argument)
{
    uint32_t vcpu = (uint32_t)(uintptr_t)argument;
    uint64_t seed = 77 + vcpu;

    for (int round = 0; round < 100000; round++)
        random_access(&seed, vcpu);
    return NULL;
}

/* vCPUs at once: the fake hypervisor checks each call, so the lock must hold. */
static void test_threads(void)
{
    pthread_t thread[4];

    start(4);
    for (uintptr_t i = 0; i < 4; i++)
        CHECK(pthread_create(&thread[i], NULL, random_thread, (void *)i) == 0);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(thread[i], NULL) == 0);
}

int main(void)
{
    test_identification();
    test_linux();
    test_spi();
    test_refused();
    test_sizes();
    test_private();
    test_random();
    test_threads();
    return 0;
}
