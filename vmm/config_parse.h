/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the configuration's parser share: config.c has the root node, config_task.c the nodes
 * below, config_value.c what values have in common. */
#ifndef VMM_CONFIG_PARSE_H
#define VMM_CONFIG_PARSE_H

#include "config.h"
#include "log.h"

struct parse {
    struct config *config;
    const struct ord_bootinfo *boot;
    char *error;
    bool budget_given, period_given;
};

#define FAIL(p, ...) (text_format((p)->error, CONFIG_ERROR_MAX, "configuration: " __VA_ARGS__), false)

/* Mask of the cores that have all these flags. */
uint32_t config_cores_online(const struct ord_bootinfo *boot, uint32_t flags);

/* Whether the value is one or more non-empty strings, each terminated; exactly one. */
bool config_strings_valid(const char *value, int size);
bool config_string_valid(const char *value, int size);

/* Names of devices of the machine that Linux can do without. */
bool config_parse_paths(struct parse *p, const char *name, const void *value, int size);

/* The nodes /tasks and /channels, which need not be there. */
bool config_parse_tasks(struct parse *p, const void *blob);
bool config_parse_channels(struct parse *p, const void *blob);

/* The cores of all tasks. */
uint32_t config_task_cores(const struct config *config);

#endif
