/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device trees: the guest's is made from the machine's, in place in a larger copy.
 *
 *   tree.c         what all parts use: cells, reg, phandles, deleting while walking
 *   tree_dev.c     what is left out; devices are mapped for the guest
 *   tree_cpu.c     /cpus, cpu-map, /psci
 *   tree_guest.c   the rest, and the order of the steps
 *
 * Functions that return int give 0 or a libfdt error (negative).
 */
#ifndef VMM_TREE_H
#define VMM_TREE_H

#include <libfdt.h>
#include "arch/machine.h"
#include "range.h"

struct vm;

#define TREE_TRY(call)                                                                                       \
    do {                                                                                                     \
        int tree_error = (call);                                                                             \
        if (tree_error < 0)                                                                                  \
            return tree_error;                                                                               \
    } while (0)

/* The node that loads the guest module. */
#define TREE_OWN_NODE "/outrider"

#define TREE_PATH_MAX 256

/* Value of 0, 1 or 2 cells; of more, the last two count. */
uint64_t tree_cells(const fdt32_t *cells, int count);

/*
 * Entry `index` of the reg property of a node on `bus` (the parent's offset), translated to a CPU address
 * through the ranges of all buses above. False if there is none, or it cannot be translated.
 */
bool tree_reg(const void *fdt, int bus, int node, int index, struct range *range);

/* The same as it stands there, not checked: for nodes whose parent is no bus (/reserved-memory). */
bool tree_reg_local(const void *fdt, int bus, int node, int index, struct range *range);

/* Window `index` of the ranges property of `node` (whose parent is `bus`), as CPU addresses. */
bool tree_window(const void *fdt, int bus, int node, int index, struct range *range);

/* Whether status says that the node is not in use. */
bool tree_disabled(const void *fdt, int node);

/* Whether device_type is `type`. */
bool tree_is_type(const void *fdt, int node, const char *type);

/* Deletes a property; it is no error if there is none. */
int tree_del_prop(void *fdt, int node, const char *name);

/*
 * Adds to `list`, in whole pages, the addresses below `limit` that the memory reservation block and
 * /reserved-memory keep from the kernel that is booted. False if the list is full.
 */
bool tree_reserved(const void *fdt, uint64_t limit, struct range_list *list);

/* Number of the distributor's node (by its address), or a libfdt error. */
int tree_find_gic(const void *fdt, uint64_t gicd_base);

/* A private interrupt (INTID 16..31) that no device of the machine uses; 0 if there is none. */
uint32_t tree_find_ppi(const void *fdt, uint64_t gicd_base);

/* Whether a device of the machine may use that SPI (INTID): it is in an interrupts property, or in a map. */
bool tree_uses_spi(const void *fdt, uint32_t intid);

/* The first interrupt of a node, if it is an SPI of the GIC: its INTID and whether it is an edge. False: it
 * has none. */
bool tree_node_spi(const void *fdt, uint64_t gicd_base, int node, uint32_t *intid, bool *edge);

/* Removes nodes that are hidden, kept or secure; maps the others' registers for the guest. */
int tree_set_devices(struct vm *vm, void *fdt);

/* Leaves the guest's cores in /cpus, and the guest's PSCI. */
int tree_set_cpus(struct vm *vm, void *fdt);

/*
 * Makes the guest's tree out of the machine's in `fdt` (`size` bytes of room) and maps the guest's devices.
 * False after a message on the console.
 */
bool tree_make_guest(struct vm *vm, const void *machine, const struct machine_boot *boot, void *fdt,
                     uint32_t size);

/* Room that the guest's tree may need at most. */
uint32_t tree_guest_size(const void *machine, const struct machine_boot *boot);

#endif
