# SPDX-License-Identifier: BSD-2-Clause
"""fetch.py KERNELS: fill the cache with the arm64 libraries, the kernels (comma list) and the guest's image."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from outrider import buildroot, initrd, kernels, qemu, rootfs  # noqa: E402
from outrider.aptroot import SetupError, cache_dir  # noqa: E402


def main(argv):
    names = [kernels.canonical(n) for n in argv[1].split(",") if n and n != "none"]
    kernels.sysroot()
    kernels.mpi()
    qemu.plugin_headers()
    for name in names:
        folder = kernels.kernel(name)
        initrd.base(folder)
        if buildroot.needed(folder):
            buildroot.root((folder / "suite").read_text().strip())
    for suite in dict.fromkeys(kernels.userland(name) for name in names):
        rootfs.rootfs(suite=suite)
    print(f"setup: cache is ready in {cache_dir()}", file=sys.stderr)


if __name__ == "__main__":
    try:
        main(sys.argv)
    except SetupError as error:
        sys.exit(f"setup: {error}")
