# SPDX-License-Identifier: BSD-2-Clause
"""Linux changes mappings while a detached thread uses them."""

import pytest
from conftest import LONG

TIMES, ROUNDS = (40, 25000) if LONG else (1, 10000)  # a million rounds


def test_attached(guest):
    guest.ok("mm-race --rounds 5000", timeout=300)


@pytest.mark.slow
def test_detached(guest):
    for _ in range(TIMES):
        guest.ok(f"mm-race --detach-worker --rounds {ROUNDS}", timeout=900)


@pytest.mark.slow
def test_remap(guest):
    for _ in range(TIMES):
        guest.ok(f"mm-race --detach-worker --only remap --rounds {ROUNDS}", timeout=900)


def test_detached_under_load(guest, load):
    guest.ok(f"mm-race --detach-worker --rounds {3000 if LONG else 1000}", timeout=600)


def test_address_space_numbers_run_out(guest):
    """Linux hands out address spaces anew while a thread is detached, which keeps its own."""
    out = guest.ok(
        "hvctl run -- mm-race --only remap --rounds 100000000 >/tmp/race & pid=$!\n"
        "for i in $(seq 12); do exec-self 50 >/dev/null || exit 1; done\n"
        "kill -0 $pid && echo runs; kill -9 $pid; wait $pid; cat /tmp/race",
        timeout=600,
    )
    assert out.startswith("runs") and "FAIL" not in out, out


def test_memory_pressure(guest):
    """Reclaim and swap-out of page cache take mapped pages away."""
    guest.ok(
        "cd /tmp; hvctl run -- perl -e 'open F,\"</usr/bin/gdb\"; binmode F; for (1..20) { seek F,0,0; my $s=0; "
        "while (read F, my $b, 65536) { $s += unpack q(%32C*), $b } print qq($s\\n) }' >/tmp/sums & pid=$!\n"
        "for i in $(seq 10); do echo 3 >/proc/sys/vm/drop_caches; echo 1 >/proc/sys/vm/compact_memory; done\n"
        "wait $pid && test $(sort -u /tmp/sums | wc -l) = 1 && test $(wc -l </tmp/sums) = 20",
        timeout=300,
    )
