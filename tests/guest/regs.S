/* SPDX-License-Identifier: BSD-2-Clause */
/* See regs.h. */
    .arch armv8-a

    .equ REGS_X30, 240
    .equ REGS_SP, 248
    .equ REGS_NZCV, 256
    .equ REGS_TPIDR, 264
    .equ REGS_FPSR, 272
    .equ REGS_FPCR, 280
    .equ REGS_DIT, 288
    .equ REGS_V, 304
#define PSTATE_DIT S3_3_C4_C2_5

    .bss
    .balign 16
saved:
    .skip 32                    /* sp, tpidr_el0, fpcr, fpsr */
    .global regs_has_dit
regs_has_dit:
    .skip 8
    .global regs_handler_count
regs_handler_count:
    .skip 8

    .altmacro
    .macro x_pair instruction, base, a, b
    \instruction x\a, x\b, [\base, #(\a * 8)]
    .endm
    .macro x_pairs instruction, base
    .irp n, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28
    x_pair \instruction, \base, \n, %(\n + 1)
    .endr
    .endm
    .macro v_pair instruction, base, a, b
    \instruction q\a, q\b, [\base, #(REGS_V + \a * 16)]
    .endm
    .macro v_pairs instruction, base
    .irp n, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
    v_pair \instruction, \base, \n, %(\n + 1)
    .endr
    .endm

    .text

/* x0 = in: saves what the C caller owns, loads everything. */
    .macro load_all
    stp x29, x30, [sp, #-160]!
    stp x19, x20, [sp, #16]
    stp x21, x22, [sp, #32]
    stp x23, x24, [sp, #48]
    stp x25, x26, [sp, #64]
    stp x27, x28, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x30, x0
    adrp x9, saved
    add x9, x9, :lo12:saved
    mov x10, sp
    mrs x11, tpidr_el0
    mrs x12, fpcr
    mrs x13, fpsr
    stp x10, x11, [x9]
    stp x12, x13, [x9, #16]
    ldr x10, [x9, #32]
    cbz x10, 1f
    ldr x11, [x30, #REGS_DIT]
    msr PSTATE_DIT, x11
1:
    v_pairs ldp, x30
    ldr x10, [x30, #REGS_SP]
    mov sp, x10
    ldp x10, x11, [x30, #REGS_NZCV]
    msr nzcv, x10
    msr tpidr_el0, x11
    ldp x10, x11, [x30, #REGS_FPSR]
    msr fpsr, x10
    msr fpcr, x11
    x_pairs ldp, x30
    ldr x30, [x30, #REGS_X30]
    .endm

/* sp = out: stores everything, returns to the C caller. */
    .macro store_all
    x_pairs stp, sp
    str x30, [sp, #REGS_X30]
    v_pairs stp, sp
    mov x30, sp
    str x30, [x30, #REGS_SP]
    mrs x10, nzcv
    mrs x11, tpidr_el0
    stp x10, x11, [x30, #REGS_NZCV]
    mrs x10, fpsr
    mrs x11, fpcr
    stp x10, x11, [x30, #REGS_FPSR]
    adrp x9, saved
    add x9, x9, :lo12:saved
    mov x11, #0
    ldr x10, [x9, #32]
    cbz x10, 2f
    mrs x11, PSTATE_DIT
    msr PSTATE_DIT, xzr
2:
    str x11, [x30, #REGS_DIT]
    ldp x10, x11, [x9]
    ldp x12, x13, [x9, #16]
    mov sp, x10
    msr tpidr_el0, x11
    msr fpcr, x12
    msr fpsr, x13
    ldp x19, x20, [sp, #16]
    ldp x21, x22, [sp, #32]
    ldp x23, x24, [sp, #48]
    ldp x25, x26, [sp, #64]
    ldp x27, x28, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    ldp x29, x30, [sp], #160
    ret
    .endm

    .macro function name
    .global \name
    .type \name, %function
    .balign 16
\name:
    .endm

function regs_svc
    load_all
    svc #0
    store_all

function regs_load
    load_all
    ldrb wzr, [x9]
    store_all

function regs_store
    load_all
    str x10, [x9]
    store_all

function regs_pair
    load_all
    stp x10, x11, [x9]
    store_all

function regs_simd
    load_all
    ldp q0, q1, [x9]
    store_all

    .global regs_fetch_return
function regs_fetch
    load_all
    br x9
regs_fetch_return:
    store_all

function regs_spin
    load_all
3:  sub x9, x9, #1
    cbnz x9, 3b
    store_all

function regs_handler
    adrp x0, regs_handler_count
    add x0, x0, :lo12:regs_handler_count
    ldr x1, [x0]
    add x1, x1, #1
    str x1, [x0]
    ret

    .section .note.GNU-stack, "", %progbits
