# SPDX-License-Identifier: BSD-2-Clause
"""fetch.py KERNELS: fill the cache with the arm64 libraries, the kernels (comma list) and the guest's image."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from outrider import initrd, kernels, qemu, rootfs  # noqa: E402
from outrider.aptroot import SetupError, cache_dir  # noqa: E402


def main(argv):
    names = [n for n in argv[1].split(",") if n and n != "none"]
    for name in names:
        kernels.source(name)
    kernels.sysroot()
    kernels.mpi()
    qemu.plugin_headers()
    for name in names:
        initrd.base(kernels.kernel(name))
    if names:
        rootfs.rootfs()
    print(f"setup: cache is ready in {cache_dir()}", file=sys.stderr)


if __name__ == "__main__":
    try:
        main(sys.argv)
    except SetupError as error:
        sys.exit(f"setup: {error}")
