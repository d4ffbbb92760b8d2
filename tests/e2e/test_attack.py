# SPDX-License-Identifier: BSD-2-Clause
"""A guest's kernel against the hypervisor (hvdetach_attack.ko): each attack ends in an answer, and everybody else goes on."""

import pytest

ATTACKS = ["table-in-device", "table-in-device-load", "registers", "unaligned", "storm"]


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack(guest, attack):
    result = guest.run(
        f"modprobe -r hvdetach && modprobe hvdetach_attack attack={attack}; status=$?\n"
        "dmesg | grep hvdetach_attack: | tail -5; modprobe -r hvdetach_attack; modprobe hvdetach; exit $status"
    )
    assert result.status == 0 and f"hvdetach_attack: {attack}: passed" in result.out, result.explain()
    assert "PANIC" not in guest.hypervisor_log()
    guest.ok("hvctl run -- true")
