/* SPDX-License-Identifier: BSD-2-Clause */
/* Which calls a VM may be given, and what goes to the firmware and comes back. */
#include "../check.h"

#include "firmware.h"
#include "smc.h"
#include "vm.h"
#include <arch/platform.h>
#include <string.h>

static struct vm vm;
static struct vcpu vcpu = {.vm = &vm};
static struct regs regs;
static unsigned calls;
static uint64_t called[SMC_REGISTERS];

/* Answers with all registers inverted. */
void smc_call(uint64_t x[SMC_REGISTERS])
{
    calls++;
    memcpy(called, x, sizeof(called));
    /* What is the VMM's to write while firmware has the core. */
    regs.x[0] = 0x84000008;
    for (int i = 0; i < SMC_REGISTERS; i++)
        x[i] = ~x[i];
}

/* kern/vm.c's is tested by hv_call.c. */
bool vm_firmware_allowed(const struct vm *v, uint32_t function)
{
    CHECK(v == &vm);
    return function >= vm.firmware[0].first && function <= vm.firmware[0].last;
}

static void valid(void)
{
    static const struct {
        uint64_t first, last;
        bool valid;
    } ranges[] = {
        {0x82000000, 0x82000000, true},
        {0x82000000, 0x8200ffff, true},
        {0xc2000000, 0xc200ffff, true}, /* EEMI */
        {0x83000010, 0x8300001f, true},
        {0x84000050, 0x8400005f, true}, /* random numbers */
        {0x84000050, 0x84000053, true},
        {0xc4000053, 0xc4000053, true},
        {0x840000f0, 0x840000f2, true}, /* errata */
        {0x80008000, 0x80008000, true}, /* ARCH_WORKAROUND_1 */
        {0x80000002, 0x8000ffff, true},
        {0xb2000000, 0xb200ffff, true}, /* OP-TEE, its fast and its yielding calls */
        {0x32000000, 0x3200ffff, true},
        {0xb0000000, 0xb0000000, true},
        {0xff000000, 0xff00ffff, true},
        /* PSCI, in part, and its neighbours */
        {0x84000000, 0x84000000, false},
        {0x84000003, 0x84000003, false},
        {0xc4000003, 0xc4000003, false},
        {0x8400001f, 0x84000050, false},
        {0x84000000, 0x8400ffff, false},
        {0x84000020, 0x8400003f, false}, /* SDEI */
        {0x84000041, 0x84000041, false}, /* MM */
        {0x8400004f, 0x8400005f, false},
        {0x84000050, 0x84000060, false}, /* up to FF-A */
        {0x84000071, 0x84000073, false},
        {0xc4000150, 0xc4000160, false}, /* realms */
        {0x840000ef, 0x840000f2, false},
        {0x840000f0, 0x84000100, false},
        /* what the hypervisor and the VMM answer, and other hypervisors' */
        {0x80000000, 0x80000000, false},
        {0x80000001, 0x80000002, false},
        {0x85000000, 0x85000001, false},
        {0xc5000020, 0xc5000021, false},
        {0xc6000000, 0xc6000001, false},
        {0x8600ff01, 0x8600ff01, false},
        {0x81000000, 0x81000000, false},
        {0x87000000, 0x87000000, false},
        {0xaf000000, 0xaf000000, false},
        /* not calls of one service, one kind */
        {0x82000001, 0x82000000, false},
        {0x8200ffff, 0x83000000, false},
        {0x82000000, 0xc2000000, false},
        {0x32000000, 0xb2000000, false},
        {0, 0xffffffff, false},
        {0, 0, false},
        {0x01000000, 0x0100ffff, false},
        {0x82010000, 0x82010000, false}, /* the hint about SVE is no function's number */
        {0x82000000, 0x82010000, false},
        {0x82000000, 0x182000000, false},
        {0x182000000, 0x182000001, false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
        if (arch_firmware_valid(ranges[i].first, ranges[i].last) != ranges[i].valid) {
            fprintf(stderr, "%lx to %lx\n", (unsigned long)ranges[i].first, (unsigned long)ranges[i].last);
            CHECK(!"not as it should be");
        }
}

static bool call(uint32_t function, uint64_t x0)
{
    for (unsigned i = 0; i < ARRAY_SIZE(regs.x); i++)
        regs.x[i] = 0x100 + i;
    regs.x[0] = x0;
    return firmware_call(&vcpu, &regs, function);
}

static void passed_on(void)
{
    vm.firmware[0] = (struct firmware_range){0x82000010, 0x8200001f};
    calls = 0;
    CHECK(!call(0x82000010, 0x82000010) && calls == 0);
    vm.firmware_count = 1;
    CHECK(!call(0x8200000f, 0x8200000f) && !call(0x82000020, 0x82000020) && !call(0xc2000010, 0xc2000010));
    CHECK_EQUAL(calls, 0);
    /* The function is the one that was decoded, whatever is in x0 by now. */
    CHECK(call(0x82000010, 0x84000008));
    CHECK_EQUAL(calls, 1);
    CHECK_EQUAL(called[0], 0x82000010);
    CHECK_EQUAL(regs.x[0], ~0x82000010ull);
    for (unsigned i = 1; i < ARRAY_SIZE(regs.x); i++) {
        if (i < SMC_REGISTERS)
            CHECK_EQUAL(called[i], 0x100 + i);
        CHECK_EQUAL(regs.x[i], i < SMC_REGISTERS ? ~(uint64_t)(0x100 + i) : 0x100 + i);
    }
}

/* SMCCC_ARCH_FEATURES: by its argument. */
static void features(void)
{
    calls = 0;
    regs.x[1] = 0x80008000;
    CHECK(!firmware_call(&vcpu, &regs, 0x80000001));
    CHECK_EQUAL(calls, 0);
    vm.firmware[0] = (struct firmware_range){0x80008000, 0x80008000};
    CHECK(firmware_call(&vcpu, &regs, 0x80000001));
    CHECK_EQUAL(calls, 1);
    CHECK_EQUAL(called[0], 0x80000001);
    CHECK_EQUAL(called[1], 0x80008000);
}

int main(void)
{
    valid();
    passed_on();
    features();
    return 0;
}
