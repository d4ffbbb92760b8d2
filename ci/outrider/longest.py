# SPDX-License-Identifier: BSD-2-Clause
"""QEMU's argument that makes it find the longest stays in the hypervisor (bench/insn), for ci/guest and bench/run."""

import subprocess

LOAD_ADDRESS = 0x40200000  # of the hypervisor, on QEMU virt
IMAGE_MEMORY = 4 << 20
# ARM ARM D1.4.2: from a lower level, in AArch64 and in AArch32
VECTORS = {"sync": (0x400, 0x600), "irq": (0x480, 0x680), "serror": (0x580, 0x780)}


def kinds(cores, host=(), shared=()):
    """A letter per core: host, shared, guest."""
    return "".join("h" if c in host else "s" if c in shared else "g" for c in range(cores))


def plugin(build, out, letters):
    text = subprocess.run(["aarch64-linux-gnu-nm", str(build / "hypervisor/outrider.elf")], stdout=subprocess.PIPE, text=True,
                          check=True).stdout  # fmt: skip
    vectors = LOAD_ADDRESS + next(int(line.split()[0], 16) for line in text.splitlines() if line.split()[-1] == "vectors")
    stays = "".join(f",stay={kind}@{vectors + offset:#x}" for kind, offsets in VECTORS.items() for offset in offsets)
    return f"{build}/bench/insn.so,out={out},hv={LOAD_ADDRESS:#x}-{LOAD_ADDRESS + IMAGE_MEMORY:#x},cores={letters}{stays}"
