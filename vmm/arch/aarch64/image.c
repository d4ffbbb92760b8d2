/* SPDX-License-Identifier: BSD-2-Clause */
/* Linux's arm64 Image header (Linux: Documentation/arm64/booting.rst, section 4). */
#include <string.h>
#include "arch/image.h"
#include "log.h"

struct image_header {
    uint32_t code0, code1;
    uint64_t text_offset; /* of the image from a 2 MiB boundary */
    uint64_t image_size;  /* with .bss */
    uint64_t flags;
    uint64_t reserved[3];
    uint32_t magic;
    uint32_t pe_offset;
};

#define IMAGE_MAGIC        0x644d5241u /* "ARM\x64" */
#define IMAGE_ALIGN        (2ull << 20)
#define IMAGE_FLAG_BE      1u
#define IMAGE_FLAG_PAGE(f) (((f) >> 1) & 3) /* 0 unspecified, 1 4K, 2 16K, 3 64K */
#define IMAGE_SIZE_MAX     (1ull << 32)
#define FAIL(...)          (text_format(error, IMAGE_ERROR_MAX, "kernel image: " __VA_ARGS__), false)

/*
 * Bytes that the image's PE/COFF section table (EFI stub) says the file has at least, 0 without one
 * (Microsoft PE format: COFF file header, section table).
 */
static uint64_t image_file_size(const unsigned char *data, uint64_t size, uint32_t pe)
{
    enum { COFF_SIZE = 24, SECTION_SIZE = 40 };
    uint16_t section_count, optional_size;
    uint64_t end = 0;

    if (memcmp(data, "MZ", 2) != 0 || pe > size || size - pe < COFF_SIZE || memcmp(data + pe, "PE\0", 4) != 0)
        return 0;
    memcpy(&section_count, data + pe + 6, sizeof(section_count));
    memcpy(&optional_size, data + pe + 20, sizeof(optional_size));
    uint64_t at = (uint64_t)pe + COFF_SIZE + optional_size;
    for (; section_count && at + SECTION_SIZE <= size; section_count--, at += SECTION_SIZE) {
        uint32_t raw[2]; /* SizeOfRawData, PointerToRawData */
        memcpy(raw, data + at + 16, sizeof(raw));
        if ((uint64_t)raw[0] + raw[1] > end)
            end = (uint64_t)raw[0] + raw[1];
    }
    return end;
}

static const uint32_t page_sizes[] = {4096, 4096, 16384, 65536}; /* by IMAGE_FLAG_PAGE */

bool arch_image_check(struct image *image, const void *data, uint64_t size, char *error)
{
    static const unsigned char gzip[] = {0x1f, 0x8b};
    struct image_header header;

    if (size < sizeof(header))
        return FAIL("%lu bytes are too few for an arm64 Image", (unsigned long)size);
    memcpy(&header, data, sizeof(header));
    if (memcmp(data, gzip, sizeof(gzip)) == 0)
        return FAIL("it is compressed with gzip; unpack it first (gzip -d)");
    if (memcmp((const char *)data + 4, "zimg", 4) == 0)
        return FAIL("it is a compressed EFI program (zimg); take the kernel's plain Image");
    if (header.magic != IMAGE_MAGIC)
        return FAIL(
            "no arm64 Image header (magic 0x%08x at 0x38); is it a kernel for another machine, or cut?",
            header.magic);
    if (header.flags & IMAGE_FLAG_BE)
        return FAIL("it is big-endian; take a little-endian kernel");
    if (header.image_size == 0 || header.text_offset >= IMAGE_ALIGN || header.text_offset % 4096 ||
        header.image_size > IMAGE_SIZE_MAX)
        return FAIL("header is corrupt (text_offset 0x%lx, image_size 0x%lx)",
                    (unsigned long)header.text_offset, (unsigned long)header.image_size);
    if (size > header.image_size)
        return FAIL("%lu bytes, but its header says %lu; is it cut or has it something attached?",
                    (unsigned long)size, (unsigned long)header.image_size);
    if (image_file_size(data, size, header.pe_offset) > size)
        return FAIL("%lu bytes, but its sections need %lu: it is cut; copy it again", (unsigned long)size,
                    (unsigned long)image_file_size(data, size, header.pe_offset));
    image->size = header.image_size;
    image->align = IMAGE_ALIGN;
    image->offset = header.text_offset;
    image->page = page_sizes[IMAGE_FLAG_PAGE(header.flags)];
    return true;
}
