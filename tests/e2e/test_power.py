# SPDX-License-Identifier: BSD-2-Clause
"""The VM ends or restarts, with a reason on the hypervisor's console."""

from machine import run_guest

CRASHED = 125


def test_poweroff():
    run = run_guest(command="poweroff; sleep 60")
    assert run.status == 0, run.explain()
    assert "guest powered off" in run.hypervisor_log, run.explain()


def test_reboot():
    run = run_guest(command="reboot; sleep 60")
    assert run.status == 0, run.explain()
    assert "guest asked for reset: the machine restarts" in run.hypervisor_log, run.explain()


def test_reboot_starts_again():
    """QEMU resets the machine instead of ending: the same hypervisor and guest boot a second time."""
    run = run_guest("--qemu=-action", "--qemu=reboot=reset", command="reboot; sleep 60")
    assert run.status == 0 and "reset the machine" in run.err, run.explain()
    assert run.hypervisor_log.count("starting Linux") == 2, run.explain()


def test_panic():
    run = run_guest(command="echo c >/proc/sysrq-trigger; sleep 60")
    assert run.status == CRASHED and "sysrq triggered crash" in run.guest_log.lower(), run.explain()
    assert "guest asked for reset" in run.hypervisor_log, run.explain()


def test_poweroff_while_detached():
    run = run_guest(command="hvctl run -- busy-loop & sleep 1; poweroff; sleep 60")
    assert run.status == 0 and "guest powered off" in run.hypervisor_log, run.explain()


def test_panic_while_detached():
    run = run_guest(command="hvctl run -- busy-loop & sleep 1; echo c >/proc/sysrq-trigger; sleep 60")
    assert run.status == CRASHED and "guest asked for reset" in run.hypervisor_log, run.explain()


def test_exit_status_is_passed():
    run = run_guest(command="echo out; echo err >&2; exit 3")
    assert (run.status, run.out) == (3, "out\n") and run.err.endswith("err\n"), run.explain()
