# SPDX-License-Identifier: BSD-2-Clause
"""Sleeps of detached threads, served by the hypervisor: by the clock of Linux, and with its semantics."""

import json
import re

import pytest
from machine import BENCH
from test_threads import ALSO_RT, clean




@pytest.mark.parametrize("part", ["results", "host", pytest.param("signals", marks=ALSO_RT), "clock 400", pytest.param("seccomp", marks=ALSO_RT)])
def test_sleeper(two, part):
    print(two.ok(f"sleeper {part}", timeout=300))
    clean(two)


def test_time_namespace(two):
    """Its clock is the thread's."""
    two.ok("unshare --time --monotonic 86400 --fork sleeper results; unshare --time --monotonic -1 --fork sleeper clock 50", timeout=300)


def test_traced(two):
    """strace sees every call of a thread that it traces."""
    trace = "strace -f -e trace=clock_nanosleep -o /tmp/strace"
    lines = two.ok(f"hvctl run -- {trace} sleeper calls 200 >/dev/null; cat /tmp/strace").splitlines()
    assert sum("clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME" in line for line in lines) == 200, lines[-5:]
    # attached to one that sleeps in the hypervisor; the rest of its calls, and then none of them again
    two.ok(
        "hvctl run -- sleeper calls 100000 & pid=$!; for i in $(seq 200); do hvctl ps | grep -q detached && break; sleep 0.1; done\n"
        f"{trace} -p $pid & s=$!; for i in $(seq 600); do [ $(wc -l </tmp/strace) -gt 50 ] && break; sleep 0.1; done; kill -INT $s; wait $s\n"
        "sleeps() { hvctl stat --json $pid | tr -d ' \\n' | sed -n 's/.*\"sleeps\":\\([0-9]*\\).*/\\1/p'; }\n"
        "a=$(sleeps); for i in $(seq 600); do [ $(sleeps) -gt $((a + 50)) ] && break; sleep 0.1; done; b=$(sleeps); kill $pid; wait $pid\n"
        "[ $(wc -l </tmp/strace) -gt 50 ] && [ $b -gt $((a + 50)) ]",
        timeout=300,
    )


def test_cyclictest(two):
    """Debian's, as it is: each wake-up of its thread is the hypervisor's, and no system call but the last goes to Linux."""
    two.ok(
        "(while :; do hackbench -g 2 -f 4 -l 200; done) >/dev/null 2>&1 & load=$!\n"
        "hvctl run --threads new --cores 2 --stat=/tmp/stat --json -- cyclictest -t1 -m -p 80 -i 2000 -l 1000 -h 1000 -q >/tmp/histogram; s=$?\n"
        "kill $load; pkill hackbench; exit $s",
        timeout=300,
    )
    stat = two.json("cat /tmp/stat")
    histogram = two.ok("cat /tmp/histogram")
    assert "# Total: 00000" in histogram and "# Max Latencies:" in histogram, histogram
    assert stat["core"] == 2 and stat["stats"]["sleeps"] >= 990, stat
    assert stat["stats"]["syscalls"] < 100, stat
    clean(two)


HACKBENCH = "(while :; do hackbench -g 2 -f 4 -l 200; done) >/dev/null 2>&1 & load=$!\ntrap 'kill $load; pkill hackbench' EXIT\n"
LOOP = f"{BENCH}/control-loop"


# sleeps: of $pid; past N: until there are more than so many, which are $n then
SLEEPS = """
sleeps() { hvctl stat --json $pid 2>/dev/null | tr -d ' \\n' | sed -n 's/.*"sleeps":\\([0-9]*\\).*/\\1/p'; }
past() { for i in $(seq 3000); do n=$(sleeps); [ "${n:-0}" -gt $1 ] && return; kill -0 $pid || return; sleep 0.1; done; return 1; }
"""


@pytest.mark.parametrize("how", ["", "-l"])
def test_control_loop(two, how):
    """The 2016 paper's, a period of 1 ms, 10,000 times beside hackbench: each wake-up is the hypervisor's, none needs Linux."""
    two.ok(
        HACKBENCH + SLEEPS + f"hvctl run --core 2 -- {LOOP} {how} -n 0 -H /tmp/histogram >/tmp/out & pid=$!\n"
        "past 100 && hvctl stat --json $pid >/mnt/host/io/first && past 0 && past $((n + 10000)) && hvctl stat --json $pid >/mnt/host/io/last || exit 1\n"
        "kill -INT $pid; wait $pid && cat /tmp/out && grep -q ^PASS: /tmp/out",
        timeout=600,
    )
    first, last = (json.loads((two.io / name).read_text())["threads"][0]["stats"] for name in ("first", "last"))
    served = last["sleeps"] - first["sleeps"]
    assert served >= 10000, (first, last)
    # nothing was forwarded, and nobody has stopped it; what has entered the hypervisor are the sleeps, the last of which may not be over
    for name in ("runs", "syscalls", "faults", "exceptions", "recalls", "irqs"):
        assert first[name] == last[name], (name, first, last)
    assert abs(last["exits"] - first["exits"] - served) <= 1, (first, last)
    cycles = int(re.search(r"PASS: .* (\d+) cycles", two.ok("cat /tmp/out")).group(1))
    histogram = two.ok("cat /tmp/histogram")
    counts = [int(line.split()[1]) for line in histogram.splitlines() if line[0] != "#"]
    beyond = int(re.search(r"Overflows: (\d+)", histogram).group(1))
    assert sum(counts) + beyond == cycles >= 10000, histogram
    clean(two)


def test_control_loop_attached(two):
    """The same program in Linux; with wrong options; ended by a signal; detached by itself."""
    for how in ("", "-l", "-l --core 2", "--core 2"):
        out = two.ok(f"{LOOP} {how} -n 500 -p 2000 -o /tmp/out", timeout=300)
        rows = [tuple(map(int, line.split())) for line in two.ok("cat /tmp/out").splitlines()]
        assert [row[0] for row in rows] == list(range(1, 500)) and all(late >= 0 for _, _, late in rows)
        # what is printed is of the same samples
        lowest, highest = re.search(r"delta +min (\d+) avg [\d.]+ max (\d+) ticks", out).groups()
        assert (int(lowest), int(highest)) == (min(row[1] for row in rows), max(row[1] for row in rows)), out
    for word in ("-p 0", "-n x", "--nope", "extra", "-p 9999999999", "-o /tmp/out -n 0"):
        run = two.run(f"{LOOP} {word}")
        assert run.status == 2 and "usage" in run.err + run.out or "from 1 to" in run.err, run.explain()
    run = two.run(f"{LOOP} -H /none/file")
    assert run.status == 1 and "/none/file: No such file or directory" in run.err, run.explain()
    two.ok(f"{LOOP} -n 0 --core 2 >/tmp/out & pid=$!; until hvctl stat $pid --json 2>/dev/null | grep -q '\"sleeps\": [1-9]'; do sleep 0.1; done\n"
           "kill $pid; wait $pid && grep -q '^PASS: ' /tmp/out")  # fmt: skip
    clean(two)


def test_libdetach(two):
    """Detached; where it may not be; under seccomp; and without Outrider's module."""
    two.ok("libdetach")
    user = "setpriv --reuid 65534 --regid 65534 --clear-groups $(command -v libdetach)"
    two.ok(f"chmod 666 /dev/hvdetach; {user}; s=$?; chmod 664 /dev/hvdetach; exit $s")
    two.ok(f"{user} 1")
    two.ok("libdetach seccomp && libdetach documented", timeout=300)
    two.ok("rmmod hvdetach; libdetach 19 && libdetach kill; s=$?; modprobe hvdetach; exit $s")
    clean(two)


UIO = """modprobe hvdetach_uio; D=9010000.pl031
echo $D >/sys/bus/amba/drivers/rtc-pl031/unbind; echo outrider-uio >/sys/bus/amba/devices/$D/driver_override
echo $D >/sys/bus/amba/drivers_probe; [ "$(cat /sys/class/uio/uio0/name)" = outrider-uio ] || exit 1
"""
NO_UIO = """
echo $D >/sys/bus/amba/drivers/outrider-uio/unbind; echo >/sys/bus/amba/devices/$D/driver_override
echo $D >/sys/bus/amba/drivers_probe; rmmod hvdetach_uio; [ -e /sys/bus/amba/drivers/rtc-pl031/$D ] && exit $s
"""


def test_interrupt(two):
    """A device's interrupts, by UIO and in a detached thread; both threads may ask for it, one has it."""
    two.ok(UIO + "rtc-alarm /dev/uio0 3; s=$?" + NO_UIO, timeout=300)
    clean(two)


def test_interrupt_once(two):
    """A level is one interrupt to Linux, however long the program takes to acknowledge it; Linux's own devices have a few meanwhile."""
    begin = "cd /sys/kernel/tracing; echo p:outrider/spi handle_fasteoi_irq >kprobe_events; echo 1 >events/outrider/enable\n"
    end = "; s=$?; cat kprobe_profile; echo 0 >events/outrider/enable; echo >kprobe_events"
    out = two.ok(UIO + begin + "taskset -c 1 rtc-alarm /dev/uio0 5000 at-once" + end + NO_UIO, timeout=300)
    found = re.search(r"^\s*spi\s+(\d+)", out, re.MULTILINE)
    assert found and 5000 <= int(found.group(1)) < 6500, out
    clean(two)


def test_interrupt_goes_back(two):
    """Its thread is killed while it waits; its device is taken away."""
    two.ok(
        UIO + "rtc-alarm /dev/uio0 1000 detached & pid=$!\n"
        "waits() { for i in $(seq 300); do hvctl stat --json $pid 2>/dev/null | grep -q '\"hostcalls\": [1-9]' && return; sleep 0.1; done; return 1; }\n"
        "waits || exit 2; kill -9 $pid; wait $pid; rtc-alarm /dev/uio0 2; s=$?" + NO_UIO,
        timeout=300,
    )
    clean(two)
