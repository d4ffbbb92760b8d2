/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VMM_VCPU_ARCH_H
#define VMM_VCPU_ARCH_H

#include <stdbool.h>
#include <stdint.h>
#include <outrider/task.h>
#include "mmio.h"

/* Its redistributor; under the interrupt controller's lock. */
struct vcpu_arch {
    bool online;      /* it runs: takes SPIs */
    bool sleeping;    /* GICR_WAKER.ProcessorSleep */
    uint32_t enabled; /* GICR_ISENABLER0 */
    uint32_t group;   /* GICR_IGROUPR0: 1 = group 1 */
    uint32_t edge;    /* GICR_ICFGR0/1, one bit per interrupt */
};

static inline bool arch_vcpu_access(const struct ord_vcpu_state *s, struct mmio *mmio)
{
    *mmio = (struct mmio){s->ipa, s->mmio_size, s->mmio_write != 0, s->mmio_data};
    return true;
}

static inline void arch_vcpu_access_done(struct ord_vcpu_state *s, const struct mmio *mmio)
{
    if (!mmio->write)
        s->mmio_data = mmio->data;
    s->answer = ORD_ANSWER_NONE;
}

#endif
