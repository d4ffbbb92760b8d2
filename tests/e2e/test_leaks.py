# SPDX-License-Identifier: BSD-2-Clause
"""Many times in and out: the hypervisor's pool counters are what they were, Linux has nothing to say.

(Every test checks that, in the fixture `guest`; these do it often.)
"""

import pytest
from conftest import LONG


def test_detach_cycles(guest):
    guest.ok("detach-cycle 1000", timeout=300)


def test_detach_cycles_under_load(guest, load):
    guest.ok("detach-cycle 200", timeout=300)


def test_threads_detach(guest):
    guest.ok("for i in 1 2 3 4 5; do threads --detach 1000 || exit 1; done", timeout=300)


def test_kill_at_any_time(guest, hvctl):
    """SIGKILL hits the start, the run, a system call, the end."""
    guest.ok(
        "for i in $(seq 100); do hvctl run -- sysmix 3 >/dev/null & pid=$!\n"
        "sleep 0.$(printf %03d $((i * 7 % 200))); kill -9 $pid; wait $pid 2>/dev/null; done; true",
        timeout=300,
    )
    hvctl.wait_gone()
    guest.ok("rm -rf /tmp/sysmix.*; hvctl run -- true")


@pytest.mark.slow
def test_load_and_unload(guest, hvctl):
    pools = hvctl.pools()
    guest.ok(
        f"for i in $(seq {100 if LONG else 25}); do for t in $(seq 20); do modprobe -r hvdetach && break; sleep 0.1; done\n"
        "[ -e /sys/module/hvdetach ] && { echo cycle $i; exit 1; }; modprobe hvdetach || exit 3\n"
        "[ $((i % 10)) = 0 ] && { hvctl run -- true || exit 2; }; done; true",
        timeout=600,
    )
    assert hvctl.pools() == pools


def test_unload_while_detached(guest, hvctl):
    """Refused, and the thread goes on; or it comes back to Linux. Never a thread without its module."""
    result = guest.run(
        "hvctl run -- busy-loop >/dev/null & pid=$!\n"
        "for i in $(seq 200); do hvctl ps --json | grep -q '\"detached\"' && break; sleep 0.05; done\n"
        "modprobe -r hvdetach && echo unloaded; kill -0 $pid && echo alive; kill -9 $pid; wait $pid; true"
    )
    assert "unloaded" not in result.ok().out and "alive" in result.out, result.explain()


def test_without_module(guest):
    result = guest.run("modprobe -r hvdetach; hvctl run -- true; echo $?; hvctl info; echo $?; hvctl ps; echo $?")
    assert "hvdetach" in result.err and "modprobe" in result.err, result.explain()
    assert all(int(line) for line in result.out.split()) and len(result.out.split()) == 3, result.explain()
