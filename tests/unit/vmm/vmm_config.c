/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration: what is taken, what is refused and with which words, and damaged blobs. */
#include <libfdt.h>
#include <string.h>
#include "check.h"
#include "config.h"
#include "fake.h"

static struct ord_bootinfo info;
static void *machine;
static char error[CONFIG_ERROR_MAX];
static struct config config;
static unsigned char blob[4096];

static void begin(void)
{
    CHECK(fdt_create_empty_tree(blob, sizeof(blob)) == 0);
    CHECK(fdt_setprop_string(blob, 0, "compatible", "outrider,config") == 0);
}

static bool parse(void)
{
    error[0] = 0;
    bool result = config_parse(&config, blob, sizeof(blob), &info, machine, error);
    CHECK(result == (error[0] == 0) && strlen(error) < CONFIG_ERROR_MAX);
    return result;
}

/* One property on top of an empty configuration. */
static bool with(const char *name, const void *value, int size)
{
    begin();
    CHECK(fdt_setprop(blob, 0, name, value, size) == 0);
    return parse();
}

static bool with_string(const char *name, const char *value)
{
    return with(name, value, (int)strlen(value) + 1);
}

static bool with_cores(const char *name, int count, const uint32_t *cores)
{
    fdt32_t cells[8];

    for (int i = 0; i < count; i++)
        cells[i] = cpu_to_fdt32(cores[i]);
    return with(name, cells, count * 4);
}

#define CORES(...)                                                                                           \
    (int)(sizeof((uint32_t[]){__VA_ARGS__}) / 4), (uint32_t[])                                               \
    {                                                                                                        \
        __VA_ARGS__                                                                                          \
    }

static void test_cores(void)
{
    begin();
    CHECK(parse() && config.guest_cores == 0xf && config.host_cores == 0);
    CHECK(with_cores("host-cores", CORES(3)) && config.host_cores == 8 && config.guest_cores == 7);
    CHECK(with_cores("host-cores", CORES(2, 1)) && config.host_cores == 6 && config.guest_cores == 9);
    CHECK(with_cores("guest-cores", CORES(0, 1)) && config.host_cores == 0 && config.guest_cores == 3);
    CHECK(!with_cores("host-cores", CORES(4)) && strstr(error, "host-cores: there is no core 4"));
    CHECK(!with_cores("host-cores", CORES(0xffffffff)) && strstr(error, "4294967295"));
    CHECK(!with_cores("host-cores", CORES(3, 3)) && strstr(error, "core 3 is named twice"));
    CHECK(!with_cores("host-cores", CORES(0)) && strstr(error, "boot core"));
    CHECK(!with_cores("host-cores", CORES(0, 1, 2, 3)) && strstr(error, "names all 4 cores"));
    CHECK(!with_cores("guest-cores", CORES(1)) && strstr(error, "must name core 0"));
    CHECK(!with("host-cores", "abc", 3) && strstr(error, "has 3 bytes"));
    CHECK(!with("host-cores", "", 0) && strstr(error, "has 0 bytes"));
    info.core[2].flags = 0;
    CHECK(!with_cores("host-cores", CORES(2)) && strstr(error, "core 2 did not start"));
    begin();
    CHECK(parse() && config.guest_cores == 0xb);
    info.core[2].flags = ORD_BOOTINFO_CORE_ONLINE;
    begin();
    CHECK(fdt_setprop_u32(blob, 0, "host-cores", 3) == 0 && fdt_setprop_u32(blob, 0, "guest-cores", 0) == 0);
    CHECK(parse() && config.host_cores == 8 && config.guest_cores == 1);
    CHECK(fdt_setprop_u32(blob, 0, "guest-cores", 3) == 0);
    CHECK(!parse() && strstr(error, "core 3 is in host-cores and in guest-cores"));
}

static void test_strings(void)
{
    char longest[3000];

    CHECK(with_string("bootargs", "root=/dev/vda quiet") &&
          strcmp(config.bootargs, "root=/dev/vda quiet") == 0);
    CHECK(!with("bootargs", "a\0b", 4) && strstr(error, "bootargs must be one string"));
    CHECK(!with("bootargs", "ab", 2));
    memset(longest, 'x', sizeof(longest));
    CHECK(!with("bootargs", (longest[2500] = 0, longest), 2501) && strstr(error, "2047"));
    begin();
    CHECK(parse() && config.on_poweroff == POLICY_OFF && config.on_reset == POLICY_RESET &&
          config.on_error == POLICY_OFF && !config.bootargs);
    CHECK(with_string("on-poweroff", "stop") && config.on_poweroff == POLICY_STOP);
    CHECK(with_string("on-reset", "keep") && config.on_reset == POLICY_KEEP);
    CHECK(with_string("on-error", "reset") && config.on_error == POLICY_RESET);
    CHECK(!with_string("on-error", "report") && strstr(error, "must be off, reset, stop or keep"));
    begin();
    CHECK(parse() && config.on_hang == POLICY_REPORT && config.watchdog == 60);
    CHECK(with_string("on-hang", "report") && config.on_hang == POLICY_REPORT);
    CHECK(with_string("on-hang", "keep") && config.on_hang == POLICY_KEEP);
    CHECK(!with_string("on-hang", "no") &&
          strstr(error, "on-hang = \"no\": must be report, off, reset, stop"));
    CHECK(with("watchdog", "\0\0\0\0", 4) && config.watchdog == 0);
    CHECK(with("watchdog", "\0\1\x51\x80", 4) && config.watchdog == 86400);
    CHECK(!with("watchdog", "\0\1\x51\x81", 4) &&
          strstr(error, "watchdog must be a number of seconds, 0 to 86400"));
    CHECK(!with("watchdog", "\0\0\0\1\0\0\0\1", 8) && !with("watchdog", "", 0));
    CHECK(!with_string("on-error", "restart") && strstr(error, "on-error = \"restart\": must be off, reset"));
    CHECK(!with("on-error", "off", 3) && strstr(error, "on-error"));
    CHECK(with("hide", "/pl031@9010000\0/fw-cfg@9020000", 31) && config.hide_size == 31);
    CHECK(!with_string("hide", "/nothing") && strstr(error, "no node \"/nothing\""));
    CHECK(!with_string("hide", "serial0"));
    CHECK(!with_string("hide", "/cpus") && strstr(error, "cannot be hidden"));
    CHECK(!with_string("hide", "/intc@8000000") && !with_string("hide", "/memory@40000000"));
    CHECK(!with_string("hide", "/") && !with_string("hide", ""));
    CHECK(!with("hide", "/pl031@9010000\0\0", 16));
}

static void test_shape(void)
{
    CHECK(!with_string("host-core", "x") &&
          strstr(error, "unknown property host-core; allowed are host-cores,") && strstr(error, ", hide"));
    begin();
    CHECK(fdt_add_subnode(blob, 0, "vm") > 0 && !parse() && strstr(error, "unknown node vm"));
    begin();
    CHECK(fdt_setprop_string(blob, 0, "compatible", "other") == 0 && !parse() && strstr(error, "compatible"));
    begin();
    CHECK(fdt_delprop(blob, 0, "compatible") == 0 && !parse() && strstr(error, "compatible"));
    memset(blob, 0, sizeof(blob));
    CHECK(!parse() && strstr(error, "not a valid device tree blob"));
    begin();
    for (uint64_t size = 0; size < fdt_totalsize(blob); size += 7) {
        void *cut = malloc(size ? size : 1);
        CHECK(cut);
        memcpy(cut, blob, size);
        CHECK(!config_parse(&config, cut, size, &info, machine, error));
        free(cut);
    }
}

/* Damaged blobs of exactly their size, so that a read beyond is found. */
static void test_damage(void)
{
    uint64_t seed = 4711;
    unsigned char good[512];

    begin();
    CHECK(fdt_setprop_u32(blob, 0, "host-cores", 3) == 0);
    CHECK(fdt_setprop_string(blob, 0, "bootargs", "quiet") == 0);
    CHECK(fdt_setprop_string(blob, 0, "on-error", "stop") == 0);
    CHECK(fdt_setprop_string(blob, 0, "hide", "/pl031@9010000") == 0);
    CHECK(fdt_pack(blob) == 0 && fdt_totalsize(blob) <= sizeof(good));
    uint32_t size = fdt_totalsize(blob);
    memcpy(good, blob, size);
    for (int round = 0; round < 200000; round++) {
        unsigned char *damaged = malloc(size);
        CHECK(damaged);
        memcpy(damaged, good, size);
        for (uint64_t i = random_next(&seed) % 4 + 1; i; i--)
            damaged[random_next(&seed) % size] = random_next(&seed) % 2
                                                     ? (unsigned char)random_next(&seed)
                                                     : (unsigned char)(random_next(&seed) % 9);
        if (config_parse(&config, damaged, size, &info, machine, error))
            CHECK(config.guest_cores & 1 && !(config.guest_cores & config.host_cores));
        free(damaged);
    }
}

int main(int argc, char **argv)
{
    uint64_t size;

    CHECK(argc == 2);
    machine = file_read(argv[1], &size);
    fake_reset();
    fake_bootinfo(&info, 4, 0x40000000, 0x80000000);
    test_cores();
    test_strings();
    test_shape();
    test_damage();
    free(machine);
    return 0;
}
