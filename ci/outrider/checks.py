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
LAYERS = "doc/architecture.md"
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
        status, text = call([*flags, "-Werror", "-fsyntax-only", "-x", "c", "-"], build if build.is_dir() else top,
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


# What is one architecture's or one kind of firmware's, and where it is not to be named outside of arch/NAME/: as a part of a
# name in code (names are divided by _, a leading v of virtual ones does not count), in capitals in comments, and these phrases
# anywhere. The configuration is a device tree on each architecture: who reads it.
NEUTRAL = {"hypervisor/kern/": None, "hypervisor/include/": None, "vmm/": re.compile(r"vmm/(config\w*|blob)\.[ch]")}
TREE = re.compile(r"fdt|dtb|dtc|device.*tree", re.I | re.S)
FOREIGN = frozenset("mpidr intid spi ppi sgi lpi esr far hpfar ipa psci smccc smc hvc gic gicd gicr gich fdt dtb dtc vmid vttbr vpid ept npt "
                    "lapic ioapic gsi acpi madt rsdp wfi wfe svc".split())  # fmt: skip
PHRASES = re.compile(r"device[\s*-]+trees?|concatenated|list registers?|redistributor|stage[ -][12]\b|ARM ARM|\bEL[0-3]\b", re.I)
OTHERWISE = ("FAR_NS",)  # in another sense
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)


def foreign_words(text):
    """[(line, word)] of what C text names that is one architecture's."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))

    found = []
    for name in re.finditer(r"\w+", COMMENT.sub(blank, text)):
        parts = name.group(0).lower().split("_")
        if name.group(0) not in OTHERWISE and any(p in FOREIGN or p[:1] == "v" and p[1:] in FOREIGN for p in parts):
            found.append((name.start(), name.group(0)))
    for comment in COMMENT.finditer(text):
        for word in re.finditer(r"\b[A-Z]+", comment.group(0)):
            if word.group(0).lower() in FOREIGN:
                found.append((comment.start() + word.start(), word.group(0)))
    found += [(phrase.start(), phrase.group(0)) for phrase in PHRASES.finditer(text)]
    return [(text.count("\n", 0, at) + 1, word) for at, word in sorted(found)]


def check_neutral(top, _build):
    """Generic files of the hypervisor and the VMM name nothing that is one architecture's: that stands behind their arch/."""
    bad = []
    for name in c_files(top):
        for folder, configuration in NEUTRAL.items():
            if not name.startswith(folder) or re.match(r"arch/\w+/", name[len(folder):]):
                continue
            tree = configuration and configuration.fullmatch(name)
            bad += [f"{name}:{line}: {word}: one architecture's" for line, word in foreign_words((top / name).read_text())
                    if not (tree and TREE.search(word))]  # fmt: skip
    return bad


def check_cppcheck(top, build):
    """cppcheck finds no error in hypervisor, VMM and tools."""
    if not shutil.which("cppcheck"):
        return []
    sources = [f for f in c_files(top) if f.endswith(".c") and f.startswith(("hypervisor/", "vmm/", "guest-driver/hvctl/"))]
    if not sources:
        return []
    # Newer versions take a variable in a named register for a syntax error: there they do not see the name. (Elsewhere the
    # macro would hide what an asm statement writes.)
    named = [f for f in sources if re.search(r"^\s*register .*__asm__\(", (top / f).read_text(), re.M)]
    bad = []
    for group, extra in (([f for f in sources if f not in named], []), (named, ["-D__asm__(x)="])):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as listing:
            listing.write("\n".join(group) + "\n")
            listing.flush()
            status, text = call(["cppcheck", "-q", "-j", str(os.cpu_count() or 2), "--error-exitcode=1", "--inline-suppr",
                                 "--enable=portability", "--suppress=missingInclude", "--suppress=unknownMacro",
                                 "--suppress=normalCheckLevelMaxBranches", "--max-configs=1", "-D__aarch64__", "-D__GNUC__",
                                 "-Iabi", "-Ihypervisor/include", "-Ivmm", *extra, f"--file-list={listing.name}"], top)  # fmt: skip
        if group and status:
            bad.append(text[-4000:])
    return bad


def _layers(top):
    """The blocks ```layers FOLDER of doc/architecture.md: {folder: [files of the top layer, …, of the lowest]}."""
    result, folder = {}, None
    for line in (top / LAYERS).read_text().split("\n"):
        if line.startswith("```"):
            words = line[3:].split()
            folder = words[1] if len(words) == 2 and words[0] == "layers" else None
            if folder:
                result[folder] = []
        elif folder and line.strip():
            result[folder].append(re.split(r"\s{2,}", line.strip())[0].split())
    return result


def _objects(top, build, folder, scratch):
    """{file of that folder, without its suffix: its object}. What Kbuild has compiled is taken; all else is compiled here,
    without link-time optimization, whose objects have no symbols."""
    kbuild = sorted((build / folder).glob("*/.*.o.cmd"))
    if (top / folder / "Kbuild").exists():
        release = kbuild[0].parent if kbuild else None
        sources = [f.stem for f in (top / folder).glob("*.c")]
        return {f: release / f"{f}.o" for f in sources if release and (release / f"{f}.o").exists()}
    jobs = {}
    for source, flags in _commands(build).items():
        name = os.path.relpath(source, top / folder)
        if not name.startswith("..") and name.endswith(".c"):
            jobs[name[:-2]] = [*flags, "-fno-lto", "-w", "-c", source, "-o", str(scratch / (name[:-2].replace("/", "_") + ".o"))]
    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for (status, text), name in zip(pool.map(lambda job: call(job, build), jobs.values()), jobs, strict=True):
            if status:
                raise RuntimeError(f"{folder}/{name}.c: {text}")
    return {name: Path(job[-1]) for name, job in jobs.items()}


def _uses(top, objects):
    """{(file, file): symbols of the second that the first one uses}, of the objects' symbol tables."""
    defined, needed = {}, {}
    for name, path in objects.items():
        needed[name] = set()
        _, text = call(["nm", str(path)], top)
        for line in text.split("\n"):
            words = line.split()
            if len(words) == 2 and words[0] in "Uvw":
                needed[name].add(words[1])
            elif len(words) == 3 and words[1].isupper():
                defined[words[2]] = name
    uses = {}
    for name, symbols in needed.items():
        for symbol in symbols & defined.keys():
            uses.setdefault((name, defined[symbol]), []).append(symbol)
    return uses


def check_layers(top, build):
    """No file calls, or takes data of, one of its own layer or above it (doc/architecture.md, Layers)."""
    # Another folder gets the same by a block ```layers FOLDER there: a line per layer, from the top; names of files,
    # relative to FOLDER and without .c; two blanks; what the layer is. All .c files of FOLDER that are compiled.
    bad = []
    for folder, layers in _layers(top).items():
        place = {name: i for i, names in enumerate(layers) for name in names}
        with tempfile.TemporaryDirectory() as scratch:
            objects = _objects(top, build, folder, Path(scratch))
            uses = _uses(top, objects)
        bad += [f"{LAYERS}: {folder}/{name}.c is in no layer" for name in sorted(objects.keys() - place.keys())]
        bad += [f"{LAYERS}: {folder}/{name}.c is not compiled" for name in sorted(place.keys() - objects.keys())]
        for (user, used), symbols in sorted(uses.items()):
            if place.get(user, 0) >= place.get(used, len(layers)):
                bad.append(f"{folder}/{user}.c uses {', '.join(sorted(symbols))} of {used}.c, which is not below it")
    return bad


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


def check_library(_top, build):
    """libdetach's names all begin with detach_, also in the static library, and its calls of itself stay in it."""
    shared, static = build / "guest-driver/lib/libdetach.so", build / "guest-driver/lib/libdetach.a"
    if not shared.exists() or not static.exists():
        return []
    names = []
    for argv in (["nm", "-D", "--defined-only", str(shared)], ["nm", "-g", "--defined-only", str(static)]):
        status, text = call(argv, build)
        if status:
            return [text]
        names.append({line.split()[2].split("@")[0] for line in text.splitlines() if len(line.split()) == 3 and line.split()[1] in "TDBRVWi"})
    bad = [f"libdetach exports {name}" for name in sorted(names[0] | names[1]) if not name.startswith("detach_")]
    if names[0] != names[1]:
        bad.append(f"libdetach.map: the static library has other names: {sorted(names[0] ^ names[1])}")
    _, text = call(["readelf", "-rW", str(shared)], build)
    bad += [f"libdetach.so: {name} may be another program's: {line}" for line in text.splitlines() for name in re.findall(r" (detach_\w+)", line)]
    return bad


def check_versions(top, _build):
    """The version of meson.build is the manual pages'."""
    version = re.search(r"^  version: '([\d.]+)'", (top / "meson.build").read_text(), re.M).group(1)
    bad = []
    for page in sorted((top / "doc").glob("*.[1-8]")):
        head = re.search(r"^\.TH .*$", page.read_text(), re.M).group(0)
        if f'"Outrider {version}"' not in head:
            bad.append(f"doc/{page.name}: not of \"Outrider {version}\": {head}")
    return bad


def check_claims(top, _build):
    """doc/tests.md names tests that exist, and each file of tests/e2e."""
    bad = []
    text = (top / "doc/tests.md").read_text()
    for name, case in re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", text):
        path = top / "tests/e2e" / name
        if not path.is_file():
            bad.append(f"doc/tests.md: there is no tests/e2e/{name}")
        elif case and not re.search(rf"^def {case}\(", path.read_text(), re.M):
            bad.append(f"doc/tests.md: {name} has no {case}()")
    bad += [f"doc/tests.md: there is no {path}" for path in re.findall(r"`(tests/[\w/.-]+\.\w+)`", text) if not (top / path).is_file()]
    for path in sorted((top / "tests/e2e").glob("test_*.py")):
        if f"`{path.name}" not in text:
            bad.append(f"doc/tests.md: no claim of tests/e2e/{path.name}")
    return bad


def check_kbuild(top, _build):
    """The module builds on a kernel without UIO or AMBA, just without hvdetach_uio; what it needs is said by name."""
    bad, module = [], top / "guest-driver/module"
    make = f"src={module}\ninclude {module}/Kbuild\nall: ; @echo $(obj-m)\n"
    for uio, amba in (("m", "y"), ("y", "y"), ("m", ""), ("", "y")):
        status, text = call(["make", "-s", "-f", "-", f"CONFIG_UIO={uio}", f"CONFIG_ARM_AMBA={amba}"], top, make)
        objects = text.split()
        if status or "hvdetach.o" not in objects or ("hvdetach_uio.o" in objects) != bool(uio and amba):
            bad.append(f"CONFIG_UIO={uio} CONFIG_ARM_AMBA={amba}: {text.strip()}")
    needed = re.findall(r"#ifndef (CONFIG_\w+)", (module / "needs.h").read_text())
    for missing in ["", *needed]:
        given = [f"-D{name}=1" for name in needed if name != missing]
        status, text = call(["cc", "-E", *given, str(module / "needs.h")], top)
        if bool(status) != bool(missing) or missing not in text:
            bad.append(f"needs.h without {missing or 'nothing'}: {text.strip()}")
    return bad if needed else ["needs.h asks for nothing"]


CHECKS = {
    "format": check_format,
    "licence": check_licence,
    "headers": check_headers,
    "shell": check_shell,
    "python": check_python,
    "conditionals": check_conditionals,
    "neutral": check_neutral,
    "cppcheck": check_cppcheck,
    "layers": check_layers,
    "whitespace": check_whitespace,
    "library": check_library,
    "versions": check_versions,
    "claims": check_claims,
    "kbuild": check_kbuild,
}
