/* SPDX-License-Identifier: BSD-2-Clause */
/* Contract: kernel images, what a boot module holds and how it wants to lie in memory. */
#ifndef VMM_ARCH_IMAGE_H
#define VMM_ARCH_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

struct image {
    uint64_t size;  /* bytes of RAM that the kernel needs from its start on */
    uint64_t align; /* its start lies `offset` bytes behind a multiple of this */
    uint64_t offset;
    uint32_t page; /* of the guest's own tables; the hypervisor's are of 4 KiB in any case */
};

#define IMAGE_ERROR_MAX 200

/*
 * Checks the module's first bytes (`size` in all). On false, `error` (IMAGE_ERROR_MAX bytes) says what is
 * wrong and what to do.
 */
bool arch_image_check(struct image *image, const void *data, uint64_t size, char *error);

#endif
