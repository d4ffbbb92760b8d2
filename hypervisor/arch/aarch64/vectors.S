/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions to EL2. While anything runs below EL2, SP_EL2 points to its struct regs; in the hypervisor it
 * is the core's stack. TPIDR_EL2 is the struct core.
 */
#include "asm_offsets.h"

    .macro  lower handler
    .balign 128
    stp     x0, x1, [sp, #0]
    adr     x0, \handler
    b       save
    .endm

    /*
     * HVC #0 of a guest kernel first saves only what a C function may change: exit_call() mostly does without
     * the rest.
     */
    .macro  lower_sync
    .balign 128
    stp     x0, x1, [sp, #0]
    mrs     x0, esr_el2
    mov     w1, #ESR_HVC64_0
    cmp     w0, w1
    b.eq    call
    adr     x0, exit_sync
    b       save
    .endm

    .macro  own name
    .balign 128
    mov     x0, #\name
    b       own_exception
    .endm

    .text
    .balign 2048
    .globl  vectors
vectors:
    own     0
    own     1
    own     2
    own     3
    own     4
    own     5
    own     6
    .balign 128
    b       own_serror
    lower_sync
    lower   exit_irq
    lower   exit_irq            /* FIQ: group 0 is not ours, but it must not hang */
    lower   exit_serror
    lower   exit_sync           /* from AArch32 */
    lower   exit_irq
    lower   exit_irq
    lower   exit_serror

call:
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    str     x18, [sp, #144]
    str     x30, [sp, #240]
    mrs     x0, tpidr_el2
    mov     x1, sp
    ldr     x2, [x0, #CORE_STACK_TOP]
    mov     sp, x2
    str     x1, [sp, #-16]!
    bl      exit_call           /* NULL, or what else there is to be done */
    ldr     x1, [sp], #16
    mov     sp, x1
    ldr     x30, [sp, #240]
    ldr     x18, [sp, #144]
    cbnz    x0, save_rest
    ldp     x16, x17, [sp, #128]
    ldp     x14, x15, [sp, #112]
    ldp     x12, x13, [sp, #96]
    ldp     x10, x11, [sp, #80]
    ldp     x8, x9, [sp, #64]
    ldp     x6, x7, [sp, #48]
    ldp     x4, x5, [sp, #32]
    ldp     x2, x3, [sp, #16]
    ldp     x0, x1, [sp, #0]
    eret
    dsb     nsh
    isb

save:
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
save_rest:                      /* x0 to x17 are saved, x0 is the handler */
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
    mrs     x1, sp_el0
    mrs     x2, elr_el2
    mrs     x3, spsr_el2
    stp     x30, x1, [sp, #240]
    stp     x2, x3, [sp, #256]
    mov     x4, x0
    mrs     x0, tpidr_el2
    mov     x1, sp
    ldr     x2, [x0, #CORE_STACK_TOP]
    mov     sp, x2
    mov     x29, #0
    blr     x4                  /* handler(core, regs) */

    .globl  leave
leave:
    mrs     x0, tpidr_el2
    bl      scheduler_leave
    bl      exit_prepare        /* ELR, SPSR; returns regs */
    mov     sp, x0
    ldp     x30, x1, [sp, #240]
    msr     sp_el0, x1
    ldp     x28, x29, [sp, #224]
    ldp     x26, x27, [sp, #208]
    ldp     x24, x25, [sp, #192]
    ldp     x22, x23, [sp, #176]
    ldp     x20, x21, [sp, #160]
    ldp     x18, x19, [sp, #144]
    ldp     x16, x17, [sp, #128]
    ldp     x14, x15, [sp, #112]
    ldp     x12, x13, [sp, #96]
    ldp     x10, x11, [sp, #80]
    ldp     x8, x9, [sp, #64]
    ldp     x6, x7, [sp, #48]
    ldp     x4, x5, [sp, #32]
    ldp     x2, x3, [sp, #16]
    ldp     x0, x1, [sp, #0]
    eret
    dsb     nsh                 /* no speculation past eret */
    isb

    /* Let in by serror_take(): it goes on behind there, masked, with the syndrome. Any other is our own. */
own_serror:
    mrs     x16, elr_el2
    adr     x17, serror_first
    cmp     x16, x17
    b.lo    1f
    adr     x17, serror_last
    cmp     x16, x17
    b.hi    1f
    mrs     x0, esr_el2
    adr     x17, serror_taken
    msr     elr_el2, x17
    mrs     x16, spsr_el2
    orr     x16, x16, #PSTATE_A
    msr     spsr_el2, x16
    eret
    dsb     nsh
    isb
1:  mov     x0, #7
    b       own_exception

    .globl  serror_take
serror_take:
    mov     x0, #0
    msr     daifclr, #4
serror_first:
    isb
serror_last:
    msr     daifset, #4
serror_taken:
    ret

own_exception:
    mrs     x1, tpidr_el2
    cbz     x1, 1f
    ldr     x2, [x1, #CORE_STACK_TOP]
    mov     sp, x2
1:  b       exit_own

    /* FP/SIMD registers of x0 = struct fpsimd */
    .globl  fpsimd_save
fpsimd_save:
    .arch_extension fp
    .arch_extension simd
    stp     q0, q1, [x0, #0]
    stp     q2, q3, [x0, #32]
    stp     q4, q5, [x0, #64]
    stp     q6, q7, [x0, #96]
    stp     q8, q9, [x0, #128]
    stp     q10, q11, [x0, #160]
    stp     q12, q13, [x0, #192]
    stp     q14, q15, [x0, #224]
    stp     q16, q17, [x0, #256]
    stp     q18, q19, [x0, #288]
    stp     q20, q21, [x0, #320]
    stp     q22, q23, [x0, #352]
    stp     q24, q25, [x0, #384]
    stp     q26, q27, [x0, #416]
    stp     q28, q29, [x0, #448]
    stp     q30, q31, [x0, #480]
    ret

    .globl  fpsimd_load
fpsimd_load:
    ldp     q0, q1, [x0, #0]
    ldp     q2, q3, [x0, #32]
    ldp     q4, q5, [x0, #64]
    ldp     q6, q7, [x0, #96]
    ldp     q8, q9, [x0, #128]
    ldp     q10, q11, [x0, #160]
    ldp     q12, q13, [x0, #192]
    ldp     q14, q15, [x0, #224]
    ldp     q16, q17, [x0, #256]
    ldp     q18, q19, [x0, #288]
    ldp     q20, q21, [x0, #320]
    ldp     q22, q23, [x0, #352]
    ldp     q24, q25, [x0, #384]
    ldp     q26, q27, [x0, #416]
    ldp     q28, q29, [x0, #448]
    ldp     q30, q31, [x0, #480]
    ret

    /* The stub of detached contexts (DESIGN: EL0 exceptions enter EL1 here; each vector asks EL2). It is
     * mapped alone, at the last page of their address space, and reads no memory. */
    .section .stub, "ax"
    .balign 4096
    .globl  stub_page
stub_page:
    .rept   16
    .balign 128
    hvc     #0x0d
    b       .                   /* not reached: EL2 never comes back here */
    .endr
    .balign 4096
