/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An architecture for the build machine: kern/ unchanged, in a test program.
 *
 *   cores      threads of the program; each sets fake_core
 *   memory     one mapping at a low address, so that it looks like physical memory; pa_ptr() just works
 *   table      entries of a made-up form (ptab.c)
 *   console    a buffer
 *   halt, off  come back to the test through fake_trap
 *
 * What a contract forbids the caller (wrong core, frame not owned, ...) ends the program.
 */
#ifndef FAKE_H
#define FAKE_H

#include "core.h"
#include "types.h"
#include <setjmp.h>

enum fake_end { FAKE_HALT = 1, FAKE_OFF = 2, FAKE_RESET = 3 };

struct vcpu;

struct fake {
    /* What tests may set. */
    unsigned space_bits;
    uint64_t image_base, image_size, pool_base;
    uint32_t irq_limit;
    uint64_t counter;
    uint32_t dead_cores;                    /* mask: cores that arch_start_cores() cannot start */
    status_t vm_init_status;                /* of arch_vm_init() */
    uint64_t firmware_first, firmware_last; /* calls that a VM may be given */
    /* Hooks; NULL: what the name says in the simplest way. */
    void (*point)(void); /* at each barrier */
    void (*relax)(void); /* in spin loops */
    void (*poll)(struct core *c);
    void (*sleep)(struct core *c);
    void (*kick)(const struct core *c);
    void (*console_kick)(const struct core *c); /* NULL: all is sent */
    void (*context_saved)(struct context *c);
    void (*vcpu_loaded)(struct vcpu *v);
    /* What a detached thread has at that address; NULL: nothing. */
    const void *user;
    uint64_t user_address, user_size;
    /* What happened. */
    uint32_t ptab_flushes;
    uint32_t ptab_entries; /* that were looked at or made */
    uint64_t flush_asid, flush_address, flush_pages;
    uint32_t flushes;
    uint64_t mem_synced; /* bytes */
    uint32_t routed[1024];
    uint8_t irq_state[1024];
    char console[32768];
    uint32_t console_len;
    bool listening;   /* the UART interrupts */
    const char *keys; /* typed; set by the test */
    int uart_room;    /* bytes that the UART takes; less than 0: all */
    bool wants_room;
    uint32_t console_kicks;
};

extern struct fake fake;

/* Where arch_halt() and arch_power() continue: setjmp() returns an enum fake_end. NULL: the program ends. */
extern _Thread_local jmp_buf *fake_trap;

/* Calls `body` and tells how it ended: 0 or an enum fake_end. */
#define FAKE_RUN(body)                                                                                       \
    __extension__({                                                                                          \
        jmp_buf fake_here;                                                                                   \
        int fake_how = setjmp(fake_here);                                                                    \
        fake_trap = &fake_here;                                                                              \
        if (!fake_how) {                                                                                     \
            body;                                                                                            \
        }                                                                                                    \
        fake_trap = NULL;                                                                                    \
        fake_how;                                                                                            \
    })

/* Zeroed, page-aligned (2 MiB) memory of the machine. Once per program. */
void *fake_memory(uint64_t size);

/* Makes cores 0..count-1, online, and the calling thread core 0. */
void fake_cores(uint32_t count);

/* The console, as a string; and its end as an empty one. */
const char *fake_console(void);
void fake_console_clear(void);

/* Stops the program: the code under test broke a contract. */
NORETURN void fake_fail(const char *file, int line, const char *what);
#define FAKE_CHECK(c)                                                                                        \
    do {                                                                                                     \
        if (!(c))                                                                                            \
            fake_fail(__FILE__, __LINE__, #c);                                                               \
    } while (0)

#endif
