# SPDX-License-Identifier: BSD-2-Clause
"""Nobody debugs blind: what the hypervisor's console shows on request."""

import re
import time

TCR_EPD = 1 << 7 | 1 << 23  # no walks from either table


def key(guest, letter, end):
    """What the hypervisor shows for a key, up to a line that has `end` in it."""
    before = len(guest.hypervisor_log())
    (guest.work / "log/hypervisor.keys").write_text(letter)
    for _ in range(600):
        shown = guest.hypervisor_log()[before:]
        if re.search(rf"{end}.*\n", shown):
            return shown
        time.sleep(0.1)
    raise AssertionError(f"key {letter}: {end} is not shown\n{guest.logs()}")


def registers(shown, core):
    """{name: value} of a core, and what it runs."""
    text = re.search(rf"core {core}: ([^\n]*)\n((?:outrider:   [^\n]*\n)*)", shown)
    assert text, shown
    return text.group(1), {n: int(v, 16) for n, v in re.findall(r"(\w+) +([0-9a-f]{16})\b", text.group(2))}


def test_help(guest):
    shown = key(guest, "?", "h  this list")
    assert all(f"outrider: {letter}  " in shown for letter in "cvdrRh"), shown
    assert "outrider: R  " in key(guest, "h", "h  this list")


def test_keys_leave_a_detached_thread_alone(guest, hvctl):
    """Cores, vCPUs and contexts are shown without an entry to the host core; only R interrupts it, once."""
    guest.ok("hvctl run -- busy-loop >/dev/null 2>&1 & sleep 1")
    thread = hvctl.wait_detached("busy-loop")
    core = thread["core"]
    time.sleep(1)
    before = hvctl.cores()[core]
    shown = key(guest, "c", f"core {core} .*\n.*entries")
    assert f"detached thread {thread['context']}, priority {thread['prio']}" in shown, shown
    entries = re.search(rf"core {core} .*\n.*entries (\d+), interrupts (\d+)", shown)
    assert [int(n) for n in entries.groups()] == [before["entries"], before["irqs"]], shown
    shown = key(guest, "v", "to the VMM: MMIO")
    assert "vCPU 0 of VM" in shown, shown
    shown = key(guest, "d", "preempted")
    assert re.search(rf"context {thread['context']} of VM \d+ on core {core}, priority \d+: detached", shown), shown
    shown = key(guest, "r", "ESR_EL2")
    key(guest, "h", "this list")  # all of it has been shown
    assert f"core {core}:" not in shown, shown
    after = hvctl.cores()[core]
    assert (after["entries"], after["irqs"]) == (before["entries"], before["irqs"]), shown
    # And now with the host core's registers.
    shown = key(guest, "R", f"core {core}: (?s:.*)ESR_EL2")
    what, values = registers(shown, core)
    assert what == f"detached thread {thread['context']}", shown
    assert values["PSTATE"] & 0xF == 0, shown  # EL0
    maps = guest.ok(f"cat /proc/{thread['pid']}/maps")
    code = [line for line in maps.splitlines() if " r-xp " in line]
    ranges = [tuple(int(n, 16) for n in line.split()[0].split("-")) for line in code]
    assert any(low <= values["PC"] < high for low, high in ranges), f"{shown}\n{maps}"
    after = hvctl.cores()[core]
    assert (after["entries"], after["irqs"]) == (before["entries"] + 1, before["irqs"] + 1), shown
    guest.ok("pkill busy-loop; wait")
    hvctl.wait_gone()


def test_idle_host_core_has_no_tables(guest, hvctl):
    """A thread that sleeps in Linux leaves no table of its process in the hardware."""
    guest.ok("hvctl run -- sleep 1000 >/dev/null 2>&1 &")
    core = hvctl.host_cores()[0]
    for _ in range(100):
        threads = hvctl.threads()
        if threads and threads[0]["comm"] == "sleep" and threads[0]["stats"]["syscalls"] > 10:
            break
        time.sleep(0.1)
    shown = key(guest, "R", f"core {core}: (?s:.*)ESR_EL2")
    what, values = registers(shown, core)
    assert what == "idle" and values["TCR_EL1"] & TCR_EPD == TCR_EPD, shown
    guest.ok("pkill sleep; wait")
    hvctl.wait_gone()
