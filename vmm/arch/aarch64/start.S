/* SPDX-License-Identifier: BSD-2-Clause */
/* Entry of the task's first thread: x0 = boot information, sp = top of its stack. main() does not return. */
    .text
    .globl _start
    .type _start, %function
_start:
    mov x29, xzr
    mov x30, xzr
    bl main
    brk #1
    .size _start, . - _start

    .section .note.GNU-stack, "", %progbits
