# SPDX-License-Identifier: BSD-2-Clause
"""A core that runs a CPU of Linux and, before it, detached threads; with a budget and without."""

import pytest

from conftest import unharmed
from hvctl import Hvctl
from machine import Guest

CORE = 1  # of Linux and of detached threads
OPTIONS = ("--smp", "3", "--host-cores", "2", "--shared-cores", CORE)

# Linux's work on that CPU: $work counts in /tmp/work.
WORK = f"""
echo 0 >/tmp/work
taskset -c {CORE} sh -c 'i=0; while :; do i=$((i+1)); echo $i >/tmp/work.new; mv /tmp/work.new /tmp/work; done' & work=$!
trap 'kill $work' EXIT
throttled() {{ hvctl stat --json $1 2>/dev/null | tr -d ' \\n' | sed -n 's/.*"throttled":\\([0-9]*\\).*/\\1/p'; }}
detached() {{
  for i in $(seq 600); do grep -q looping /tmp/loop && hvctl ps | grep -q ' detached .*busy-loop' && return; sleep 0.05; done; return 1
}}
"""


@pytest.fixture(scope="module", params=["6.1", "6.12", "rt"])
def shared(request):
    guest = Guest(*OPTIONS, "--kernel", request.param)
    guest.start()
    guest.ok("modprobe hvdetach")
    yield guest
    guest.close()


@pytest.fixture
def clean(shared):
    """Nothing of Linux's watchdogs, no object lost."""
    with unharmed(shared):
        yield Hvctl(shared)


@pytest.fixture
def load(shared):
    shared.ok(
        "(while :; do nice -n 5 hackbench -g 1 -f 4 -l 200; done) >/dev/null 2>&1 & echo $! >/run/load.pid\n"
        "for i in $(seq 100); do pgrep -x hackbench >/dev/null && exit 0; sleep 0.1; done; exit 1"
    )
    yield
    shared.ok("kill $(cat /run/load.pid); for i in $(seq 100); do pkill -KILL -x hackbench || exit 0; sleep 0.1; done; exit 1")


def test_needs_capability(shared, clean):
    """Who may open the device may take a host core, but not one that Linux runs on, too."""
    user = "setpriv --reuid 65534 --regid 65534 --clear-groups hvctl run --shared"
    result = shared.run(f"chmod 666 /dev/hvdetach; {user} --core 2 -- echo ran; {user} --core {CORE} -- echo ran; s=$?; chmod 664 /dev/hvdetach; exit $s")
    assert result.status == 125 and result.out == "ran\n" and "CAP_SYS_NICE" in result.err, result.explain()


def test_named_only(shared, clean):
    """It is both kinds of core, and nobody is put there who has not asked for it."""
    cores = clean.cores()
    assert [(cores[i]["guest"], cores[i]["host"]) for i in range(3)] == [(True, False), (True, True), (False, True)]
    assert shared.ok("nproc").strip() == "2"
    shared.ok(
        "hvctl run -- busy-loop >/dev/null & a=$!; for i in $(seq 200); do hvctl ps | grep -q detached && break; sleep 0.05; done\n"
        "hvctl run -- true; [ $? = 125 ] && hvctl run --threads new -- true; [ $? = 125 ] || exit 1\n"
        f"hvctl run --core {CORE} -- true; s=$?; hvctl run --core 0 -- true; [ $? = 125 ] || s=1; kill $a; wait $a; exit $s"
    )


@pytest.mark.parametrize("half", ["0", str(CORE), f"0,{CORE}"])
def test_programs(shared, clean, load, half):
    """The thread's Linux side on another CPU, on the very CPU that the thread keeps from running, on both."""
    run = f"taskset -c {half} hvctl run --core {CORE}"
    shared.ok(f"{run} -- regs-intact 300", timeout=600)
    shared.ok(f"{run} -- regs-intact --disturb 100", timeout=600)
    shared.ok(f"for i in 1 2; do taskset -c {CORE} fp-heavy 30 >/tmp/fp.$i & done; {run} -- fp-heavy 30 >/tmp/fp; wait\n"
              "cmp /tmp/fp /tmp/fp.1 && cmp /tmp/fp /tmp/fp.2", timeout=600)  # fmt: skip
    shared.ok(f"{run} -- faults", timeout=600)
    shared.ok(f"{run} -- sig 10", timeout=600)
    shared.ok(f"{run} -- sh -c 'i=0; while [ $i -lt 20 ]; do cat /proc/version | grep -q Linux || exit 1; i=$((i+1)); done'", timeout=600)


@pytest.mark.parametrize("half", ["0", str(CORE)])
def test_recall(shared, clean, load, half):
    """Ended, stopped, moved and attached while it computes and Linux waits."""
    shared.ok(
        WORK + f"start() {{ taskset -c {half} hvctl run --core {CORE} -- busy-loop >/tmp/loop & pid=$!; detached || exit 9; }}\n"
        "start; kill -KILL $pid; wait $pid; [ $? = 137 ] || exit 1\n"
        "start; kill -TERM $pid; wait $pid; [ $? = 143 ] || exit 2\n"
        "start; hvctl attach $pid || exit 3; hvctl ps | grep busy-loop && exit 4; kill $pid; wait $pid\n"
        f"start; hvctl set $pid --core 2 && hvctl set $pid --core {CORE} && hvctl set $pid --prio 7 || exit 5; hvctl ps\n"
        "kill $pid; wait $pid; [ $? = 143 ] || exit 6",
        timeout=600,
    )


def test_two_threads(shared, clean, load):
    """Detached threads share what the budget leaves them."""
    run = f"hvctl run --shared --core {CORE}"
    shared.ok(f"{run} -- regs-intact 100 & a=$!; {run} -- fp-heavy 20 & b=$!; {run} --prio 200 -- regs-intact 100 && wait $a && wait $b", timeout=600)


def test_sleeps(shared, clean, load):
    """Sleeps that the hypervisor serves: the thread goes before Linux as soon as its time has come."""
    shared.ok(
        f"hvctl run --threads new --cores {CORE} --stat=/tmp/stat --json -- cyclictest -t1 -m -p 80 -i 10000 -l 500 -q >/dev/null", timeout=300
    )
    stat = shared.json("cat /tmp/stat")
    assert stat["core"] == CORE and stat["stats"]["sleeps"] >= 490 and stat["stats"]["syscalls"] < 100, stat


def test_budget(shared, clean):
    """A loop for longer than Linux's watchdogs wait (20 s for soft lockups, 21 s for RCU): Linux goes on, and says nothing."""
    out = shared.ok(
        WORK + f"hvctl run --core {CORE} -- busy-loop >/tmp/loop & pid=$!; detached || exit 9\n"
        "begin=$(cut -d. -f1 /proc/uptime); first=$(cat /tmp/work)\n"
        "for i in $(seq 1200); do\n"
        "  t=$(throttled $pid); n=$(cat /tmp/work); now=$(cut -d. -f1 /proc/uptime)\n"
        "  [ $((now - begin)) -ge 26 ] && [ ${t:-0} -ge 50 ] && [ $n -ge $((first + 3)) ] && break; sleep 0.25\n"
        "done; hvctl ps | grep -q ' detached ' || exit 1; kill $pid; wait $pid; echo $t $((n - first))",
        timeout=900,
    )
    throttled, work = map(int, out.split()[-2:])
    assert throttled >= 50 and work >= 3, out
    assert "have used up their budget" in shared.hypervisor_log()


@pytest.fixture(scope="module")
def unlimited():
    guest = Guest(*OPTIONS, "--budget", "0")
    guest.start()
    guest.ok("modprobe hvdetach")
    yield guest
    guest.close()


def test_no_budget(unlimited):
    """Linux's CPU stands still, the other one does not, and takes the thread back."""
    out = unlimited.ok(
        "taskset -pc 0 $$ >/dev/null\n" + WORK + "while [ $(cat /tmp/work) -lt 5 ]; do sleep 0.1; done\n"
        # The thread's Linux side waits for the very CPU that the thread keeps from running, so that it cannot take
        # the thread back by itself. The end is for a test that fails: nothing else would get the CPU back.
        f"taskset -c {CORE} hvctl run --core {CORE} -- busy-loop --seconds 90 >/tmp/loop & pid=$!; detached || exit 9\n"
        # once its last page fault is over
        "for try in 1 2 3 4 5; do a=$(cat /tmp/work); for i in $(seq 100); do cat /proc/uptime >/dev/null; done; b=$(cat /tmp/work)\n"
        "  [ $a = $b ] && break; done; t=$(throttled $pid)\n"
        "timeout 45 hvctl attach $pid || exit 1; for i in $(seq 600); do c=$(cat /tmp/work); [ $c -gt $b ] && break; sleep 0.1; done\n"
        "kill $pid; wait $pid; echo $a $b $c $t",
        timeout=400,
    )  # fmt: skip
    before, during, after, throttled = map(int, out.split()[-4:])
    assert before == during < after and throttled == 0, out
