/* SPDX-License-Identifier: BSD-2-Clause */
/* Entry of the task's first thread: x0 = start page, sp = top of its stack. */
    .text
    .globl _start
    .type _start, %function
_start:
    mov x29, xzr
    mov x30, xzr
    bl host_main
    brk #1
    .size _start, . - _start

    .section .note.GNU-stack, "", %progbits
