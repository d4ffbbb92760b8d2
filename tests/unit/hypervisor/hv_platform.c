/* SPDX-License-Identifier: BSD-2-Clause */
/* Arguments: dtc, then compiled trees of real machines. */
#include "fixture.h"

#include "console.h"
#include "machine.h"
#include "string.h"
#include "tree.h"
#include <stdarg.h>
#include <unistd.h>

#define CELLS  "#address-cells = <2>; #size-cells = <2>;\n"
#define MEMORY "memory@40000000 { device_type = \"memory\"; reg = <0 0x40000000 0 0x10000000>; };\n"
#define CPU(n) "cpu@" #n " { device_type = \"cpu\"; reg = <" #n ">; };\n"
#define CPUS   "cpus { #address-cells = <1>; #size-cells = <0>;\n" CPU(0) CPU(1) "};\n"
#define GIC    "gic { compatible = \"arm,gic-v3\"; reg = <0 0x8000000 0 0x10000>, <0 0x80a0000 0 0xf60000>; };\n"
#define PSCI   "psci { compatible = \"arm,psci-1.0\", \"arm,psci-0.2\"; method = \"smc\"; };\n"
#define UART                                                                                                 \
    "serial@9000000 { compatible = \"arm,pl011\", \"arm,primecell\"; reg = <0 0x9000000 0 0x1000>; };\n"
#define OTHER "serial@9040000 { compatible = \"fake,uart\"; reg = <0 0x9040000 0 0x100>; };\n"

static void *tree;

/* machine_discover() of a machine with these pieces. */
static const char *init(const char *first, ...)
{
    static char source[1 << 16];
    uint64_t size;
    va_list ap;
    size_t at = (size_t)snprintf(source, sizeof(source), "/dts-v1/;\n/ {\n%s", CELLS);

    va_start(ap, first);
    for (const char *s = first; s; s = va_arg(ap, const char *))
        at += (size_t)snprintf(source + at, sizeof(source) - at, "%s", s);
    va_end(ap);
    snprintf(source + at, sizeof(source) - at, "};\n");
    free(tree);
    tree = tree_compile(source, &size);
    memset(&platform, 0, sizeof(platform));
    memset(&machine, 0, sizeof(machine));
    const char *error = machine_discover(tree, size);
    CHECK(platform.description.base == (uint64_t)tree && platform.description.size == size);
    return error;
}

#define INIT(...)        init(__VA_ARGS__, (char *)NULL)
#define GOOD(...)        CHECK(INIT(__VA_ARGS__) == NULL)
#define FAILS(text, ...) CHECK(strstr(INIT(__VA_ARGS__), text))
#define REST             CPUS, GIC, PSCI
#define WHOLE            MEMORY, REST

static void test_errors(void)
{
    uint8_t garbage[64] = {0};

    CHECK(strstr(machine_discover(garbage, sizeof(garbage)), "valid device tree"));
    GOOD(WHOLE);
    FAILS("no memory node", REST);
    FAILS("no memory node", "memory@0 { reg = <0 0 0 0x1000>; };", REST);
    FAILS("no memory node", "memory@0 { device_type = \"memory\"; };", REST);
    FAILS("no memory node", "memory@0 { device_type = \"memory\"; reg = <0 1 0 0x1000>; };", REST);
    FAILS("no memory node",
          "memory@0 { device_type = \"memory\"; status = \"disabled\"; reg = <0 0 0 0x10000>; };", REST);
    FAILS("no /cpus", MEMORY, GIC, PSCI);
    FAILS("no cpu node", MEMORY, GIC, PSCI, "cpus {};");
    FAILS("no cpu node", MEMORY, GIC, PSCI,
          "cpus { cpu@0 { device_type = \"cpu\"; status = \"fail\"; reg = <0 0>; }; };");
    FAILS("no GICv3", MEMORY, CPUS, PSCI);
    FAILS("no GICv3", MEMORY, CPUS, PSCI,
          "gic { compatible = \"arm,gic-400\"; reg = <0 0 0 1>, <0 0 0 1>; };");
    FAILS("no GICv3", MEMORY, CPUS, PSCI, "gic { compatible = \"arm,gic-v3\"; reg = <0 0x8000000 0 1>; };");
    FAILS("no PSCI", MEMORY, CPUS, GIC);
    FAILS("no PSCI", MEMORY, CPUS, GIC, "psci { compatible = \"arm,psci-1.0\"; };");
    FAILS("no PSCI", MEMORY, CPUS, GIC, "psci { compatible = \"arm,psci\"; method = \"smc\"; };");
    FAILS("not smc", MEMORY, CPUS, GIC, "psci { compatible = \"arm,psci-0.2\"; method = \"hvc\"; };");
}

static void test_memory(void)
{
    static char many[4096];

    GOOD("memory@1 { device_type = \"memory\"; reg = <0x80 0 0 0x40000000>; };",
         "memory@2 { device_type = \"memory\"; reg = <0 0x40000800 0 0x2000>, <0 0 0 0x1800>, <0 0x90000000 "
         "0 0>,"
         " <0xffffffff 0xffffff00 0 0x80>, <0xffffffff 0xfffff000 0 0x2000>, <0xffffffff 0xfffff000 0 "
         "0x1000>; };",
         "memory@3 { device_type = \"memory\"; status = \"okay\"; reg = <0 0x30000000 0 0x1000>; };", REST);
    static const struct range want[] = {
        {0, 0x1000}, {0x30000000, 0x1000}, {0x40001000, 0x1000}, {0x8000000000, 0x40000000}};
    CHECK_EQUAL(platform.ram_count, ARRAY_SIZE(want));
    for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
        CHECK_EQUAL(platform.ram[i].base, want[i].base);
        CHECK_EQUAL(platform.ram[i].size, want[i].size);
    }
    FAILS("above 256 TiB", MEMORY,
          "memory@2 { device_type = \"memory\"; reg = <0xffff 0xfffff000 0 0x2000>; };", REST);
    FAILS("overlap", MEMORY, "memory@2 { device_type = \"memory\"; reg = <0 0x4ffff000 0 0x2000>; };", REST);
    FAILS("overlap", MEMORY, "memory@2 { device_type = \"memory\"; reg = <0 0x3ffff000 0 0x2000>; };", REST);
    GOOD(MEMORY, "memory@2 { device_type = \"memory\"; reg = <0 0x50000000 0 0x2000>; };", REST);
    for (int n = PLATFORM_RANGES_MAX; n <= PLATFORM_RANGES_MAX + 1; n++) {
        size_t at = (size_t)sprintf(many, "memory@1 { device_type = \"memory\"; reg =");
        for (int i = 0; i < n; i++)
            at += (size_t)sprintf(many + at, "%s <%d 0 0 0x1000>", i ? "," : "", n - i);
        sprintf(many + at, "; };");
        const char *error = INIT(many, REST);
        CHECK(n == PLATFORM_RANGES_MAX
                  ? !error && platform.ram_count == PLATFORM_RANGES_MAX && platform.ram[0].base == 1ull << 32
                  : strstr(error, "more memory ranges") && !platform.ram_count);
    }
}

static bool is(const struct range *r, uint64_t base, uint64_t size)
{
    return r->base == base && r->size == size;
}

/* Memory that firmware protects is no RAM; what only has contents is. */
static void test_reserved(void)
{
    static char many[16384];

    GOOD("reserved-memory { ranges; " CELLS
         "a@10000000 { reg = <0 0x40001000 0 0x1000>, <0 0x40003800 0 0x10>; no-map; };"
         "b { size = <0 0x1000>; }; c@20000000 { reg = <0 0x42000000 0 0x800>; };"
         "d { no-map; status = \"disabled\"; reg = <0 0x4ff00000 0 0x200000>; };"
         "e { no-map; reg = <0 0 0 0x1000>; }; f { no-map; reg = <0xffffffff 0xfffff000 0 0x2000>; }; };",
         WHOLE);
    CHECK(platform.reserved_count == 1 && is(&platform.reserved[0], 0x42000000, 0x1000));
    CHECK_EQUAL(platform.firmware_count, 4);
    CHECK_EQUAL(platform.ram_count, 3);
    CHECK(is(&platform.ram[0], 0x40000000, 0x1000) && is(&platform.ram[1], 0x40002000, 0x1000) &&
          is(&platform.ram[2], 0x40004000, 0x4ff00000 - 0x40004000));
    FAILS("reserves all", "reserved-memory { ranges; " CELLS "a { no-map; reg = <0 0x40000000 1 0>; }; };",
          WHOLE);
    CHECK_EQUAL(platform.ram_count, 0);
    /* None is forgotten. */
    for (int kind = 0; kind < 2; kind++)
        for (int n = PLATFORM_RANGES_MAX - kind; n <= PLATFORM_RANGES_MAX + 1; n++) {
            size_t at = (size_t)sprintf(
                many, "reserved-memory { ranges; " CELLS "a { %s reg =", kind ? "no-map;" : "");
            for (int i = 0; i < n; i++)
                at +=
                    (size_t)sprintf(many + at, "%s <0 0x%x 0 0x1000>", i ? "," : "", 0x40001000 + i * 0x2000);
            sprintf(many + at, "; }; };");
            const char *error = INIT(many, WHOLE);
            if (n == PLATFORM_RANGES_MAX - kind)
                CHECK(!error && (kind ? platform.ram_count == (uint32_t)n + 1
                                      : platform.reserved_count == (uint32_t)n));
            else
                CHECK(error &&
                      strstr(error, n > PLATFORM_RANGES_MAX ? "reserves more memory ranges" : "more pieces"));
        }
}

/* Lists of ranges beside one bit per page. */
static void fuzz_ranges(void)
{
    enum { PAGES = 48, MAX_RANGES = 6 };
    uint64_t seed = 11;

    for (int round = 0; round < 20000; round++) {
        struct range list[MAX_RANGES];
        uint32_t count = 0;
        uint64_t bits = 0;
        for (int step = 0; step < 20; step++) {
            uint64_t r = random_next(&seed), at = (r >> 8) % PAGES, n = (r >> 20) % 8, now = 0;
            uint64_t mask = ((1ull << n) - 1) << at;
            bool add = r & 1;
            if (n ? add ? range_merge(list, &count, MAX_RANGES, at * PAGE_SIZE + 1, n * PAGE_SIZE - 1)
                        : range_cut(list, &count, MAX_RANGES, at * PAGE_SIZE, n * PAGE_SIZE - 5)
                  : false)
                bits = add ? bits | mask : bits & ~mask;
            else if (n)
                CHECK_EQUAL(count, MAX_RANGES);
            for (uint32_t i = 0; i < count; i++) {
                CHECK(list[i].size && (list[i].base | list[i].size) % PAGE_SIZE == 0);
                uint64_t m = ((1ull << list[i].size / PAGE_SIZE) - 1) << list[i].base / PAGE_SIZE;
                CHECK(!(now & m));
                now |= m;
            }
            CHECK_EQUAL(now, bits);
        }
    }
}

/* The reservation block: not what was handed to us. */
static void test_reservation_block(void)
{
    static const char source[] =
        "/dts-v1/; /memreserve/ 0x40000000 0x10000; /memreserve/ 0x48000000 0x3000; /memreserve/ 0x1234 "
        "0x5678;\n"
        "/ {" CELLS MEMORY CPUS GIC PSCI "chosen { m@1 { compatible = \"multiboot,module\";"
        " reg = <0 0x48001800 0 0x100>; bootargs = \"vmm\"; }; }; };";
    uint64_t size, entry[2];
    char *blob = tree_compile(source, &size);

    /* The third entry is the tree itself. */
    memcpy(entry, blob + 40 + 32, sizeof(entry));
    CHECK(__builtin_bswap64(entry[0]) == 0x1234 && __builtin_bswap64(entry[1]) == 0x5678);
    entry[0] = __builtin_bswap64(ALIGN_DOWN((uint64_t)blob, PAGE_SIZE) - 0x5000);
    entry[1] = __builtin_bswap64(0x10000);
    memcpy(blob + 40 + 32, entry, sizeof(entry));
    memset(&platform, 0, sizeof(platform));
    memset(&machine, 0, sizeof(machine));
    fake.image_base = 0x40008000;
    fake.image_size = 0x2000;
    CHECK(!machine_discover(blob, size));
    fake.image_size = 0;
    CHECK_EQUAL(platform.ram_count, 4);
    CHECK(is(&platform.ram[0], 0x40008000, 0x2000)); /* the hypervisor */
    CHECK(is(&platform.ram[1], 0x40010000, 0x7ff0000));
    CHECK(is(&platform.ram[2], 0x48001000, 0x1000)); /* a boot module */
    CHECK(is(&platform.ram[3], 0x48003000, 0x7ffd000));
    bool before = false;
    for (uint32_t i = 0; i < platform.firmware_count; i++) {
        CHECK(!range_overlaps((uint64_t)blob, size, &platform.firmware[i]));
        before |= range_overlaps((uint64_t)blob - 0x4000, 1, &platform.firmware[i]);
    }
    CHECK(before);
    free(blob);
    fuzz_ranges();
}

static void test_cores(void)
{
    static char many[8192];
    size_t at;

    GOOD(MEMORY, GIC, PSCI,
         "cpus { #address-cells = <2>; #size-cells = <0>; cpu-map { cluster0 {}; };"
         "cpu@0 { device_type = \"cpu\"; reg = <1 0x103>; };"
         "cpu@1 { device_type = \"cpu\"; status = \"fail\"; reg = <0 1>; };"
         "cache { device_type = \"cache\"; }; cpu@2 { device_type = \"cpu\"; status = \"okay\"; reg = <0 "
         "0x200>; }; };");
    CHECK_EQUAL(platform.core_count, 2);
    CHECK_EQUAL(platform.hwid[0], 0x100000103);
    CHECK_EQUAL(platform.hwid[1], 0x200);
    static const char *const wrong[] = {"<1>, <2>", "<0x80000000>", "<0x1000000>", "[00]"};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        sprintf(
            many,
            "cpus { #address-cells = <1>; #size-cells = <0>; cpu@0 { device_type = \"cpu\"; reg = %s; }; };",
            wrong[i]);
        FAILS("no affinity", MEMORY, GIC, PSCI, many);
    }
    FAILS("the same reg", MEMORY, GIC, PSCI,
          "cpus { #address-cells = <1>; #size-cells = <0>;" CPU(
              0) "cpu@2 { device_type = \"cpu\"; reg = <0>; }; };");
    at = (size_t)sprintf(many, "cpus { #address-cells = <1>; #size-cells = <0>;");
    for (int i = 0; i < 40; i++)
        at += (size_t)sprintf(many + at, "cpu@%d { device_type = \"cpu\"; reg = <%d>; };", i, i);
    sprintf(many + at, "};");
    GOOD(MEMORY, GIC, PSCI, many);
    CHECK_EQUAL(platform.core_count, ORD_CORES_MAX);
    CHECK_EQUAL(platform.hwid[ORD_CORES_MAX - 1], ORD_CORES_MAX - 1);
}

static bool kept(uint64_t base, uint64_t size)
{
    for (uint32_t i = 0; i < platform.device_count; i++) {
        const struct range *r = &platform.device[i];
        if (base >= r->base && base + size <= r->base + r->size)
            return true;
    }
    return false;
}

static bool any_kept(uint64_t base, uint64_t size)
{
    bool any = false;

    for (uint32_t i = 0; i < platform.device_count; i++)
        any |= range_overlaps(base, size, &platform.device[i]);
    return any;
}

static void test_devices(void)
{
    static char many[16384];

    GOOD(WHOLE, "its { compatible = \"arm,gic-v3-its\"; reg = <0 0x8080000 0 0x20000>; };",
         "its2 { compatible = \"arm,gic-v3-its\"; reg = <0 0x20000000 0 0x20000>; };");
    CHECK(machine.gicd.base == 0x8000000 && machine.gicd.size == 0x10000 && machine.gicr.base == 0x80a0000);
    CHECK(machine.gicr.size == 0xf60000);
    CHECK(kept(0x8000000, 0x10000) && kept(0x8080000, 0x20000) && kept(0x80a0000, 0xf60000));
    CHECK(kept(0x20000000, 0x20000));
    /* Every redistributor region, and what is left of older interfaces; debug registers of any kind. */
    GOOD(MEMORY, CPUS, PSCI,
         "gic { compatible = \"arm,gic-v3\"; #redistributor-regions = <2>; reg = <0 0x8000000 0 0x10000>,"
         "<0 0x8100000 0 0x40000>, <1 0x8000000 0 0x40000>, <0 0x9000000 0 0x2000>, <0 0x9010000 0 0x2000>; "
         "};",
         "soc { #address-cells = <1>; #size-cells = <1>; ranges = <0 0 0x20000000 0x1000000>;",
         "etm@1000 { compatible = \"arm,coresight-etm4x\", \"arm,primecell\"; reg = <0x1000 0x1000>; };",
         "debug@3000 { compatible = \"test,x\", \"arm,coresight-cpu-debug\"; status = \"disabled\"; reg = "
         "<0x3000 0x800>; };",
         "tpda@6000 { compatible = \"qcom,coresight-tpda\"; reg = <0x6000 0x1000>, <0x8000 0x1000>; };",
         "etb@a000 { compatible = \"arm,cs-trace\"; reg = <0xa000 0x1000>; };",
         "uart@b000 { compatible = \"test,debug-uart\"; reg = <0xb000 0x1000>; }; };");
    CHECK(kept(0x8100000, 0x40000) && kept(0x108000000, 0x40000) && kept(0x9000000, 0x2000) &&
          kept(0x9010000, 0x2000));
    CHECK(kept(0x20001000, 0x1000) && kept(0x20003000, 0x1000) && kept(0x20006000, 0x1000) &&
          kept(0x20008000, 0x1000) && kept(0x2000a000, 0x1000));
    CHECK(!any_kept(0x20002000, 0x1000) && !any_kept(0x20007000, 0x1000) && !any_kept(0x2000b000, 0x1000));
    CHECK(!any_kept(0x1000, 0x10000)); /* not at the bus's own addresses */
    size_t at = (size_t)sprintf(many, "x { compatible = \"arm,coresight-stm\"; reg =");
    for (int i = 0; i < PLATFORM_RANGES_MAX; i++)
        at += (size_t)sprintf(many + at, "%s <0 0x%x 0 0x1000>", i ? "," : "", 0x20000000 + i * 0x2000);
    sprintf(many + at, "; };");
    FAILS("than fit", WHOLE, many);
}

/* i.MX8MQ and Armada 3720: one cell on the bus, two at the root. */
static void test_gic_on_a_bus(void)
{
#define BUS(ranges, reg)                                                                                     \
    "soc@0 { #address-cells = <1>; #size-cells = <1>; " ranges                                               \
    " gic { compatible = \"arm,gic-v3\"; reg = " reg "; }; };"
    GOOD(MEMORY, CPUS, PSCI,
         BUS("ranges = <0 0 0 0x3e000000>;", "<0x38800000 0x10000>, <0x38880000 0xc0000>"));
    CHECK(is(&machine.gicd, 0x38800000, 0x10000) && is(&machine.gicr, 0x38880000, 0xc0000));
    GOOD(MEMORY, CPUS, PSCI,
         BUS("ranges = <0 0 0xd0000000 0x2000000>;",
             "<0x1d00000 0x10000>, <0x1d40000 0x40000>, <0x1d80000 0x2000>"));
    CHECK(is(&machine.gicd, 0xd1d00000, 0x10000) && is(&machine.gicr, 0xd1d40000, 0x40000));
    CHECK(kept(0xd1d80000, 0x2000));
    FAILS("do not say where", MEMORY, CPUS, PSCI, BUS("", "<0x38800000 0x10000>, <0x38880000 0xc0000>"));
    FAILS("do not say where", MEMORY, CPUS, PSCI,
          BUS("ranges = <0 0 0 0x38880000>;", "<0x38800000 0x10000>, <0x38880000 0xc0000>"));
    static const char *const wrong[] = {
        "<0x38801000 0x10000>, <0x38880000 0xc0000>", "<0x38800000 0x1000>, <0x38880000 0xc0000>",
        "<0x38800000 0x10000>, <0x38880000 0x10000>", "<0x38800000 0x10000>, <0x38800000 0xc0000>",
        "<0x40000000 0x10000>, <0x38880000 0xc0000>", "<0x38800000 0x10000>, <0x3fff0000 0x20000>"};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        char text[256];
        sprintf(text, BUS("ranges;", "%s"), wrong[i]);
        FAILS("cannot be right", MEMORY, CPUS, PSCI, text);
        CHECK(!machine.gicd.size && !machine.gicr.size);
    }
}

static void expect_uart(uint64_t base, bool owned)
{
    CHECK_EQUAL(platform.uart.base, base);
    CHECK_EQUAL(platform.uart_owned, owned);
    CHECK(!platform.uart_compatible == !base);
    if (base)
        CHECK(!strcmp(platform.uart_compatible, base == 0x9040000 ? "fake,uart" : "arm,pl011"));
}

static void test_console(void)
{
#define ALIASES "aliases { serial0 = \"/serial@9000000\"; serial1 = \"/serial@9040000\"; odd = [61]; };"
#define MACHINE WHOLE, UART, OTHER, ALIASES
    GOOD(MACHINE);
    expect_uart(0, false);
    GOOD(MACHINE, "chosen { stdout-path = \"/serial@9000000\"; };");
    expect_uart(0x9000000, false);
    GOOD(MACHINE, "chosen { stdout-path = \"serial0:115200n8\"; };");
    expect_uart(0x9000000, false);
    GOOD(MACHINE, "chosen { stdout-path = \"/serial@9040000:1\"; };");
    expect_uart(0x9040000, false);
    GOOD(MACHINE, "chosen { stdout-path = \"none\"; };");
    expect_uart(0, false);
    GOOD(MACHINE, "chosen { stdout-path = \":\"; };");
    expect_uart(0, false);
    /* The option wins, keeps the device, and may stand anywhere. */
    GOOD(MACHINE, "chosen { stdout-path = \"serial0\"; bootargs = \"a=b  console=serial1 consoles=x\"; };");
    expect_uart(0x9040000, true);
    GOOD(MACHINE,
         "chosen { stdout-path = \"serial0\"; bootargs = \"xconsole=serial1 console=/serial@9000000\"; };");
    expect_uart(0x9000000, true);
    GOOD(MACHINE,
         "chosen { stdout-path = \"serial1\"; bootargs = \"console console= myconsole=serial0\"; };");
    expect_uart(0x9040000, false);
    static const char *const wrong[] = {"odd",      "serial2", "/psci",
                                        "/nothing", "/",       "an-alias-of-more-than-thirty-one-characters"};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        char chosen[128];
        sprintf(chosen, "chosen { bootargs = \"console=%s\"; };", wrong[i]);
        GOOD(MACHINE, chosen);
        expect_uart(0, true);
    }
    GOOD(WHOLE, UART, "chosen { bootargs = \"console=serial0\"; };"); /* no aliases at all */
    expect_uart(0, true);
    GOOD(MEMORY, REST, "bus { #address-cells = <1>; #size-cells = <1>; ranges = <0 0 0x9000000 0x10000>;",
         "serial@0 { compatible = \"arm,pl011\"; reg = <0 0x1000>; }; };"
         "chosen { stdout-path = \"/bus/serial\"; };");
    expect_uart(0x9000000, false);
    GOOD(WHOLE, "serial@1 { compatible = \"arm,pl011\"; reg = <0 0x40000800 0 0x100>; };",
         "chosen { stdout-path = \"/serial@1\"; };"); /* in memory */
    expect_uart(0, false);
    GOOD(WHOLE, "serial@1 { compatible = \"arm,pl011\"; }; chosen { stdout-path = \"/serial@1\"; };");
    expect_uart(0, false);
}

static void test_option(void)
{
    const char *value;

    platform.args = NULL;
    CHECK_EQUAL(platform_option("a", &value), 0);
    platform.args = "  one=1 two=22 twox=3 two=4 three";
    CHECK(platform_option("one", &value) == 1 && *value == '1');
    CHECK(platform_option("two", &value) == 2 && !strncmp(value, "22 ", 3));
    CHECK(!platform_option("three", &value) && !platform_option("tw", &value) &&
          !platform_option("ne", &value));
}

static void expect_module(uint32_t i, const char *name, const char *args)
{
    CHECK(!strcmp(platform.module[i].name, name));
    CHECK(!strcmp(platform.module[i].args, args));
}

static void test_modules(void)
{
    static char text[8192], args[600];
    size_t at;

#define MODULE "compatible = \"multiboot,module\"; reg = <0 0x48000000 0 0x1000>;"
    GOOD(WHOLE, "chosen { " CELLS "bootargs = \"console=x\"; m@1 { " MODULE " bootargs = \"vmm  a=b c\"; };",
         "m@2 { compatible = \"multiboot,kernel\", \"multiboot,module\"; reg = <0 0x49000000 0 5>; bootargs "
         "= \"kernel\"; };",
         "m@3 { compatible = \"multiboot,ramdisk\", \"multiboot,module\"; reg = <0 0x4a000000 0 5>; };",
         "m@4 { " MODULE "}; m@5 { " MODULE " bootargs = \" lead\"; };",
         "m@6 { " MODULE " bootargs = \"a-name-of-more-than-fifteen x\"; }; m@7 { " MODULE
         " bootargs = \"\"; }; };");
    CHECK_EQUAL(platform.module_count, 7);
    expect_module(0, "vmm", "a=b c");
    CHECK(platform.module[0].base == 0x48000000 && platform.module[0].size == 0x1000);
    expect_module(1, "kernel", "");
    CHECK(platform.module[1].base == 0x49000000 && platform.module[1].size == 5);
    expect_module(2, "ramdisk", "");
    expect_module(3, "m@4", "");
    expect_module(4, "", "lead");
    expect_module(5, "a-name-of-more-", "x");
    expect_module(6, "", "");
    CHECK(!strcmp(platform.args, "console=x"));

    FAILS("no valid reg", WHOLE, "m { compatible = \"multiboot,module\"; };");
    FAILS("no valid reg", WHOLE, "m { compatible = \"multiboot,module\"; reg = <0 0x48000000 0 0>; };");
    for (unsigned length = 487; length <= 488; length++) {
        memset(args, 'x', sizeof(args));
        args[length] = '\0';
        sprintf(text, "m { " MODULE " bootargs = \"name %s\"; };", args);
        const char *error = INIT(WHOLE, text);
        CHECK(length == 487 ? !error && strlen(platform.module[0].args) == 487
                            : strstr(error, "too long") != NULL);
    }
    for (int n = ORD_MODULES_MAX; n <= ORD_MODULES_MAX + 1; n++) {
        at = 0;
        for (int i = 0; i < n; i++)
            at += (size_t)sprintf(text + at, "m@%d { " MODULE " };", i);
        const char *error = INIT(WHOLE, text);
        CHECK(n == ORD_MODULES_MAX ? !error : strstr(error, "more boot modules") != NULL);
        CHECK_EQUAL(platform.module_count, ORD_MODULES_MAX);
    }
}

static void test_overlaps(void)
{
    const struct range r = {0x1000, 0x1000}, none = {0x1000, 0};

    CHECK(range_overlaps(0x1000, 1, &r) && range_overlaps(0x1fff, 1, &r) && range_overlaps(0, 0x1001, &r));
    CHECK(range_overlaps(0, 0x10000, &r) && range_overlaps(0x1800, 0x10, &r));
    CHECK(!range_overlaps(0x2000, 0x1000, &r) && !range_overlaps(0, 0x1000, &r));
    CHECK(!range_overlaps(0x1800, 0, &r) && !range_overlaps(0, 0x10000, &none));
}

static void invariants(const char *error)
{
    CHECK(platform.ram_count <= PLATFORM_RANGES_MAX && platform.reserved_count <= PLATFORM_RANGES_MAX);
    CHECK(platform.firmware_count <= PLATFORM_RANGES_MAX && platform.device_count <= PLATFORM_RANGES_MAX);
    for (uint32_t i = 0; i < platform.firmware_count; i++)
        for (uint32_t k = 0; k < platform.ram_count; k++)
            CHECK(!range_overlaps(platform.firmware[i].base, platform.firmware[i].size, &platform.ram[k]));
    CHECK(platform.core_count <= ORD_CORES_MAX && platform.module_count <= ORD_MODULES_MAX);
    for (uint32_t i = 0; i < platform.module_count; i++) {
        CHECK(strnlen(platform.module[i].name, 16) < 16 && strnlen(platform.module[i].args, 488) < 488);
        CHECK(platform.module[i].size);
    }
    for (uint32_t i = 0; i < platform.ram_count; i++) {
        const struct range *r = &platform.ram[i];
        CHECK(r->size && (r->base | r->size) % PAGE_SIZE == 0 && r->base + r->size > r->base);
        if (!error && i)
            CHECK(r->base >= platform.ram[i - 1].base + platform.ram[i - 1].size);
    }
    CHECK(error || (platform.ram_count && platform.core_count && machine.gicd.size + 1));
}

static void fuzz(const void *good, uint64_t whole, uint32_t rounds, uint64_t seed)
{
    uint32_t fine = 0;

    for (uint32_t i = 0; i < rounds; i++) {
        uint64_t size = whole;
        void *bad = tree_damage(good, &size, &seed);
        alarm(20);
        memset(&platform, 0, sizeof(platform));
        memset(&machine, 0, sizeof(machine));
        const char *error = machine_discover(bad, size);
        invariants(error);
        fine += !error;
        free(bad);
    }
    alarm(0);
    CHECK(fine && fine < rounds);
}

static void test_fuzz(void)
{
    GOOD(MACHINE,
         "chosen { " CELLS "stdout-path = \"serial0:1\"; bootargs = \"console=serial1\"; m@1 { " MODULE
         " bootargs = \"vmm a=b c\"; }; m@2 { " MODULE " bootargs = \"x\"; }; };",
         "reserved-memory { ranges; " CELLS "a@10000000 { reg = <0 0x40100000 0 0x1000>; no-map; }; };");
    fuzz(tree, platform.description.size, 100000, 7);
}

static int files;
static char **file;

static void test_machines(void)
{
    for (int i = 0; i < files; i++) {
        uint64_t size;
        void *data = file_read(file[i], &size);
        memset(&platform, 0, sizeof(platform));
        memset(&machine, 0, sizeof(machine));
        CHECK(!machine_discover(data, size));
        CHECK(platform.core_count == 4 && platform.ram_count == 1 && platform.ram[0].size == 2ull << 30);
        CHECK(platform.uart.base == 0x9000000 && !platform.uart_owned);
        fuzz(data, size, 2000, (uint64_t)i + 1);
        free(data);
    }
}

int main(int argc, char **argv)
{
    CHECK(argc >= 2);
    tree_dtc = argv[1];
    files = argc - 2;
    file = argv + 2;
    test_case("what is missing", test_errors);
    test_case("memory", test_memory);
    test_case("reserved memory", test_reserved);
    test_case("reservation block; lists of ranges", test_reservation_block);
    test_case("interrupt controller behind a bus", test_gic_on_a_bus);
    test_case("cores", test_cores);
    test_case("interrupt controller, PSCI", test_devices);
    test_case("console", test_console);
    test_case("options", test_option);
    test_case("modules", test_modules);
    test_case("overlap of ranges", test_overlaps);
    test_case("damaged trees", test_fuzz);
    test_case("trees of machines", test_machines);
    return 0;
}
