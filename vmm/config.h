/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration (doc/config.md): a device tree blob with one node. */
#ifndef VMM_CONFIG_H
#define VMM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <outrider/task.h>

enum policy {
    POLICY_OFF,    /* power the machine off */
    POLICY_RESET,  /* reset the machine */
    POLICY_STOP,   /* end the VM, its detached threads included */
    POLICY_KEEP,   /* end the vCPUs; detached threads that need no Linux run on */
    POLICY_REPORT, /* say so, no more; only for on_hang */
};

struct config {
    uint32_t host_cores;  /* bit per core index of the boot information */
    uint32_t guest_cores; /* never empty after a successful parse */
    const char *bootargs; /* in the blob; NULL if not given */
    enum policy on_poweroff, on_reset, on_error, on_hang;
    uint32_t watchdog; /* seconds; 0: none */
    const char *hide;  /* in the blob: hide_size bytes of NUL-terminated paths */
    uint32_t hide_size;
};

#define CONFIG_ERROR_MAX 400

/* What holds without a configuration: every online core is a guest core. */
void config_default(struct config *config, const struct ord_bootinfo *boot);

/*
 * Parses the blob of `size` bytes into `config`, which keeps pointers into it. `machine` is the machine's
 * device tree, for paths. On false, `error` (CONFIG_ERROR_MAX bytes) says what is wrong and what is allowed.
 */
bool config_parse(struct config *config, const void *blob, uint64_t size, const struct ord_bootinfo *boot,
                  const void *machine, char *error);

#endif
