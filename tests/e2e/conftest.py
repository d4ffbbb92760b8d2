# SPDX-License-Identifier: BSD-2-Clause
"""One guest stays up for most tests; each of them must leave it as it was: no warning, no object."""

import json
import os
import re
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from hvctl import Hvctl  # noqa: E402
from machine import TOP, Guest  # noqa: E402

sys.path.insert(0, str(TOP / "ci"))
from outrider import kernels  # noqa: E402

# Of an emulator on a busy machine, or of any module built out of tree.
HARMLESS = re.compile(
    r"hrtimer: interrupt took|perf: interrupt took too long|loading out-of-tree module taints kernel"
    r"|module verification failed: signature and/or required key missing"
    r"|mmap: syscalls \(\d+\) uses deprecated remap_file_pages|Invalid ELF header len \d"
    r"|sched: DL replenish lagged too much|sched: RT throttling activated"
    r"|clocksource: .*(Long readout interval|wd-.*-read-back)"
)

# Programs for the guest of `riders`
PACKAGES = "clustalo,openmpi-bin,python3-mpi4py,socat"

# A run of all tests has to end while its user waits: hours of rounds and all stressors are for OUTRIDER_STRESS=all.
LONG = os.environ.get("OUTRIDER_STRESS") == "all"


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than half a minute")
    config.addinivalue_line("markers", "kernels(name, …): which of its parameter's kernels a test is for by default; else 6.1 alone")


# Tests that use one of these guests are for one worker, which boots it once; these come first, since they take longest.
GROUPS = {"_riders": "riders", "two": "two", "_two_cores": "two", "soaked": "two", "shared": "shared", "unlimited": "unlimited",
          "_booted": "systemd", "checked": "bench", "_kernel": "kernels"}  # fmt: skip


def _kernel(item):
    """The kernel that is a parameter of a test."""
    values = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return next((value for value in values if value in kernels.NAMES), "6.1")


def _group(item):
    return next((f"{name}-{_kernel(item)}" for fixture, name in GROUPS.items() if fixture in item.fixturenames), None)


def _by_default(item):
    mark = item.get_closest_marker("kernels")
    return _kernel(item) in (mark.args if mark else ("6.1",))


@pytest.hookimpl(tryfirst=True)  # before xdist's, which looks for groups
def pytest_collection_modifyitems(config, items):
    """One kernel shows a claim, unless it is about kernels. (OUTRIDER_KERNELS=all: each does.)"""
    if os.environ.get("OUTRIDER_KERNELS") != "all":
        config.hook.pytest_deselected(items=[i for i in items if not _by_default(i)])
        items[:] = [i for i in items if _by_default(i)]
    for item in items:
        # pytest compares parameters of fixtures by identity: another "6.1" would boot another guest
        if hasattr(item, "callspec"):
            params = item.callspec.params
            params.update({name: sys.intern(value) for name, value in params.items() if isinstance(value, str)})
        if _group(item):
            item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=lambda i: _group(i) is None)


def pytest_runtest_logreport(report):
    """What failed is said at once: a run that is stopped has no summary. Workers' output is not shown, only the controller's."""
    if report.failed:
        print(f"\nFAILED {report.nodeid} ({report.when})\n{report.longreprtext}", file=sys.__stdout__, flush=True)


def _warnings(text):
    lines = [re.sub(r"^\[[^]]*\]\s*", "", line) for line in text.splitlines()]
    return [line for line in lines if line and not HARMLESS.search(line)]


def kernel_warnings(guest):
    """Messages of level warning and worse, without their times."""
    return _warnings(guest.ok("dmesg -l warn,err,crit,alert,emerg"))


# In one command, since each test waits for it.
LOOK = r"""
modprobe hvdetach || exit 1
for i in $(seq 200); do hvctl ps --json >/run/left; grep -q '"threads": \[\]' /run/left && break; sleep 0.05; done
cat /run/left; hvctl info --json; echo "== dmesg"; dmesg -l warn,err,crit,alert,emerg
"""


def look(guest):
    """What a test must leave as it was, once no thread is detached: (messages of Linux, {pool: objects in use})"""
    json_text, messages = guest.ok(LOOK).split("\n== dmesg\n", 1)
    decoder = json.JSONDecoder()
    threads, end = decoder.raw_decode(json_text)
    assert threads["threads"] == [], f"threads that should be gone: {threads['threads']}"
    info = decoder.decode(json_text[end:])
    return _warnings(messages), {pool["name"]: pool["used"] for pool in info["pools"]}


@pytest.fixture(scope="session")
def _outrider():
    guest = Guest()
    yield guest
    guest.close()


@contextmanager
def unharmed(guest):
    """A guest that is up, checked before and after; what was seen after a test is what the next one finds."""
    guest.start()
    boots = guest.boots
    warnings, pools = guest.left or look(guest)
    guest.left = None
    yield guest
    if guest.boots != boots or not guest.child:
        return  # it was lost: the test has failed already
    left = look(guest)
    assert left[0][len(warnings) :] == [], "new kernel messages"
    assert left[1] == pools, "objects of the hypervisor are lost"
    guest.left = left


@pytest.fixture
def guest(_outrider):
    """The guest under Outrider, checked before and after."""
    with unharmed(_outrider) as guest:
        yield guest


@pytest.fixture(scope="session")
def _riders(request):
    """A guest with eight host cores, and packages that the tests of programs need; one per kernel, one after the other."""
    guest = Guest("--kernel", request.param, "--smp", "10", "--host-cores", "2-9", "--packages", PACKAGES)
    yield guest
    guest.close()


@pytest.fixture(scope="session")
def two_host_cores():
    """Guests with two host cores, one for each kernel: a function that gives the one of a kernel."""
    guests = {}

    def guest(kernel):
        if kernel not in guests:
            guests[kernel] = Guest("--host-cores", "2-3", "--kernel", kernel)
        guests[kernel].left = None
        return guests[kernel].start()

    yield guest
    for made in guests.values():
        made.close()


@pytest.fixture(params=["6.1", "6.12", "rt"])
def two(request, two_host_cores):
    guest = two_host_cores(request.param)
    guest.ok("modprobe hvdetach; dmesg -C")
    return guest


@pytest.fixture
def riders(_riders):
    """The same for tests with many detached threads; of the kernel that the test names as its parameter `_riders`."""
    with unharmed(_riders) as guest:
        yield guest


@pytest.fixture
def hvctl(guest):
    return Hvctl(guest)


@pytest.fixture
def load(guest):
    """hackbench on all of Linux's CPUs while the test runs."""
    guest.ok(
        "(while :; do nice -n 5 hackbench -g 2 -f 4 -l 500; done) >/dev/null 2>&1 & echo $! >/run/load.pid\n"
        "for i in $(seq 100); do pgrep -x hackbench >/dev/null && exit 0; sleep 0.1; done; exit 1"
    )
    yield
    if guest.child:
        guest.ok(
            "kill $(cat /run/load.pid); rm /run/load.pid\n"
            "for i in $(seq 100); do pkill -KILL -x hackbench || exit 0; sleep 0.1; done; exit 1"
        )
