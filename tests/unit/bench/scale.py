#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""bench/scale: the model against closed forms and against draws of each rank; its reports; the reader of real runs."""

import json
import subprocess
import sys
import tempfile
from math import log, sqrt
from pathlib import Path
from random import Random

TOP = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TOP / "bench"), str(TOP / "bench/insn")]

import mpi  # noqa: E402
import plot  # noqa: E402
import scaling  # noqa: E402
from scaling import Distribution  # noqa: E402

failed = 0


def check(what, good):
    global failed
    if not good:
        failed += 1
        print(f"FAIL: {what}")


def near(a, b, share=1e-9):
    return abs(a - b) <= share * max(abs(a), abs(b), 1)


def test_two_values():
    """0, and d with probability p: the largest of n is d with 1 - (1 - p)^n."""
    d, p = 5000, 0.02
    two = Distribution([0] * 98 + [d] * 2)
    for n in (1, 2, 3, 50, 1000, 100000):
        hit = 1 - (1 - p) ** n
        mean, deviation = two.largest(n)
        check(f"two values, {n}", near(mean, d * hit) and near(deviation, d * sqrt(hit * (1 - hit)), 1e-6))
    check("thinned", near(two.thinned(0.25).largest(7)[0], d * (1 - (1 - p / 4) ** 7)))
    check("thinned by nothing", near(two.thinned(1).largest(7)[0], two.largest(7)[0]))
    always = Distribution([10, 20]).thinned(0.5)
    check("thinned, never 0 before", near(always.largest(1)[0], 7.5) and near(always.shares[0], 0.5))


def test_uniform():
    """1 to m: the mean of the largest of n is m less the sum of (k/m)^n for k < m."""
    m = 40
    for n in (1, 2, 10, 333):
        mean, _ = Distribution(range(1, m + 1)).largest(n)
        check(f"uniform, {n}", near(mean, m - sum((k / m) ** n for k in range(1, m))))
    mean, deviation = Distribution(range(1, m + 1)).largest(1)
    check("one draw is the sample", near(mean, (m + 1) / 2) and near(deviation, sqrt((m * m - 1) / 12)))


def test_exponential():
    """Of an exponential distribution, the mean of the largest of n is the mean times 1 + 1/2 + … + 1/n."""
    m = 50000
    points = Distribution([-log(1 - (k + 0.5) / m) for k in range(m)])
    for n in (1, 10, 100):
        check(f"exponential, {n}", near(points.largest(n)[0], sum(1 / k for k in range(1, n + 1)), 0.005))


def test_bounds():
    samples = [0, 0, 0, 7, 90, 3000]
    means = [Distribution(samples).largest(n)[0] for n in (1, 2, 4, 64, 4096, 10**5)]
    check("grows", means == sorted(means) and near(means[0], sum(samples) / 6))
    check("ends at the largest", near(means[-1], 3000) and max(means) <= 3000)
    check("nothing seen", near(scaling.bound(2500), 1 - 0.05 ** (1 / 2500)) and 2.9 / 2500 < scaling.bound(2500) < 3 / 2500)


def test_simulation():
    """Draws of each rank have the mean that the formula says; the same seed, the same draws."""
    trace = Distribution([0] * 60 + [100] * 30 + [2500] * 8 + [40000] * 2)
    for n in (1, 3, 20, 150):
        mean, deviation = trace.largest(n)
        drawn = scaling.simulate(trace, n, 400, Random(n))
        check(f"simulated, {n}", abs(sum(drawn) / 400 - mean) < 5 * deviation / sqrt(400))
        check("the same seed", drawn == scaling.simulate(trace, n, 400, Random(n)))
    check("another seed", scaling.simulate(trace, 20, 400, Random(1)) != scaling.simulate(trace, 20, 400, Random(2)))


def test_tree():
    known = {1: 0, 2: 1, 3: 2, 4: 2, 5: 3, 8: 3, 9: 4, 1024: 10, 1025: 11, 65536: 16, 100000: 17}
    check("depth", all(scaling.depth(n) == levels for n, levels in known.items()))
    check("other radix", [scaling.depth(n, 10) for n in (1, 10, 11, 1000, 1001, 10**5)] == [0, 1, 2, 3, 4, 5])
    check("barrier", [scaling.barrier(n, 300) for n in (1, 2, 100000)] == [0, 600, 10200] and scaling.barrier(16, 300, 4) == 1200)


def test_phase():
    """Without noise a phase is its work and its barrier, no more; ranks of one group are as one."""
    for n in (1, 2, 1000, 100000):
        still = scaling.phase(Distribution([0] * 500), n, 1 << 20, 1000)
        check(f"no noise, {n}", still["mean"] == (1 << 20) + 2000 * scaling.depth(n) and still["deviation"] == still["longer"] == 0)
    noisy = Distribution([0] * 9 + [1000])
    one = scaling.phase(noisy, 64, 10000, 5)
    check("longer", near(one["longer"], 1000 * (1 - 0.9**64) / (10000 + 60)) and near(one["mean"], 10060 * (1 + one["longer"])))
    check("groups", near(scaling.phase(noisy, 64, 10000, 5, group=16)["longer"], 1000 * (1 - 0.9**4) / 10060))
    check("a part of a group", near(scaling.phase(noisy, 64, 10000, 5, group=60)["longer"], 1000 * (1 - 0.9**2) / 10060))
    check("all together", near(scaling.phase(noisy, 64, 10000, 5, group=0)["longer"], 100 / 10060))


NOISE = {"quanta": 6, "own": 1000, "stolen": [[1, 1, 20, 300, 4000, 0], [3, 0, 7, 0, 0, 0], [4, 0, 90000, 0, 0, 12]], "guest_seconds": 0.006}


def test_trace():
    check("without polls", scaling.delays(NOISE) == [0, 4321, 0, 7, 0])
    check("with polls", scaling.delays(NOISE, polls=True) == [0, 4321, 0, 7, 90000, 0])
    check("windows", scaling.windows([1, 2, 4, 8], 2) == [3, 6, 12, 9] and scaling.windows([1, 2], 5) == [7, 8])
    check("windows of one", scaling.windows([5, 6, 7], 1) == [5, 6, 7])
    # 1 ms of the guest for each quantum, of 1 us at 10^9 per second
    check("by time", near(scaling.by_time(NOISE, 10**9), 0.001) and scaling.by_time(NOISE, 1) == 1)
    check("by time, not known", scaling.by_time({**NOISE, "guest_seconds": None}, 10**9) is None)


def test_records():
    """Ranks run at the same time on several cores, and each quantum is counted on its own."""

    def line(core, mark, x0, *counts):
        return f"M 0 {core} {mark} {x0:x} " + " ".join(f"{n} {k} {h} 0 0 {h // 3}" for n, k, h in counts) + " 0 0 0 0\n"

    text = "I cores=2 counters=6 addresses=0\nL other/x\n" + line(0, 0, 0, (0, 0, 0), (0, 0, 0)) + "L mpi-fwq/a+idle+2+19/fwq\nL mpi-fwq/a+idle+2+19/fwq\n"
    text += line(0, 0, 0, (5, 5, 5), (1, 1, 1)) + line(1, 0, 1 << 32, (50, 9, 9), (7, 1, 1))
    text += line(1, 1, 1, (90, 70, 9), (107, 1, 1)) + line(0, 1, 0, (105, 75, 9), (900, 800, 1))
    text += line(1, 0, 1 << 32 | 1, (0, 0, 0), (200, 50, 10)) + line(0, 0, 1, (200, 80, 9), (0, 0, 0))
    text += line(0, 1, 1, (300, 80, 9), (0, 0, 0)) + line(1, 1, 9, (0, 0, 0), (303, 50, 20))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "insn.txt"
        path.write_text(text + "L mpi-fwq/a+idle+2+19/end\nE end\n")
        check("stolen, by rank", mpi.stolen(path) == {"mpi-fwq/a+idle+2+19/fwq": {0: [[74, 2], [0, 0]], 1: [[0, 0], [13, 3]]}})


def made_up(ranks, stolen, times, empty, run_ticks):
    return {"variant": "native", "load": "idle", "ranks": ranks, "stolen": [[[lost, 0] for lost in rank] for rank in stolen],
            "report": {"work": 1000, "samples": len(times[0]), "run_ticks": run_ticks},
            "ticks": {"times": times, "barriers": times, "empty": empty}}  # fmt: skip


def test_compare():
    """Of runs of which everything is known."""
    one = made_up(1, [[0, 0, 0, 400]], [[10, 10, 10, 50]], [[0] * 4], 90)
    two = made_up(2, [[0, 400, 0, 0], [400, 0, 0, 0]], [[10, 50, 10, 10], [50, 10, 10, 10]], [[6, 2, 2, 2], [4, 4, 2, 2]], 150)
    rows = mpi.compare({"runs": [one, two]})
    check("one row", len(rows) == 1 and rows[0]["ranks"] == 2)
    largest = 1 - 0.75**2
    i, t, b = (rows[0][key] for key in ("instructions", "ticks", "empty_barrier"))
    check("measured", i["measured"] == 200 and t["measured"] == 37.5)
    check("predicted", near(i["one"], 400 * largest) and near(i["independent"], 400 * largest) and i["trace"] is None)
    check("its error", near(i["error_one"], (1000 + 400 * largest) / 1200 - 1) and i["error_trace"] is None)
    (row,) = mpi.compare({"runs": [one, two]}, {("native", "idle"): [0, 80]})
    check("predicted from a trace", near(row["instructions"]["trace"], 60) and near(row["instructions"]["error_trace"], 1060 / 1200 - 1))
    (row,) = mpi.works({"runs": [one, two]})
    check("by work", (row["work"], row["quiet"], row["lost"], row["ticks"], row["least_ticks"]) == (1000, 4, 200, 37.5, 10))
    other = made_up(2, [[0], [0]], [[1], [1]], [[1], [1]], 9)
    other["report"]["work"] = 10
    check("only the same work is compared", mpi.compare({"runs": [one, two, other]}) == rows)
    check("each work", [row["work"] for row in mpi.works({"runs": [two, other]})] == [10, 1000])
    two["stolen"][0][1][1] = 5
    (row,) = mpi.compare({"runs": [one, two]})
    check("a phase with polls is left out", row["instructions"]["phases"] == 3 and near(row["instructions"]["measured"], 400 / 3))
    check("ticks", near(t["predicted"], 10 + 40 * largest + 3) and near(t["together"], 33) and near(t["error_together"], 33 / 37.5 - 1))
    check("barrier", b["measured"] == 3 and b["predicted"] == 3)


def test_plot():
    svg = plot.lines("t", [("a < b", [("s", [(1, 0), (100000, 5)]), ("z", [(1, 0), (100000, 0)])])], "x, y", ["c"])
    check("a line each", svg.count("<polyline") == 2 and "a &lt; b" in svg and ">100k<" in svg)
    check("nothing above 0", "<polyline" in plot.lines("t", [("a", [("s", [(1, 0), (10, 0)])])], "x", ["c"]))


def test_reports():
    """Each output says what it is and from what it comes; it is the same each time, whatever is in the way."""
    item = {"noise": {**NOISE, "quanta": 50}}
    still = {"noise": {"quanta": 50, "own": 1000, "stolen": [], "guest_seconds": 1}}
    runs = [{"kernel": "6.1.0-x", "name": "6.1", "config": config, "results": {f"fwq/{variant}+{load}/fwq": what for load in ("idle", "settime")}}
            for config, variant, what in (("native", "fifo", item), ("outrider", "detached", still))]  # fmt: skip
    runs[0].update(operations=[["fifo", "settime", 1], ["other", "settime", 3]], rounds=3)
    runs[1].update(operations=[["detached", "settime", 3]], rounds=3)
    source = {"schema": "x", "command": "bench/run --some", "commit": "c0ffee1", "qemu": "QEMU 1", "cpu": "n1", "runs": runs}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "some.json"
        path.write_text(json.dumps(source))
        argv = [str(TOP / "bench/scale"), "--results", str(path), "--mpi", f"{folder}/none.json", "--ranks", "1,1000", "--hop", "10"]
        outputs = []
        for name in ("a", "b"):
            subprocess.run([*argv, "--out", f"{folder}/{name}"], stdout=subprocess.DEVNULL, check=True)
            outputs.append({suffix: (Path(folder) / name / f"scale.{suffix}").read_text() for suffix in ("json", "md", "svg")})
    check("the same each time", outputs[0] == outputs[1])
    for suffix, text in outputs[0].items():
        check(f"{suffix} says what it is", "extrapolated by simulation" in text and "c0ffee1" in text and "bench/run --some" in text)
    result = json.loads(outputs[0]["json"])
    check("its options", result["command"] == "bench/scale --ranks 1,1000 --hop 10")
    noisy, quiet = [t for t in result["traces"] if t["load"] == "idle"]
    check("operations that end", [t["ended"] for t in result["traces"]] == [None, None, False, True] and " % † | **0** |" in outputs[0]["md"])
    own = Distribution(scaling.delays(item["noise"]))
    check("a curve", [row[0] for row in noisy["measured"]] == [1, 1000] and near(noisy["measured"][1][3], own.largest(1000)[0] / 1200, 1e-6))
    check("no noise", all(row[3] == 0 for row in quiet["measured"]) and quiet["measured"][1][1] == 1200)


for name, test in list(globals().items()):
    if name.startswith("test_"):
        test()
print("FAIL" if failed else "PASS")
sys.exit(1 if failed else 0)
