/* SPDX-License-Identifier: BSD-2-Clause */
/* What the device tree says about the machine. Filled once at start, constant afterwards. */
#ifndef HV_PLATFORM_H
#define HV_PLATFORM_H

#include "fdt.h"
#include "types.h"
#include <outrider/task.h>

#define PLATFORM_RANGES_MAX 96

struct range {
    uint64_t base, size;
};

struct platform {
    struct fdt fdt;
    uint64_t dtb_base, dtb_size;
    struct range ram[PLATFORM_RANGES_MAX]; /* ascending, page-aligned */
    uint32_t ram_count;
    struct range firmware[PLATFORM_RANGES_MAX]; /* memory that must not be touched: in no range of `ram` */
    uint32_t firmware_count;
    struct range reserved[PLATFORM_RANGES_MAX]; /* RAM with contents, or for a device */
    uint32_t reserved_count;
    struct range gicd, gicr;                  /* of the redistributors the first region */
    struct range device[PLATFORM_RANGES_MAX]; /* registers that nobody else may have */
    uint32_t device_count;
    uint64_t hwid[ORD_CORES_MAX];
    uint32_t core_count;
    bool psci_smc; /* conduit of the machine's PSCI */
    struct range uart;
    const char *uart_compatible;
    bool uart_owned;   /* chosen by console=: not the guest's */
    uint32_t uart_irq; /* its INTID; 0: not known */
    struct ord_module module[ORD_MODULES_MAX];
    uint32_t module_count;
    const char *args; /* /chosen/bootargs: the hypervisor's own command line */
};

extern struct platform platform;

/* Finds everything. Returns NULL, or a message that says what is missing and why that is fatal. */
const char *platform_init(const void *dtb, uint64_t limit) MUST_CHECK;

/* Value of `key=value` in the hypervisor's command line: length, 0 if absent. */
size_t platform_option(const char *key, const char **value);

/* The console's interrupt, which no task gets; 0: it has none. */
uint32_t platform_console_irq(void);

bool range_overlaps(uint64_t base, uint64_t size, const struct range *r);

/*
 * Lists of whole pages. Adds a range, widened to pages; those that touch become one. False, and nothing has
 * changed, if there are `max`.
 */
bool range_merge(struct range *list, uint32_t *count, uint32_t max, uint64_t base, uint64_t size) MUST_CHECK;
/* Takes all pages of a range out. False if the pieces are more than `max`. */
bool range_cut(struct range *list, uint32_t *count, uint32_t max, uint64_t base, uint64_t size) MUST_CHECK;

#endif
