# SPDX-License-Identifier: BSD-2-Clause
"""Threads that others detach, move and attach; new threads that start detached; cores that are shared."""

import pytest

from conftest import kernel_warnings

ALSO_RT = pytest.mark.kernels("6.1", "rt")


def clean(guest):
    assert kernel_warnings(guest) == []


@ALSO_RT
def test_remote(two):
    two.ok("remote 60", timeout=400)
    clean(two)


@ALSO_RT
def test_sigdebug(two):
    two.ok("sigdebug 64", timeout=300)
    clean(two)


WRAPPER = """#!/bin/sh
SYSFS_PATH=/sys/kernel/outrider/detach
echo $$ > $SYSFS_PATH/detach
echo $HOST_CORE_ID > $SYSFS_PATH/$$/cpu
exec "$@"
"""


def test_sysfs_wrapper(two):
    """The wrapper script of the papers, with nothing but its path changed."""
    wrapper = two.put("wrapper", WRAPPER)
    show = "cd /sys/kernel/outrider/detach/$$ && cat cpu state prio comm && echo 7 >prio && cat prio && cat syscalls"
    out = two.ok(f"HOST_CORE_ID=3 sh {wrapper} sh -c '{show}'").split()
    assert out[0] == "3" and out[1] == "attached" and out[2:5] == ["100", "sh", "7"] and int(out[5]) > 3
    assert two.run(f"HOST_CORE_ID=0 sh {wrapper} true").err.strip() != ""
    two.ok("cd /sys/kernel/outrider/detach; for i in $(seq 100); do [ \"$(echo *)\" = 'attach detach' ] && exit; sleep 0.1; done; exit 1")
    # every detached thread has a folder, whoever has detached it
    out = two.ok(
        "hvctl run --core 2 -- busy-loop >/dev/null & cd /sys/kernel/outrider/detach\n"
        "for i in $(seq 100); do grep -q detached $!/state 2>/dev/null && break; sleep 0.1; done\n"
        "cat $!/state $!/cpu; echo $! >attach; ls | wc -l; kill $!; wait $!; true"
    )
    assert out.split()[:2] == ["detached", "2"]
    clean(two)


def test_unprivileged(two):
    """Everybody may look; a file that is open for writing, or CAP_SYS_NICE, is needed to detach."""
    nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all"
    python = two.put("may.py", MAY)
    two.ok("chmod 755 /mnt/host; chmod 664 /dev/hvdetach")
    assert two.ok(f"python3 {python} self r; python3 {python} self w").split() == ["ok", "ok"]
    assert two.ok(f"{nobody} python3 {python} self r; {nobody} python3 {python} self w").split() == ["EPERM", "EACCES"]
    assert two.ok(f"setpriv --reuid 65534 --regid 65534 --clear-groups --ambient-caps +sys_nice --inh-caps +sys_nice python3 {python} self r").split() == ["ok"]
    group = "setpriv --reuid 65534 --regid 65534 --groups 4242"
    two.ok("chgrp 4242 /dev/hvdetach")
    assert two.ok(f"{group} python3 {python} self w").split() == ["ok"]
    # another user's thread, and one's own: as its tracer
    out = two.ok(
        f"busy-loop >/dev/null & root=$!; {nobody} busy-loop >/dev/null & own=$!\n"
        "until grep -q ^Uid:.65534 /proc/$own/status; do sleep 0.1; done\n"
        f"{group} python3 {python} $root w; {group} python3 {python} $own w; {group} python3 {python} $own w seize; kill $root $own; wait; true"
    )
    assert out.split() == ["EPERM", "EPERM", "ok"]
    two.ok("chgrp 0 /dev/hvdetach")
    clean(two)


MAY = """
import ctypes, errno, fcntl, os, struct, sys
try:
    fd = os.open("/dev/hvdetach", os.O_RDWR if sys.argv[2] == "w" else os.O_RDONLY)
    tid = 0 if sys.argv[1] == "self" else int(sys.argv[1])
    if "seize" in sys.argv and ctypes.CDLL(None).ptrace(0x4206, tid, None, None):
        sys.exit("PTRACE_SEIZE")
    # ord_ioc_detach: size, version, core, prio, flags, tid
    fcntl.ioctl(fd, 0xC0186F02, struct.pack("IIIIIi", 24, 0x10001, 0xFFFFFFFF, 100, 0, tid))
    print("ok")
except OSError as error:
    print(errno.errorcode[error.errno])
"""


def test_shared_core(two):
    """Threads of several processes take turns on one core, each with its own registers and tables."""
    two.ok(
        "cd /tmp; run='hvctl run --core 3 --shared'\n"
        "$run --stat=s1 --json -- regs-intact --spin 200000 300 >o1 & a=$!; $run --stat=s2 --json -- fp-heavy 1500 >o2 & b=$!\n"
        "$run --stat=s3 --json -- fp-heavy 1500 >o3 & c=$!; $run --stat=s4 --json -- regs-intact --spin 200000 300 >o4 & d=$!\n"
        "wait $a && wait $b && wait $c && wait $d || { cat o1 o2 o3 o4; exit 1; }",
        timeout=400,
    )
    stats = [two.json(f"cat /tmp/s{i}") for i in (1, 2, 3, 4)]
    assert [s["core"] for s in stats] == [3] * 4
    # two that compute are both preempted, again and again
    two.ok(
        "cd /tmp; hvctl run --core 3 --shared -- busy-loop & a=$!; hvctl run --core 3 --shared -- busy-loop & b=$!\n"
        "preempted() { hvctl stat --json $1 2>/dev/null | tr -d ' \\n' | sed -n 's/.*\"preempted\":\\([0-9]*\\).*/\\1/p'; }\n"
        "for i in $(seq 600); do p=$(preempted $a); q=$(preempted $b); [ ${p:-0} -ge 3 ] && [ ${q:-0} -ge 3 ] && break; sleep 0.1; done\n"
        "hvctl ps; kill $a $b; wait; echo $p $q; [ ${p:-0} -ge 3 ] && [ ${q:-0} -ge 3 ]",
        timeout=200,
    )
    # an exclusive thread does not come in between, nor does a shared one to an exclusive one
    two.ok(
        "hvctl run --core 3 --shared -- busy-loop & a=$!\n"
        "for i in $(seq 200); do hvctl ps | grep -q detached && break; sleep 0.1; done\n"
        "hvctl run --core 3 -- true; [ $? = 125 ] && hvctl run --core 3 --shared --prio 200 -- true; s=$?; kill $a; wait; exit $s"
    )
    two.ok(
        "hvctl run --core 3 -- busy-loop & a=$!\n"
        "for i in $(seq 200); do hvctl ps | grep -q detached && break; sleep 0.1; done\n"
        "hvctl run --core 3 --shared -- true; s=$?; kill $a; wait; [ $s = 125 ]"
    )
    clean(two)


def test_remote_by_tracepoint(two):
    """Kernels without ftrace have to do with the tracepoint."""
    two.ok("rmmod hvdetach; modprobe hvdetach use_tracepoint=1; remote 20; detach-cycle 50", timeout=400)
    two.ok("rmmod hvdetach; modprobe hvdetach")
    clean(two)
