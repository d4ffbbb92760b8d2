# SPDX-License-Identifier: BSD-2-Clause
"""The guest's root file system: Debian packages for arm64, of the host's release or the kernel's if that is newer, unpacked into a squashfs image.

Packages are unpacked, not installed: maintainer scripts do not run (that would need an emulated chroot and
minutes). What a program needs of their effects (users, alternatives, merged /usr) is done here.
"""

import hashlib
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

from .aptroot import AptRoot, SetupError, cache_dir, host_suite, locked, run, say, unpack

LAYOUT = "3"  # change when the way an image is made changes
# apt patterns and package names
BASE = (
    "?and(?essential,?architecture(arm64))",
    "bash mount passwd login adduser less netbase hostname sysvinit-utils busybox-static coreutils findutils grep sed gawk gzip xz-utils bzip2 tar util-linux procps kmod libc-bin "
    "perl openssl strace gdb-minimal rt-tests iproute2 iputils-ping ca-certificates libjansson4 file bc time psmisc stress-ng",
)
DIRS = "dev proc sys run tmp mnt/host root var/tmp var/log var/lib etc/alternatives opt srv home usr/local/bin usr/local/sbin"


def base_packages():
    return [name for group in BASE for name in group.split()]


def _users(root):
    """What base-passwd's and libc-bin's scripts would do."""
    share = root / "usr/share/base-passwd"
    for name in ("passwd", "group"):
        target = root / "etc" / name
        if not target.exists():
            shutil.copy(share / f"{name}.master", target)
    text = (root / "etc/passwd").read_text()
    (root / "etc/passwd").write_text(text.replace("root:*:", "root::"))
    (root / "etc/shadow").write_text("root::19000:0:99999:7:::\n")
    nsswitch = root / "etc/nsswitch.conf"
    if not nsswitch.exists():
        nsswitch.write_text("passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n")


def _alternatives(root, debs):
    """Make the links that update-alternatives would make."""
    for deb in debs:
        done = run(["dpkg-deb", "--info", str(deb)])
        if "postinst" not in done:
            continue
        script = run(["dpkg-deb", "--info", str(deb), "postinst"])
        script = script.replace("\\\n", " ")
        for link, path in re.findall(r"--(?:install|slave)\s+(/\S+)\s+\S+\s+(/\S+)", script):
            if "$" in link or "$" in path:
                continue
            if not os.path.lexists(f"{root}{link}") and os.path.exists(f"{root}{path}"):
                os.makedirs(os.path.dirname(f"{root}{link}"), exist_ok=True)
                os.symlink(path, f"{root}{link}")


def _finish(root, debs):
    for name in DIRS.split():
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    (root / "var/tmp").chmod(0o1777)
    for link, path in (("var/run", "/run"), ("var/lock", "/run/lock")):
        if not os.path.lexists(root / link):
            (root / link).symlink_to(path)
    _users(root)
    _alternatives(root, debs)
    if not os.path.lexists(root / "usr/bin/sh"):
        (root / "usr/bin/sh").symlink_to("dash")
    (root / "etc/hostname").write_text("guest\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 guest\n")
    (root / "etc/resolv.conf").write_text("nameserver 10.0.2.3\n")
    (root / "etc/fstab").write_text("# all file systems are mounted by the initrd\n")
    # there is no init system: power management goes straight to the kernel
    for name in ("poweroff", "reboot", "halt"):
        path = root / "usr/local/sbin" / name
        path.write_text(f'#!/bin/sh\nsync\nexec busybox {name} -f\n')
        path.chmod(0o755)
    bundle = root / "etc/ssl/certs/ca-certificates.crt"
    certs = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    if certs and not bundle.exists():
        bundle.parent.mkdir(parents=True, exist_ok=True)
        bundle.write_text("".join(c.read_text() for c in certs))


def _build(suite, names, final):
    apt = AptRoot(suite)
    apt.update()
    say(f"guest image: resolving {len(names)} packages")
    debs = apt.resolve(names)
    work = final.with_name(f"{final.name}.{os.getpid()}")
    shutil.rmtree(work, ignore_errors=True)
    try:
        root = work / "root"
        (root / "usr").mkdir(parents=True)
        for name in ("bin", "sbin", "lib"):  # merged /usr, whether or not base-files brings it
            (root / "usr" / name).mkdir()
            (root / name).symlink_to(f"usr/{name}")
        say(f"guest image: unpacking {len(debs)} packages")
        # one after the other for packages that share folders' metadata is not needed: dpkg-deb only adds files
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
            list(pool.map(lambda deb: _unpack_merged(deb, root, work), debs))
        for path in ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "var/cache/apt"):
            shutil.rmtree(root / path, ignore_errors=True)
        _finish(root, debs)
        say("guest image: writing")
        image = work / "image"
        run(["mksquashfs", str(root), str(image), "-all-root", "-noappend", "-no-progress",
             "-noI", "-noD", "-noF", "-noX"])
        manifest = "\n".join(sorted(d.name for d in debs)) + "\n"
        final.with_suffix(".list").write_text(manifest)
        os.replace(image, final)
    finally:
        run(["chmod", "-R", "u+rwX", str(work)])
        shutil.rmtree(work, ignore_errors=True)


def _unpack_merged(deb, root, work):
    """Unpack one package; one that still ships /bin, /sbin or /lib as folders is merged into /usr."""
    listing = run(["dpkg-deb", "-c", str(deb)])
    if not re.search(r" \./(bin|sbin|lib)/", listing):
        unpack(deb, root)
        return
    stage = work / f"stage.{deb.name}"
    unpack(deb, stage)
    for name in ("bin", "sbin", "lib"):
        if (stage / name).is_dir() and not (stage / name).is_symlink():
            run(["cp", "-a", "--remove-destination", f"{stage / name}/.", str(root / "usr" / name)])
            shutil.rmtree(stage / name)
    run(["cp", "-a", f"{stage}/.", str(root)])
    shutil.rmtree(stage)


def rootfs(packages=(), suite=None):
    """The image with the base packages and these, of the host's release or another; made first if it is not in the cache."""
    suite = suite or host_suite()
    extra = sorted(set(packages))
    for name in extra:
        if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]*(=[\w.+~:-]+)?", name):
            raise SetupError(f"'{name}' is not a package name")
    names = base_packages() + extra
    if any(re.match(r"gdb(=|$)", name) for name in extra):
        names.remove("gdb-minimal")  # which is gdb without Python, and starts in half the time
    key = hashlib.sha256("\n".join([LAYOUT, suite, *names]).encode()).hexdigest()[:16]
    final = cache_dir() / "rootfs" / f"{suite}-{key}.squashfs"
    if not final.exists():
        final.parent.mkdir(exist_ok=True)
        with locked("apt"):
            if not final.exists():
                _build(suite, names, final)
    return final
