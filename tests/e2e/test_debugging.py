# SPDX-License-Identifier: BSD-2-Clause
"""Nobody debugs blind: what the hypervisor's console shows on request."""

import re
import time

import pytest
from machine import Guest, run_guest

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
    text = re.search(rf"outrider: core {core}: ([^\n]*)\n((?:outrider:   [^\n]*\n)*)", shown)
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


# ---- the watchdog

HANG = "modprobe hvdetach_hang"
VCPUS = 3  # of ci/guest's machine


def config(folder, properties):
    path = folder / "config.dts"
    path.write_text(f'/dts-v1/;\n/ {{ compatible = "outrider,config"; host-cores = <3>; {properties} }};\n')
    return path


@pytest.mark.parametrize("policy, says", [("off", "the machine goes off"), ("reset", "the machine restarts")])
def test_hang_ends(tmp_path, policy, says):
    """All CPUs spin with interrupts off: the console has the reason and all registers, then the policy acts."""
    path = config(tmp_path, f'watchdog = <15>; on-hang = "{policy}";')
    run = run_guest("--config", path, command=f"{HANG}; sleep 300")
    log = run.hypervisor_log
    assert re.search(r"VM \d+ hangs: its vCPUs have taken no interrupt for 15 s", log), run.explain()
    assert f"guest hangs: {says}" in log, run.explain()
    shown = re.findall(r"vmm: vCPU (\d+): exit 6, pc 0x(\w+), pstate 0x(\w+)", log)
    assert sorted(int(n) for n, _, _ in shown) == list(range(VCPUS)), run.explain()
    # In the kernel, with interrupts masked.
    assert all(int(pc, 16) >> 48 == 0xFFFF and int(pstate, 16) & 0x8F == 0x85 for _, pc, pstate in shown), run.explain()


def test_hang_is_reported_and_looked_at(tmp_path):
    """With on-hang = report nothing else happens; keys work on a machine whose Linux takes no interrupt."""
    guest = Guest("--config", config(tmp_path, "watchdog = <15>;"))
    try:
        guest.start()
        guest._type(HANG)
        for _ in range(900):
            if "guest hangs: it goes on" in guest.hypervisor_log():
                break
            time.sleep(0.1)
        assert "guest hangs: it goes on" in guest.hypervisor_log(), guest.logs()
        shown = key(guest, "v", "vCPU 2(?s:.*)MMIO")
        states = re.findall(r"vCPU (\d+) of VM \d+ on core \d+: (\w+)", shown)
        assert states == [(str(n), "runs") for n in range(VCPUS)], shown
        key(guest, "r", "core 2: (?s:.*)ESR_EL2")
        key(guest, "h", "this list")
        log = guest.hypervisor_log()
        for core in range(VCPUS):
            what, values = registers(log, core)
            assert what.startswith("vCPU") and values["pending"] >> 27 & 1, log  # the timer's
            assert values["PSTATE"] & 0x8F == 0x85, log
        assert log.count(" hangs: its vCPUs") == 1, log
    finally:
        guest.close()


def test_no_hang(guest, hvctl, load):
    """CPUs at work, and CPUs that idle, take their interrupts."""
    guest.ok("sleep 5")
    assert " hangs: its vCPUs" not in guest.hypervisor_log(), guest.logs()
