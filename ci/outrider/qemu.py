# SPDX-License-Identifier: BSD-2-Clause
"""The interface of QEMU's plugins, in the cache: qemu-plugin/{qemu-plugin.h,glib/}.

Debian's packages do not ship the header; it is taken out of the source package of the QEMU that is installed.
It includes GLib's, of which the headers are enough: QEMU brings the library.
"""

import os
import shutil

from .aptroot import AptRoot, SetupError, cache_dir, host_arch, host_suite, locked, run, say, unpack

PACKAGE = "qemu-system-arm"


def _version():
    return run(["dpkg-query", "-W", "-f", "${source:Version}", PACKAGE]).strip()


def plugin_headers():
    """The folder with the headers; fetched if they are not there or of another QEMU."""
    final = cache_dir() / "qemu-plugin"
    version = _version()
    if (final / ".version").exists() and (final / ".version").read_text() == version:
        return final
    with locked("apt"):
        apt = AptRoot(host_suite())
        apt.update()
        say(f"fetching the plugin interface of QEMU {version}")
        work = final.with_name(f"qemu-plugin.{os.getpid()}")
        shutil.rmtree(work, ignore_errors=True)
        try:
            for archive in apt.source("qemu", version, work / "source"):
                if ".orig.tar" in archive.name:
                    run(["tar", "-xf", str(archive), "-C", str(work), "--wildcards", "--strip-components=3",
                         "*/include/qemu/qemu-plugin.h"])
            if not (work / "qemu-plugin.h").exists():
                raise SetupError(f"the source package of QEMU {version} has no qemu-plugin.h")
            # Since Debian 13 libglib2.0-dev only names other packages, of which libgio-2.0-dev has the headers.
            _, depends = apt.depends(f"libglib2.0-dev:{host_arch()}")
            names = [n for n in ("libgio-2.0-dev",) if n in dict(depends)] or ["libglib2.0-dev"]
            for deb in apt.fetch([f"{n}:{host_arch()}" for n in names]):
                unpack(deb, work / "deb")
            if not list((work / "deb").glob("usr/lib/*/glib-2.0/include/glibconfig.h")):
                raise SetupError(f"{', '.join(names)} has no headers of GLib")
            (work / "glib").mkdir()
            for path in [work / "deb/usr/include/glib-2.0", *(work / "deb/usr/lib").glob("*/glib-2.0/include")]:
                shutil.copytree(path, work / "glib", dirs_exist_ok=True)
            shutil.rmtree(work / "deb")
            shutil.rmtree(work / "source")
            (work / ".version").write_text(version)
            shutil.rmtree(final, ignore_errors=True)
            os.rename(work, final)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return final
