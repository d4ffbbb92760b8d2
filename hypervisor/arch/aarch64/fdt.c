/* SPDX-License-Identifier: BSD-2-Clause */
#include "fdt.h"

#include "string.h"

enum {
    FDT_BEGIN_NODE = 1,
    FDT_END_NODE = 2,
    FDT_PROP = 3,
    FDT_NOP = 4,
    FDT_END = 9,
};

#define FDT_MAGIC 0xd00dfeedu

#define FDT_DEPTH_MAX 32 /* buses below buses; real trees have about ten */

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The value of one or two cells. */
static uint64_t cells(const uint8_t *p, uint32_t count)
{
    return count == 2 ? (uint64_t)be32(p) << 32 | be32(p + 4) : be32(p);
}

status_t fdt_open(struct fdt *fdt, const void *blob, uint64_t limit)
{
    const uint8_t *b = blob;

    if (limit < 40 || be32(b) != FDT_MAGIC)
        return ORD_BAD_PARAM;
    *fdt = (struct fdt){
        .blob = b,
        .size = be32(b + 4),
        .structs = be32(b + 8),
        .strings = be32(b + 12),
        .reserves = be32(b + 16),
        .strings_size = be32(b + 32),
        .structs_size = be32(b + 36),
    };
    if (be32(b + 20) < 17 || be32(b + 24) > 17)
        return ORD_BAD_VERSION;
    if (fdt->size > limit || fdt->size < 40 || fdt->structs < 40 || fdt->structs % 4 ||
        fdt->structs > fdt->size || fdt->structs_size > fdt->size - fdt->structs ||
        fdt->strings > fdt->size || fdt->strings_size > fdt->size - fdt->strings || fdt->reserves < 40 ||
        fdt->reserves > fdt->size - 16)
        return ORD_BAD_PARAM;
    if (fdt_root(fdt) == 0)
        return ORD_BAD_PARAM;
    return ORD_OK;
}

/* The token at *at, its payload's bounds; moves *at behind it. FDT_END for anything malformed. */
static uint32_t token(const struct fdt *fdt, uint32_t *at, const uint8_t **data, uint32_t *size)
{
    uint32_t end = fdt->structs + fdt->structs_size;

    *data = NULL;
    *size = 0;
    if (*at > end || end - *at < 4)
        return FDT_END;
    uint32_t t = be32(fdt->blob + *at);
    uint32_t here = *at + 4;
    switch (t) {
    case FDT_BEGIN_NODE: {
        size_t len = strnlen((const char *)fdt->blob + here, end - here);
        if (len == end - here)
            return FDT_END;
        *data = fdt->blob + here;
        *size = (uint32_t)len;
        here += (uint32_t)ALIGN_UP(len + 1, 4);
        break;
    }
    case FDT_PROP:
        if (end - here < 8 || be32(fdt->blob + here) > end - here - 8)
            return FDT_END;
        *size = be32(fdt->blob + here);
        *data = fdt->blob + here + 8;
        here += 8 + (uint32_t)ALIGN_UP(*size, 4);
        break;
    case FDT_END_NODE:
    case FDT_NOP:
        break;
    default:
        return FDT_END;
    }
    *at = here;
    return t;
}

/* Behind the properties of n: offset of the first child or of the end token. */
static uint32_t behind_props(const struct fdt *fdt, fdt_node n)
{
    const uint8_t *data;
    uint32_t size, at = n, before;

    if (token(fdt, &at, &data, &size) != FDT_BEGIN_NODE)
        return 0;
    for (;;) {
        before = at;
        uint32_t t = token(fdt, &at, &data, &size);
        if (t != FDT_PROP && t != FDT_NOP)
            return before;
    }
}

fdt_node fdt_root(const struct fdt *fdt)
{
    const uint8_t *data;
    uint32_t size, at = fdt->structs, before;

    for (;;) {
        before = at;
        switch (token(fdt, &at, &data, &size)) {
        case FDT_BEGIN_NODE:
            return before;
        case FDT_NOP:
            continue;
        default:
            return 0;
        }
    }
}

/* The node at `at`, skipping NOPs; 0 at an end. */
static fdt_node node_at(const struct fdt *fdt, uint32_t at)
{
    const uint8_t *data;
    uint32_t size, before;

    for (;;) {
        before = at;
        uint32_t t = token(fdt, &at, &data, &size);
        if (t == FDT_BEGIN_NODE)
            return before;
        if (t != FDT_NOP)
            return 0;
    }
}

fdt_node fdt_first_child(const struct fdt *fdt, fdt_node n)
{
    uint32_t at = behind_props(fdt, n);

    return at ? node_at(fdt, at) : 0;
}

fdt_node fdt_next_sibling(const struct fdt *fdt, fdt_node n)
{
    const uint8_t *data;
    uint32_t size, at = n;
    int depth = 0;

    do {
        switch (token(fdt, &at, &data, &size)) {
        case FDT_BEGIN_NODE:
            depth++;
            break;
        case FDT_END_NODE:
            depth--;
            break;
        case FDT_END:
            return 0;
        }
    } while (depth > 0);
    return depth < 0 ? 0 : node_at(fdt, at);
}

const char *fdt_name(const struct fdt *fdt, fdt_node n)
{
    const uint8_t *data;
    uint32_t size, at = n;

    return token(fdt, &at, &data, &size) == FDT_BEGIN_NODE ? (const char *)data : "";
}

struct fdt_prop fdt_get(const struct fdt *fdt, fdt_node n, const char *name)
{
    const uint8_t *data;
    uint32_t size, at = n;
    size_t len = strlen(name) + 1;

    if (!n || token(fdt, &at, &data, &size) != FDT_BEGIN_NODE)
        return (struct fdt_prop){NULL, 0};
    for (;;) {
        uint32_t t = token(fdt, &at, &data, &size);
        if (t == FDT_NOP)
            continue;
        if (t != FDT_PROP)
            return (struct fdt_prop){NULL, 0};
        uint32_t string = be32(data - 4);
        if (string < fdt->strings_size && len <= fdt->strings_size - string &&
            !memcmp(fdt->blob + fdt->strings + string, name, len))
            return (struct fdt_prop){data, size};
    }
}

fdt_node fdt_find_path(const struct fdt *fdt, const char *path, size_t len)
{
    fdt_node n = fdt_root(fdt);

    for (size_t i = 0; n && i < len;) {
        if (path[i] == '/') {
            i++;
            continue;
        }
        size_t part = 0;
        while (i + part < len && path[i + part] != '/')
            part++;
        for (n = fdt_first_child(fdt, n); n; n = fdt_next_sibling(fdt, n)) {
            const char *name = fdt_name(fdt, n);
            if (!strncmp(name, path + i, part) && (name[part] == '\0' || name[part] == '@'))
                break;
        }
        i += part;
    }
    return n;
}

bool fdt_is_compatible(const struct fdt *fdt, fdt_node n, const char *compatible)
{
    struct fdt_prop p = fdt_get(fdt, n, "compatible");

    for (uint32_t i = 0; i < p.size;) {
        size_t len = strnlen((const char *)p.data + i, p.size - i);
        if (len < p.size - i && !strcmp((const char *)p.data + i, compatible))
            return true;
        i += (uint32_t)len + 1;
    }
    return false;
}

fdt_node fdt_next(const struct fdt *fdt, fdt_node after)
{
    const uint8_t *data;
    uint32_t size, at = after ? after : fdt->structs;

    if (after)
        token(fdt, &at, &data, &size);
    for (;;) {
        uint32_t before = at;
        uint32_t t = token(fdt, &at, &data, &size);
        if (t == FDT_END)
            return 0;
        if (t == FDT_BEGIN_NODE)
            return before;
    }
}

fdt_node fdt_find_compatible(const struct fdt *fdt, fdt_node after, const char *compatible)
{
    fdt_node n = after;

    do
        n = fdt_next(fdt, n);
    while (n && !fdt_is_compatible(fdt, n, compatible));
    return n;
}

/* The nodes from the root to n, n not included: their number, 0 for the root and what is no node. */
static uint32_t find_path_to(const struct fdt *fdt, fdt_node n, fdt_node path[FDT_DEPTH_MAX])
{
    const uint8_t *data;
    uint32_t size, at = fdt->structs, depth = 0;

    for (;;) {
        uint32_t before = at;
        switch (token(fdt, &at, &data, &size)) {
        case FDT_BEGIN_NODE:
            if (before == n)
                return depth;
            if (depth == FDT_DEPTH_MAX)
                return 0;
            path[depth++] = before;
            break;
        case FDT_END_NODE:
            if (!depth--)
                return 0;
            break;
        case FDT_END:
            return 0;
        }
    }
}

const char *fdt_string(const struct fdt *fdt, fdt_node n, const char *name)
{
    struct fdt_prop p = fdt_get(fdt, n, name);

    return p.data && strnlen((const char *)p.data, p.size) < p.size ? (const char *)p.data : NULL;
}

uint32_t fdt_u32(const struct fdt *fdt, fdt_node n, const char *name, uint32_t i, uint32_t fallback)
{
    struct fdt_prop p = fdt_get(fdt, n, name);

    return p.size / 4 > i ? be32(p.data + 4 * i) : fallback;
}

/*
 * #address-cells or #size-cells for the children of the last of `count` nodes. Where it is missing the
 * parent's counts, as for Linux (of_bus_n_addr_cells()): QEMU's and GRUB's /chosen has none.
 */
static uint32_t cells_of(const struct fdt *fdt, const fdt_node *path, uint32_t count, const char *name,
                         uint32_t missing)
{
    while (count-- > 0)
        if (fdt_get(fdt, path[count], name).size == 4)
            return fdt_u32(fdt, path[count], name, 0, 0);
    return missing;
}

/* Entry `i` of n's reg as it stands there; `count` nodes lead to n. */
static bool reg_entry(const struct fdt *fdt, fdt_node n, const fdt_node *path, uint32_t count, uint32_t i,
                      uint64_t *base, uint64_t *size)
{
    uint32_t ac = cells_of(fdt, path, count, "#address-cells", 2);
    uint32_t sc = cells_of(fdt, path, count, "#size-cells", 1);
    struct fdt_prop p = fdt_get(fdt, n, "reg");

    if (ac < 1 || ac > 2 || sc < 1 || sc > 2 || p.size / 4 / (ac + sc) <= i)
        return false;
    *base = cells(p.data + 4 * i * (ac + sc), ac);
    *size = cells(p.data + 4 * i * (ac + sc) + 4 * ac, sc);
    return true;
}

/* From addresses on the last bus of the path to those of the one above it, by its ranges. */
static bool translate(const struct fdt *fdt, const fdt_node *path, uint32_t count, uint64_t *base,
                      uint64_t size)
{
    struct fdt_prop ranges = fdt_get(fdt, path[count - 1], "ranges");
    uint32_t child = cells_of(fdt, path, count, "#address-cells", 2);
    uint32_t parent = cells_of(fdt, path, count - 1, "#address-cells", 2);
    uint32_t length = cells_of(fdt, path, count, "#size-cells", 1), stride = 4 * (child + parent + length);

    if (!ranges.data)
        return false;
    if (!ranges.size)
        return true;
    if (child < 1 || child > 2 || parent < 1 || parent > 2 || length < 1 || length > 2)
        return false;
    for (const uint8_t *r = ranges.data; ranges.size >= stride; r += stride, ranges.size -= stride) {
        uint64_t from = cells(r, child), to = cells(r + 4 * child, parent);
        uint64_t all = cells(r + 4 * (child + parent), length);
        if (*base < from || *base - from >= all || size > all - (*base - from))
            continue;
        *base = to + (*base - from);
        return true;
    }
    return false;
}

bool fdt_reg_local(const struct fdt *fdt, fdt_node n, uint32_t i, uint64_t *base, uint64_t *size)
{
    fdt_node path[FDT_DEPTH_MAX];
    uint32_t count = find_path_to(fdt, n, path);

    return count && reg_entry(fdt, n, path, count, i, base, size);
}

bool fdt_reg(const struct fdt *fdt, fdt_node n, uint32_t i, uint64_t *base, uint64_t *size)
{
    fdt_node path[FDT_DEPTH_MAX];
    uint32_t count = find_path_to(fdt, n, path);

    if (!count || !reg_entry(fdt, n, path, count, i, base, size))
        return false;
    for (; count > 1; count--)
        if (!translate(fdt, path, count, base, *size))
            return false;
    return true;
}

bool fdt_reserve(const struct fdt *fdt, uint32_t i, uint64_t *base, uint64_t *size)
{
    if (i >= (fdt->size - fdt->reserves) / 16)
        return false;
    *base = cells(fdt->blob + fdt->reserves + 16 * i, 2);
    *size = cells(fdt->blob + fdt->reserves + 16 * i + 8, 2);
    return *base || *size;
}
