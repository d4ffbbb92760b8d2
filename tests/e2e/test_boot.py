# SPDX-License-Identifier: BSD-2-Clause
"""The guest does not notice: messages, CPUs, memory, devices."""

import re

import pytest
from conftest import HARMLESS
from machine import run_guest

WARNINGS = "dmesg -l warn,err,crit,alert,emerg"


def normal(text):
    """Messages without times, numbers and addresses."""
    lines = (re.sub(r"^\[[^]]*\]\s*", "", line) for line in text.splitlines())
    return {re.sub(r"0x[0-9a-f]+|\d+", "N", line) for line in lines if line and not HARMLESS.search(line)}


@pytest.mark.parametrize("kernel", ["6.1", "6.12", "rt"])
def test_no_new_messages(kernel):
    """The same kernel says nothing that it does not say on the bare machine."""
    native = run_guest("--native", "--kernel", kernel, command=WARNINGS)
    outrider = run_guest("--kernel", kernel, command=f"hvctl run -- sha256sum /usr/bin/gdb >/dev/null; {WARNINGS}")
    assert native.status == 0, native.explain()
    assert outrider.status == 0, outrider.explain()
    assert normal(outrider.out) - normal(native.out) == set(), outrider.explain()


def test_cpus(guest, hvctl):
    """Linux has the guest's cores and no other."""
    cores = hvctl.guest_cores()
    assert cores == [0, 1, 2] and hvctl.host_cores() == [3]
    assert guest.ok("nproc; cat /sys/devices/system/cpu/online").split() == [str(len(cores)), "0-2"]
    assert "PSCIv1" in guest.ok("dmesg | grep psci:")


def test_cpu_off_and_on(guest, load):
    """A CPU leaves and comes back, again and again, while all are busy and a thread is detached."""
    guest.ok(
        "hvctl run -- regs-intact --disturb 20000 >/tmp/regs & pid=$!\n"
        "for i in $(seq 10); do for cpu in 1 2; do f=/sys/devices/system/cpu/cpu$cpu/online\n"
        "echo 0 >$f || exit 1; [ $(cat $f) = 0 ] || exit 2; echo 1 >$f || exit 3; [ $(cat $f) = 1 ] || exit 4; done; done\n"
        "[ $(nproc) = 3 ] || exit 5; kill -9 $pid; wait $pid; ! grep FAIL /tmp/regs",
        timeout=300,
    )
    guest.ok("for cpu in 0 1 2; do taskset -c $cpu fp-heavy 20; done | sort -u | wc -l | grep -qx 2")


def test_every_cpu_detaches(guest):
    """The virtual exception reaches each CPU."""
    guest.ok("for cpu in 0 1 2; do taskset -c $cpu hvctl run -- sysmix 5 || exit 1; done", timeout=300)


def test_disk(guest):
    """All blocks of the passed-through disk, twice, at the same time."""
    out = guest.ok("for i in 1 2; do echo 3 >/proc/sys/vm/drop_caches; md5sum </dev/vda & md5sum </dev/vda; wait; done", 600)
    assert len(set(out.split("\n"))) == 2, out


def test_shared_folder(guest):
    guest.ok("head -c 9000000 /dev/urandom >/mnt/host/io/data; sha256sum /mnt/host/io/data >/tmp/s; sync; sha256sum -c /tmp/s")
    data = guest.io / "data"
    assert data.stat().st_size == 9000000
    data.unlink()


def test_network(guest):
    guest.ok("ping -c 3 -i 0.2 10.0.2.2")
    # the emulator's own DNS and a TCP connection that nobody answers
    result = guest.run("timeout 20 bash -c 'exec 3<>/dev/tcp/10.0.2.2/9'")
    assert result.status == 1 and "refused" in result.err, result.explain()


def test_random_and_clock(guest):
    guest.ok("head -c 100000 /dev/hwrng | wc -c | grep -qx 100000")
    before, after = guest.ok("date +%s; sleep 1; date +%s").split()
    assert int(after) > int(before)
    # all CPUs have one notion of time
    guest.ok("[ $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource) = arch_sys_counter ]")


def test_memory_is_all_there(guest):
    """Every free page can be written and keeps what was written."""
    guest.ok("stress-ng --quiet --vm 2 --vm-bytes 60% --vm-method write64 --vm-ops 4 --verify", timeout=300)


def test_stress(guest):
    """Timers, signals, faults, IPIs, for a while."""
    guest.ok(
        "stress-ng --quiet --timer 1 --timer-ops 5000 --futex 2 --futex-ops 5000 --fault 1 --fault-ops 2000 "
        "--sigsegv 1 --sigsegv-ops 1000 --membarrier 1 --membarrier-ops 200 --tlb-shootdown 1 --tlb-shootdown-ops 20",
        timeout=300,
    )


def test_module_loads_by_itself(guest):
    """Through its device-tree alias, without anybody's request."""
    run = run_guest(command="lsmod | grep -w hvdetach; ls -l /dev/hvdetach; ls -d /proc/device-tree/*outrider*; modinfo hvdetach")
    assert run.status == 0 and "alias" in run.out and "of:" in run.out, run.explain()
