# SPDX-License-Identifier: BSD-2-Clause
"""A detached thread that needs nothing is not disturbed, whatever Linux does."""

import re

import pytest


def busy_jiffies(guest):
    """{cpu: time that was not idle}"""
    text = guest.ok("grep '^cpu[0-9]' /proc/stat")
    return {line.split()[0]: sum(map(int, line.split()[1:4] + line.split()[6:9])) for line in text.splitlines()}


def start_compute_loop(guest, hvctl):
    """Start it and wait until it computes, detached; its entry of `hvctl ps`."""
    guest.ok(
        "rm -f /tmp/stat.json; printf 0 >/tmp/stop; hvctl run --json --stat=/tmp/stat.json -- "
        "compute-loop --seconds 900 --until /tmp/stop >/tmp/compute 2>&1 & echo $! >/tmp/pid"
    )
    guest.ok("for i in $(seq 200); do grep -q computing /tmp/compute && exit 0; sleep 0.05; done; exit 1")
    thread = hvctl.wait_detached("compute-loop")
    guest.ok("sleep 1")
    return thread


def end_compute_loop(guest):
    """Let it end, without disturbing it; what it printed, and the hypervisor's counters."""
    guest.ok("printf 1 1<>/tmp/stop; for i in $(seq 600); do [ -e /proc/$(cat /tmp/pid) ] || exit 0; sleep 0.1; done; exit 1")
    return guest.ok("cat /tmp/compute"), guest.json("cat /tmp/stat.json")


# The thread's own counters are written when it needs Linux; a core's are counted all the time.
def assert_undisturbed(hvctl, thread, before):
    now = hvctl.cores()[thread["core"]]
    for name in ("entries", "irqs", "runs"):
        assert now[name] == before[name], f"the hypervisor ran on the core: {name}\n{before}\n{now}"
    assert now["running"] and now["tid"] == thread["tid"]
    assert hvctl.stat(thread["tid"])["state"] == "detached"


@pytest.mark.slow
def test_compute_loop_is_undisturbed(guest, hvctl, load):
    """10 s beside hackbench: no exit, no interrupt on its core."""
    thread = start_compute_loop(guest, hvctl)
    busy, core = busy_jiffies(guest), hvctl.cores()[thread["core"]]
    guest.ok("sleep 10")
    assert_undisturbed(hvctl, thread, core)
    now = busy_jiffies(guest)
    assert all(now[cpu] > busy[cpu] for cpu in busy), "a CPU of Linux was idle"
    out, summary = end_compute_loop(guest)
    assert "PASS" in out and re.search(r"page faults 0$", out, re.M), out
    assert summary["stats"]["irqs"] == 0 and summary["stats"]["recalls"] == 0, summary


def test_undisturbed_by_module_load_and_tracing(guest, hvctl):
    """What disturbs isolated CPUs of stock Linux: static keys, tracing, module loading, TLB shootdowns elsewhere."""
    thread = start_compute_loop(guest, hvctl)
    core = hvctl.cores()[thread["core"]]
    guest.ok(
        "t=/sys/kernel/tracing; for i in 1 2 3; do modprobe dummy; modprobe -r dummy\n"
        "echo 1 >$t/events/timer/enable; echo 0 >$t/events/timer/enable\n"
        "echo function >$t/current_tracer 2>/dev/null; echo nop >$t/current_tracer; done\n"
        "echo 4096 >$t/buffer_size_kb; echo 1024 >$t/buffer_size_kb; sync; exec-self 20; sysmix 2",
        timeout=300,
    )
    assert_undisturbed(hvctl, thread, core)
    out, summary = end_compute_loop(guest)
    assert "PASS" in out and summary["stats"]["irqs"] == 0 and summary["stats"]["recalls"] == 0, f"{out}\n{summary}"


def test_idle_guest_is_idle(guest, hvctl):
    """A host core without a thread, and its hypervisor, sleep."""
    core = hvctl.host_cores()[0]
    first = hvctl.cores()[core]
    guest.ok("sleep 3")
    second = hvctl.cores()[core]
    assert second["irqs"] == first["irqs"] and second["entries"] == first["entries"]
