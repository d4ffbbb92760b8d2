# SPDX-License-Identifier: BSD-2-Clause
"""What a detached thread may do is its own: not another thread's, not the next program's, not another user's."""

import re

import pytest
from test_sleep import NO_UIO, UIO

NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups"


@pytest.mark.parametrize("what", ["race", "exec"])
def test_interrupt(guest, what):
    """Granted to a thread that was attached meanwhile; granted, and then another program is executed."""
    guest.ok(UIO + f"rights {what} /dev/uio0; s=$?" + NO_UIO, timeout=300)


def test_interrupt_of_another_controller(guest):
    """Its number is not one of the distributor's: 34 is the clock's there."""
    result = guest.run("modprobe hvdetach_uio && modprobe hvdetach_line hwirq=34 && rights line /dev/uio0; s=$?; rmmod hvdetach_line hvdetach_uio; exit $s")
    assert result.status == 0, result.explain()


def test_set_user_id(guest):
    """Detached, in a group, recorded: a set-user-id program is none of that, and nothing of it can be read afterwards."""
    guest.ok(
        "cp $(command -v rights) /usr/local/bin/rights-suid && chmod 4755 /usr/local/bin/rights-suid && chmod 666 /dev/hvdetach || exit 1\n"
        f"{NOBODY} rights gain /usr/local/bin/rights-suid; s=$?; chmod 664 /dev/hvdetach; rm /usr/local/bin/rights-suid; exit $s"
    )


def test_other_user(guest):
    """Root's thread becomes another user's program: it stays on its core, what root did stays root's."""
    guest.ok("chmod 666 /dev/hvdetach; rights lose; s=$?; chmod 664 /dev/hvdetach; exit $s")


def test_who_may(guest):
    """Whoever may ptrace a thread may act on it; Yama, a security module, is asked as well."""
    out = guest.ok(
        f"chmod 666 /dev/hvdetach; {NOBODY} sh -c 'while :; do echo x >/dev/null; done' & own=$!; busy-loop >/dev/null & root=$!\n"
        "until grep -q ^Uid:.65534 /proc/$own/status; do sleep 0.05; done\n"
        "for scope in 0 1; do\n"
        "    echo $scope >/proc/sys/kernel/yama/ptrace_scope\n"
        f"    for verb in detach 'set --prio 9' 'trace -n 3' attach; do {NOBODY} hvctl $verb $own >/dev/null 2>&1; echo -n \"$? \"; done\n"
        f"    {NOBODY} hvctl detach $root 2>/dev/null; echo $?\n"
        "done\n"
        "echo 0 >/proc/sys/kernel/yama/ptrace_scope; hvctl ps; chmod 664 /dev/hvdetach; kill $own $root; wait $own $root; true"
    )
    assert out.splitlines()[:2] == ["0 0 0 0 1", "1 1 1 1 1"], out


def test_info_for_everybody(guest):
    """Whoever may only look asks the hypervisor once a tick, however often he asks."""
    entries = "hvctl info --json | python3 -c 'import json, sys; print(sum(c[\"entries\"] for c in json.load(sys.stdin)[\"cores\"]))'"
    out = guest.ok(f"{entries}; {NOBODY} ioctl-errors info 2000; {entries}").split()
    # each question is some 20 calls of the hypervisor
    assert int(out[-1]) - int(out[0]) < 20000, out


def test_spin_limit(guest):
    """The longest time to spin has a limit."""
    path = "/sys/module/hvdetach/parameters/spin_us"
    assert guest.run(f"echo 10001 >{path}").status != 0
    guest.ok(f"echo 10000 >{path} && echo 10 >{path}")


def test_sysfs_is_of_the_first_pid_namespace(guest):
    """Elsewhere the ids in there mean nothing, or another thread."""
    out = guest.ok(
        "hvctl run -- busy-loop >/dev/null & pid=$!\n"
        "cd /sys/kernel/outrider/detach; for i in $(seq 200); do grep -qs detached $pid/state && break; sleep 0.05; done\n"
        "cat $pid/comm; unshare --pid --fork cat $PWD/$pid/comm 2>&1; unshare --pid --fork sh -c \"echo 7 >$PWD/$pid/prio\" 2>&1; cat $pid/prio\n"
        "kill $pid; wait $pid; true"
    )
    lines = out.splitlines()
    assert lines[0] == "busy-loop" and lines[-1] == "100" and out.count("No such process") + out.count("I/O error") == 2, out


def test_sysfs_after_execve(guest):
    """A thread that does not lead its process has another id after execve(), and its folder another name."""
    out = guest.ok(
        "rights rename & pid=$!; cd /sys/kernel/outrider/detach\n"
        "for i in $(seq 200); do [ -e $pid/state ] && break; sleep 0.05; done; echo [0-9]* is $pid; kill $pid; wait $pid; true"
    )
    name, pid = re.search(r"^(.*) is (\d+)$", out, re.MULTILINE).groups()
    assert name == pid, out
