/* SPDX-License-Identifier: BSD-2-Clause */
/* Which kernel images are taken, what is said about the others, and that no header harms. */
#include <string.h>
#include "check.h"
#include "arch/image.h"

struct header {
    uint32_t code[2];
    uint64_t text_offset, image_size, flags, reserved[3];
    uint32_t magic, pe_offset;
};

static char error[IMAGE_ERROR_MAX];

static struct header good(void)
{
    return (struct header){
        .code = {0xfa405a4d, 0x1459a356}, .image_size = 0x2010000, .flags = 0xa, .magic = 0x644d5241};
}

static struct image image;

static bool takes(const struct header *header, uint64_t size)
{
    unsigned char *data = calloc(1, size);
    bool result;

    CHECK(data);
    memcpy(data, header, size < sizeof(*header) ? size : sizeof(*header));
    error[0] = 0;
    result = arch_image_check(&image, data, size, error);
    CHECK(result || (error[0] && strncmp(error, "kernel image: ", 14) == 0));
    if (result)
        CHECK(image.size == header->image_size && image.align == 2 << 20 &&
              image.offset == header->text_offset);
    free(data);
    return result;
}

/* One PE/COFF section that wants more bytes than the file has. */
static void test_cut(void)
{
    unsigned char data[512] = {0};
    struct header header = good();
    uint16_t section_count = 1, optional_size = 0;
    uint32_t raw[2] = {256, 256};

    header.pe_offset = 64;
    memcpy(data, &header, sizeof(header));
    memcpy(data + 64, "PE\0", 4);
    memcpy(data + 64 + 6, &section_count, 2);
    memcpy(data + 64 + 20, &optional_size, 2);
    memcpy(data + 64 + 24 + 16, raw, 8);
    CHECK(arch_image_check(&image, data, 512, error));
    CHECK(!arch_image_check(&image, data, 511, error) && strstr(error, "cut"));
}

static void test_random(void)
{
    uint64_t seed = 7;

    for (int round = 0; round < 200000; round++) {
        uint64_t size = random_next(&seed) % 300;
        unsigned char *data = malloc(size ? size : 1);
        struct header header = good();
        header.pe_offset = (uint32_t)random_next(&seed) >> random_next(&seed) % 32;
        CHECK(data);
        for (uint64_t i = 0; i < size; i++)
            data[i] = i < sizeof(header) ? ((unsigned char *)&header)[i] : (unsigned char)random_next(&seed);
        for (uint64_t i = 0; size > 0 && i < round % 4u; i++)
            data[random_next(&seed) % size] = (unsigned char)random_next(&seed);
        if (header.pe_offset < size && size - header.pe_offset >= 4 && header.pe_offset >= 64)
            memcpy(data + header.pe_offset, "PE\0", 4);
        arch_image_check(&image, data, size, error);
        free(data);
    }
}

int main(void)
{
    struct header h = good();

    CHECK(takes(&h, 4096) && image.page == 4096);
    CHECK(!takes(&h, 63) && strstr(error, "too few"));
    h.flags = 0x8; /* page size not said */
    CHECK(takes(&h, 4096) && image.page == 4096);
    h.flags = 0xb;
    CHECK(!takes(&h, 4096) && strstr(error, "big-endian"));
    h.flags = 0xc;
    CHECK(takes(&h, 4096) && image.page == 16384);
    h.flags = 0xe;
    CHECK(takes(&h, 4096) && image.page == 65536);
    h = good();
    h.magic = 0;
    CHECK(!takes(&h, 4096) && strstr(error, "magic"));
    h = good();
    h.image_size = 0;
    CHECK(!takes(&h, 4096) && strstr(error, "corrupt"));
    h.image_size = 1ull << 40;
    CHECK(!takes(&h, 4096) && strstr(error, "corrupt"));
    h = good();
    h.text_offset = 0x80000;
    CHECK(takes(&h, 4096));
    h.text_offset = 2 << 20;
    CHECK(!takes(&h, 4096) && strstr(error, "corrupt"));
    h = good();
    h.image_size = 4096;
    CHECK(!takes(&h, 8192) && strstr(error, "header says"));
    memcpy(&h, "\x1f\x8b", 2);
    CHECK(!takes(&h, 4096) && strstr(error, "gzip"));
    memcpy(&h, "MZ\0\0zimg", 8);
    CHECK(!takes(&h, 4096) && strstr(error, "zimg"));
    test_cut();
    test_random();
    return 0;
}
