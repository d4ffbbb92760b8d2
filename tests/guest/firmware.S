/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Firmware for QEMU virt with secure=on, as little as Outrider needs: EL3 goes to EL2, PSCI starts cores and
 * switches the machine off, and there are calls of a chip that show who answers them:
 *
 *   0x82nnnnnn, 0x83nnnnnn   x0: CurrentEL; x1 to x17: inverted
 *   ARCH_FEATURES            x0: 0x10001, whatever it is asked for
 *
 * All others are unknown (-1). Nothing is kept from the world that is not secure.
 */
#define KERNEL  0x40200000
#define TREE    0x40000000
#define GICD    0x08000000
#define GICR    0x080a0000
#define RAM     0x0e000000 /* secure: for each core an entry and an argument */
#define GPIO    0x090b0000 /* secure: pin 0 is the switch */

        .section .text
        .globl  start
start:  adr     x0, vectors
        msr     vbar_el3, x0
        mov     x0, #0xf                /* SRE, also for EL2 and EL1 */
        msr     S3_6_C12_C12_5, x0      /* ICC_SRE_EL3 */
        isb
        msr     cptr_el3, xzr
        msr     mdcr_el3, xzr
        mov     x0, #0x531              /* RW, HCE, NS */
        movk    x0, #0x3, lsl #16       /* APK, API */
        msr     scr_el3, x0
        ldr     x0, =0x30c50830
        msr     sctlr_el2, x0
        msr     hcr_el2, xzr
        mov     x0, #0x3c9              /* EL2h, masked */
        msr     spsr_el3, x0
        isb
        mrs     x19, mpidr_el1
        and     x19, x19, #0xff
        ldr     x20, =RAM
        add     x20, x20, x19, lsl #4
        cbnz    x19, wait
        ldr     x0, =GICD               /* one security state: all is as without EL3 */
        mov     w1, #0x40
        str     w1, [x0]
        ldr     x1, =KERNEL
        ldr     x0, =TREE
        b       leave
wait:   wfe
        ldr     x1, [x20]
        cbz     x1, wait
        str     xzr, [x20]
        dsb     sy
        ldr     x0, [x20, #8]
leave:  msr     elr_el3, x1
        mov     x1, #0
        mov     x2, #0
        mov     x3, #0
        eret

        .balign 2048
vectors:
        .skip   0x400
        /* from EL2 or EL1: SMC */
        msr     tpidr_el3, x19
        lsr     w19, w0, #24
        cmp     w19, #0x82
        b.eq    chip
        cmp     w19, #0x83
        b.eq    chip
        ldr     w19, =0xc4000003
        cmp     w0, w19
        b.eq    cpu_on
        ldr     w19, =0x84000008
        cmp     w0, w19
        b.eq    off
        ldr     w19, =0x80000001
        cmp     w0, w19
        b.eq    features
        mov     x0, #-1
        b       done
        .balign 2048

features:
        ldr     w0, =0x10001
done:   mrs     x19, tpidr_el3
        eret

chip:   mrs     x0, CurrentEL
        .irp    n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
        mvn     x\n, x\n
        .endr
        b       done

cpu_on: ldr     x19, =RAM
        and     x0, x1, #0xff
        add     x19, x19, x0, lsl #4
        str     x3, [x19, #8]
        dsb     sy
        str     x2, [x19]
        dsb     sy
        sev
        mov     x0, #0
        b       done

off:    ldr     x19, =GPIO
        mov     w0, #1
        str     w0, [x19, #0x400]       /* an output */
        str     wzr, [x19, #4]
        str     w0, [x19, #4]
        b       .
