# SPDX-License-Identifier: BSD-2-Clause
"""What a detached thread computes is CPU time, for itself and for all who look."""

import re

import pytest


@pytest.mark.parametrize("run", ["", "hvctl run --"], ids=["attached", "detached"])
def test_cputime(guest, run):
    """The program compares all clocks and timers with the system counter."""
    guest.ok(f"{run} cputime {'--detached' if run else ''}", timeout=120)


# A detached loop in a cgroup of its own: its usage in us, twice, and what it executed in between in us
CGROUP = """
g=/sys/fs/cgroup/cputime; mkdir $g
usage() { sed -n 's/^usage_usec //p' $g/cpu.stat; }
user() { sed -n 's/^user_usec //p' $g/cpu.stat; }
(echo $BASHPID >$g/cgroup.procs; exec hvctl run -- busy-loop --quiet) & pid=$!
for i in $(seq 200); do hvctl ps | grep -q detached && break; sleep 0.05; done
sleep 1.5
a=$(usage) ua=$(user) x=$(hvctl stat --json $pid); sleep 3; y=$(hvctl stat --json $pid) b=$(usage) ub=$(user)
kill -9 $pid; wait $pid; rmdir $g
echo $((b - a)) $((ub - ua)) "$x" "$y"
"""


def test_cgroup(guest, hvctl):
    """cpu.stat goes on while the thread makes no call, and nothing is taken from its core."""
    out = guest.ok(CGROUP, timeout=120)
    usage, user = map(int, out.split()[:2])
    # one record each time, and the same once more as totals
    exits, ticks = ([int(n) for n in re.findall(rf'"{key}": *(\d+)', out)] for key in ("exits", "run_time"))
    half = len(exits) // 2
    assert half and len(ticks) == 2 * half and exits[0] == exits[half], out
    # 3 s of it, of which one and the timer's period may be yet to come; but no more than there was
    assert ticks[half] > ticks[0] and 1_200_000 < usage < 30_000_000, out
    assert usage / 2 < user < usage * 2, out  # read a moment later
    hvctl.wait_gone()


def test_time(guest):
    """A shell's `time`, which is wait4()'s."""
    out = guest.ok("TIMEFORMAT='%R %U %S'; { time hvctl run -- busy-loop --quiet --seconds 2; } 2>&1", timeout=60)
    real, user, system = map(float, out.split())
    assert real * 0.4 < user + system <= real * 1.05 + 0.1, out


BENCHMARK = "perl -MBenchmark -e 'timethis(-1, sub {$x=1; $x*=3 for 1..100})'"
SPEED = "openssl speed -seconds 1 -bytes 1024 sha256"


def test_programs_that_measure_themselves(guest):
    """They end, and come to the same figures."""
    perl, ssl = [], []
    for run in ("", "hvctl run -- "):
        out = guest.ok(f"{run}{BENCHMARK}", timeout=60)
        found = re.search(r"@\s*([\d.]+)/s", out)
        assert found, out
        perl.append(float(found[1]))
        out = guest.ok(f"{run}{SPEED} 2>&1", timeout=60)
        found = re.search(r"^sha256\s+([\d.]+)k", out, re.M)
        assert found, out
        ssl.append(float(found[1]))
    assert perl[0] / 4 < perl[1] < perl[0] * 4 and ssl[0] / 4 < ssl[1] < ssl[0] * 4, (perl, ssl)
