/* SPDX-License-Identifier: BSD-2-Clause */
/* Argument: a folder. All device trees of real boards below it are accepted with sane addresses, or refused.
 */
#define _GNU_SOURCE /* nftw() */
#include "fixture.h"

#include "machine.h"
#include "string.h"
#include "tree.h"
#include <ftw.h>

/* What some boards' manuals say. */
static struct {
    const char *name;
    uint64_t gicd, gicr;
    bool seen;
} boards[] = {
    {"imx8mq-evk.dtb", 0x38800000, 0x38880000, false},     /* on a bus with one cell */
    {"armada-3720-db.dtb", 0xd1d00000, 0xd1d40000, false}, /* on a bus below a bus */
    {"fsl-lx2160a-rdb.dtb", 0x6000000, 0x6200000, false},  /* at the root */
};

static uint32_t trees, accepted;

static void check_accepted(const char *file)
{
    const struct range *gic[] = {&machine.gicd, &machine.gicr};

    for (int i = 0; i < 2; i++) {
        /* Debian knows no board with more than 48 bits. */
        CHECK(gic[i]->base && gic[i]->base % 0x10000 == 0 && gic[i]->base + gic[i]->size < BIT(48));
        for (uint32_t k = 0; k < platform.ram_count; k++)
            CHECK(!range_overlaps(gic[i]->base, gic[i]->size, &platform.ram[k]));
    }
    for (uint32_t i = 0; i < platform.device_count; i++)
        CHECK(platform.device[i].base + platform.device[i].size < BIT(48));
    for (uint32_t i = 0; i < platform.core_count; i++)
        CHECK(!(platform.hwid[i] & ~0xff00ffffffull));
    for (size_t i = 0; i < ARRAY_SIZE(boards); i++)
        if (!strcmp(file, boards[i].name)) {
            boards[i].seen = true;
            CHECK_EQUAL(machine.gicd.base, boards[i].gicd);
            CHECK_EQUAL(machine.gicr.base, boards[i].gicr);
        }
}

static int visit(const char *path, const struct stat *s UNUSED, int type, struct FTW *at)
{
    size_t len = strlen(path);
    uint64_t size;

    if (type == FTW_D && !strcmp(path + at->base, "modules"))
        return FTW_SKIP_SUBTREE;
    if (type != FTW_F || len < 4 || strcmp(path + len - 4, ".dtb"))
        return 0;
    void *data = file_read(path, &size);
    memset(&platform, 0, sizeof(platform));
    memset(&machine, 0, sizeof(machine));
    const char *error = machine_discover(data, size);
    trees++;
    if (getenv("SURVEY")) /* for a person */
        printf("%s: %s, gicd %lx gicr %lx, %u ranges, %u kept\n", path + at->base, error ? error : "accepted",
               machine.gicd.base, machine.gicr.base, platform.ram_count, platform.device_count);
    if (!error) {
        accepted++;
        check_accepted(path + at->base);
    }
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    if (nftw(argv[1], visit, 16, FTW_PHYS | FTW_ACTIONRETVAL) || !trees)
        return 77; /* skipped: the kernels' packages are not unpacked */
    printf("%u trees, %u accepted\n", trees, accepted);
    for (size_t i = 0; i < ARRAY_SIZE(boards); i++)
        CHECK(boards[i].seen);
    return 0;
}
