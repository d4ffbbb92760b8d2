/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Included before every file of kern/ that the explorer is built of: each access that other cores take part
 * in is a place where another core may go on.
 */
#ifndef EXPLORE_H
#define EXPLORE_H

#include "atomic.h"
#include "types.h"

#undef READ_ONCE
#undef WRITE_ONCE
#define READ_ONCE(x)     (fake_point(), *(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (fake_point(), *(volatile __typeof__(x) *)&(x) = (v))

#undef atomic_load
#undef atomic_store
#undef atomic_or
#undef atomic_and
#undef atomic_add
#undef atomic_exchange
#undef atomic_cas
#undef atomic_cas_once
#define atomic_cas_once(p, old, new) atomic_cas(p, old, new)
#define atomic_load(p)               (fake_point(), __atomic_load_n(p, __ATOMIC_SEQ_CST))
#define atomic_store(p, v)           (fake_point(), __atomic_store_n(p, v, __ATOMIC_SEQ_CST), fake_point())
/* Before, and behind: plain accesses follow that others must not disturb. */
#define EXPLORE_UPDATE(operation)                                                                            \
    ({                                                                                                       \
        fake_point();                                                                                        \
        __typeof__(operation) result_ = operation;                                                           \
        fake_point();                                                                                        \
        result_;                                                                                             \
    })
#define atomic_or(p, v)       EXPLORE_UPDATE(__atomic_fetch_or(p, v, __ATOMIC_SEQ_CST))
#define atomic_and(p, v)      EXPLORE_UPDATE(__atomic_fetch_and(p, v, __ATOMIC_SEQ_CST))
#define atomic_add(p, v)      EXPLORE_UPDATE(__atomic_fetch_add(p, v, __ATOMIC_SEQ_CST))
#define atomic_exchange(p, v) EXPLORE_UPDATE(__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST))
#define atomic_cas(p, old, new)                                                                              \
    ({                                                                                                       \
        __typeof__(*(p)) expected_ = (old);                                                                  \
        EXPLORE_UPDATE(                                                                                      \
            __atomic_compare_exchange_n(p, &expected_, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));     \
    })

#endif
