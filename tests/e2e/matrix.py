# SPDX-License-Identifier: BSD-2-Clause
"""The table of system calls in doc/compatibility.md, made of what the guest program `syscalls` printed.

    ci/guest -- /usr/local/lib/outrider/tests/syscalls >6.1
    ci/guest --kernel 6.12 -- /usr/local/lib/outrider/tests/syscalls >6.12
    python3 tests/e2e/matrix.py 6.1 6.12

replaces the table in place; each file is named after its kernel.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
DOC = TOP / "doc/compatibility.md"
KERNELS = ("6.1", "6.12")
BEGIN = "<!-- table of system calls: made by tests/e2e/matrix.py -->\n"
END = "<!-- end of the table of system calls -->\n"
HEAD = "| call | number | forwarded natively | 6.1 | 6.12 | notes |\n| --- | --- | --- | --- | --- | --- |\n"
UNKNOWN = 2**64 - 1  # the number of the line about numbers that no call has


def parse(text):
    """{number: line of `syscalls`}"""
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return {line["number"]: line for line in lines}


def outcome(line):
    """What was seen, attached and detached: "works", errors."""
    words = line["results"].split()
    errors = list(dict.fromkeys(word[1:] for word in words if re.fullmatch(r"-E[A-Z0-9]+", word)))
    if set(errors) == {"ENOSYS"} and line["number"] != UNKNOWN:
        return "not there"
    works = len(words) == 0 or any(not re.fullmatch(r"-E[A-Z0-9]+", word) for word in words) or line["status"] != 0
    return ", ".join(["works"] * works + errors)


def forwarded(line):
    """The hypervisor has counted each call."""
    return line["forwarded"] >= line["calls"]


def row(number, lines):
    """lines: {kernel: line}"""
    cells = [outcome(lines[kernel][number]) for kernel in KERNELS]
    any_line = lines[KERNELS[-1]][number]
    native = "yes" if all(forwarded(lines[kernel][number]) for kernel in KERNELS) else "no"
    name = "others" if number == UNKNOWN else f"`{any_line['call']}`"
    shown = "" if number == UNKNOWN else number
    return f"| {name} | {shown} | {native} | {cells[0]} | {cells[1]} | {any_line['remark']} |\n"


def table(lines):
    return HEAD + "".join(row(number, lines) for number in sorted(lines[KERNELS[-1]]))


def rows_of_doc():
    """{name of a call: its cells}"""
    text = DOC.read_text()
    part = text[text.index(BEGIN) : text.index(END)]
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in part.splitlines() if line.startswith("|")]
    return {cells[0].strip("`"): cells for cells in rows[2:]}


def headers_of(cache, kernel):
    """{number: call} by the headers of a kernel in the cache."""
    common = next((cache / "kernels" / kernel / "root/usr/src").glob("linux-headers-*-common*"))
    own = next(path for path in common.parent.glob("linux-headers-*") if "common" not in path.name)
    paths = [own / "arch/arm64/include/generated/uapi", common / "arch/arm64/include/uapi", common / "include/uapi"]
    argv = ["aarch64-linux-gnu-gcc", "-nostdinc", *(f"-I{path}" for path in paths), "-E", "-dM", "-"]
    macros = subprocess.run(argv, input="#include <asm/unistd.h>\n", stdout=subprocess.PIPE, text=True, check=True).stdout
    found = dict(re.findall(r"#define (\w+) (\w+)", macros))
    calls = {}
    for name, value in found.items():
        while value in found:
            value = found[value]
        if re.match(r"__NR_(?!syscalls|arch_specific)", name) and value.isdigit():
            calls[int(value)] = name[len("__NR_") :]
    return calls


def main(paths):
    lines = {Path(path).name: parse(Path(path).read_text()) for path in paths}
    if set(lines) != set(KERNELS):
        sys.exit(__doc__)
    for kernel, found in lines.items():
        for line in found.values():
            if not line["same"]:
                print(f"{kernel}: {line['call']} differs", file=sys.stderr)
    text = DOC.read_text()
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    DOC.write_text(text[:begin] + table(lines) + text[end:])


if __name__ == "__main__":
    main(sys.argv[1:])
