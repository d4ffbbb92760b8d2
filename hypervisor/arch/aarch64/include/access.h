/* SPDX-License-Identifier: BSD-2-Clause */
/* Access to system registers, and what orders it. Unit tests have a file of this name that keeps a record. */
#ifndef AARCH64_ACCESS_H
#define AARCH64_ACCESS_H

#include "types.h"

#define sysreg_read(r)                                                                                       \
    ({                                                                                                       \
        uint64_t v_;                                                                                         \
        __asm__ volatile("mrs %0, " #r : "=r"(v_));                                                          \
        v_;                                                                                                  \
    })
#define sysreg_write(r, v) __asm__ volatile("msr " #r ", %0" ::"r"((uint64_t)(v)))
#define isb()              __asm__ volatile("isb" ::: "memory")
#define dsb(t)             __asm__ volatile("dsb " #t ::: "memory")
#define tlbi(op)           __asm__ volatile("tlbi " #op ::: "memory")
#define tlbi_at(op, v)     __asm__ volatile("tlbi " #op ", %0" ::"r"((uint64_t)(v)) : "memory")
#define dc(op, a)          __asm__ volatile("dc " #op ", %0" ::"r"(a) : "memory")
#define ic(op)             __asm__ volatile("ic " #op ::: "memory")

#endif
