# SPDX-License-Identifier: BSD-2-Clause
"""buildroot.py [--bind DIR]… COMMAND…: runs a command of the compiler's world of a newer Debian release.

The headers of Debian 13's kernels bring tools that want its libc, and flags that want its compiler. On Debian 12
modules for them are built in a root of their own, which is made when such a kernel is wanted: the packages are
unpacked, not installed (as with the guest's image, rootfs.py), so that making it needs no right that dpkg-deb
does not. Its name in the cache is made of what it holds.

Going there takes a mount namespace and chroot: root has the right to do that; others need user namespaces, which
Debian allows.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from outrider.aptroot import AptRoot, SetupError, cache_dir, host_arch, locked, run, say, unpack  # noqa: E402

TOP = Path(__file__).resolve().parents[2]
LAYOUT = "1"  # change when the way a root is made changes
# What Kbuild runs: a shell and its usual programs (essential), the compiler, what the kernel's own tools are linked with.
PACKAGES = "?essential bash dash mawk make gcc-aarch64-linux-gnu libelf1t64 libssl3t64 zlib1g libdw1t64".split()
ENTER = r"""
set -e
root=$1
shift
while [ "$1" != -- ]; do
    mkdir -p "$root$1"
    mount --rbind "$1" "$root$1"
    shift
done
shift
exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin HOME=/ LC_ALL=C "$@"
"""


def _make(suite, final):
    apt = AptRoot(suite, [host_arch()])
    apt.update()
    say(f"build root of {suite}: resolving {len(PACKAGES)} packages")
    debs = apt.resolve(PACKAGES)
    say(f"build root of {suite}: unpacking {len(debs)} packages")
    work = final.with_name(f".{final.name}.{os.getpid()}")
    try:
        for name in ("bin", "sbin", "lib", "lib64"):
            (work / "usr" / name).mkdir(parents=True)
            (work / name).symlink_to(f"usr/{name}")
        for name in ("dev", "proc", "tmp", "etc"):
            (work / name).mkdir()
        for deb in debs:
            unpack(deb, work)
        for name, target in (("sh", "dash"), ("awk", "mawk")):  # what maintainer scripts would do
            if not os.path.lexists(work / "usr/bin" / name):
                (work / "usr/bin" / name).symlink_to(target)
        for path in ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info"):
            shutil.rmtree(work / path, ignore_errors=True)
        (work / ".list").write_text("\n".join(sorted(d.name for d in debs)) + "\n")
        os.rename(work, final)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def root(suite):
    """The root's folder; made first if it is not in the cache."""
    key = hashlib.sha256("\n".join([LAYOUT, suite, host_arch(), *PACKAGES]).encode()).hexdigest()[:16]
    final = cache_dir() / "buildroot" / f"{suite}-{key}"
    if not final.exists():
        final.parent.mkdir(exist_ok=True)
        with locked("apt"):
            if not final.exists():
                _make(suite, final)
    return final


def needed(kernel):
    """Whether a module for a kernel (its folder in the cache) cannot be built with the host's own tools."""
    suite = kernel / "suite"
    return suite.exists() and suite.read_text().strip() == "trixie" and "VERSION_CODENAME=bookworm" in Path("/etc/os-release").read_text()


def command(suite, binds, argv):
    """The command line that runs argv there; folders of the host that it needs are at the same place there."""
    where = root(suite)
    probe = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    try:
        run([*probe, "true"])
    except SetupError as error:
        raise SetupError(f"the Debian root {where} can only be used with the right to mount (root in a full machine, "
                         f"or user namespaces): {error}") from error  # fmt: skip
    folders = dict.fromkeys(str(Path(item).absolute()) for item in ("/dev", TOP, cache_dir(), *binds))
    return [*probe, "sh", "-c", ENTER, "sh", str(where), *folders, "--", *argv]


def main(argv):
    binds, suite = [], argv[1]
    argv = argv[2:]
    while argv and argv[0] == "--bind":
        binds.append(argv[1])
        argv = argv[2:]
    line = command(suite, binds, argv)
    os.execvp(line[0], line)


if __name__ == "__main__":
    try:
        main(sys.argv)
    except SetupError as error:
        sys.exit(f"build: {error}")
