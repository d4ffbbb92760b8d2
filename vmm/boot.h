/* SPDX-License-Identifier: BSD-2-Clause */
/* From boot information to a VM that is ready to run, in steps; each prints what is wrong and returns false.
 */
#ifndef VMM_BOOT_H
#define VMM_BOOT_H

#include "image.h"
#include "tree.h"
#include "vm.h"

struct boot {
    const struct ord_bootinfo *info;
    const void *machine; /* its device tree */
    const struct ord_module *linux_module, *ramdisk, *config;
    struct image image;
    struct tree_boot tree;
    struct range_list reserved; /* not ours to write to: firmware's, or a device's */
    void *fdt;                  /* the guest's device tree while it is built */
    struct vm vm;
};

/* Checks the device tree, modules and configuration; maps the task's memory. */
bool boot_prepare(struct boot *boot, const struct ord_bootinfo *info);

/* Makes the VM, its memory, devices, device tree and vCPUs. */
bool boot_make_vm(struct boot *boot);

/* Puts kernel and device tree where the guest starts with them. */
bool boot_load(struct boot *boot);

/* Starts vCPU 0. */
void boot_start(struct boot *boot);

/*
 * Places for the kernel and the device tree, beside the initrd and what is reserved; false if memory does
 * not suffice.
 */
bool boot_place(const struct boot *boot, uint64_t fdt_size, uint64_t *kernel, uint64_t *fdt);

#endif
