/* SPDX-License-Identifier: BSD-2-Clause */
/* A record of the sampler, as it goes through the ring. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <stdint.h>

struct sample {
    uint64_t sequence; /* 0, 1, 2, …: of each period, also if there was no room for it */
    uint64_t due;      /* when the task was to wake up, in ticks of the counter */
    uint64_t taken;    /* when it read the counter */
};

#endif
