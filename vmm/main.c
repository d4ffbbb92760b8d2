/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual-machine monitor: reads what the hypervisor and the configuration say, makes one VM with a
 * Linux in it, starts it, and from then on lives in the vCPUs' threads (vcpu.c).
 *
 * Memory: all RAM that the task is given is the guest's, at its physical address. The VMM sees it at the
 * same addresses until the guest runs. The initrd stays where the boot loader put it, the kernel too if
 * that place suits it; what the guest is told of the machine goes to a free place.
 */
#include <string.h>
#include "boot.h"
#include "call.h"
#include "heap.h"
#include "log.h"

/*
 * Address space: RAM below 448 GiB, where it is physically; from there on the image (vmm.ld), what the
 * hypervisor puts there (boot information, heap, stack), and the state pages.
 */
#define STATE_BASE ORD_TASK_RESERVED_END

_Noreturn void main(const struct ord_bootinfo *info);

static _Noreturn void give_up(void)
{
    log_line("no VM was started: the machine goes off");
    call_power(ORD_POWER_OFF);
    call_thread_exit();
}

_Noreturn void main(const struct ord_bootinfo *info)
{
    static struct boot boot;

    if (info->magic != ORD_BOOTINFO_MAGIC || info->version >> 16 != ORD_ABI_MAJOR) {
        log_line("this hypervisor speaks another version of the interface (0x%x, not 0x%x)", info->version,
                 ORD_ABI_VERSION);
        give_up();
    }
    boot.vm.state_base = STATE_BASE;
    heap_init(info->heap_base, info->heap_size);
    if (!boot_prepare(&boot, info) || !boot_make_vm(&boot) || !boot_load(&boot))
        give_up();
    boot_start(&boot);
    call_thread_exit();
}
