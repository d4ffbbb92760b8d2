/* SPDX-License-Identifier: BSD-2-Clause */
/* The image is position-independent: linked at 0, relocated by itself (start.S). */
ENTRY(_start)

SECTIONS
{
    . = 0;
    image_start = .;
    .head : { KEEP(*(.head)) }
    .text : { *(.text .text.*) . = ALIGN(4096); *(.stub) }
    . = ALIGN(4096);
    text_end = .;
    .rodata : { *(.rodata .rodata.*) }
    .rela.dyn : { rela_start = .; *(.rela .rela.*) rela_end = .; }
    .dynamic : { *(.dynamic) }
    .dynsym : { *(.dynsym) }
    .dynstr : { *(.dynstr) }
    .hash : { *(.hash .gnu.hash) }
    . = ALIGN(4096);
    rodata_end = .;
    .data : { *(.data .data.* .got .got.plt) }
    . = ALIGN(4096);
    load_end = .;
    .bss : { bss_start = .; *(.bss .bss.* COMMON) . = ALIGN(4096); bss_end = .; }
    pool_start = .;
    /* The pool follows, up to the size that the header declares (start.S). */
    /DISCARD/ : { *(.comment .note.* .interp .eh_frame*) }
}
