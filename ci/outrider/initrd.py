# SPDX-License-Identifier: BSD-2-Clause
"""The guest's initrd: busybox, the modules that find the root file system, and what one run adds to that root."""

import hashlib
import lzma
import os
import re
import shutil
import stat
from pathlib import Path

from .aptroot import AptRoot, SetupError, cache_dir, host_suite, locked, run, unpack

GUEST = Path(__file__).resolve().parent.parent / "guest.d"
SYSTEM = GUEST.parent.parent / "guest-driver" / "system"

# in the order in which they are loaded; what they depend on is added before them
MODULES = (
    "virtio_mmio virtio_console virtio_blk squashfs overlay 9pnet_virtio 9p virtio_net virtio_rng".split()
)


class Cpio:
    """A newc archive in memory; every file belongs to root."""

    def __init__(self):
        self.parts = []
        self.known = set()
        self.ino = 1

    def _entry(self, name, mode, data=b"", rdev=(0, 0)):
        raw = name.encode() + b"\0"
        head = "070701" + "".join(
            f"{v:08x}" for v in (self.ino, mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1], len(raw), 0)
        )
        self.ino += 1
        blob = head.encode() + raw
        blob += b"\0" * (-len(blob) % 4) + data
        self.parts.append(blob + b"\0" * (-len(blob) % 4))

    def folder(self, name):
        name = name.strip("/")
        if name and name not in self.known:
            self.folder(os.path.dirname(name))
            self.known.add(name)
            self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o644):
        name = name.strip("/")
        self.folder(os.path.dirname(name))
        self._entry(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        name = name.strip("/")
        self.folder(os.path.dirname(name))
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name, major, minor):
        self.folder(os.path.dirname(name))
        self._entry(name, stat.S_IFCHR | 0o600, b"", (major, minor))

    def bytes(self):
        parts = list(self.parts)
        self._entry("TRAILER!!!", 0)
        parts.append(self.parts.pop())
        blob = b"".join(parts)
        return blob + b"\0" * (-len(blob) % 512)


def busybox():
    """The guest's static busybox."""
    path = cache_dir() / "busybox-arm64" / "busybox"
    if not path.exists():
        with locked("apt"):
            if not path.exists():
                apt = AptRoot(host_suite())
                apt.update()
                work = path.parent.with_name(f"busybox.{os.getpid()}")
                for deb in apt.fetch(["busybox-static"]):
                    unpack(deb, work)
                path.parent.mkdir(exist_ok=True)
                found = work / "usr/bin/busybox"
                os.replace(found if found.exists() else work / "bin/busybox", path)
                shutil.rmtree(work)
    return path


def _module_files(kernel):
    """The modules to load, in order: paths below kernel/modules."""
    deps = {}
    for line in (kernel / "modules/modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        deps[path] = rest.split()
    by_name = {re.sub(r"\.ko.*$", "", os.path.basename(p)).replace("-", "_"): p for p in deps}
    builtin = {
        re.sub(r"\.ko$", "", os.path.basename(p)).replace("-", "_")
        for p in (kernel / "modules/modules.builtin").read_text().split()
    }
    order = []
    for name in MODULES:
        if name in builtin:
            continue
        if name not in by_name:
            raise SetupError(f"kernel {kernel.name} has no module {name}")
        path = by_name[name]
        for item in list(reversed(deps[path])) + [path]:
            if item not in order:
                order.append(item)
    return order


def base(kernel):
    """The part of the initrd that depends on the kernel only; a file in the cache."""
    script = (GUEST / "initrd-init").read_bytes()
    key = hashlib.sha256(script + Path(__file__).read_bytes() + kernel.name.encode()).hexdigest()[:16]
    final = cache_dir() / "initrd" / f"{kernel.name}-{key}"
    if final.exists():
        return final
    final.parent.mkdir(exist_ok=True)
    cpio = Cpio()
    for name in ("dev", "proc", "sys", "ro", "mods", "rw", "new"):
        cpio.folder(name)
    cpio.device("dev/console", 5, 1)
    cpio.file("bin/busybox", busybox().read_bytes(), 0o755)
    cpio.link("bin/sh", "busybox")
    cpio.file("init", script, 0o755)
    names = []
    for index, item in enumerate(_module_files(kernel)):
        data = (kernel / "modules" / item).read_bytes()
        name = f"{index:02}-{re.sub(r'[.]xz$', '', os.path.basename(item))}"
        cpio.file(f"modules/{name}", lzma.decompress(data) if item.endswith(".xz") else data)
        names.append(name)
    cpio.file("modules.list", ("\n".join(names) + "\n").encode())
    temporary = final.with_name(f".{final.name}.{os.getpid()}")
    temporary.write_bytes(cpio.bytes())
    os.replace(temporary, final)
    return final


def module_index(kernel, release, modules):
    """depmod's files for the kernel's modules plus ours; a folder in the cache."""
    data = b"".join(m.read_bytes() for m in modules)
    key = hashlib.sha256(data + kernel.name.encode()).hexdigest()[:16]
    final = cache_dir() / "depmod" / key
    if final.exists():
        return final
    final.parent.mkdir(exist_ok=True)
    for old in sorted(final.parent.iterdir(), key=lambda p: p.stat().st_mtime)[:-8]:
        shutil.rmtree(old, ignore_errors=True)
    work = final.with_name(f".{key}.{os.getpid()}")
    tree = work / "lib/modules" / release
    (tree / "extra").mkdir(parents=True)
    (tree / "kernel").symlink_to(kernel / "modules/kernel")
    for item in (kernel / "modules").glob("modules.*"):
        shutil.copy(item, tree)
    for module in modules:
        shutil.copy(module, tree / "extra" / module.name)
    depmod = shutil.which("depmod", path="/usr/sbin:/sbin:" + os.environ.get("PATH", ""))
    if not depmod:
        raise SetupError("depmod is not installed: run ci/setup")
    run([depmod, "-b", str(work), release])
    out = work / "out"
    out.mkdir()
    for item in tree.glob("modules.*"):
        os.rename(item, out / item.name)
    try:
        os.rename(out, final)
    except OSError:  # another run was faster
        pass
    shutil.rmtree(work, ignore_errors=True)
    return final


def _programs(folder):
    """The ELF programs, libraries and scripts that lie in a build folder."""
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.is_file() and os.access(path, os.X_OK) and path.read_bytes()[:2] in (b"\x7fE", b"#!"):
                if path.suffix not in (".o", ".a"):
                    yield path


def overlay(kernel, release, build, command, settings):
    """What one run adds: scripts, the command, and the programs and module under test, if they are built."""
    cpio = Cpio()
    top = "overlay"
    own = f"{top}/usr/local/lib/outrider"
    cpio.file(f"{own}/init", (GUEST / "init").read_bytes(), 0o755)
    cpio.file(f"{own}/run", (GUEST / "run").read_bytes(), 0o755)
    cpio.file(f"{own}/fstab", (GUEST / "fstab").read_bytes())
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        cpio.link(f"{own}/skeleton/dev/{name}", f"/proc/self/fd{target}")
    cpio.folder(f"{own}/skeleton/run/lock")
    cpio.file(f"{own}/command", command.encode(), 0o755)
    cpio.file(f"{own}/settings", settings.encode())
    hvctl = build / "guest-driver/hvctl/hvctl"
    if hvctl.is_file():
        cpio.file(f"{top}/usr/local/bin/hvctl", hvctl.read_bytes(), 0o755)
    preload = build / "guest-driver/hvctl/libdetach-prefault.so"
    if preload.is_file():
        cpio.file(f"{top}/usr/local/lib/outrider/{preload.name}", preload.read_bytes(), 0o755)
    for source, target in (("tests/guest", "tests"), ("bench", "bench"), ("tasks/linux", "tasks")):
        for path in _programs(build / source):
            cpio.file(f"{own}/{target}/{path.name}", path.read_bytes(), 0o755)
    # where they are installed; for guests with udev and systemd (--packages)
    for name, target in (("60-outrider.rules", "udev/rules.d/60-outrider.rules"),
                         ("outrider.sysusers", "sysusers.d/outrider.conf")):  # fmt: skip
        cpio.file(f"{top}/usr/lib/{target}", (SYSTEM / name).read_bytes())
    folder = build / "guest-driver/module" / release
    modules = [*sorted(folder.glob("*.ko")), *sorted(folder.glob("test/*.ko"))]
    modules += sorted((build / "bench/module" / release).glob("*.ko"))
    if modules:
        target = f"{top}/usr/lib/modules/{release}"
        for path in modules:
            cpio.file(f"{target}/extra/{path.name}", path.read_bytes())
        for path in sorted(module_index(kernel, release, modules).iterdir()):
            cpio.file(f"{target}/{path.name}", path.read_bytes())
    return cpio.bytes()
