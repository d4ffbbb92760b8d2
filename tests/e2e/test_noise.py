# SPDX-License-Identifier: BSD-2-Clause
"""A detached thread that needs nothing is not disturbed, whatever Linux does."""

import re

import pytest


def busy_jiffies(guest):
    """{cpu: time that was not idle}"""
    text = guest.ok("grep '^cpu[0-9]' /proc/stat")
    return {line.split()[0]: sum(map(int, line.split()[1:4] + line.split()[6:9])) for line in text.splitlines()}


@pytest.mark.slow
def test_compute_loop_is_undisturbed(guest, hvctl, load):
    """10 s beside hackbench: no exit, no interrupt on its core."""
    guest.ok("hvctl run -- compute-loop --seconds 14 >/tmp/compute 2>&1 & echo $! >/tmp/pid")
    guest.ok("for i in $(seq 200); do grep -q computing /tmp/compute && exit 0; sleep 0.05; done; exit 1")
    thread = hvctl.wait_detached("compute-loop")
    guest.ok("sleep 1")
    busy = busy_jiffies(guest)
    first, first_core = hvctl.stat(thread["tid"]), hvctl.cores()[thread["core"]]
    guest.ok("sleep 10")
    second, second_core = hvctl.stat(thread["tid"]), hvctl.cores()[thread["core"]]
    assert first["state"] == second["state"] == "detached"
    assert second["stats"] == first["stats"], "the thread left its core"
    for name in ("entries", "irqs"):
        assert second_core[name] == first_core[name], f"the hypervisor ran on the core: {name}"
    now = busy_jiffies(guest)
    assert all(now[cpu] > busy[cpu] for cpu in busy), "a CPU of Linux was idle"
    guest.ok("for i in $(seq 300); do [ -e /proc/$(cat /tmp/pid) ] || exit 0; sleep 0.1; done; exit 1")
    out = guest.ok("cat /tmp/compute")
    assert "PASS" in out and re.search(r"page faults 0$", out, re.M), out


def test_undisturbed_by_module_load_and_tracing(guest, hvctl):
    """What disturbs isolated CPUs of stock Linux: static keys, tracing, module loading, TLB shootdowns elsewhere."""
    guest.ok("hvctl run -- compute-loop --seconds 600 >/tmp/compute 2>&1 & echo $! >/tmp/pid")
    guest.ok("for i in $(seq 200); do grep -q computing /tmp/compute && exit 0; sleep 0.05; done; exit 1")
    thread = hvctl.wait_detached("compute-loop")
    guest.ok("sleep 0.5")
    first = hvctl.stat(thread["tid"])
    guest.ok(
        "t=/sys/kernel/tracing; for i in 1 2 3; do modprobe dummy; modprobe -r dummy\n"
        "echo 1 >$t/events/sched/enable; echo 0 >$t/events/sched/enable\n"
        "echo function >$t/current_tracer 2>/dev/null; echo nop >$t/current_tracer; done\n"
        "echo 4096 >$t/buffer_size_kb; echo 1024 >$t/buffer_size_kb; sync; exec-self 20; sysmix 2",
        timeout=300,
    )
    second = hvctl.stat(thread["tid"])
    guest.ok("kill -9 $(cat /tmp/pid)")
    assert second["stats"] == first["stats"] and second["state"] == "detached"


def test_idle_guest_is_idle(guest, hvctl):
    """A host core without a thread, and its hypervisor, sleep."""
    core = hvctl.host_cores()[0]
    first = hvctl.cores()[core]
    guest.ok("sleep 3")
    second = hvctl.cores()[core]
    assert second["irqs"] == first["irqs"] and second["entries"] == first["entries"]
