# SPDX-License-Identifier: BSD-2-Clause
"""All registers survive forwarded calls, page faults and interrupts."""


from conftest import LONG


def test_attached(guest):
    guest.ok("regs-intact 1000")
    guest.ok("regs-intact --disturb 1000")


def test_detached(guest):
    guest.ok("hvctl run -- regs-intact 5000", timeout=300)


def test_detached_interrupted(guest):
    """Stops, continuations and signals hit it anywhere."""
    out = guest.ok("hvctl run -- regs-intact --disturb --spin 50000 3000", timeout=300)
    assert "recalls 0," not in out


def test_detached_under_load(guest, load):
    guest.ok(f"hvctl run -- regs-intact --disturb {1000 if LONG else 250}", timeout=600)


def test_two_programs_with_fp(guest):
    """Attached and detached programs do not mix their FP registers."""
    guest.ok(
        "fp-heavy 300 >/tmp/1 & fp-heavy 300 >/tmp/2 & fp-heavy 300 >/tmp/3 & hvctl run -- fp-heavy 300 >/tmp/4; wait\n"
        "cmp /tmp/1 /tmp/2 && cmp /tmp/1 /tmp/3 && cmp /tmp/1 /tmp/4",
        timeout=300,
    )
