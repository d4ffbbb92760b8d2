/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VMM_BLOB_H
#define VMM_BLOB_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether it is a sound device tree blob in at most `size` bytes: a configuration, or what firmware has
 * written. Only version 17, which every tool writes: libfdt before 1.7 trips over damaged older ones in
 * fdt_check_full().
 */
bool blob_check(const void *blob, uint64_t size);

#endif
