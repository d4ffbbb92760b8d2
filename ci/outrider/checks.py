# SPDX-License-Identifier: BSD-2-Clause
"""Static checks of the sources: format, licence lines, headers that compile alone, shell scripts, cppcheck.

Each check is a function that returns a list of complaints.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCES = ("abi", "hypervisor", "vmm", "guest-driver", "bench", "tasks", "tests")
FORMATTER = 14  # its output differs between versions
EXEMPT = re.compile(r"(^|/)(LICENSES/|doc/|README|.*\.(md|txt|svg|png|json|ref|out|golden)$)")


def files(top):
    """What belongs to the repository: tracked, or new and not ignored."""
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=top, stdout=subprocess.PIPE, text=True,
                          check=True)  # fmt: skip
    return sorted({f for f in done.stdout.splitlines() if (top / f).is_file() and not (top / f).is_symlink()})


def c_files(top):
    return [f for f in files(top) if f.startswith(SOURCES) and f.endswith((".c", ".h"))]


def call(argv, top, data=None):
    done = subprocess.run(argv, cwd=top, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, input=data, check=False)
    return done.returncode, done.stdout


def check_format(top, _build):
    """clang-format has nothing to change."""
    _, version = call(["clang-format", "--version"], top)
    found = re.search(r"version (\d+)", version)
    if not found or int(found.group(1)) != FORMATTER:
        print(f"     format is not checked: the sources are formatted with clang-format {FORMATTER} (Debian 12)")
        return []
    bad = []
    for name in c_files(top):
        status, _ = call(["clang-format", "--dry-run", "-Werror", "--style=file", name], top)
        if status:
            bad.append(f"{name}: run clang-format -i {name}")
    return bad


def check_licence(top, _build):
    """Every source file names its licence in its first lines; the right one."""
    bad = []
    for name in files(top):
        if EXEMPT.search(name) or os.path.getsize(top / name) == 0:
            continue
        head = (top / name).read_bytes()[:400].decode(errors="replace")
        found = re.search(r"SPDX-License-Identifier: ([^\n*]+)", head)
        if not found:
            bad.append(f"{name}: no SPDX-License-Identifier")
            continue
        licence = found.group(1).replace("-->", "").strip()
        want = "BSD-2-Clause"
        if name.startswith(("guest-driver/module/", "bench/module/")):
            want = "GPL-2.0-only"
        elif name.startswith("abi/"):
            want = "GPL-2.0-only OR BSD-2-Clause"
        if licence != want:
            bad.append(f"{name}: licence is '{licence}', should be '{want}'")
    return bad


def _commands(build):
    """compile_commands.json: {file relative to the checkout: compiler and flags}."""
    path = build / "compile_commands.json"
    if not path.exists():
        return {}
    result = {}
    for entry in json.loads(path.read_text()):
        words = shlex.split(entry["command"])
        flags, skip = [], False
        for word in words:
            if skip:
                skip = False
            elif word in ("-o", "-MF", "-MQ", "-MT", "-c"):
                skip = True
            elif not word.startswith(("-MD", "-MMD")):
                flags.append(word)
        source = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
        result.setdefault(source, [f for f in flags if not f.endswith((".c", ".S"))])
    return result


def check_headers(top, build):
    """Every header compiles alone, with the flags of a source that is near and, if there is one, includes it."""
    commands = {os.path.relpath(k, top): v for k, v in _commands(build).items() if k.endswith(".c")}
    bad = []

    def one(name):
        if name.startswith("guest-driver/module/"):
            return None  # needs the kernel's headers; Kbuild compiles them
        if name.startswith("abi/"):
            flags = ["gcc", "-std=gnu11", "-ffreestanding", "-Wall", "-Wextra", "-Werror", f"-I{top}/abi"]
        else:
            parts = Path(name).parent.parts
            near = []
            for depth in range(len(parts), 0, -1):
                prefix = "/".join(parts[:depth]) + "/"
                near = [c for c in commands if c.startswith(prefix)]
                if near:
                    break
            if not near:
                return None
            include = f'"{Path(name).name}"'
            near.sort(key=lambda c: (include not in (top / c).read_text(), "fake" in c or "tests" in c, c))
            flags = commands[near[0]]
        flags = [f for f in flags if not f.startswith("-W") or f in ("-Wall", "-Wextra")]
        status, text = call([*flags, "-Werror", "-fsyntax-only", "-x", "c", "-"], build,
                            f'#include "{top / name}"\n')  # fmt: skip
        return f"{name} does not compile alone:\n{text[:800]}" if status else None

    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        bad = [b for b in pool.map(one, [f for f in c_files(top) if f.endswith(".h")]) if b]
    return bad


def check_shell(top, _build):
    """shellcheck has nothing to say."""
    scripts = [f for f in files(top) if (top / f).read_bytes()[:64].split(b"\n")[0] in (b"#!/bin/bash", b"#!/bin/sh")]
    bad = []
    for name in scripts:
        status, text = call(["shellcheck", "-S", "warning", name], top)
        if status:
            bad.append(text)
    return bad


def check_python(top, _build):
    """Every Python file compiles."""
    bad = []
    for name in files(top):
        first = (top / name).read_bytes()[:64].split(b"\n")[0]
        if name.endswith(".py") or b"python3" in first and first.startswith(b"#!"):
            try:
                compile((top / name).read_text(), name, "exec")
            except SyntaxError as error:
                bad.append(f"{name}:{error.lineno}: {error.msg}")
    return bad


def check_conditionals(top, _build):
    """No #if on architecture or configuration in the hypervisor's and the VMM's .c files (STYLE: vary by folder)."""
    bad = []
    for name in c_files(top):
        if name.startswith(("hypervisor/", "vmm/")) and name.endswith(".c"):
            for number, line in enumerate((top / name).read_text().split("\n"), 1):
                if re.match(r"\s*#\s*(if|ifdef|ifndef|elif)\b.*(CONFIG_|__aarch64__|__x86_64__|ARCH_)", line):
                    bad.append(f"{name}:{number}: {line.strip()}")
    return bad


def check_cppcheck(top, build):
    """cppcheck finds no error in hypervisor, VMM and tools."""
    if not shutil.which("cppcheck"):
        return []
    sources = [f for f in c_files(top) if f.endswith(".c") and f.startswith(("hypervisor/", "vmm/", "guest-driver/hvctl/"))]
    if not sources:
        return []
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listing:
        listing.write("\n".join(sources) + "\n")
        listing.flush()
        status, text = call(["cppcheck", "-q", "-j", str(os.cpu_count() or 2), "--error-exitcode=1", "--inline-suppr",
                             "--enable=portability", "--suppress=missingInclude", "--suppress=unknownMacro",
                             "--max-configs=1", "-D__aarch64__", "-D__GNUC__", "-Iabi", "-Ihypervisor/include", "-Ivmm",
                             f"--file-list={listing.name}"], top)  # fmt: skip
    return [text[-4000:]] if status else []


def check_whitespace(top, _build):
    """No trailing blanks, no tabs in C and Python, a newline at the end."""
    bad = []
    for name in files(top):
        if not name.endswith((".c", ".h", ".S", ".py", ".build", ".sh")) and "/" in name and not name.startswith("ci/"):
            continue
        data = (top / name).read_bytes()
        if b"\0" in data or not data:
            continue
        if not data.endswith(b"\n"):
            bad.append(f"{name}: no newline at the end")
        for number, line in enumerate(data.split(b"\n"), 1):
            if line.rstrip(b" \t") != line:
                bad.append(f"{name}:{number}: blanks at the end of the line")
    return bad[:40]


CHECKS = {
    "format": check_format,
    "licence": check_licence,
    "headers": check_headers,
    "shell": check_shell,
    "python": check_python,
    "conditionals": check_conditionals,
    "cppcheck": check_cppcheck,
    "whitespace": check_whitespace,
}
