/* SPDX-License-Identifier: BSD-2-Clause */
/* Arguments: dtc, then compiled trees of real machines. */
#include "fixture.h"

#include "fdt.h"
#include "string.h"
#include "tree.h"
#include <unistd.h>

static const char source[] =
    "/dts-v1/;\n"
    "/memreserve/ 0x1000 0x2000;\n"
    "/memreserve/ 0x8000000000 0x10;\n"
    "/ {\n"
    "    #address-cells = <2>; #size-cells = <1>;\n"
    "    compatible = \"test,machine\", \"test,family\";\n"
    "    empty; words = <1 2 0xdeadbeef>; odd = [01 02 03 04 05];\n"
    "    text = \"hello\"; bytes = [61 62]; grub = [76 6d 6d 00 1f];\n"
    "    first { reg = <1 2 3>, <0xffffffff 0xfffffff0 0x10>; };\n"
    "    second@10 { sub { sub { deep = <7>; }; }; after { compatible = \"test,a\"; }; };\n"
    "    second@20 { compatible = \"test,ab\", \"test,b\"; };\n"
    "    sec { compatible = \"test,a\"; };\n"
    "    soc { #address-cells = <1>; #size-cells = <1>;\n"
    "        ranges = <0x0 0 0xf0000000 0x1000>, <0x100000 2 0 0x100000>;\n"
    "        dev@100010 { reg = <0x100010 0x20>, <0x1fffff 1>, <0x1fffff 2>, <0xff8 8>, <0x2000 8>; };\n"
    "        inner@0 { #address-cells = <2>; #size-cells = <1>; ranges = <1 0 0x100000 0x1000>;\n"
    "            dev@100 { reg = <1 0x100 4>, <0 0x100 4>; }; };\n"
    "        same { ranges; dev@20 { reg = <0x20 4>; }; };\n"
    "        none { #address-cells = <1>; #size-cells = <1>; dev@30 { reg = <0x30 4>; }; };\n"
    "        pci { #address-cells = <3>; #size-cells = <2>; ranges = <0 0 0 0 0 0x100>; dev { reg = <0 0 0 0 "
    "4>; }; };\n"
    "    };\n"
    "    last {};\n"
    "};\n";

static bool is_name(const struct fdt *f, fdt_node n, const char *name)
{
    return n && !strcmp(fdt_name(f, n), name);
}

static fdt_node path(const struct fdt *f, const char *p)
{
    return fdt_find_path(f, p, strlen(p));
}

static void expect_tree(const struct fdt *f)
{
    static const char *const children[] = {"first", "second@10", "second@20", "sec", "soc", "last"};
    fdt_node root = fdt_root(f), n = fdt_first_child(f, root);
    uint64_t base, size;

    CHECK(root && !strcmp(fdt_name(f, root), ""));
    for (size_t i = 0; i < ARRAY_SIZE(children); i++, n = fdt_next_sibling(f, n))
        CHECK(is_name(f, n, children[i]));
    CHECK(!n && !fdt_next_sibling(f, root));
    CHECK(path(f, "/") == root && path(f, "") == root && path(f, "//") == root);
    CHECK(is_name(f, path(f, "/first"), "first"));
    CHECK(
        is_name(f, path(f, "/second"), "second@10")); /* the first with that name, as in the specification */
    CHECK(is_name(f, path(f, "/second@20"), "second@20"));
    CHECK(is_name(f, path(f, "/sec"), "sec"));
    CHECK(is_name(f, path(f, "/second@10/after/"), "after"));
    CHECK(!path(f, "/second@1") && !path(f, "/fir") && !path(f, "/firsts") && !path(f, "/first/no"));
    CHECK(fdt_find_path(f, "/firstly", 6) == path(f, "/first"));
    fdt_node deep = path(f, "/second@10/sub/sub");
    CHECK(deep && fdt_u32(f, deep, "deep", 0, 0) == 7 && !fdt_first_child(f, deep) &&
          !fdt_next_sibling(f, deep));
    CHECK(!fdt_first_child(f, path(f, "/last")));

    CHECK(fdt_get(f, root, "empty").data && fdt_get(f, root, "empty").size == 0);
    CHECK(!fdt_get(f, root, "none").data && !fdt_get(f, root, "emp").data && !fdt_get(f, root, "").data);
    CHECK(!fdt_get(f, root, "deep").data && !fdt_get(f, 0, "empty").data);
    CHECK_EQUAL(fdt_u32(f, root, "words", 2, 9), 0xdeadbeef);
    CHECK_EQUAL(fdt_u32(f, root, "words", 3, 9), 9);
    CHECK_EQUAL(fdt_u32(f, root, "words", ~0u, 9), 9);
    CHECK_EQUAL(fdt_u32(f, root, "odd", 0, 9), 0x01020304);
    CHECK_EQUAL(fdt_u32(f, root, "odd", 1, 9), 9);
    CHECK_EQUAL(fdt_u32(f, root, "empty", 0, 9), 9);
    CHECK(!strcmp(fdt_string(f, root, "text"), "hello"));
    CHECK(!strcmp(fdt_string(f, root, "grub"), "vmm"));
    CHECK(!fdt_string(f, root, "bytes") && !fdt_string(f, root, "empty") && !fdt_string(f, root, "none"));

    CHECK(fdt_is_compatible(f, root, "test,machine") && fdt_is_compatible(f, root, "test,family"));
    CHECK(!fdt_is_compatible(f, root, "test") && !fdt_is_compatible(f, root, "test,machines"));
    CHECK(!fdt_is_compatible(f, path(f, "/last"), "test,a"));
    n = fdt_find_compatible(f, 0, "test,a");
    CHECK(is_name(f, n, "after"));
    n = fdt_find_compatible(f, n, "test,a");
    CHECK(is_name(f, n, "sec"));
    CHECK(!fdt_find_compatible(f, n, "test,a"));
    CHECK(fdt_find_compatible(f, 0, "test,family") == root);
    CHECK(is_name(f, fdt_find_compatible(f, 0, "test,b"), "second@20"));

    n = path(f, "/first");
    CHECK(fdt_reg(f, n, 0, &base, &size) && base == (1ull << 32 | 2) && size == 3);
    CHECK(fdt_reg(f, n, 1, &base, &size) && base == 0xfffffffffffffff0 && size == 0x10);
    CHECK(!fdt_reg(f, n, 2, &base, &size) && !fdt_reg(f, n, ~0u, &base, &size));
    CHECK(!fdt_reg(f, n, 0x55555556, &base, &size)); /* 3 * i wraps */
    CHECK(!fdt_reg(f, root, 0, &base, &size));
}

/* A register behind a bus is where the bus puts it, or nowhere. */
static void expect_bus(const struct fdt *f)
{
    static const struct {
        const char *path;
        uint32_t i;
        uint64_t base, size; /* size 0: not translated */
    } want[] = {
        {"/soc/dev@100010", 0, 0x200000010, 0x20},
        {"/soc/dev@100010", 1, 0x2000fffff, 1},
        {"/soc/dev@100010", 2, 0, 0},
        {"/soc/dev@100010", 3, 0xf0000ff8, 8},
        {"/soc/dev@100010", 4, 0, 0},
        {"/soc/dev@100010", 5, 0, 0},
        {"/soc/inner/dev@100", 0, 0x200000100, 4},
        {"/soc/inner/dev@100", 1, 0, 0},
        {"/soc/same/dev@20", 0, 0xf0000020, 4},
        {"/soc/none/dev@30", 0, 0, 0},
        {"/soc/pci/dev", 0, 0, 0},
    };
    uint64_t base, size;

    for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
        fdt_node n = path(f, want[i].path);
        CHECK(n);
        CHECK_EQUAL(fdt_reg(f, n, want[i].i, &base, &size), want[i].size != 0);
        CHECK(!want[i].size || (base == want[i].base && size == want[i].size));
    }
    CHECK(fdt_reg_local(f, path(f, "/soc/none/dev@30"), 0, &base, &size) && base == 0x30 && size == 4);
    CHECK(fdt_reserve(f, 0, &base, &size) && base == 0x1000 && size == 0x2000);
    CHECK(fdt_reserve(f, 1, &base, &size) && base == 0x8000000000 && size == 0x10);
    CHECK(!fdt_reserve(f, 2, &base, &size) && !fdt_reserve(f, ~0u, &base, &size));
    uint32_t nodes = 0;
    for (fdt_node n = 0; (n = fdt_next(f, n)); nodes++)
        CHECK(nodes || n == fdt_root(f));
    CHECK_EQUAL(nodes, 19);
}

static void test_tree(void)
{
    struct fdt f;
    uint64_t size;
    void *tree = tree_compile(source, &size);

    CHECK(fdt_open(&f, tree, size) == ORD_OK);
    CHECK_EQUAL(f.size, size);
    expect_tree(&f);
    expect_bus(&f);
    free(tree);
}

/* The same tree with the structure block at the very end and, if asked for, NOPs wherever they may be. */
static uint8_t *rearrange(const uint8_t *tree, uint64_t size, bool nops, uint64_t *grown_size)
{
    struct fdt f;

    CHECK(fdt_open(&f, tree, size) == ORD_OK);
    uint8_t *grown = malloc(size + 2 * f.structs_size + 64);
    memcpy(grown, tree, size);
    uint32_t to = (uint32_t)ALIGN_UP(size, 4), at = f.structs, start = to;
    memset(grown + size, 0, to - size);
    while (at < f.structs + f.structs_size) {
        uint32_t token = tree[at + 3], length = 4;
        if (token == 1)
            length += (uint32_t)ALIGN_UP(strlen((const char *)tree + at + 4) + 1, 4);
        else if (token == 3)
            length += 8 + (uint32_t)ALIGN_UP(tree[at + 6] << 8 | tree[at + 7], 4);
        if (nops) {
            memcpy(grown + to, "\0\0\0\4", 4);
            to += 4;
        }
        memcpy(grown + to, tree + at, length);
        to += length;
        at += length;
    }
    uint32_t numbers[10];
    memcpy(numbers, grown, sizeof(numbers));
    numbers[1] = __builtin_bswap32(to);
    numbers[2] = __builtin_bswap32(start);
    numbers[9] = __builtin_bswap32(to - start);
    memcpy(grown, numbers, sizeof(numbers));
    *grown_size = to;
    return realloc(grown, to);
}

static void test_nops(void)
{
    struct fdt f;
    uint64_t size, grown_size;
    uint8_t *tree = tree_compile(source, &size), *grown = rearrange(tree, size, true, &grown_size);

    CHECK(fdt_open(&f, grown, grown_size) == ORD_OK);
    expect_tree(&f);
    expect_bus(&f);
    free(grown);
    free(tree);
}

static void test_header(void)
{
    struct fdt f;
    uint64_t size;
    uint8_t *tree = tree_compile(source, &size);

    for (uint64_t limit = 0; limit < size; limit++)
        CHECK(fdt_open(&f, tree, limit) == ORD_BAD_PARAM);
    for (uint32_t field = 0; field < 10; field++) {
        static const uint32_t bad[] = {0, 1, 0x7fffffff, 0xffffffff};
        if (field == 7)
            continue; /* boot core: not used */
        for (size_t b = 0; b < ARRAY_SIZE(bad); b++) {
            uint8_t *copy = malloc(size);
            uint32_t v = __builtin_bswap32(bad[b]);
            memcpy(copy, tree, size);
            memcpy(copy + 4 * field, &v, 4);
            status_t s = fdt_open(&f, copy, size);
            /* no strings: all properties are nameless; oldest compatible version 0 or 1: fine */
            if ((field == 8 && bad[b] < 2) || (field == 3 && bad[b] < 2) || (field == 6 && bad[b] < 2) ||
                (field == 5 && bad[b] > 17))
                CHECK(s == ORD_OK && fdt_root(&f));
            else
                CHECK(s == (field == 5 || field == 6 ? ORD_BAD_VERSION : ORD_BAD_PARAM));
            free(copy);
        }
    }
    free(tree);
}

/* Everything that can be asked of a tree; never more than the tree can hold. */
static uint64_t ask(const struct fdt *f)
{
    static const char *const names[] = {"reg", "compatible", "#address-cells", "", "status"};
    fdt_node stack[64];
    uint32_t depth = 0, nodes = 0, found = 0;
    uint64_t sum = 0, base, size;

    for (fdt_node n = fdt_root(f); n;) {
        CHECK(n >= f->structs && n < f->structs + f->structs_size && ++nodes <= f->size / 4);
        sum += strlen(fdt_name(f, n));
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
            struct fdt_prop p = fdt_get(f, n, names[i]);
            CHECK(!p.data || (p.data >= f->blob && p.data + p.size <= f->blob + f->size));
            for (uint32_t k = 0; k < p.size; k++)
                sum += p.data[k];
            const char *s = fdt_string(f, n, names[i]);
            sum += s ? strlen(s) : 0;
            sum += fdt_u32(f, n, names[i], (uint32_t)sum % 8, 1);
        }
        /* Each looks for its buses from the root on: now and then, and where there is something. */
        for (uint32_t i = 0; i < 4 && nodes % 4 == 0 && fdt_reg_local(f, n, i, &base, &size); i++)
            sum += base ^ size;
        sum += fdt_get(f, n, "reg").data && fdt_reg(f, n, sum % 2, &base, &size) ? base ^ size : 0;
        sum += fdt_is_compatible(f, n, "arm,gic-v3");
        fdt_node child = depth < ARRAY_SIZE(stack) ? fdt_first_child(f, n) : 0;
        if (child)
            stack[depth++] = n;
        else
            while (!(child = fdt_next_sibling(f, n)) && depth)
                n = stack[--depth];
        n = child;
    }
    for (uint32_t i = 0; i < f->size && fdt_reserve(f, i, &base, &size); i++)
        sum += base ^ size;
    for (fdt_node n = 0; (n = fdt_find_compatible(f, n, "test,a"));)
        CHECK(++found <= f->size / 4);
    sum += path(f, "/second@10/sub/sub") + path(f, "/cpus/cpu@0") + path(f, "/chosen");
    return sum;
}

/* The end of the block cuts a name, a property or a token off. */
static void test_cut(void)
{
    uint64_t size, whole;
    uint8_t *tree = tree_compile(source, &size), *grown = rearrange(tree, size, false, &whole);

    for (uint64_t cut = 4; cut + size < whole; cut += 4) {
        uint32_t numbers[10];
        uint64_t length = whole - cut;
        uint8_t *copy = malloc(length);
        struct fdt f;
        memcpy(copy, grown, length);
        memcpy(numbers, copy, sizeof(numbers));
        numbers[1] = __builtin_bswap32((uint32_t)length);
        numbers[9] = __builtin_bswap32(__builtin_bswap32(numbers[9]) - (uint32_t)cut);
        memcpy(copy, numbers, sizeof(numbers));
        if (fdt_open(&f, copy, length) == ORD_OK)
            ask(&f);
        free(copy);
    }
    free(grown);
    free(tree);
}

static void fuzz(const void *tree, uint64_t whole, uint32_t rounds, uint64_t seed)
{
    uint32_t opened = 0;

    for (uint32_t i = 0; i < rounds; i++) {
        uint64_t size = whole;
        void *bad = tree_damage(tree, &size, &seed);
        struct fdt f;
        alarm(20);
        if (fdt_open(&f, bad, size) == ORD_OK) {
            opened++;
            ask(&f);
        }
        free(bad);
    }
    alarm(0);
    CHECK(opened > rounds / 10 && opened < rounds);
}

static void test_fuzz(void)
{
    uint64_t size;
    void *tree = tree_compile(source, &size);

    fuzz(tree, size, 50000, 42);
    uint64_t grown_size;
    uint8_t *grown = rearrange(tree, size, false, &grown_size);
    fuzz(grown, grown_size, 50000, 43);
    free(grown);
    free(tree);
}

static int files;
static char **file;

static void test_machines(void)
{
    for (int i = 0; i < files; i++) {
        uint64_t size, base, length;
        struct fdt f;
        void *tree = file_read(file[i], &size);
        CHECK(fdt_open(&f, tree, size) == ORD_OK);
        CHECK(ask(&f));
        fdt_node gic = fdt_find_compatible(&f, 0, "arm,gic-v3");
        CHECK(gic && fdt_reg(&f, gic, 0, &base, &length) && length == 0x10000);
        CHECK(path(&f, "/cpus") && path(&f, "/psci") && path(&f, "/memory"));
        fuzz(tree, size, 3000, (uint64_t)i + 1);
        free(tree);
    }
}

int main(int argc, char **argv)
{
    CHECK(argc >= 2);
    tree_dtc = argv[1];
    files = argc - 2;
    file = argv + 2;
    test_case("a small tree", test_tree);
    test_case("with NOPs everywhere", test_nops);
    test_case("header: every field", test_header);
    test_case("cut off anywhere", test_cut);
    test_case("damaged trees", test_fuzz);
    test_case("trees of machines", test_machines);
    return 0;
}
