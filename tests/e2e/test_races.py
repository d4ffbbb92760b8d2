# SPDX-License-Identifier: BSD-2-Clause
"""The module's races made likely: threads and interrupts are held up at the points of guest-driver/module/debug.h.

OUTRIDER_SEED repeats the delays (not what they meet).
"""

import os
import time

import pytest
from test_signals import LOOP

PARAMETERS = "/sys/module/hvdetach/parameters"
SEED = int(os.environ.get("OUTRIDER_SEED", time.time_ns() % 1000000007))

# Every detached thread meets these.
ALWAYS = {"publish", "queue", "work", "captured", "run", "ran", "event", "return", "end", "ended", "release"}
SLEEPS = {"wait", "sleep", "irq"}


@pytest.fixture
def races(guest):
    """Switched on; a function that says which points were met."""
    print(f"OUTRIDER_SEED={SEED}")
    guest.ok(f"echo {SEED} >{PARAMETERS}/debug_races")

    def met():
        lines = (line.split() for line in guest.ok(f"cat {PARAMETERS}/debug_met").splitlines())
        return {point for point, count in lines if int(count)}

    yield met
    guest.ok(f"echo 0 >{PARAMETERS}/debug_races")


@pytest.mark.parametrize(
    "command, points",
    [
        ("detach-cycle 100", ALWAYS | {"arm"}),
        ("hvctl run -- sig 20", ALWAYS | SLEEPS | {"arm", "timer", "recall"}),
        ("threads --detach 300", ALWAYS),
        ("hvctl run -- exec-self --detached 20", ALWAYS | SLEEPS),
        ("hvctl run -- faults", ALWAYS | {"timer"}),
        ("mm-race --detach-worker --rounds 1000", ALWAYS),
        ("hvctl run -- sysmix 5", ALWAYS | SLEEPS | {"arm"}),
        ("parking", ALWAYS | {"recall", "timer"}),
    ],
    ids=lambda value: value.split(" --")[0] if isinstance(value, str) else "",
)
def test_program(guest, races, command, points):
    guest.ok(command, timeout=300)
    assert points <= races(), f"not met: {points - races()}"


def test_kill_storm(guest, races, hvctl):
    guest.ok(
        "for i in $(seq 30); do hvctl run -- sysmix 3 >/dev/null & pid=$!\n"
        "sleep 0.$(printf %03d $((i * 7 % 200))); kill -9 $pid; wait $pid 2>/dev/null; done; rm -rf /tmp/sysmix.*",
        timeout=300,
    )
    hvctl.wait_gone()
    guest.ok("hvctl run -- true")
    assert ALWAYS <= races()


def test_migration(guest, races):
    """Stopped and sent to another CPU: the timer that was armed on the old one goes after the thread."""
    guest.ok(
        LOOP + "for i in $(seq 100); do kill -STOP $pid; taskset -cp $((i % 2)) $pid >/dev/null; kill -CONT $pid\n"
        "for j in $(seq 200); do hvctl ps | grep -q detached && break; sleep 0.02; done\n"
        "hvctl ps | grep -q detached || { hvctl ps; exit 1; }\n"
        f"[ $i -ge 10 ] && grep -q 'chase [1-9]' {PARAMETERS}/debug_met && break; done; kill -9 $pid; wait $pid; true",
        timeout=300,
    )
    assert {"timer", "chase", "recall"} <= races()


def test_parking(guest):
    """Rules of parking that show in what others see: delayed close, stale restarts, FP registers."""
    guest.ok("parking", timeout=300)


def test_cpu_goes_offline(guest, races):
    """While threads wait for its virtual exception. (The race itself is in tests/model, as STATE_BEFORE_WAIT.)"""
    guest.ok(
        "(while :; do for s in 0 1; do echo $s >/sys/devices/system/cpu/cpu1/online; done; done) & loop=$!\n"
        "hvctl run -- sysmix 5 && hvctl run -- sig 10; status=$?; kill $loop; wait $loop 2>/dev/null\n"
        "echo 1 >/sys/devices/system/cpu/cpu1/online 2>/dev/null; exit $status",
        timeout=300,
    )
