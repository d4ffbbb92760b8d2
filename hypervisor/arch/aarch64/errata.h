/* SPDX-License-Identifier: BSD-2-Clause */
/* Errata of cores that the hypervisor has to do something about. */
#ifndef AARCH64_ERRATA_H
#define AARCH64_ERRATA_H

#include "types.h"

/* A core may use a translation after TLBI and DSB of another one: both are done twice. */
extern bool errata_repeat_tlbi;

/* On each core, before it runs anybody: what any core needs is done for all. */
void errata_init_core(void);

#endif
