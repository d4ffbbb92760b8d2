# SPDX-License-Identifier: BSD-2-Clause
"""Random requests: error codes only, and the hypervisor and everybody else go on."""

import pytest


def test_host_calls_attached(guest):
    guest.ok("hostcall-fuzz --attached 100000 7", timeout=300)


@pytest.mark.slow
def test_million_host_calls(guest):
    for seed in range(4):
        guest.ok(f"hvctl run -- hostcall-fuzz --detached 250000 {seed}", timeout=600)


@pytest.mark.slow
def test_million_hypercalls(guest, hvctl):
    """From the guest's kernel, which they do not disturb."""
    pools = hvctl.pools()
    result = guest.run(
        "modprobe -r hvdetach; while :; do fp-heavy 50; done >/tmp/fp & fp=$!\n"
        "modprobe hvdetach_test count=1000000 seed=1; status=$?; dmesg | grep hvdetach_test: | tail -5\n"
        "modprobe -r hvdetach_test; kill $fp; modprobe hvdetach; sort -u /tmp/fp | wc -l; exit $status",
        timeout=900,
    )
    assert result.status == 0 and "1000000 calls, seed 1: passed" in result.out, result.explain()
    assert result.out.endswith("\n2\n"), result.explain()
    assert hvctl.pools() == pools
    guest.ok("hvctl run -- regs-intact 500")


def test_user_mode_may_not(guest):
    """Hypercalls and privileged instructions of user programs are undefined instructions: see also `faults`."""
    attached = guest.ok("faults")
    assert guest.ok("hvctl run -- faults") == attached
    assert "hvc info: signal 4" in attached and "smc: signal 4" in attached
