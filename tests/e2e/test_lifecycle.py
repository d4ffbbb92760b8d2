# SPDX-License-Identifier: BSD-2-Clause
"""What Linux does to its processes, its CPUs and itself while threads are detached: nothing is lost, nobody is deaf."""

import pytest
from conftest import LONG
from heart import HEART

CG = "/sys/fs/cgroup/outrider-test"


@pytest.fixture
def sh(guest):
    """Runs a script with the functions of heart.py; whatever it leaves behind is ended."""

    def run(script, timeout=300):
        return guest.ok(f"{HEART}\nset -e\n{script}", timeout=timeout)

    yield run
    if guest.child:
        guest.ok(
            f"pkill -KILL -x heartbeat; for c in 1 2; do echo 1 >/sys/devices/system/cpu/cpu$c/online; done 2>/dev/null\n"
            f"[ ! -d {CG} ] || {{ echo 0 >{CG}/cgroup.freeze; echo 1 >{CG}/cgroup.kill; "
            f"for i in $(seq 100); do rmdir {CG} && break; sleep 0.1; done; }} 2>/dev/null; true"
        )


# ---- cgroups ---------------------------------------------------------------------------------------------


def test_freezer(sh):
    """Frozen it stands still, though its core is not Linux's; thawed it rides again."""
    sh(
        f"""mkdir {CG}; heart_start; echo $pid >{CG}/cgroup.procs
        for i in 1 2 3; do
            echo 1 >{CG}/cgroup.freeze; waits grep -qx 'frozen 1' {CG}/cgroup.events
            heart_still; is_state attached
            echo 0 >{CG}/cgroup.freeze; heart_rides
        done
        heart_stop; heart_start --call-every 2000; echo $pid >{CG}/cgroup.procs
        for i in 1 2; do
            echo 1 >{CG}/cgroup.freeze; waits grep -qx 'frozen 1' {CG}/cgroup.events; heart_still
            echo 0 >{CG}/cgroup.freeze; heart_calls_on
        done
        heart_stop"""
    )


def test_kill_while_frozen(sh):
    sh(
        f"""mkdir {CG}; heart_start; echo $pid >{CG}/cgroup.procs
        echo 1 >{CG}/cgroup.freeze; waits grep -qx 'frozen 1' {CG}/cgroup.events; heart_still
        kill -KILL $pid; s=0; wait $pid || s=$?; [ $s = 137 ]; hvctl run -- true"""
    )


def test_freezer_v1(sh):
    """The old freezer, where the kernel still has it for a hierarchy of its own."""
    sh(
        """mkdir -p /run/freezer; mount -t cgroup -o freezer freezer /run/freezer || exit 0
        d=/run/freezer/outrider; mkdir $d; heart_start; echo $pid >$d/cgroup.procs
        for i in 1 2 3 4 5; do
            echo FROZEN >$d/freezer.state; waits grep -qx FROZEN $d/freezer.state; heart_still
            echo THAWED >$d/freezer.state; heart_rides
        done
        heart_stop; waits rmdir $d; umount /run/freezer"""
    )


def test_kill_cgroup(sh):
    """cgroup.kill, as systemd's and container runtimes' last resort: the core is free afterwards."""
    sh(
        f"""mkdir {CG}
        for i in 1 2 3 4 5; do
            heart_start; echo $pid >{CG}/cgroup.procs; echo 1 >{CG}/cgroup.kill
            s=0; wait $pid || s=$?; [ $s = 137 ]; grep -qx 'populated 0' {CG}/cgroup.events
        done
        hvctl run -- true"""
    )


def test_service_stop(sh):
    """What stopping a unit does: SIGTERM and SIGCONT, then SIGKILL to those that do not listen."""
    sh(
        """heart_start; kill -TERM $pid; kill -CONT $pid || true; s=0; wait $pid || s=$?; [ $s = 143 ]
        heart_start; kill -STOP $pid; waits is_state attached; heart_still; kill -CONT $pid; heart_rides
        kill -STOP $pid; waits is_state attached; kill -KILL $pid; s=0; wait $pid || s=$?; [ $s = 137 ]
        hvctl run -- sh -c 'trap "exit 7" TERM; echo ready; while :; do :; done' >/run/trap & pid=$!
        waits grep -q ready /run/trap; kill -TERM $pid; s=0; wait $pid || s=$?; [ $s = 7 ]"""
    )


def test_moves_between_cgroups(sh):
    """Nothing of it disturbs a thread that is on its core: no recall, no interrupt."""
    sh(
        f"""echo +cpuset +cpu +memory >/sys/fs/cgroup/cgroup.subtree_control; mkdir {CG}; heart_start
        recalls=$(_field recalls $pid); irqs=$(_field irqs $pid)
        for i in 1 2 3 4 5 6 7 8 9 10; do
            echo $pid >{CG}/cgroup.procs; echo $((i % 3)) >{CG}/cpuset.cpus
            echo $pid >/sys/fs/cgroup/cgroup.procs; taskset -cp $((i % 3)) $pid >/dev/null
            taskset -cp 0-2 $pid >/dev/null
        done
        heart_on; [ "$(_field recalls $pid)" = "$recalls" ]; [ "$(_field irqs $pid)" = "$irqs" ]; heart_stop"""
    )


def test_cpuset(sh):
    """The CPU that its kernel side sleeps on is taken away, again and again, while it forwards."""
    sh(
        f"""echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control; mkdir {CG}; echo 0-2 >{CG}/cpuset.cpus
        heart_start --call-every 2000; echo $pid >{CG}/cgroup.procs
        for i in $(seq 12); do
            echo $((i % 3)) >{CG}/cpuset.cpus; heart_calls_on 4
            grep -qx "Cpus_allowed_list:	$((i % 3))" /proc/$pid/status
        done; heart_stop"""
    )


def test_cpu_quota(sh):
    """A thread on its core counts in its cgroup, but no quota of Linux's CPUs holds it up; what it forwards needs them."""
    sh(
        f"""echo +cpu >/sys/fs/cgroup/cgroup.subtree_control; mkdir {CG}; echo '1000 100000' >{CG}/cpu.max
        usage() {{ awk '/^usage_usec/ {{ print $2 }}' {CG}/cpu.stat; }}
        _used() {{ [ "$(usage)" -gt "$1" ]; }}
        heart_start; echo $pid >{CG}/cgroup.procs; heart_on
        recalls=$(_field recalls $pid); before=$(usage)
        # more than the quota: 10 ms are its part of a second
        waits _used $((before + 3000000)); heart_on; [ "$(_field recalls $pid)" = "$recalls" ]; heart_stop
        heart_start --call-every 2000; echo $pid >{CG}/cgroup.procs; before=$(usage); heart_calls_on 200
        waits _used $before; heart_calls_on; heart_stop"""
    )


# ---- CPUs ------------------------------------------------------------------------------------------------


def test_cpus_go_while_it_forwards(sh):
    """All CPUs but one leave, also the one on which the thread was last and gets its interrupt."""
    sh(
        """c=/sys/devices/system/cpu; heart_start --call-every 5000
        for i in $(seq 4); do
            a=$((1 + i % 2)); b=$((3 - a))
            taskset -cp $a $pid >/dev/null; heart_calls_on 4; taskset -cp 0-2 $pid >/dev/null
            echo 0 >$c/cpu$a/online; heart_calls_on 4
            echo 0 >$c/cpu$b/online; grep -qx 0 $c/online; heart_calls_on 4
            echo 1 >$c/cpu$a/online; echo 1 >$c/cpu$b/online; heart_calls_on 4
        done; heart_stop"""
    )


def test_cpus_go_while_it_computes(sh):
    """A thread that needs nothing is not disturbed by CPUs that leave, but for waking its kernel side."""
    sh(
        """c=/sys/devices/system/cpu; heart_start; recalls=$(_field recalls $pid); irqs=$(_field irqs $pid)
        for i in $(seq 5); do
            echo 0 >$c/cpu1/online; echo 0 >$c/cpu2/online; heart_on
            echo 1 >$c/cpu1/online; echo 1 >$c/cpu2/online; heart_on
        done
        [ "$(_field recalls $pid)" = "$recalls" ]; [ "$(_field irqs $pid)" = "$irqs" ]
        kill -TERM $pid; s=0; wait $pid || s=$?; [ $s = 143 ]"""
    )


# ---- the module ------------------------------------------------------------------------------------------


def test_unload_is_refused_while_in_use(sh):
    sh(
        """heart_start; recalls=$(_field recalls $pid)
        for i in 1 2 3; do ! rmmod hvdetach 2>/run/err; grep -q 'in use' /run/err; done
        heart_on; [ "$(_field recalls $pid)" = "$recalls" ]; heart_stop
        exec 7</dev/hvdetach; ! rmmod hvdetach 2>/run/err; grep -q 'in use' /run/err; exec 7<&-
        rmmod hvdetach; [ ! -e /dev/hvdetach ]; modprobe hvdetach; [ -c /dev/hvdetach ]"""
    )


def test_unload_at_once(sh, load):
    """As soon as the last thread has ended, again and again, however it ended."""
    sh(
        f"""for i in $(seq {5 if LONG else 2}); do
            hvctl run -- true; rmmod hvdetach; modprobe hvdetach
            heart_start; kill -KILL $pid; wait $pid || true; rmmod hvdetach; modprobe hvdetach
            detach-cycle 3 >/dev/null; rmmod hvdetach; modprobe hvdetach
        done""",
        timeout=600,
    )


# ---- sleep -----------------------------------------------------------------------------------------------


SLEEP = """
# sleeps COMMAND…: a thread that computes and one that calls are taken back, and ride again
sleeps() {
    heart_start; recalls=$(_field recalls $pid); "$@"; heart_rides
    [ "$(_field recalls $pid)" -gt "$recalls" ]; heart_stop
    heart_start --call-every 2000; "$@"; heart_calls_on; heart_stop
}
suspend() { echo freeze >/sys/power/state; }
wakes() {
    echo 0 >/sys/class/rtc/rtc0/wakealarm; echo +10 >/sys/class/rtc/rtc0/wakealarm
    suspend
}
echo 1 >/sys/module/suspend/parameters/pm_test_delay
"""


def test_suspend(sh):
    """As deep as processes and threads of the kernel go, in Linux's own test of it."""
    sh(f"{SLEEP} trap 'echo none >/sys/power/pm_test' EXIT; echo freezer >/sys/power/pm_test; sleeps suspend; sleeps suspend")


def test_hibernation_is_refused(sh):
    """The hypervisor's part of the machine is not in the image."""
    sh(
        """heart_start; ! echo disk >/sys/power/state; dmesg | tail -20 | grep -q 'hvdetach: .*hibernat'
        heart_on; heart_stop"""
    )
