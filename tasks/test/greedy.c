/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks for what it was not given, in every way, and says what it got: nothing. */
#include <outrider/host.h>

static uint32_t got;

static void ask(const char *what, int64_t status, int64_t want)
{
    if (status == want)
        return;
    got++;
    ord_print("%s: %ld, not %ld", what, (long)status, (long)want);
}

#define CALL(name, ...) call(ORD_CALL_##name, (const uint64_t[6]){__VA_ARGS__})

static int64_t call(enum ord_call number, const uint64_t a[6])
{
    return ord_call(number, a[0], a[1], a[2], a[3], a[4], a[5], NULL);
}

int main(const struct ord_start *start)
{
    uint64_t free = start->first_free, text = (uintptr_t) "x";

    for (uint64_t slot = 0; slot < 512; slot++) {
        ask("power", CALL(POWER, slot, ORD_POWER_OFF), ORD_BAD_CAP);
        ask("memory", CALL(MEM_MAP, slot, slot, 0, 0x40000000, 4096, 3), ORD_BAD_CAP);
        ask("unmap", CALL(MEM_UNMAP, slot, 0x40000000, 4096), ORD_BAD_CAP);
        ask("irq", CALL(IRQ_CREATE, free, slot, 40), ORD_BAD_CAP);
        ask("VM", CALL(VM_STOP, slot), ORD_BAD_CAP);
        ask("vCPU", CALL(VCPU_KICK, slot), ORD_BAD_CAP);
        ask("another task", CALL(TASK_START, slot, 0, 0, 0, start->core, 1), ORD_BAD_CAP);
        ask("giving on", CALL(CAP_COPY, slot, free, start->notify, 1), ORD_BAD_CAP);
        if (slot != start->console)
            ask("console", CALL(CONSOLE_WRITE, slot, text, 1), ORD_BAD_CAP);
    }
    ask("a task", CALL(TASK_CREATE, free, text, 1, 1ull << start->core, 1), ORD_NO_RIGHT);
    ask("a VM", CALL(VM_CREATE, free, 20), ORD_NO_RIGHT);
    ask("core 0", CALL(THREAD_CREATE, free, text & ~15ull, 0, 0, 0, 1), ORD_NO_RIGHT);
    ask("priority", CALL(THREAD_CREATE, free, text & ~15ull, 0, 0, start->core, start->priority + 1),
        ORD_BAD_PARAM);
    ask("time", ord_sleep_until(~0ull), ORD_BAD_PARAM);
    for (uint64_t i = 0; i < ORD_TASK_OBJECTS_MAX; i++)
        ask("an object", CALL(NOTIFY_CREATE, free + i), ORD_OK);
    ask("too many objects", CALL(NOTIFY_CREATE, free + ORD_TASK_OBJECTS_MAX), ORD_NO_MEMORY);
    ord_print("got %u things that it should not have", got);
    return 0;
}
