# SPDX-License-Identifier: BSD-2-Clause
"""Debian as its users have it: systemd starts it, udev loads the module, units have detached threads."""

import re

import pytest
from conftest import unharmed
from heart import HEART
from machine import Guest, run_guest

UNIT = (
    HEART
    + r"""
set -e
# unit_start [PROPERTY=VALUE…]: loop.service, a detached heartbeat; its thread in $pid
unit_start() {
    local p options=(); for p in "$@"; do options+=(-p "$p"); done
    rm -f /dev/shm/heart
    systemd-run -q --unit loop "${options[@]}" hvctl run -- "$(command -v heartbeat)" --file /dev/shm/heart
    waits eval '[ -s /dev/shm/heart ]'; heart_on
    pid=$(systemctl show -P MainPID loop); is_state detached
}
unit_is() { [ "$(systemctl show -P "$1" loop)" = "$2" ]; }
gone() { waits eval 'hvctl ps --json | grep -q "\"threads\": \[\]"'; [ ! -e /proc/$pid ]; }
"""
)


@pytest.fixture(scope="module")
def _booted():
    guest = Guest("--systemd")
    guest.start()
    yield guest
    guest.close()


@pytest.fixture
def booted(_booted):
    """A guest that systemd has started; checked before and after."""
    with unharmed(_booted) as guest:
        guest.ok("systemctl is-system-running --wait", timeout=300)
        yield guest
        if guest.child:
            guest.ok("systemctl kill -s KILL loop; systemctl thaw loop; systemctl stop loop; systemctl reset-failed loop; true")


def test_udev(booted):
    """The module is loaded by its alias, at boot and later; the device is the group's, and its members may use it."""
    booted.ok(
        """set -e; [ "$(stat -c '%G %a' /dev/hvdetach)" = 'outrider 664' ]
        rmmod hvdetach; [ ! -e /dev/hvdetach ]; udevadm trigger -c add -s platform; udevadm settle -t 300
        [ "$(stat -c '%A %U %G' /dev/hvdetach)" = 'crw-rw-r-- root outrider' ]
        setpriv --reuid 1000 --regid 1000 --groups "$(getent group outrider | cut -d: -f3)" hvctl run -- true
        ! setpriv --reuid 1000 --regid 1000 --clear-groups hvctl run -- true""",
        timeout=300,
    )


def test_stop(booted):
    """systemctl stop: SIGTERM ends it; one that is stopped or frozen ends, too."""
    booted.ok(
        UNIT
        + """unit_start; systemctl stop loop; unit_is ActiveState inactive; gone
        unit_start; systemctl kill -s STOP loop; waits is_state attached; heart_still
        systemctl kill -s CONT loop; heart_rides
        systemctl kill -s STOP loop; waits is_state attached; systemctl stop loop; gone
        unit_start; systemctl freeze loop; heart_still; is_state attached; systemctl thaw loop; heart_rides; systemctl stop loop; gone""",
        timeout=600,
    )


def test_kill(booted):
    """The signal that ended it is the unit's result; SIGKILL comes when SIGTERM does not help."""
    booted.ok(
        UNIT
        + """unit_start; systemctl kill -s KILL loop; waits unit_is ActiveState failed; unit_is Result signal; unit_is ExecMainStatus 9; gone
        systemctl reset-failed loop
        unit_start KillSignal=SIGCONT TimeoutStopSec=2; systemctl stop loop; waits unit_is ActiveState failed; unit_is Result timeout; gone""",
        timeout=600,
    )


def test_resources(booted):
    """CPUs, quota and weight of its unit are Linux's business: the thread on its core is not disturbed."""
    booted.ok(
        UNIT
        + """unit_start; recalls=$(_field recalls $pid); irqs=$(_field irqs $pid)
        for n in 0 1 2 0-2; do systemctl set-property --runtime loop AllowedCPUs=$n CPUQuota=5% CPUWeight=1; heart_on; done
        [ "$(_field recalls $pid)" = "$recalls" ]; [ "$(_field irqs $pid)" = "$irqs" ]
        systemctl daemon-reload; heart_on; is_state detached; systemctl stop loop; gone""",
        timeout=600,
    )


@pytest.mark.parametrize("how, words", [("poweroff", "guest powered off"), ("reboot", "guest asked for reset")])
def test_shutdown(how, words):
    """systemd stops the unit, then the machine."""
    run = run_guest("--systemd", command=f"{UNIT}\nPATH=$PATH:/usr/local/lib/outrider/tests\nunit_start; systemctl {how}; sleep 100", timeout=600)
    assert run.status == 0 and words in run.hypervisor_log, run.explain()
    assert "Call trace" not in run.guest_log and "hvdetach: " not in re.split(r"hvdetach: Outrider, ABI [0-9.]+", run.guest_log)[-1], run.explain()
