/* SPDX-License-Identifier: BSD-2-Clause */
#include "tree.h"

#include "string.h"
#include "types.h"
#include <unistd.h>

const char *tree_dtc = "dtc";

void *tree_compile(const char *source, uint64_t *size)
{
    char name[] = "/tmp/tree-XXXXXX", out[64], command[512];
    int fd = mkstemp(name);

    CHECK(fd >= 0 && write(fd, source, strlen(source)) == (ssize_t)strlen(source) && !close(fd));
    snprintf(out, sizeof(out), "%s.dtb", name);
    snprintf(command, sizeof(command), "%s -q -I dts -O dtb -o %s %s", tree_dtc, out, name);
    CHECK(system(command) == 0);
    void *tree = file_read(out, size);
    unlink(name);
    unlink(out);
    return tree;
}

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t odd_number(uint64_t *random, uint64_t size)
{
    static const uint32_t numbers[] = {0,          1,          2,          3,          4,         9,
                                       0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffc, 0xfffffff0};
    uint64_t r = random_next(random);

    switch (r % 4) {
    case 0:
        return numbers[(r >> 8) % (sizeof(numbers) / sizeof(numbers[0]))];
    case 1:
        return (uint32_t)(size + (r >> 8) % 16 - 8);
    case 2:
        return (uint32_t)((r >> 8) % size);
    default:
        return (uint32_t)(r >> 16);
    }
}

void *tree_damage(const void *tree, uint64_t *size, uint64_t *random)
{
    uint64_t r = random_next(random), length = *size;

    /* Now and then cut off. */
    if (r % 16 == 0)
        length = (r >> 8) % *size;
    uint8_t *copy = malloc(length ? length : 1);
    CHECK(copy);
    memcpy(copy, tree, length);
    for (unsigned n = (r >> 48) % 6 + (r % 16 != 0); n && length >= 64; n--) {
        uint64_t q = random_next(random), at = (q >> 8) % (length / 4) * 4;
        switch (q % 8) {
        case 0: /* a bit */
            copy[(q >> 8) % length] ^= (uint8_t)(1u << (q >> 4) % 8);
            break;
        case 1: /* a byte */
            copy[(q >> 8) % length] = (uint8_t)(q >> 40);
            break;
        case 2: /* the header */
            put32(copy + 4 + (q >> 8) % 9 * 4, odd_number(random, length));
            break;
        case 3: /* a token, most likely */
            put32(copy + at, 1 + (q >> 4) % 9 % 4);
            break;
        case 4: /* a piece over another one */
            memmove(copy + at, copy + (q >> 40) % (length / 4) * 4,
                    MIN((q >> 4) % 16 * 4, length - MAX(at, (q >> 40) % (length / 4) * 4)));
            break;
        case 5: /* the end comes early */
            put32(copy + at, 9);
            break;
        default:
            put32(copy + at, odd_number(random, length));
        }
    }
    *size = length;
    return copy;
}
