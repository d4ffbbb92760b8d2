/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration: what is taken, what is refused and with which words, and damaged blobs. */
#define _GNU_SOURCE /* memmem() */
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
    bool result = config_parse(&config, blob, sizeof(blob), &info, error);
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

static bool with_shared(uint32_t cores, const char *name, uint32_t value)
{
    begin();
    CHECK(fdt_setprop_u32(blob, 0, "shared-cores", cores) == 0);
    CHECK(fdt_setprop_u32(blob, 0, name, value) == 0);
    return parse();
}

static void test_shared(void)
{
    CHECK(with_cores("shared-cores", CORES(1, 2)) && config.shared_cores == 6 && config.guest_cores == 0xf);
    CHECK(config.budget == 95000 && config.period == 100000);
    CHECK(with_cores("shared-cores", CORES(0)) && config.shared_cores == 1);
    CHECK(!with_cores("shared-cores", CORES(4)) && strstr(error, "shared-cores: there is no core 4"));
    CHECK(!with_shared(2, "host-cores", 2) && strstr(error, "core 2 is in host-cores and in shared-cores"));
    CHECK(!with_shared(1, "guest-cores", 0) && strstr(error, "core 1 is in shared-cores and not in guest-"));
    CHECK(with_shared(1, "budget", 100000) && config.budget == 100000);
    CHECK(with_shared(1, "budget", 0) && config.budget == 100000 && config.period == 100000);
    CHECK(with_shared(1, "period", 1000) && config.budget == 950 && config.period == 1000);
    CHECK(with_shared(1, "period", 1000000) && config.budget == 950000);
    CHECK(!with_shared(1, "budget", 100001) && strstr(error, "budget = <100001> is more than the period"));
    CHECK(!with_shared(1, "period", 999) && strstr(error, "period must be a number of microseconds, 1000"));
    CHECK(!with_shared(1, "period", 1000001) && !with_shared(1, "period", 0));
    CHECK(!with("budget", "\0\0\0\1", 4) && strstr(error, "budget is for shared-cores, and there are none"));
    CHECK(!with("period", "\0\0\xff\xff", 4) && strstr(error, "period is for shared-cores"));
    CHECK(!with("budget", "", 0) && !with("period", "", 0) && !with("budget", "\0\0\0\1\0\0\0\1", 8));
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

static void test_firmware(void)
{
    fdt32_t cells[2 * ORD_FIRMWARE_RANGES_MAX + 2];

    begin();
    CHECK(parse() && config.firmware_count == 0);
    CHECK(with_cores("firmware-calls", CORES(0x82000010, 0x8200001f, 0x84000050, 0x84000053)));
    CHECK(config.firmware_count == 2 && config.firmware[0].first == 0x82000010 &&
          config.firmware[0].last == 0x8200001f && config.firmware[1].first == 0x84000050);
    CHECK(with_cores("firmware-calls", CORES(0xc2000001, 0xc2000001)) && config.firmware_count == 1);
    CHECK(!with("firmware-calls", "", 0) &&
          strstr(error, "firmware-calls must be pairs of function numbers"));
    CHECK(!with_cores("firmware-calls", CORES(0x82000010)) && strstr(error, "must be pairs"));
    CHECK(!with_cores("firmware-calls", CORES(0x84000003, 0x84000003)) &&
          strstr(error, "firmware-calls: 0x84000003 to 0x84000003: PSCI is the VMM's"));
    CHECK(!with_cores("firmware-calls", CORES(0xc4000003, 0xc4000003)) && strstr(error, "PSCI"));
    CHECK(!with_cores("firmware-calls", CORES(0x82000010, 0x8200000f)) && strstr(error, "below the first"));
    CHECK(!with_cores("firmware-calls", CORES(0x82000000, 0x8300ffff)) &&
          strstr(error, "not of one service"));
    CHECK(!with_cores("firmware-calls", CORES(0, 0xffffffff)) && strstr(error, "not of one service"));
    CHECK(!with_cores("firmware-calls", CORES(0x84000060, 0x84000090)) && strstr(error, "not for a guest"));
    /* The second is looked at, too. */
    CHECK(!with_cores("firmware-calls", CORES(0x82000010, 0x8200001f, 0x80000000, 0x80000000)));
    for (uint32_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
        cells[i] = cpu_to_fdt32(0x82000000 + i / 2);
    CHECK(with("firmware-calls", cells, 8 * ORD_FIRMWARE_RANGES_MAX) &&
          config.firmware_count == ORD_FIRMWARE_RANGES_MAX);
    CHECK(!with("firmware-calls", cells, 8 * ORD_FIRMWARE_RANGES_MAX + 8) &&
          strstr(error, "firmware-calls has 17 ranges; up to 16 fit"));
}

static void test_shape(void)
{
    CHECK(!with_string("host-core", "x") &&
          strstr(error, "unknown property host-core; allowed are host-cores,") && strstr(error, ", hide"));
    begin();
    CHECK(fdt_add_subnode(blob, 0, "vm") > 0 && !parse() &&
          strstr(error, "unknown node vm; allowed are tasks and channels"));
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
        CHECK(!config_parse(&config, cut, size, &info, error));
        free(cut);
    }
}

/* ---- tasks and channels ---- */

static int node(const char *folder, const char *name)
{
    int parent = fdt_subnode_offset(blob, 0, folder);

    if (parent < 0)
        parent = fdt_add_subnode(blob, 0, folder);
    CHECK(parent > 0);
    int at = fdt_add_subnode(blob, parent, name);
    CHECK(at > 0);
    return at;
}

/* A task with a core, as most need it. */
static int task(const char *name, uint32_t core)
{
    int at = node("tasks", name);

    CHECK(fdt_setprop_u32(blob, at, "core", core) == 0);
    return at;
}

static void channel(const char *name, const char *ends, int size)
{
    CHECK(fdt_setprop(blob, node("channels", name), "task", ends, size) == 0);
}

static bool refused(const char *why)
{
    return !parse() && strstr(error, why);
}

/* Sets one property of the task "sampler" on core 2. */
static bool task_with(const char *name, const void *value, int size)
{
    begin();
    CHECK(fdt_setprop(blob, task("sampler", 2), name, value, size) == 0);
    return parse();
}

static void add_module(const char *name)
{
    strcpy(info.module[info.module_count++].name, name);
}

static void test_tasks(void)
{
    static const uint8_t zero[4], big[4] = {0, 0, 1, 0};

    info.module_count = 0;
    add_module("sampler");
    begin();
    CHECK(fdt_setprop_u32(blob, 0, "host-cores", 3) == 0);
    task("sampler", 2);
    CHECK(parse() && config.task_count == 1 && config.guest_cores == 3 && config.host_cores == 8);
    CHECK(config.task[0].core == 2 && config.task[0].priority == 100 && !config.task[0].console);
    CHECK(strcmp(config.task[0].name, "sampler") == 0 && config.task[0].module == &info.module[0]);
    CHECK(strcmp(config.task[0].args, "") == 0);
    CHECK(task_with("console", NULL, 0) && config.task[0].console);
    CHECK(task_with("args", "5000", 5) && strcmp(config.task[0].args, "5000") == 0);
    CHECK(!task_with("console", "yes", 4) && strstr(error, "console has no value"));
    CHECK(!task_with("priority", zero, 4) && strstr(error, "priority must be a number, 1 to 255"));
    CHECK(!task_with("priority", big, 4) && !task_with("priority", zero, 3));
    CHECK(!task_with("core", zero, 4) && strstr(error, "core 0 is the boot core"));
    CHECK(!task_with("core", big, 4) && strstr(error, "there is no core 256; cores are 0 to 3"));
    CHECK(!task_with("core", zero, 3) && strstr(error, "core must be one number"));
    CHECK(!task_with("module", "x", 2) && strstr(error, "there is no boot module \"x\""));
    CHECK(!task_with("module", "x", 1) && !task_with("prio", zero, 4));
    CHECK(strstr(error, "unknown property prio; allowed are core, priority, module"));
    char args[300] = {0};
    memset(args, 'a', 255);
    CHECK(task_with("args", args, 256));
    memset(args, 'a', 256);
    CHECK(!task_with("args", args, 257) && strstr(error, "up to 255 characters"));
    CHECK(task_with("devices", "/pl031@9010000", 15) && config.task[0].devices_size == 15);
    CHECK(!task_with("devices", "/pl03", 6) && !task_with("devices", "/cpus", 6));
    CHECK(!task_with("devices", "/pl031\0/pl031@9010000", 22) && strstr(error, "given away twice"));
    CHECK(!task_with("devices", "/pl031@9010000\0/pl031@9010000", 30) && strstr(error, "given away twice"));
    begin();
    CHECK(fdt_setprop_string(blob, task("sampler", 2), "devices", "/pl031@9010000") == 0);
    int other = task("other", 2);
    CHECK(fdt_setprop_string(blob, other, "module", "sampler") == 0);
    CHECK(fdt_setprop_string(blob, other, "devices", "/pl031@9010000") == 0 && refused("given away twice"));
    /* Names, modules, cores of several. */
    begin();
    node("tasks", "sampler");
    CHECK(refused("core is missing"));
    begin();
    task("other", 2);
    CHECK(refused("there is no boot module \"other\""));
    begin();
    task("0123456789abcdef", 2);
    CHECK(refused("a name has 1 to 15 letters"));
    begin();
    task("a.b", 2);
    CHECK(refused("a name has"));
    begin();
    CHECK(fdt_setprop_string(blob, task("vmm", 2), "module", "sampler") == 0 &&
          refused("two tasks named vmm"));
    begin();
    task("sampler", 2);
    CHECK(fdt_setprop_string(blob, task("twin", 2), "module", "sampler") == 0);
    CHECK(parse() && config.task_count == 2 && config.task[0].module == config.task[1].module);
    /* libfdt makes no second node of a name; a text editor can. */
    begin();
    task("sampler", 2);
    task("samplex", 2);
    char *at = memmem(blob, fdt_totalsize(blob), "samplex", 8);
    CHECK(at);
    at[6] = 'r';
    CHECK(refused("there are two tasks named sampler"));
    for (int i = 0; i < 9; i++) {
        char name[] = {(char)('a' + i), 0};
        if (i == 0)
            begin();
        CHECK(fdt_setprop_string(blob, task(name, 2), "module", "sampler") == 0);
    }
    CHECK(refused("more than 8 tasks"));
    /* Whose core it is. */
    begin();
    task("sampler", 2);
    CHECK(fdt_setprop_u32(blob, 0, "host-cores", 2) == 0 && refused("core 2 is a task's"));
    begin();
    task("sampler", 1);
    fdt32_t guest[2] = {0, cpu_to_fdt32(1)};
    CHECK(fdt_setprop(blob, 0, "guest-cores", guest, 8) == 0 && refused("core 1 is a task's"));
    begin();
    CHECK(fdt_add_subnode(blob, task("sampler", 2), "x") > 0 && refused("no nodes in a task"));
    begin();
    CHECK(fdt_setprop_u32(blob, fdt_add_subnode(blob, 0, "tasks"), "core", 2) == 0 &&
          refused("no properties"));
}

static bool channel_with(const char *name, const void *value, int size)
{
    begin();
    task("sampler", 2);
    channel("samples", "sampler", 8);
    int at = fdt_path_offset(blob, "/channels/samples");
    CHECK(fdt_setprop(blob, at, name, value, size) == 0);
    return parse();
}

static void test_channels(void)
{
    static const uint8_t zero[4], odd[4] = {0, 0, 0x10, 1}, page[4] = {0, 0, 0x10, 0}, most[4] = {1, 0, 0, 0},
                                  more[4] = {1, 0, 0x10, 0};

    info.module_count = 0;
    add_module("sampler");
    add_module("other");
    CHECK(channel_with("size", page, 4) && config.channel_count == 1 && config.channel[0].size == 4096);
    CHECK(config.channel[0].task[0] == 0 && config.channel[0].task[1] == CONFIG_LINUX);
    CHECK(channel_with("size", most, 4) && config.channel[0].size == 16 << 20);
    CHECK(!channel_with("size", more, 4) && !channel_with("size", zero, 4) && !channel_with("size", odd, 4));
    CHECK(!channel_with("size", page, 3) && strstr(error, "size must be a multiple of 4096"));
    CHECK(!channel_with("task", "sample", 7) && strstr(error, "there is no task \"sample\""));
    CHECK(!channel_with("task", "sampler\0sampler", 16) && strstr(error, "both ends are the same task"));
    CHECK(!channel_with("task", "sampler", 7) && !channel_with("task", "", 0));
    CHECK(!channel_with("tasks", "sampler", 8) &&
          strstr(error, "unknown property tasks; allowed are task, size"));
    begin();
    node("channels", "samples");
    CHECK(refused("task is missing"));
    begin();
    task("sampler", 2);
    task("other", 3);
    channel("between", "other\0sampler", 14);
    CHECK(parse() && config.channel[0].task[0] + config.channel[0].task[1] == 1);
    begin();
    task("sampler", 2);
    channel("samples", "sampler", 8);
    channel("samplex", "sampler", 8);
    char *at = memmem(blob, fdt_totalsize(blob), "samplex", 8);
    CHECK(parse() && config.channel_count == 2 && at);
    at[6] = 's';
    CHECK(refused("there are two channels named samples"));
    begin();
    task("sampler", 2);
    for (int i = 0; i < 17; i++) {
        char name[] = {(char)('a' + i), 0};
        channel(name, "sampler", 8);
    }
    CHECK(refused("more than 16 channels"));
}

/* Damaged blobs of exactly their size, so that a read beyond is found. */
static void test_damage(void)
{
    uint64_t seed = 4711;
    unsigned char good[1024];

    begin();
    CHECK(fdt_setprop_u32(blob, 0, "host-cores", 3) == 0);
    CHECK(fdt_setprop_string(blob, 0, "bootargs", "quiet") == 0);
    CHECK(fdt_setprop_string(blob, 0, "on-error", "stop") == 0);
    CHECK(fdt_setprop_string(blob, 0, "hide", "/pl031@9010000") == 0);
    CHECK(fdt_setprop_string(blob, task("sampler", 2), "args", "1000") == 0);
    task("other", 1);
    channel("samples", "sampler", 8);
    channel("between", "other\0sampler", 14);
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
        if (config_parse(&config, damaged, size, &info, error))
            CHECK(config.guest_cores & 1 && !(config.guest_cores & config.host_cores) &&
                  config.task_count <= 2 && config.channel_count <= 2);
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
    info.description_base = (uintptr_t)machine;
    info.description_size = size;
    test_cores();
    test_shared();
    test_strings();
    test_firmware();
    test_shape();
    test_tasks();
    test_channels();
    test_damage();
    free(machine);
    return 0;
}
