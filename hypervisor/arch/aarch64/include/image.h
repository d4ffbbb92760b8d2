/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that the hypervisor takes in all, as declared in the image header. */
#define IMAGE_MEMORY 0x400000
