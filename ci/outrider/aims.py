# SPDX-License-Identifier: BSD-2-Clause
"""Size and speed, measured and shown beside the aims."""

import re
import struct
import subprocess
import tempfile
from pathlib import Path

KIB = 1024
HYPERVISOR = "0x40200000-0x40600000"  # where QEMU puts it
LEVELS = ("user", "kernel", "hypervisor", "vmm")  # bench/insn


def code_lines(paths):
    """Lines that are neither blank nor comment."""
    count = 0
    for path in paths:
        text = path.read_text(errors="replace")
        text = re.sub(r"/\*.*?\*/", lambda m: "\n" if "\n" in m.group(0) else " ", text, flags=re.S)
        text = re.sub(r"//[^\n]*", "", text)
        count += sum(1 for line in text.split("\n") if line.strip())
    return count


def sizes(top, build):
    """[(what, value, aim, good)]"""
    rows = []
    image = build / "hypervisor/outrider.img"
    if image.is_file():
        data = image.read_bytes()
        memory = struct.unpack_from("<Q", data, 16)[0]
        rows.append(("hypervisor image", f"{len(data) / KIB:.0f} KiB", "< 256 KiB", len(data) < 256 * KIB))
        rows.append(("hypervisor memory", f"{memory / KIB / KIB:.1f} MiB", "< 8 MiB", memory < 8 * KIB * KIB))
    code = [p for p in (top / "hypervisor").rglob("*") if p.suffix in (".c", ".h", ".S") and "fake" not in p.parts
            and "x86_64" not in p.parts]  # fmt: skip
    if code:
        lines = code_lines(code)
        rows.append(("hypervisor code without comments", f"{lines} lines", "< 8,000", lines < 8000))
    return rows


def boot_instructions(top, build, *options):
    """Instructions of all cores by level from QEMU's start to the guest's first command; None if it does not boot."""
    hypervisor = "" if "--native" in options else f",hv={HYPERVISOR}"  # Linux may lie there
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "insn"
        subprocess.run([str(top / "ci/guest"), "--build", str(build), "--timeout", "400", *options,
                        "--qemu=-plugin", f"--qemu={build}/bench/insn.so,out={path}{hypervisor}",
                        "--", "/usr/local/lib/outrider/bench/insn-test", "--count", "1"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)  # fmt: skip
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    cores, counters = (int(n) for n in re.findall(r"(?:cores|counters)=(\d+)", lines[0])) if lines else (0, 0)
    for line in lines:
        words = line.split(" ")
        if words[0] == "M" and words[3] == "0":  # the first begin marker; its counters are those since the start
            count = list(map(int, words[5 : 5 + cores * counters]))
            return {level: sum(count[i::counters]) for i, level in enumerate(LEVELS)}
    return None


def boot(top, build):
    """The boot under Outrider against the native one with as many cores for Linux, in instructions."""
    found = {}
    for name, options in (("native", ["--native", "--smp", "3"]), ("outrider", ["--smp", "4", "--host-cores", "3"])):
        found[name] = boot_instructions(top, build, *options)
    if not all(found.values()):
        return [("boot to first command", "did not boot", "<= 1.3 x native", False)]
    total = {name: sum(levels.values()) for name, levels in found.items()}
    ratio = total["outrider"] / total["native"]
    rows = [("boot to first command, instructions", f"{total['outrider']:,}: {ratio:.2f} x native", "<= 1.3 x native", ratio <= 1.3)]
    for level in LEVELS:
        rows.append((f"  of these {level}", f"{found['outrider'][level]:,}, native {found['native'][level]:,}", "", True))
    return rows


def table(rows):
    out = ["Size and speed (compared with the aims, not asserted):"]
    for what, value, aim, good in rows:
        verdict = f"aim {aim:18} {'met' if good else 'MISSED'}" if aim else ""
        out.append(f"  {what:36} {value:44} {verdict}".rstrip())
    return "\n".join(out)
