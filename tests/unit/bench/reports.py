#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Arithmetic of bench/run's reports, on made-up counts: what is stolen, what the gate lets through, what a page holds."""

import sys
from pathlib import Path
from types import SimpleNamespace

TOP = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TOP / "bench"), str(TOP / "bench/insn")]

import cyclictest  # noqa: E402
import gate  # noqa: E402
import longest  # noqa: E402
import noise  # noqa: E402
import page  # noqa: E402
import plot  # noqa: E402
import records  # noqa: E402
import report  # noqa: E402
from records import Interval, Records  # noqa: E402

failed = 0


def check(what, good):
    global failed
    if not good:
        failed += 1
        print(f"FAIL: {what}")


def quantum(user, kernel, x0, spin=0):
    return Interval(0, 0, [{"user": user, "kernel": kernel, "hypervisor": 0, "vmm": 0, "wfi": 0, "spin": spin}], x0=x0)


def test_quanta():
    found = noise.quanta([quantum(1000, 0, 0), quantum(1000, 70, 50), quantum(1200, 5, 100, 3), quantum(1000, 0, 200)], 100)
    check("own work", found["own"] == 1000 and found["quanta"] == 4)
    check("stolen", found["stolen"] == [[1, 0, 70, 0, 0, 0], [2, 200, 5, 0, 0, 3]])
    check("guest seconds", found["guest_seconds"] == 2)
    d = noise.disturbances({"noise": found})
    check("sizes", d["sizes"] == [70, 205] and d["quiet"] == [70] and d["levels"] == [200, 75, 0, 0])


def test_percentile():
    values = list(range(1, 101))
    check("percentiles", [noise.percentile(values, p) for p in (1, 50, 99, 100)] == [1, 50, 99, 100])
    check("of few", noise.percentile([7], 99) == 7 and noise.percentile([1, 2], 50) == 1)


def test_gate():
    table = gate.merge([{"a": 100, "b": 7}, {"a": 103, "b": 7}])
    check("merge", table == {"a": {"count": 103, "within": 3}, "b": {"count": 7, "within": 0}})
    check("the same passes", gate.compare(table, {"a": 103, "b": 7}) == [])
    check("shorter passes", gate.compare(table, {"a": 50, "b": 6}) == [])
    check("as much as runs differ passes", gate.compare(table, {"a": 106, "b": 7}) == [])
    check("but 5 % at most", len(gate.compare({"a": {"count": 100, "within": 50}}, {"a": 106})) == 1)
    check("longer fails", len(gate.compare(table, {"a": 107, "b": 8})) == 2)
    check("missing fails", len(gate.compare(table, {"a": 100})) == 1)
    check("least", gate.least([{"a": 104, "b": 7}, {"a": 103, "b": 9}]) == {"a": 103, "b": 7})
    check("shorter is said", gate.shorter(table, {"a": 99, "b": 7}) == ["a"] and gate.shorter(table, {"a": 100, "b": 7}) == [])
    known = {"compiler": "x", "kernel": "y"}
    check("the same build: exact", not any(gate.allowances(known, known).values()))
    check("another kernel", gate.allowances(known, {**known, "kernel": "z"}) == {"hypervisor": 0, "vmm": 0, "kernel": gate.OTHER})
    other = gate.allowances(known, {**known, "compiler": "z"})
    one = {"hypercall": {"count": 100, "within": 0}}
    check("another compiler", gate.compare(one, {"hypercall": 110}, other) == [] and len(gate.compare(one, {"hypercall": 111}, other)) == 1)
    check("new fails", len(gate.compare(table, {"a": 100, "b": 7, "c": 1})) == 1)
    echo = "echo of a host task: its core"
    table = gate.merge([{"a": 100}, {"a": 100, echo: 698}])
    check("what only some runs have seen is in the table", table[echo] == {"count": 698, "within": 0})
    check("it may be missing", gate.compare(table, {"a": 100}) == [] and gate.least([{"a": 100}, {"a": 100, echo: 698}])[echo] == 698)
    check("or be new", gate.compare(gate.merge([{"a": 100}]), {"a": 100, echo: 698}) == [])
    check("but not be longer", len(gate.compare(table, {"a": 100, echo: 754})) == 1)


def test_figures():
    """What comes behind a path, or is of another one, is no part of a figure."""
    def core(hypervisor, wfi=0):
        return {**dict.fromkeys(records.COUNTERS, 0), "hypervisor": hypervisor, "wfi": wfi}

    made = SimpleNamespace(histograms={}, intervals={
        "notify-rtt/detached/echo": [Interval(0, 0, [core(900, 1), core(698)])] + [Interval(0, 0, [core(600), core(754)])] * 2,
        "hypercall/idle/ipi-to-idle": [Interval(0, 0, [core(676), core(484)], [(1, [core(349), core(326)])])] * 3})  # fmt: skip
    paths = {"echo": ("notify-rtt/detached/echo", 1, "hypervisor", "mode", "slept"),
             "sender": ("hypercall/idle/ipi-to-idle", "begin", "hypervisor", "mode", "events"),
             "receiver": ("hypercall/idle/ipi-to-idle", 1, "hypervisor", "mode", "events")}  # fmt: skip
    kept, gate.PATHS = gate.PATHS, paths
    found = gate.figures({"runs": [{"results": report.results(made, None)}]})
    del made.intervals["notify-rtt/detached/echo"][0]
    check("nobody slept", "echo" not in gate.figures({"runs": [{"results": report.results(made, None)}]}))
    gate.PATHS = kept
    check("figures of the gate", found == {"echo": 698, "sender": 349, "receiver": 326})


def woken(wfi, irqs, since_wfi, since_entry):
    return Interval(0, 0, [{"wfi": wfi, "hv-irq": irqs}], since_wfi={"hypervisor": since_wfi}, since_entry={"hypervisor": since_entry})


def test_wakes_shared():
    """The later one of WFI and entry; the last WFI counts only if it is of this interval."""
    found = noise.wakes_shared([woken(1, 1, 400, 900), woken(1, 1, 5000, 600), woken(0, 1, 300, 700), woken(0, 0, 1, 2)])
    check("wake-ups of a shared core", found == [400, 600, 700])


CYCLICTEST = """# Histogram
000003 000005
000004 000000
000007 000093
# Total: 000000098
# Min Latencies: 00003
# Avg Latencies: 00006
# Max Latencies: 01500
# Histogram Overflows: 00002
# Histogram Overflow at cycle number:
# Thread 0: 00017 00055
"""


def test_cyclictest():
    item = cyclictest.parse(CYCLICTEST)
    check("histogram", item == {"loops": 100, "min": 3, "avg": 6, "max": 1500, "overflows": 2, "histogram": {3: 5, 7: 93}})
    served = {"sleeps": 99, "syscalls": 40, "faults": 1, "recalls": 0, "throttled": 0, "core": 3}
    run = {"name": "6.1", "kernel": "6.1.0", "results": {}, "cyclictest": {"detached+pipes": {**item, "served": served}, "fifo+idle": item}}
    check("good ones pass", cyclictest.complaints(run, 100) == [])
    for key, value in (("sleeps", 90), ("syscalls", 300)):
        bad = {**run, "cyclictest": {"detached+idle": {**item, "served": {**served, key: value}}}}
        check(f"{key} not the hypervisor's", len(cyclictest.complaints(bad, 100)) == 1)
    check("no proof", len(cyclictest.complaints({**run, "cyclictest": {"shared+idle": item}}, 100)) == 1)
    check("too few", len(cyclictest.complaints({**run, "cyclictest": {"fifo+idle": item}}, 101)) == 1)
    result = {"command": "c", "commit": "x", "runs": [run]}
    _, rows = cyclictest.paper_table(result)
    check("beside the published ones", [row[-2:] for row in rows] == [["6", "56"], ["2.4", "5.1"]])
    text = cyclictest.files(result)["6.1-detached-pipes"]
    check("a file each", "000007 000093" in text and "000004" not in text and text.count("\n") == 7)


def test_shared_table():
    """Apart: what the hypervisor alone takes, and what Linux takes."""
    stolen = [[1, 0, 0, 700, 0, 0], [2, 0, 0, 900, 0, 0], [5, 200, 5000, 2000, 0, 3]]
    item = {"noise": {"quanta": 10, "own": 1000, "stolen": stolen, "guest_seconds": 1}}
    run = {"name": "6.1", "config": "outrider", "results": {"fwq/shared+idle/fwq": item}}
    _, (row,) = noise.shared_table({"runs": [run]})
    check("shared core", row[1:] == [10, 7, "2: 800 / 900", "1: 2,000 / 2,000", "52.0%"])


def test_throughput():
    """What a job costs in all, beside native: spinning is left out, the hypervisor's and the VMM's share is not; only what was measured."""

    def run(config, user, kernel, own):
        item = {"total": {level: {"min": n} for level, n in (("user", user), ("kernel", 9999), ("hypervisor", own), ("vmm", own))}, "kernel_without_waiting": kernel}
        return {"name": "6.1", "config": config, "results": {f"count/{config}/disk": item}}

    native, outrider, kvm = run("native", 600, 400, 0), run("outrider", 600, 400, 5), run("kvm", 900, 600, 0)
    head, (row,) = noise.throughput_totals({"runs": [native, outrider, kvm]})
    check("jobs, all configurations", len(head) == len(row) and row[2:] == ["1,000", "1,010 (+1.0 %)", "1,500 (+50.0 %)"])
    check("jobs, without KVM", noise.throughput_totals({"runs": [native, outrider]})[1][0][2:] == ["1,000", "1,010 (+1.0 %)", ""])
    check("jobs, nothing to compare", noise.throughput_totals({"runs": [native]})[1] == [])


def test_page():
    svg = plot.scatter("t", [("a < b", 5, [(1, 10), (3, 2000)])], ["c"])
    wakes = plot.histogram("w", [("a", [100, 5000, 5000]), ("b", [890] * 3)], ["c"])
    text = page.html("T", "# T\n\nx `y<z` **b**\n\n| a | b \\| c |\n| --- | --- |\n| 1 | **2** |\n\n![p](p.svg)\n", {"p.svg": svg})
    check("plots are inside", svg in text and "a &lt; b" in svg and "<polyline" in wakes)
    check("table", "<th>b | c</th>" in text and "<td><b>2</b></td>" in text)
    check("text", "<code>y&lt;z</code> <b>b</b>" in text)


def test_records(tmp):
    path = tmp / "insn.txt"
    none = "0 " * 13 + "0"
    path.write_text("I cores=1 counters=6 addresses=0\nL p/c/x\nM 0 0 0 1f 10 " + none[2:] +
                    "\nM 1 0 1 0 25 4 0 0 0 1 1 2 3 4 5 6 7 8\nM 2 0 0 20 30 " + none[2:] +
                    "\nL p/c/y\nM 3 0 1 0 1 1 1 1 1 1 0 0 0 0 0 0 0 0\nE end\n")  # fmt: skip
    records = Records(path)
    (interval,) = records.intervals["p/c/x"]
    check("counts", interval.cores == [{"user": 15, "kernel": 4, "hypervisor": 0, "vmm": 0, "wfi": 0, "spin": 1}])
    check("x0", interval.x0 == 0x1F)
    check("since", list(interval.since_wfi.values()) == [1, 2, 3, 4] and list(interval.since_entry.values()) == [5, 6, 7, 8])
    check("a begin without an end is dropped", "p/c/y" not in records.intervals and records.complete)


def test_longest(tmp):
    names = longest.calls((TOP / "abi/outrider/task.h").read_text())
    check("calls", names[0] == "CONSOLE_WRITE" and names[29] == "VM_CHANNEL")
    for detail, what in ((0x15 << 56 | 21, "host task: mem_sync"), (0x16 << 56 | 0xC600000D, "hypercall LOG"),
                         (0x16 << 56 | 0x95 << 32 | 0x0F520001, "detached: host call SLEEP_UNTIL"),
                         (0x16 << 56 | 0x95 << 32, "detached: system call"), (0x16 << 56 | 0xA4 << 32, "detached: page fault"),
                         (0x17 << 56 | 0xC4000003, "PSCI and other calls"), (0x24 << 56, "stage-2 abort, MMIO"),
                         (0x3F << 56, "exception class 0x3f")):  # fmt: skip
        check(what, longest.reason("sync", detail, names) == what)
    path = tmp / "stays"
    path.write_text(f"I cores=3 counters=6 addresses=0 kinds=ggh\nS 0 irq 0 5 700 0\nS 1 irq 0 2 900 1\nS 2 irq 0 1 3001 0\n"
                    f"S 1 sync {0x01 << 56:x} 3 20001 0\nE end\n")  # fmt: skip
    stays = {}
    check("complete", longest.read(path, names, stays))
    check("merged", stays["guest"]["interrupt"] == {"count": 7, "longest": 900})
    check("over", longest.over(stays) == [("guest", "WFI", 20001, 20000), ("host", "interrupt", 3001, 3000)])
    path.write_text("I cores=1 counters=6 addresses=0 kinds=g\nS 0 irq 0 5 950 0\n")
    check("cut off, and yet taken", not longest.read(path, names, stays) and stays["guest"]["interrupt"]["longest"] == 950)


if __name__ == "__main__":
    import tempfile

    test_quanta()
    test_percentile()
    test_gate()
    test_figures()
    test_wakes_shared()
    test_cyclictest()
    test_shared_table()
    test_throughput()
    test_page()
    with tempfile.TemporaryDirectory() as folder:
        test_records(Path(folder))
        test_longest(Path(folder))
    sys.exit(1 if failed else 0)
