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
    uint32_t reserves; /* the memory reservation block */
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
/* The next node behind `after` (0: the root) in document order. */
fdt_node fdt_next(const struct fdt *fdt, fdt_node after);
/* The next node behind `after` (0: first) in document order with that compatible string. */
fdt_node fdt_find_compatible(const struct fdt *fdt, fdt_node after, const char *compatible);
bool fdt_is_compatible(const struct fdt *fdt, fdt_node n, const char *compatible);

/*
 * String property; NULL if absent or not terminated. What is behind the first NUL does not count: GRUB's
 * xen_module writes a byte too much.
 */
const char *fdt_string(const struct fdt *fdt, fdt_node n, const char *name);
/* Cell `i` of a property of 32-bit cells, `fallback` if there is none. */
uint32_t fdt_u32(const struct fdt *fdt, fdt_node n, const char *name, uint32_t i, uint32_t fallback);
/*
 * Pair `i` of reg as a physical address: through the ranges of all buses above. False if there is none, or
 * no bus says where it is.
 */
bool fdt_reg(const struct fdt *fdt, fdt_node n, uint32_t i, uint64_t *base, uint64_t *size);
/* The same as it stands there: for nodes whose parent is no bus (/chosen, /reserved-memory). */
bool fdt_reg_local(const struct fdt *fdt, fdt_node n, uint32_t i, uint64_t *base, uint64_t *size);
/* Entry `i` of the memory reservation block; false behind its end. */
bool fdt_reserve(const struct fdt *fdt, uint32_t i, uint64_t *base, uint64_t *size);

#endif
