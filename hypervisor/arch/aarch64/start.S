/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry with the arm64 Linux boot protocol (Documentation/arch/arm64/booting.rst): MMU and D-cache off,
 * x0 = device tree, the image anywhere in RAM at a 2 MiB boundary.
 */
#include "image.h"
#include "asm_offsets.h"

    .section .head, "ax"
    .globl _start
_start:
    b       primary             /* code0 */
    .long   0                   /* code1 */
    .quad   0                   /* text_offset */
    .quad   IMAGE_MEMORY        /* image_size: the boot loader keeps all of it free */
    .quad   0xa                 /* flags: little endian, 4 KiB pages, anywhere in memory */
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

    .text
primary:
    mov     x20, x0
    mrs     x0, CurrentEL
    cmp     x0, #(2 << 2)
    b.ne    halt                /* not EL2: there is nothing that we could do or say */
    msr     daifset, #0xf
    bl      el2_early

    /* Whatever the caches may hold of our memory from before is void. */
    adrp    x0, image_start
    mov     x1, #IMAGE_MEMORY
    add     x1, x0, x1
    bl      invalidate

    /* bss */
    adrp    x0, bss_start
    adrp    x1, bss_end
1:  stp     xzr, xzr, [x0], #16
    cmp     x0, x1
    b.lo    1b

    /* relocate: R_AARCH64_RELATIVE only (checked by the build) */
    adrp    x9, image_start
    adrp    x0, rela_start
    add     x0, x0, :lo12:rela_start
    adrp    x1, rela_end
    add     x1, x1, :lo12:rela_end
2:  cmp     x0, x1
    b.hs    3f
    ldp     x2, x3, [x0], #16
    ldr     x4, [x0], #8
    add     x4, x4, x9
    str     x4, [x9, x2]
    b       2b
3:
    adrp    x1, boot_stack_top
    add     sp, x1, :lo12:boot_stack_top
    mov     x0, x20
    mov     x29, #0
    mov     x30, #0
    bl      start_primary       /* returns this core's stack top in x0, with the MMU on */
    mov     sp, x0
    bl      start_primary_rest
    b       leave

    /* PSCI CPU_ON lands here: x0 = struct core, its stack and the tables are clean in memory */
    .globl  start_secondary
start_secondary:
    msr     daifset, #0xf
    mov     x20, x0
    bl      el2_early
    /* Caches on before the stack is used: another core's may hold its lines. */
    adrp    x5, mmu_values
    add     x5, x5, :lo12:mmu_values
    ldp     x0, x1, [x5]
    ldp     x2, x3, [x5, #16]
    bl      mmu_switch
    mov     x0, x20
    ldr     x1, [x0, #CORE_STACK_TOP]
    mov     sp, x1
    mov     x29, #0
    mov     x30, #0
    bl      start_secondary_core
    b       leave

/* Puts EL2 into a known state: MMU off, no traps by leftovers. Uses x0, x1. */
el2_early:
    ldr     x0, =0x30c50830     /* SCTLR_EL2 RES1 */
    msr     sctlr_el2, x0
    mov     x0, #(1 << 31)      /* HCR_EL2.RW: also E2H=0, TGE=0 */
    msr     hcr_el2, x0
    msr     tpidr_el2, xzr
    isb
    adrp    x0, vectors
    add     x0, x0, :lo12:vectors
    msr     vbar_el2, x0
    isb
    ret

/*
 * mmu_switch(TTBR0_EL2, TCR_EL2, MAIR_EL2, SCTLR_EL2): the MMU is off in between, because old and new tables
 * may have blocks of different sizes (ARM ARM D8.16.1); no data access meanwhile. Everything is mapped one to
 * one.
 */
    .globl  mmu_switch
mmu_switch:
    mrs     x4, sctlr_el2
    bic     x4, x4, #1
    msr     sctlr_el2, x4
    isb
    msr     mair_el2, x2
    msr     tcr_el2, x1
    msr     ttbr0_el2, x0
    dsb     sy
    isb
    tlbi    alle2
    dsb     nsh
    ic      iallu
    dsb     nsh
    isb
    msr     sctlr_el2, x3
    isb
    ret

/* dc ivac on [x0, x1) */
invalidate:
    mrs     x2, ctr_el0
    ubfx    x2, x2, #16, #4
    mov     x3, #4
    lsl     x3, x3, x2
1:  dc      ivac, x0
    add     x0, x0, x3
    cmp     x0, x1
    b.lo    1b
    dsb     sy
    ret

    .globl halt
halt:
    wfi
    b       halt

    .bss
    .balign 16
    .skip   8192
boot_stack_top:
