# SPDX-License-Identifier: BSD-2-Clause
"""Size and speed, measured and shown beside the aims."""

import re
import struct
import subprocess
import tempfile
from pathlib import Path

KIB = 1024


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


def boot_seconds(top, build, *options):
    """Seconds from QEMU's start to the guest's first command; None if it does not boot."""
    with tempfile.TemporaryDirectory() as logs:
        subprocess.run([str(top / "ci/guest"), "--build", str(build), "--keep-log", logs, "--timeout", "240", *options,
                        "--", "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)  # fmt: skip
        path = Path(logs) / "first-command"
        return float(path.read_text()) if path.exists() else None


def boot(top, build, rounds=3):
    """The boot under Outrider against the native one with as many cores for Linux; the best of some rounds each."""
    best = {}
    for _ in range(rounds):
        for name, options in (("native", ["--native", "--smp", "3"]), ("outrider", ["--smp", "4", "--host-cores", "3"])):
            value = boot_seconds(top, build, *options)
            if value is not None:
                best[name] = min(best.get(name, value), value)
    if len(best) < 2:
        return [("boot to first command", "did not boot", "<= 1.3 x native", False)]
    ratio = best["outrider"] / best["native"]
    value = f"{best['outrider']:.1f} s, native {best['native']:.1f} s: {ratio:.2f} x"
    return [("boot to first command", value, "<= 1.3 x native", ratio <= 1.3)]


def table(rows):
    out = ["Size and speed (compared with the aims, not asserted):"]
    for what, value, aim, good in rows:
        out.append(f"  {what:34} {value:40} aim {aim:18} {'met' if good else 'MISSED'}")
    return "\n".join(out)
