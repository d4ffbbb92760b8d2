#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The hypervisor's executable pages: no AT instruction in them, not even one that data looks like.

A core may execute it speculatively, with registers of a guest that is not current; cores with the errata of speculative AT
keep the wrong translation then (hypervisor/arch/aarch64/user.c).
"""

import struct
import sys

SHF_EXECINSTR, SHT_NOBITS = 4, 8


def executable(elf):
    """(address, bytes) of the executable sections of a 64-bit ELF file."""
    table, size, count = struct.unpack_from("<Q", elf, 40)[0], *struct.unpack_from("<HH", elf, 58)
    for i in range(count):
        _name, kind, flags, address, offset, length = struct.unpack_from("<IIQQQQ", elf, table + i * size)
        if flags & SHF_EXECINSTR and kind != SHT_NOBITS:
            yield address, elf[offset : offset + length]


def is_at(word):
    """AT (ARM ARM C5.3): SYS with CRn = 7, CRm = 8 or 9."""
    return word & 0xFFF8FE00 == 0xD5087800


def main():
    assert is_at(0xD5087840) and is_at(0xD50C7800) and is_at(0xD5087900), "at s1e0r, x0; at s1e2r, x0; at s1e1rp, x0"
    assert not is_at(0xD50C871F) and not is_at(0xD5087619), "tlbi alle2; dc isw, x25"
    with open(sys.argv[1], "rb") as file:
        sections = list(executable(file.read()))
    assert sum(len(data) for _, data in sections) > 20000, "this is not the hypervisor"
    found = [
        f"{address + 4 * i:x}: {word:08x}"
        for address, data in sections
        for i, (word,) in enumerate(struct.iter_unpack("<I", data[: len(data) & ~3]))
        if is_at(word)
    ]
    assert not found, f"AT instructions in executable pages: {found}"


if __name__ == "__main__":
    main()
