/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration (doc/config.md): a device tree blob. */
#ifndef VMM_CONFIG_H
#define VMM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <outrider/detach.h>
#include <outrider/task.h>

enum policy {
    POLICY_OFF,    /* power the machine off */
    POLICY_RESET,  /* reset the machine */
    POLICY_STOP,   /* end the VM, its detached threads included */
    POLICY_KEEP,   /* end the vCPUs; detached threads that need no Linux run on */
    POLICY_REPORT, /* say so, no more; only for on_hang */
};

#define CONFIG_TASKS_MAX    8
#define CONFIG_CHANNELS_MAX ORD_CHANNELS_MAX
#define CONFIG_CHANNEL_SIZE (16u << 20)

/* A native program of the hypervisor. */
struct config_task {
    const char *name;                /* as all strings: in the blob */
    const struct ord_module *module; /* its ELF file */
    const char *args;                /* "" if not given */
    const char *devices;             /* devices_size bytes of paths */
    uint32_t devices_size;
    uint32_t core, priority;
    bool console;
};

/* Shared memory and notifications between a task and another one, or Linux. */
struct config_channel {
    const char *name;
    uint32_t size;
    uint32_t task[2]; /* index; CONFIG_LINUX */
};
#define CONFIG_LINUX ~0u

/* Calls of the machine's firmware, first to last. */
struct config_firmware {
    uint32_t first, last;
};

struct config {
    uint32_t host_cores;     /* bit per core index of the boot information */
    uint32_t guest_cores;    /* never empty after a successful parse */
    uint32_t shared_cores;   /* those of guest_cores that detached threads may run on, too */
    uint32_t budget, period; /* microseconds: how long they may keep Linux waiting there. Equal: always */
    const char *bootargs;    /* in the blob; NULL if not given */
    enum policy on_poweroff, on_reset, on_error, on_hang;
    uint32_t watchdog; /* seconds; 0: none */
    const char *hide;  /* in the blob: hide_size bytes of NUL-terminated paths */
    uint32_t hide_size;
    uint32_t firmware_count;
    struct config_firmware firmware[ORD_FIRMWARE_RANGES_MAX];
    uint32_t task_count, channel_count;
    struct config_task task[CONFIG_TASKS_MAX];
    struct config_channel channel[CONFIG_CHANNELS_MAX];
};

#define CONFIG_ERROR_MAX 400

/* What holds without a configuration: every online core is a guest core. */
void config_default(struct config *config, const struct ord_bootinfo *boot);

/*
 * Parses the blob of `size` bytes into `config`, which keeps pointers into it. On false, `error`
 * (CONFIG_ERROR_MAX bytes) says what is wrong and what is allowed.
 */
bool config_parse(struct config *config, const void *blob, uint64_t size, const struct ord_bootinfo *boot,
                  char *error);

#endif
