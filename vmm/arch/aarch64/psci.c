/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PSCI 1.1 (Arm DEN0022) and SMCCC 1.1 (Arm DEN0028) for the guest, without what it makes optional.
 * CPU_ON is power_on(), CPU_OFF is power_off() (power.h).
 */
#include "psci.h"
#include "power.h"
#include "vm.h"

enum {
    PSCI_SUCCESS = 0,
    PSCI_NOT_SUPPORTED = -1,
    PSCI_INVALID_PARAMETERS = -2,
    PSCI_ALREADY_ON = -4,
    PSCI_ON_PENDING = -5,
    PSCI_INVALID_ADDRESS = -9,
};

/* Function identifiers: a 64-bit version of one has FID_64 set. */
#define FID_64              0x40000000u
#define PSCI_VERSION        0x84000000u
#define PSCI_CPU_SUSPEND    0x84000001u
#define PSCI_CPU_OFF        0x84000002u
#define PSCI_CPU_ON         0x84000003u
#define PSCI_AFFINITY_INFO  0x84000004u
#define PSCI_MIGRATE_TYPE   0x84000006u
#define PSCI_SYSTEM_OFF     0x84000008u
#define PSCI_SYSTEM_RESET   0x84000009u
#define PSCI_FEATURES       0x8400000au
#define PSCI_SYSTEM_RESET2  0x84000012u
#define SMCCC_VERSION       0x80000000u
#define SMCCC_ARCH_FEATURES 0x80000001u

#define PSCI_VERSION_1_1   0x10001
#define SMCCC_VERSION_1_1  0x10001
#define PSCI_NO_MIGRATION  2            /* MIGRATE_INFO_TYPE: no trusted OS that needs it */
#define PSCI_POWER_DOWN    (1ull << 16) /* power_state: StateType */
#define PSCI_RESET2_VENDOR (1ull << 31)

enum { AFFINITY_ON = 0, AFFINITY_OFF = 1, AFFINITY_ON_PENDING = 2 };

/* A call: arguments x1.., cut to 32 bits for the 32-bit version. Result for x0. */
struct call {
    struct vcpu *vcpu;
    uint64_t arg[3];
    bool off; /* the vCPU does not go on */
};

static int64_t psci_version(struct call *call)
{
    return PSCI_VERSION_1_1;
}

static int64_t psci_cpu_suspend(struct call *call)
{
    /* A standby state may end at any time; there are no power-down states. */
    return call->arg[0] & PSCI_POWER_DOWN ? PSCI_INVALID_PARAMETERS : PSCI_SUCCESS;
}

static int64_t psci_cpu_off(struct call *call)
{
    power_off(call->vcpu);
    call->off = true;
    return PSCI_SUCCESS;
}

static int64_t psci_cpu_on(struct call *call)
{
    struct vm *vm = call->vcpu->vm;
    struct vcpu *target = vm_find_vcpu(vm, call->arg[0]);

    if (!target)
        return PSCI_INVALID_PARAMETERS;
    if (call->arg[1] % 4 || !range_list_holds(&vm->ram, (struct range){call->arg[1], 4}))
        return PSCI_INVALID_ADDRESS;
    switch (power_on(target, call->arg[1], call->arg[2])) {
    case VCPU_ON:
        return PSCI_ALREADY_ON;
    case VCPU_ON_PENDING:
        return PSCI_ON_PENDING;
    default:
        return PSCI_SUCCESS;
    }
}

static int64_t psci_affinity_info(struct call *call)
{
    static const uint64_t level_mask[] = {0xff00ffffffull, 0xff00ffff00ull, 0xff00ff0000ull, 0xff00000000ull};
    struct vm *vm = call->vcpu->vm;
    int64_t result = PSCI_INVALID_PARAMETERS;

    if (call->arg[1] > 3 || (call->arg[0] & ~level_mask[0]))
        return PSCI_INVALID_PARAMETERS;
    uint64_t mask = level_mask[call->arg[1]];
    spinlock_lock(&vm->power_lock);
    for (uint32_t i = 0; i < vm->vcpu_count && result != AFFINITY_ON; i++) {
        const struct vcpu *vcpu = &vm->vcpu[i];
        if ((vcpu->hwid ^ call->arg[0]) & mask)
            continue;
        if (vcpu->power == VCPU_ON)
            result = AFFINITY_ON;
        else if (vcpu->power == VCPU_ON_PENDING)
            result = AFFINITY_ON_PENDING;
        else if (result < 0)
            result = AFFINITY_OFF;
    }
    spinlock_unlock(&vm->power_lock);
    return result;
}

static int64_t psci_migrate_type(struct call *call)
{
    return PSCI_NO_MIGRATION;
}

static int64_t psci_system_off(struct call *call)
{
    call->off = true;
    vm_end(call->vcpu->vm, call->vcpu->vm->config.on_poweroff, "guest powered off");
    return PSCI_SUCCESS;
}

static int64_t psci_system_reset(struct call *call)
{
    call->off = true;
    vm_end(call->vcpu->vm, call->vcpu->vm->config.on_reset, "guest asked for reset");
    return PSCI_SUCCESS;
}

static int64_t psci_system_reset2(struct call *call)
{
    /* reset_type 0 is SYSTEM_WARM_RESET, the only one that the architecture defines */
    if ((call->arg[0] & PSCI_RESET2_VENDOR) || call->arg[0] != 0)
        return PSCI_INVALID_PARAMETERS;
    return psci_system_reset(call);
}

static int64_t smccc_version(struct call *call)
{
    return SMCCC_VERSION_1_1;
}

static int64_t smccc_arch_features(struct call *call)
{
    uint32_t fid = (uint32_t)call->arg[0];

    return fid == SMCCC_VERSION || fid == SMCCC_ARCH_FEATURES ? PSCI_SUCCESS : PSCI_NOT_SUPPORTED;
}

static int64_t psci_features(struct call *call);

static const struct function {
    uint32_t fid;
    bool has_64;
    int64_t (*handle)(struct call *call);
} functions[] = {
    {PSCI_VERSION, false, psci_version},
    {PSCI_CPU_SUSPEND, true, psci_cpu_suspend},
    {PSCI_CPU_OFF, false, psci_cpu_off},
    {PSCI_CPU_ON, true, psci_cpu_on},
    {PSCI_AFFINITY_INFO, true, psci_affinity_info},
    {PSCI_MIGRATE_TYPE, false, psci_migrate_type},
    {PSCI_SYSTEM_OFF, false, psci_system_off},
    {PSCI_SYSTEM_RESET, false, psci_system_reset},
    {PSCI_FEATURES, false, psci_features},
    {PSCI_SYSTEM_RESET2, true, psci_system_reset2},
    {SMCCC_VERSION, false, smccc_version},
    {SMCCC_ARCH_FEATURES, false, smccc_arch_features},
};

static const struct function *function_find(uint32_t fid)
{
    for (uint32_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (fid == functions[i].fid || (functions[i].has_64 && fid == (functions[i].fid | FID_64)))
            return &functions[i];
    return NULL;
}

static int64_t psci_features(struct call *call)
{
    uint32_t fid = (uint32_t)call->arg[0];

    return function_find(fid) && fid != SMCCC_ARCH_FEATURES ? PSCI_SUCCESS : PSCI_NOT_SUPPORTED;
}

enum vcpu_next psci_call(struct vcpu *vcpu)
{
    struct ord_vcpu_state *s = vcpu->state;
    uint32_t fid = (uint32_t)s->x[0];
    const struct function *function = function_find(fid);
    struct call call = {.vcpu = vcpu};

    if (!function) {
        s->x[0] = (uint64_t)PSCI_NOT_SUPPORTED;
        return VCPU_GOES_ON;
    }
    for (uint32_t i = 0; i < 3; i++)
        call.arg[i] = fid & FID_64 ? s->x[i + 1] : (uint32_t)s->x[i + 1];
    s->x[0] = (uint64_t)function->handle(&call);
    return call.off ? VCPU_IS_OFF : VCPU_GOES_ON;
}
