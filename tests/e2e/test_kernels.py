# SPDX-License-Identifier: BSD-2-Clause
"""The kernels that Debian ships: each boots with its own Debian's userland, and programs run detached on it.

The newest one is in every run of the tests, the others (which many other tests boot, too) with OUTRIDER_KERNELS=all.
"""

import os
import subprocess
import sys

import matrix
import pytest
from conftest import unharmed
from hvctl import Hvctl
from machine import BUILD, CI_GUEST, TOP, Guest

sys.path.insert(0, str(TOP / "ci"))
from outrider import kernels  # noqa: E402

ALL = os.environ.get("OUTRIDER_KERNELS") == "all"
NAMES = kernels.NAMES if ALL else ("7",)
pytestmark = pytest.mark.kernels(*NAMES)

SMOKE = {
    "sha256sum": "hvctl run -- sha256sum /usr/bin/* >a; sha256sum /usr/bin/* >b; [ -s a ] && cmp a b",
    "pipes": "seq 20000 | hvctl run -- sort -r | sha256sum >a; seq 20000 | sort -r | hvctl run -- sha256sum >b; cmp a b",
    "fp-heavy": "fp-heavy 200 >a; hvctl run -- fp-heavy 200 >b; cmp a b",
    "threads": "hvctl run -- threads 500",
    "exec-self": "hvctl run -- exec-self --detached 20",
    "sig": "hvctl run -- sig 50",
    "rseq": "rseq 100; GLIBC_TUNABLES=glibc.pthread.rseq=0 rseq --own 100",
    "regs-intact": "hvctl run -- regs-intact 500; hvctl run -- regs-intact --disturb --spin 50000 200",
    "signals": "signals",
    "membarrier": "membarrier 50",
    "mm-race": "mm-race --detach-worker --rounds 300",
}
# These lay out memory in pages of 4,096 bytes.
SMALL_PAGES = ("regs-intact", "signals", "membarrier", "mm-race", "syscalls")


@pytest.fixture(scope="module")
def _kernel(request):
    """A guest of one kernel. What is not there yet is fetched and built first, which is no part of booting."""
    build = ["--build", BUILD] if BUILD else []
    subprocess.run([str(CI_GUEST), *build, "--kernel", request.param, "--print-qemu"], stdout=subprocess.DEVNULL, check=True, timeout=3600)
    guest = Guest("--kernel", request.param)
    assert guest.start().ok("uname -r").strip() == kernels.kernel_release(request.param)
    yield guest
    guest.close()


@pytest.fixture
def kernel(_kernel):
    with unharmed(_kernel) as guest:
        yield guest


@pytest.mark.parametrize("_kernel", NAMES[:1], indirect=True)
def test_device_rule(kernel):
    """A guest without udev has the device as 60-outrider.rules says: its group may detach, others may look."""
    assert kernel.ok("stat -c '%G %a' /dev/hvdetach") == "outrider 664\n"
    kernel.ok("setpriv --reuid 1000 --regid 1000 --groups $(getent group outrider | cut -d: -f3) hvctl run -- true")
    other = kernel.run("setpriv --reuid 1000 --regid 1000 --clear-groups hvctl run -- true")
    assert other.status == 125, other.explain()


@pytest.mark.parametrize("_kernel", NAMES[-1:] if ALL else NAMES, indirect=True)
def test_uio_neighbours(kernel):
    """Eight of QEMU's virtio devices share a page: none of them can be given away by mapping that page."""
    kernel.ok(
        "modprobe hvdetach_uio; cd /sys/bus/platform/devices\n"
        "for d in *.virtio_mmio; do [ -e $d/driver ] || break; done; [ -e $d ] && [ ! -e $d/driver ] || exit 1\n"
        "echo outrider-uio >$d/driver_override; echo $d >/sys/bus/platform/drivers_probe; [ ! -e $d/driver ]; s=$?\n"
        "echo >$d/driver_override; rmmod hvdetach_uio; dmesg | tail -3 | grep -E 'shares a page of [0-9]+ KiB with .*virtio_mmio' && exit $s"
    )


def runs(guest):
    """How often anything was started on a host core."""
    hvctl = Hvctl(guest)
    return sum(hvctl.cores()[core]["runs"] for core in hvctl.host_cores())


@pytest.mark.parametrize("name", SMOKE)
@pytest.mark.parametrize("_kernel", NAMES, indirect=True)  # in one line with the name, each case would boot
def test_smoke(kernel, name, request):
    """As attached, on a host core, and without a new line of the kernel (unharmed)."""
    if name in SMALL_PAGES and request.node.callspec.params["_kernel"].endswith("16k"):
        pytest.skip("lays out memory in pages of 4,096 bytes")
    before = runs(kernel)
    kernel.ok(f"rm -rf /tmp/w; mkdir /tmp/w; cd /tmp/w; set -e\n{SMOKE[name]}", timeout=600)
    assert runs(kernel) > before


@pytest.mark.parametrize("_kernel", [name for name in NAMES if not name.endswith("16k")], indirect=True)
def test_every_call(kernel):
    """Calls do the same attached and detached."""
    result = kernel.run("syscalls", timeout=900)
    lines = matrix.parse(result.out)
    assert len(lines) > 300
    assert [line for line in lines.values() if not line["same"] or not matrix.forwarded(line)] == []
    assert result.status == 0, result.explain()
