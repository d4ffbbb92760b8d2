# SPDX-License-Identifier: BSD-2-Clause
"""Debian's arm64 kernels, as shipped, unpacked in the cache:

    kernels/NAME -> RELEASE_VERSION/    Image, config, release, suite, modules/, modules.squashfs, build/
"""

import gzip
import os
import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

from .aptroot import AptRoot, SetupError, cache_dir, host_arch, host_suite, locked, run, say, unpack

# "7" is the newest that Debian 13 has (trixie-backports).
NAMES = ("6.1", "rt", "6.12", "6.12-rt", "6.12-16k", "7")
ALIASES = {"6.1-rt": "rt"}
FLAVOURS = {"": "arm64", "rt": "rt-arm64", "16k": "arm64-16k"}


def canonical(name):
    """The name of a kernel in the cache."""
    name = ALIASES.get(name, name)
    if name not in NAMES:
        raise SetupError(f"unknown kernel '{name}'; choose one of {', '.join(NAMES)}")
    return name


def source(name):
    """Where a kernel comes from: (suite, from backports, flavour)."""
    version, _, flavour = ("6.1-rt" if name == "rt" else canonical(name)).partition("-")
    if version == "7":
        return "trixie", True, FLAVOURS[flavour]
    suite = host_suite() if version == "6.12" else "bookworm"
    return suite, version == "6.12" and suite == "bookworm", FLAVOURS[flavour]


def userland(name):
    """The Debian release of the guest that a kernel runs: the host's, or the kernel's if that is newer."""
    suites = {"bookworm": 12, "trixie": 13}
    host = host_suite()
    if os.environ.get("OUTRIDER_SUITE"):
        return host
    return max(host, source(name)[0], key=suites.get)


def image_unwrap(data):
    """The plain arm64 Image inside of Debian's vmlinuz (plain, gzip or EFI zboot)."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if data[:2] == b"MZ" and data[4:8] == b"zimg":
        offset, size = struct.unpack_from("<II", data, 8)
        kind = data[24:32].split(b"\0")[0]
        payload = data[offset : offset + size]
        if kind == b"gzip":
            data = zlib.decompressobj(31).decompress(payload)
        else:
            tool = {b"zstd": ["zstd", "-dc"], b"xz": ["xz", "-dc"], b"lz4": ["lz4", "-dc"]}.get(kind)
            if not tool:
                raise SetupError(f"vmlinuz is compressed with {kind!r}, which is not supported")
            data = subprocess.run(tool, input=payload, stdout=subprocess.PIPE, check=False).stdout
    if data[56:60] != b"ARM\x64":
        raise SetupError("vmlinuz holds no arm64 Image")
    return data


def _headers_relocate(root, release):
    """Debian's headers name each other by absolute path: point them into the cache."""
    src = root / "usr/src"
    for link in list(src.rglob("*")):
        if link.is_symlink():
            target = os.readlink(link)
            if target.startswith("/usr/"):
                link.unlink()
                link.symlink_to(f"{root}{target}")
    for makefile in [src / f"linux-headers-{release}/Makefile", src / f"linux-headers-{release}/.kernelvariables"]:
        if makefile.exists():
            text = makefile.read_text()
            text = re.sub(r"(?<![\w/])/usr/(src|lib)/linux-", rf"{root}/usr/\1/linux-", text)
            makefile.write_text(text)


def _build(name):
    suite, backports, flavour = source(name)
    apt = AptRoot(suite)
    apt.update()
    _, deps = apt.depends(f"linux-image-{flavour}", backports)
    image = next(((n, v) for n, v in deps if n.startswith("linux-image-")), None)
    if not image:
        raise SetupError(f"linux-image-{flavour} of {suite} names no kernel image")
    image_name = image[0]
    release = image_name[len("linux-image-") :]
    version, _ = apt.depends(image_name, backports)
    _, hdeps = apt.depends(f"linux-headers-{release}", backports)
    # Since 7.x the image is a package that only names others; the configuration and lists of modules are in linux-base-.
    _, parts = apt.depends(image_name, backports)
    files = [n for n, _ in parts if re.fullmatch(f"linux-(base|binary|modules)-{re.escape(release)}", n)] or [image_name]
    wanted = [*(f"{n}={version}" for n in files), f"linux-headers-{release}"]
    for dep, ver in hdeps:
        if dep.startswith("linux-headers-"):
            wanted.append(dep)
        elif dep.startswith("linux-kbuild-"):
            wanted.append(f"{dep}:{host_arch()}")
    folder = f"{release}_{version.replace(':', '_')}"
    final = cache_dir() / "kernels" / folder
    if not (final / "release").exists():
        say(f"kernel {name}: fetching {image_name} {version} and its headers")
        shutil.rmtree(final, ignore_errors=True)
        root = final / "root"
        for deb in apt.fetch(wanted):
            unpack(deb, root)
        lib = root / "usr/lib" if (root / "usr/lib/modules").exists() else root / "lib"
        modules = lib / "modules" / release
        boot = {name: next((p for p in (root / f"boot/{name}-{release}", modules / name) if p.exists()), None) for name in ("vmlinuz", "config")}
        for what, path in boot.items():
            if not path:
                raise SetupError(f"the packages of {release} hold no {what}: {', '.join(files)}")
        (final / "Image").write_bytes(image_unwrap(boot["vmlinuz"].read_bytes()))
        shutil.copy(boot["config"], final / "config")
        (final / "modules").symlink_to(os.path.relpath(modules, final))
        for stale in ("build", "source"):
            if (modules / stale).is_symlink():
                (modules / stale).unlink()
        _headers_relocate(root, release)
        (final / "build").symlink_to(f"root/usr/src/linux-headers-{release}")
        depmod = shutil.which("depmod", path="/usr/sbin:/sbin:" + os.environ.get("PATH", ""))
        if not depmod:
            raise SetupError("depmod is not installed: run ci/setup")
        # depmod -b looks in BASE/lib/modules
        if lib != root / "lib":
            (root / "lib").symlink_to("usr/lib")
        run([depmod, "-b", str(root), release])
        # the guest sees the modules as one read-only layer of its root file system
        stage = final / "stage"
        (stage / "usr/lib/modules").mkdir(parents=True)
        os.rename(modules, stage / "usr/lib/modules" / release)
        run(["mksquashfs", str(stage), str(final / "modules.squashfs"), "-all-root", "-noappend", "-no-progress",
             "-noI", "-noD", "-noF", "-noX"])
        os.rename(stage / "usr/lib/modules" / release, modules)
        shutil.rmtree(stage)
        (final / "suite").write_text(suite + "\n")
        (final / "release").write_text(release + "\n")
    link = cache_dir() / "kernels" / name
    temporary = link.with_name(f".{name}.{os.getpid()}")
    temporary.symlink_to(folder)
    os.replace(temporary, link)


def kernel(name):
    """The folder of a kernel in the cache; fetched first if it is not there."""
    name = canonical(name)
    path = cache_dir() / "kernels" / name
    if not (path / "release").exists():
        (cache_dir() / "kernels").mkdir(exist_ok=True)
        with locked(f"kernel-{name}"), locked("apt"):
            if not (path / "release").exists():
                _build(name)
    real = Path(os.path.realpath(path))
    with open(real / "Image", "rb") as handle:
        if handle.read(64)[56:60] != b"ARM\x64":
            raise SetupError(f"{real}/Image is damaged: remove {real} and run ci/setup again")
    return real


def kernel_release(name):
    return (kernel(name) / "release").read_text().strip()


def _unpacked(name, what, packages):
    """A folder of the cache with arm64 packages unpacked; packages(apt) says which, if it is not there."""
    path = cache_dir() / name
    if not (path / ".done").exists():
        with locked("apt"):
            if not (path / ".done").exists():
                apt = AptRoot(host_suite())
                apt.update()
                say(f"fetching {what} for arm64")
                names = packages(apt)
                shutil.rmtree(path, ignore_errors=True)
                for deb in apt.fetch(names):
                    unpack(deb, path)
                (path / ".done").touch()
    return path


def sysroot():
    """Static libraries for arm64 programs: libfdt and jansson."""
    return _unpacked("sysroot-arm64", "libfdt-dev and libjansson-dev", lambda apt: ["libfdt-dev", "libjansson-dev", "libfdt1", "libjansson4"])


def _mpi_packages(apt):
    _, depends = apt.depends("libopenmpi-dev")
    libraries = [name for name, _ in depends if re.fullmatch(r"libopenmpi\d+\w*", name)]
    if len(libraries) != 1:
        raise SetupError(f"libopenmpi-dev depends on none or several libraries: {libraries}")
    return ["libopenmpi-dev", *libraries]


def mpi():
    """Open MPI's headers and libraries for arm64; the programs are linked with them, and the guest has them as packages."""
    return _unpacked("mpi-arm64", "libopenmpi-dev", _mpi_packages)
