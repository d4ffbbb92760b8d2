#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Arithmetic of bench/run's reports, on made-up counts: what is stolen, what the gate lets through, what a page holds."""

import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TOP / "bench"), str(TOP / "bench/insn")]

import gate  # noqa: E402
import noise  # noqa: E402
import page  # noqa: E402
import plot  # noqa: E402
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
    check("longer fails", len(gate.compare(table, {"a": 104, "b": 8})) == 2)
    check("missing fails", len(gate.compare(table, {"a": 100})) == 1)
    check("new fails", len(gate.compare(table, {"a": 100, "b": 7, "c": 1})) == 1)


def test_page():
    svg = plot.scatter("t", [("a < b", 5, [(1, 10), (3, 2000)])], ["c"])
    wakes = plot.histogram("w", [("a", [100, 5000, 5000]), ("b", [890] * 3)], ["c"])
    text = page.html("T", "# T\n\nx `y<z` **b**\n\n| a | b \\| c |\n| --- | --- |\n| 1 | **2** |\n\n![p](p.svg)\n", {"p.svg": svg})
    check("plots are inside", svg in text and "a &lt; b" in svg and "<polyline" in wakes)
    check("table", "<th>b | c</th>" in text and "<td><b>2</b></td>" in text)
    check("text", "<code>y&lt;z</code> <b>b</b>" in text)


def test_records(tmp):
    path = tmp / "insn.txt"
    path.write_text("I cores=1 counters=6 addresses=0\nL p/c/x\nM 0 0 0 1f 10 0 0 0 0 0 0 0 0 0\n"
                    "M 1 0 1 0 25 4 0 0 0 1 0 0 0 0\nM 2 0 0 20 30 0 0 0 0 0 0 0 0 0\nL p/c/y\nM 3 0 1 0 1 1 1 1 1 1 0 0 0 0\nE end\n")
    records = Records(path)
    (interval,) = records.intervals["p/c/x"]
    check("counts", interval.cores == [{"user": 15, "kernel": 4, "hypervisor": 0, "vmm": 0, "wfi": 0, "spin": 1}])
    check("x0", interval.x0 == 0x1F)
    check("a begin without an end is dropped", "p/c/y" not in records.intervals and records.complete)


if __name__ == "__main__":
    import tempfile

    test_quanta()
    test_percentile()
    test_gate()
    test_page()
    with tempfile.TemporaryDirectory() as folder:
        test_records(Path(folder))
    sys.exit(1 if failed else 0)
