/* SPDX-License-Identifier: BSD-2-Clause */
/* See debuggee.c. */
    .arch armv8-a

    .altmacro
    .macro x_known n
    ldr x\n, =(0x1111111100000000 + \n)
    .endm
    .macro v_known n
    mov w9, #(0x100 + \n)
    dup v\n\().4s, w9
    ins v\n\().s[0], w10
    .endm

    .text
    .global known_loop
    .type known_loop, %function
known_loop:
    stp x29, x30, [sp, #-176]!
    stp x19, x20, [sp, #16]
    stp x21, x22, [sp, #32]
    stp x23, x24, [sp, #48]
    stp x25, x26, [sp, #64]
    stp x27, x28, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov w10, #0x7f
    .set n, 0
    .rept 32
    v_known %n
    .set n, n + 1
    .endr
    mov x9, #0x03000000         /* FPCR: DN, FZ */
    msr fpcr, x9
    mov x9, #0x10               /* FPSR: IXC */
    msr fpsr, x9
    .set n, 3
    .rept 26
    x_known %n
    .set n, n + 1
    .endr
    /* x0: struct known, x1, x2: used by the loop; x3 to x28 and all of FP/SIMD: known */
    .global known_loop_head
known_loop_head:
    ldr x1, [x0]                /* finish */
    cbnz x1, 1f
    ldr x2, [x0, #8]            /* rounds */
    add x2, x2, #1
    str x2, [x0, #8]
    b known_loop_head
1:  /* what has become of three registers */
    str x20, [x0, #16]
    str d5, [x0, #24]
    str x28, [x0, #32]
    msr fpcr, xzr
    msr fpsr, xzr
    ldp d14, d15, [sp, #144]
    ldp d12, d13, [sp, #128]
    ldp d10, d11, [sp, #112]
    ldp d8, d9, [sp, #96]
    ldp x27, x28, [sp, #80]
    ldp x25, x26, [sp, #64]
    ldp x23, x24, [sp, #48]
    ldp x21, x22, [sp, #32]
    ldp x19, x20, [sp, #16]
    ldp x29, x30, [sp], #176
    ret
    .size known_loop, . - known_loop
    .section .note.GNU-stack, "", %progbits
