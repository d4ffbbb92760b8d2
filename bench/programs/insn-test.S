/* SPDX-License-Identifier: BSD-2-Clause */
/* Known numbers of instructions between markers; the third has loads, stores, branches and a function call. */
    .text
    .globl  insn_test_known
insn_test_known:
    hint    #96
    hint    #97
    hint    #96
    .rept   601
    nop
    .endr
    hint    #97
    hint    #96
    mov     x1, #90                 /* 1 */
1:  ldr     x2, [sp]                /* 90 times 11 */
    add     x3, x2, #1
    str     x3, [sp, #-16]
    cbz     xzr, 2f
    nop
2:  eor     x4, x3, x2
    ldp     x5, x6, [sp]
    mul     x7, x4, x3
    adr     x9, 3f
    br      x9
3:  subs    x1, x1, #1
    b.ne    1b
    .rept   9
    nop
    .endr
    hint    #97
    ret
