/* SPDX-License-Identifier: BSD-2-Clause */
/* Types and small helpers that every file uses. */
#ifndef HV_TYPES_H
#define HV_TYPES_H

#include <outrider/status.h>
#include <outrider/types.h>
#include <stdbool.h>

#define PAGE_SIZE  ((uint64_t)ORD_PAGE_SIZE)
#define PAGE_SHIFT 12

#define BIT(n)                (1ull << (n))
#define BIT_RANGE(h, l)       ((~0ull >> (63 - (h))) & (~0ull << (l)))
#define FIELD(v, h, l)        (((v)&BIT_RANGE(h, l)) >> (l))
#define ALIGN_DOWN(v, a)      ((v) & ~((uint64_t)(a)-1))
#define ALIGN_UP(v, a)        ALIGN_DOWN((v) + (uint64_t)(a)-1, a)
#define ARRAY_SIZE(a)         (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)             ((a) < (b) ? (a) : (b))
#define MAX(a, b)             ((a) > (b) ? (a) : (b))
#define CONTAINER_OF(p, t, m) ((t *)((char *)(p)-offsetof(t, m)))
#define NOINLINE              __attribute__((noinline))
#define ALWAYS_INLINE         inline __attribute__((always_inline))
#define MUST_CHECK            __attribute__((warn_unused_result))
#define NORETURN              __attribute__((noreturn))
#define PRINTF_LIKE(f, a)     __attribute__((format(printf, f, a)))
#define UNUSED                __attribute__((unused))
/* Which way is the frequent one: the other one is laid out behind it, and pays for what only it saves. */
#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Reads or writes once, as written: for memory that another core, a guest or a device also sees. */
#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/* Physical addresses do not mix with those of a VM or a task. */
typedef struct {
    uint64_t v;
} paddr_t;

static inline paddr_t pa(uint64_t v)
{
    return (paddr_t){v};
}

/* The hypervisor maps RAM one to one. */
static inline void *pa_ptr(paddr_t p)
{
    return (void *)(uintptr_t)p.v;
}

static inline paddr_t ptr_pa(const void *p)
{
    return pa((uint64_t)(uintptr_t)p);
}

typedef enum ord_status status_t;

#endif
