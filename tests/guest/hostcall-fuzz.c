/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostcall-fuzz: N host calls with random numbers and arguments. Attached, all of them are -ENOSYS; detached,
 * thread_info() and sleep_until() answer, all others are -ENOSYS; no other register changes.
 */
#include "common.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] = "[--attached | --detached] [N [SEED]]";

static uint64_t interesting(uint64_t *seed)
{
    static const uint64_t values[] = {0,
                                      1,
                                      ~0ull,
                                      1ull << 63,
                                      0xfffffffffffff000ull,
                                      0xffff000000000000ull,
                                      0x0000ffffffffffffull,
                                      0x40000000,
                                      0x80000000,
                                      0xffffffff,
                                      4096,
                                      4095};
    const uint64_t draw = random_next(seed);

    if (draw % 4 == 0)
        return values[(draw >> 8) % (sizeof(values) / sizeof(*values))];
    if (draw % 4 == 1)
        return (uint64_t)&seed + (draw >> 48);
    return random_next(seed) >> (draw >> 58);
}

static void check_info(const uint64_t x[8])
{
    if (x[1] >= ORD_IOC_CORES_MAX || x[2] >= ORD_CONTEXT_MAX || x[3] < ORD_PRIO_MIN || x[3] > ORD_PRIO_MAX)
        test_fail("thread_info: core %lu, context %lu, priority %lu", (unsigned long)x[1],
                  (unsigned long)x[2], (unsigned long)x[3]);
}

/* Returns whether the hypervisor answered. */
static bool one_call(uint64_t *seed)
{
    uint64_t number = ORD_HOSTCALL_BASE + random_next(seed) % ORD_HOSTCALL_COUNT;
    const uint64_t draw = random_next(seed);
    uint64_t before[8], x[8];

    if (draw % 16 == 0)
        number = ORD_HOSTCALL_INFO;
    else if (draw % 1024 == 1)
        number = ORD_HOSTCALL_BASE - 1 - (draw >> 60);
    else if (draw % 1024 == 2)
        number = ORD_HOSTCALL_BASE + ORD_HOSTCALL_COUNT + (draw >> 60);
    for (int i = 0; i < 8; i++)
        x[i] = interesting(seed);
    /* Not for too long. */
    if (number == ORD_HOSTCALL_SLEEP_UNTIL && x[0] > counter())
        x[0] = counter() + x[0] % 1024;
    memcpy(before, x, sizeof(x));
    raw_call(number, x);
    if (number == ORD_HOSTCALL_SLEEP_UNTIL && !x[0] && before[0] <= counter()) {
        if (memcmp(x + 1, before + 1, sizeof(x) - sizeof(*x)))
            test_fail("sleep_until changes x1..x7");
        return true;
    }
    if ((number == ORD_HOSTCALL_IRQ_WAIT || number == ORD_HOSTCALL_IRQ_ACK) && x[0] == (uint64_t)-EPERM) {
        if (memcmp(x + 1, before + 1, sizeof(x) - sizeof(*x)))
            test_fail("a host call of interrupts changes x1..x7");
        return true;
    }
    /* None was granted; tests/guest/channel.c has the others. */
    if (number >= ORD_HOSTCALL_NOTIFY_SIGNAL && number <= ORD_HOSTCALL_NOTIFY_POLL &&
        (x[0] == (uint64_t)-ENODEV || x[0] == (uint64_t)-EPERM)) {
        if (memcmp(x + 1, before + 1, sizeof(x) - sizeof(*x)))
            test_fail("a host call of channels changes x1..x7");
        return true;
    }
    if (number == ORD_HOSTCALL_INFO && x[0] == ORD_ABI_VERSION) {
        check_info(x);
        if (memcmp(x + 4, before + 4, sizeof(x) - 4 * sizeof(*x)))
            test_fail("thread_info changes x4..x7");
        return true;
    }
    if (x[0] != (uint64_t)-ENOSYS)
        test_fail("call %#lx(%#lx, %#lx, %#lx, …) returns %#lx", (unsigned long)number,
                  (unsigned long)before[0], (unsigned long)before[1], (unsigned long)before[2],
                  (unsigned long)x[0]);
    if (memcmp(x + 1, before + 1, sizeof(x) - sizeof(*x)))
        test_fail("call %#lx changes x1..x7", (unsigned long)number);
    return false;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"attached", no_argument, NULL, 'a'}, {"detached", no_argument, NULL, 'd'}, {}};
    uint64_t count = 100000, seed = 1, answered = 0, infos;
    int option, expect = 0;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'a' && option != 'd')
            arg_number(NULL, usage);
        expect = option;
    }
    if (optind < argc)
        count = arg_number(argv[optind], usage);
    if (optind + 1 < argc)
        seed = arg_number(argv[optind + 1], usage);
    seed = seed * 2 + 1;
    infos = count / 32;

    if (expect == 'd' && !becomes_detached())
        test_fail("the thread is not detached");
    for (uint64_t i = 0; i < count; i++)
        answered += one_call(&seed);
    if (expect == 'a' && answered)
        test_fail("%lu calls were answered, but the thread is attached", (unsigned long)answered);
    if (expect == 'd' && answered < infos)
        test_fail("only %lu of at least %lu thread_info calls were answered", (unsigned long)answered,
                  (unsigned long)infos);
    return test_pass("%lu calls, %lu answered by the hypervisor, all others -ENOSYS", (unsigned long)count,
                     (unsigned long)answered);
}
