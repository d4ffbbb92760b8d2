# SPDX-License-Identifier: BSD-2-Clause
"""Everything at once, at random, for OUTRIDER_SOAK seconds (60); OUTRIDER_SEED repeats what each process does."""

import os
import re
import time

import pytest
from conftest import kernel_warnings
from hvctl import Hvctl

SECONDS = int(os.environ.get("OUTRIDER_SOAK", 60))
SEED = int(os.environ.get("OUTRIDER_SEED", time.time_ns() % 1000000007))
# That must have happened, however short it was.
MUST = ("detach", "attach", "compute", "map", "fork", "kill", "thread", "signal", "exec", "pipe", "trace", "detached",
        "others-detached")  # fmt: skip
# Linux says so of CPUs that go and come back; also that one took more than 100 ms to go, on a busy machine.
HOTPLUG = re.compile(
    r"CPU\d+: |psci: |GICv3: CPU\d+|IRQ\d+: set affinity failed|Detected .* I-cache"
    r"|CPU\d+ may not have shut down cleanly: -110"
)


@pytest.fixture
def soaked(two_host_cores):
    """A guest with two CPUs and two host cores, and room for threads to wait for one another."""
    return two_host_cores("6.1")


def memory_of_module(guest):
    """Pages and slabs cannot be told apart by owner; what the module counts can: its own use count."""
    return int(guest.ok("cat /sys/module/hvdetach/refcnt"))


@pytest.mark.slow
def test_soak(soaked):
    hvctl = Hvctl(soaked)
    soaked.ok("modprobe hvdetach; mkdir /sys/fs/cgroup/soak")
    warnings, pools = kernel_warnings(soaked), hvctl.pools()
    result = soaked.run(
        f"soak --seed {SEED} --seconds {SECONDS} --workers 6 --hotplug 1 --cgroup /sys/fs/cgroup/soak",
        timeout=2 * SECONDS + 600,
    )
    text = f"OUTRIDER_SEED={SEED}\n{result.explain()}"
    print(text)
    assert result.status == 0, f"{text}\n{soaked.run('hvctl ps; dmesg | tail -40').out}"
    done = dict(line.split() for line in result.out.splitlines() if re.fullmatch(r"[\w-]+ \d+", line))
    assert all(int(done[what]) > 0 for what in MUST), text

    # Nothing is left of it.
    hvctl.wait_gone()
    new = [line for line in kernel_warnings(soaked)[len(warnings) :] if not HOTPLUG.search(line)]
    assert new == [], f"{text}\nnew kernel messages: {new}"
    assert hvctl.pools() == pools, text
    assert memory_of_module(soaked) == 0, text
    soaked.ok("for i in $(seq 100); do modprobe -r hvdetach && exit 0; sleep 0.1; done; exit 1")
    soaked.ok("modprobe hvdetach; hvctl run -- true; rmdir /sys/fs/cgroup/soak")


def test_seed_repeats(soaked):
    """The same seed means the same operations, another one others."""
    first, again, other = (soaked.ok(f"soak --seed {seed} --list 2.7") for seed in (1, 1, 2))
    assert first == again != other and len(first.splitlines()) == 40
