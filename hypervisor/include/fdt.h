/* SPDX-License-Identifier: BSD-2-Clause */
/* Read-only access to a flattened device tree (Devicetree Specification v0.4, chapter 5). */
#ifndef HV_FDT_H
#define HV_FDT_H

#include "types.h"

/* A checked tree; every offset is checked against its bounds on each access. */
struct fdt {
    const uint8_t *blob;
    uint32_t size;
    uint32_t structs, structs_size;
    uint32_t strings, strings_size;
};

/* A node: offset of its FDT_BEGIN_NODE; 0 is no node (the root is at fdt.structs, never 0). */
typedef uint32_t fdt_node;

struct fdt_prop {
    const uint8_t *data; /* NULL: no such property */
    uint32_t size;
};

/* Checks the header. `limit`: bytes that may be read. BAD_VERSION, BAD_PARAM. */
status_t fdt_open(struct fdt *fdt, const void *blob, uint64_t limit) MUST_CHECK;

fdt_node fdt_root(const struct fdt *fdt);
fdt_node fdt_first_child(const struct fdt *fdt, fdt_node n);
fdt_node fdt_next_sibling(const struct fdt *fdt, fdt_node n);
const char *fdt_name(const struct fdt *fdt, fdt_node n);
struct fdt_prop fdt_get(const struct fdt *fdt, fdt_node n, const char *name);
fdt_node fdt_find_path(const struct fdt *fdt, const char *path, size_t len);
/* The next node behind `after` (0: first) in document order with that compatible string. */
fdt_node fdt_find_compatible(const struct fdt *fdt, fdt_node after, const char *compatible);
bool fdt_is_compatible(const struct fdt *fdt, fdt_node n, const char *compatible);

/* String property; NULL if absent or not terminated. */
const char *fdt_string(const struct fdt *fdt, fdt_node n, const char *name);
/* Cell `i` of a property of 32-bit cells, `fallback` if there is none. */
uint32_t fdt_u32(const struct fdt *fdt, fdt_node n, const char *name, uint32_t i, uint32_t fallback);
/* Pair `i` of reg, read with the root's #address-cells and #size-cells. */
bool fdt_reg(const struct fdt *fdt, fdt_node n, uint32_t i, uint64_t *base, uint64_t *size);

#endif
