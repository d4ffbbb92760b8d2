/* SPDX-License-Identifier: BSD-2-Clause */
/* Device trees out of source text, and damaged ones. */
#ifndef TREE_H
#define TREE_H

#include "../check.h"

/* Path of the device tree compiler. */
extern const char *tree_dtc;

/* Compiles `source`; memory of exactly *size bytes, to be freed. */
void *tree_compile(const char *source, uint64_t *size);

/* A copy of the tree with some damage, in memory of exactly *size bytes. */
void *tree_damage(const void *tree, uint64_t *size, uint64_t *random);

#endif
