/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine, as firmware describes it. The architecture fills this at start; it is constant afterwards. */
#ifndef HV_PLATFORM_H
#define HV_PLATFORM_H

#include "types.h"
#include <outrider/task.h>

#define PLATFORM_RANGES_MAX    96
#define PLATFORM_ADDRESS_LIMIT BIT(48) /* what the hypervisor's own tables reach */

struct range {
    uint64_t base, size;
};

struct platform {
    struct range description;              /* firmware's, which the first task may read; size 0: none */
    struct range ram[PLATFORM_RANGES_MAX]; /* ascending, page-aligned */
    uint32_t ram_count;
    struct range firmware[PLATFORM_RANGES_MAX]; /* memory that must not be touched: in no range of `ram` */
    uint32_t firmware_count;
    struct range reserved[PLATFORM_RANGES_MAX]; /* RAM with contents, or for a device */
    uint32_t reserved_count;
    struct range device[PLATFORM_RANGES_MAX]; /* registers that nobody else may have */
    uint32_t device_count;
    uint64_t hwid[ORD_CORES_MAX]; /* of the cores (core.h) */
    uint32_t core_count;
    struct range uart;
    const char *uart_compatible;
    bool uart_owned;   /* chosen by console=: not the guest's */
    uint32_t uart_irq; /* its line; 0: not known */
    struct ord_module module[ORD_MODULES_MAX];
    uint32_t module_count;
    const char *args; /* the hypervisor's own command line */
};

extern struct platform platform;

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
