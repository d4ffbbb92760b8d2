/* SPDX-License-Identifier: BSD-2-Clause */
#include "blob.h"
#include <libfdt.h>

bool blob_check(const void *blob, uint64_t size)
{
    return size >= sizeof(struct fdt_header) && fdt_check_header(blob) == 0 && fdt_version(blob) >= 17 &&
           fdt_check_full(blob, size) == 0;
}
