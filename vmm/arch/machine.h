/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contract: the machine as its firmware describes it, in a tree or in tables, and what the guest is
 * told of it. The boot information says where the description is. Each architecture has in <machine_arch.h>
 * (arch/NAME):
 *
 *   ARCH_COMMAND_LINE_SIZE   of Linux, with the NUL
 *   ARCH_DEVICE_NAMES        examples of names of devices, for a message
 */
#ifndef VMM_ARCH_MACHINE_H
#define VMM_ARCH_MACHINE_H

#include <outrider/task.h>
#include "machine_arch.h"
#include "range.h"

struct vm;

/* Checks the description; adds memory that it keeps from the kernel that is booted. False after a message. */
bool arch_machine_check(const struct ord_bootinfo *boot, struct range_list *reserved);

/* ---- Devices, by the names that the configuration has for them ---- */

enum machine_name {
    MACHINE_NOTHING,
    MACHINE_REQUIRED, /* Linux cannot do without it, or it is made anew for it */
    MACHINE_DEVICE,
};
enum machine_name arch_machine_find(const struct ord_bootinfo *boot, const char *name);

/* Whether one of the two is the other, or a part of it. */
bool arch_machine_overlap(const struct ord_bootinfo *boot, const char *name, const char *other);

struct machine_device {
    struct range registers;
    uint32_t interrupt; /* number of its first one; 0: it has none that a task could have */
    bool edge;
};

/* False if it has no registers. */
bool arch_machine_device(const struct ord_bootinfo *boot, const char *name, struct machine_device *device);

/* ---- Interrupts ---- */

/* The highest number below `below` (0: of all) of an interrupt that no device of the machine uses; 0: none.
 */
uint32_t arch_machine_spare_interrupt(const struct ord_bootinfo *boot, uint32_t below);

/* The number of the interrupt that is the virtual exception; 0 after a message. */
uint32_t arch_virtual_exception_find(const struct ord_bootinfo *boot);

/* ---- What the guest is told ---- */

/* What it is booted with. */
struct machine_boot {
    const char *bootargs;
    struct range initrd; /* size 0: none */
};

/* The description for the guest, as it is built in the VMM's own memory. */
struct machine_description {
    void *data;
    uint64_t size; /* room that it needs in the guest's memory */
    uint64_t unit; /* at a multiple of this; no larger */
};

/*
 * Makes it for a VM that has its memory and knows its vCPUs, and maps the devices that it names for the
 * guest. False after a message.
 */
bool arch_machine_describe(struct vm *vm, const struct machine_boot *boot,
                           struct machine_description *description);

/* Puts it into the guest's memory, and says so. */
void arch_machine_load(const struct vm *vm, const struct machine_description *description, uint64_t address);

#endif
