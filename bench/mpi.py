# SPDX-License-Identifier: BSD-2-Clause
"""Small real runs of mpi-fwq, to hold the model of bench/scaling.py against: measured in the guest, and compared."""

import json
from collections import defaultdict
from math import sqrt
from statistics import mean, stdev

import scaling
from records import BEGIN, COUNTERS, END, LEVELS

SCHEMA = "outrider-mpi-fwq-1"
LABEL = "mpi-fwq/"


def _quanta(path, found):
    """What each level executed in each quantum, by label and rank, of the plugin's file."""
    began, label, width = {}, "", 0
    with open(path, encoding="utf-8", errors="replace") as handle:
        for line in handle:
            kind, _, rest = line.rstrip("\n").partition(" ")
            if kind == "I":
                head = dict(word.split("=") for word in rest.split())
                width = int(head["counters"]) + int(head["addresses"])
            elif kind == "L":
                label, began = rest, began if rest == label else {}
            elif kind == "M" and label.startswith(LABEL):
                words = rest.split(" ")
                core, mark, x0 = int(words[1]), int(words[2]), int(words[3], 16)
                counts = dict(zip(COUNTERS, map(int, words[4 + core * width :])))
                if mark == BEGIN:
                    began[core] = (x0, counts)
                elif mark == END and core in began:
                    x0, then = began.pop(core)
                    found[label][x0 >> 32].append((x0 & 0xFFFFFFFF, {name: counts[name] - then[name] for name in COUNTERS}))


def stolen(*paths):
    """{label: {rank: [[instructions stolen, polls] of each quantum]}} of the plugins' files, one of each node. Ranks run at the
    same time, so each core has its own intervals; a quantum's own work is the least that user mode ever executed."""
    found, out = defaultdict(lambda: defaultdict(list)), {}
    for path in paths:
        _quanta(path, found)
    for label, ranks in found.items():
        own = min(counts["user"] for rows in ranks.values() for _, counts in rows)
        out[label] = {rank: [[sum(counts[level] for level in LEVELS) - own, counts["spin"]] for _, counts in sorted(rows, key=lambda row: row[0])]
                      for rank, rows in ranks.items()}  # fmt: skip
    return out


def collect(share, counted, options):
    """Runs of one boot, as they are written to mpi-fwq.json. share: what bench/guest/mpi left."""
    runs = []
    for path in sorted(share.glob("*.json")):
        report = json.loads(path.read_text().splitlines()[0])
        name, ranks = path.stem, len(report["ranks"])
        variant, load, *_ = name.split("+")
        ticks = {what: [list(map(int, (share / f"{name}-{r}_{what}.dat").read_text().split())) for r in range(ranks)]
                 for what in ("times", "barriers", "empty")}  # fmt: skip
        lost = counted[f"{LABEL}{name}/fwq"]
        lost = [lost[rank] for rank in range(ranks)]
        wrong = [len(rows) for rows in (*lost, *ticks["times"], *ticks["barriers"], *ticks["empty"]) if len(rows) != options.samples]
        if wrong:
            raise ValueError(f"{name}: {wrong} of {options.samples} quanta")
        runs.append({"variant": variant, "load": load, "nodes": options.nodes, "ranks": ranks, "report": report, "stolen": lost, "ticks": ticks})
    return runs


def _error(predicted, measured):
    return (predicted - measured) / measured if measured else None


def _quiet(run):
    """What each rank lost, of the phases in which no rank's core polled (bench/scaling.py: delays)."""
    phases = [row for row in zip(*run["stolen"]) if not any(polls for _, polls in row)]
    return [[lost for lost, _ in rank] for rank in zip(*phases)]


def _instructions(one, run, trace):
    """Per phase, what the slowest rank lost: predicted from a trace of fwq, from the run of one rank, and from this run's ranks
    one by one."""
    ranks, work = _quiet(run), run["report"]["work"]
    measured = [max(row) for row in zip(*ranks)]
    row = {"phases": len(measured), "measured": mean(measured), "deviation": stdev(measured) / sqrt(len(measured)),
           "trace": scaling.Distribution(trace).largest(run["ranks"])[0] if trace else None,
           "one": scaling.Distribution(_quiet(one)[0]).largest(run["ranks"])[0], "independent": _independent(ranks)}  # fmt: skip
    for name in ("trace", "one", "independent"):
        row[f"error_{name}"] = None if row[name] is None else _error(work + row[name], work + row["measured"])
    return row


def _independent(ranks):
    """The mean of the largest, if each rank's samples came in any order: one distribution for each rank."""
    parts = [scaling.Distribution(samples) for samples in ranks]
    total, before = 0.0, 0.0
    for value in sorted({v for part in parts for v in part.values}):
        share = 1.0
        for part in parts:
            at = sum(v <= value for v in part.values)
            share *= part.shares[at - 1] if at else 0.0
        total += value * (share - before)
        before = share
    return total


def _ticks(one, hop, run):
    """Ticks of a phase with its barrier: measured from the first rank's start to the last one's end, over all phases."""
    measured = run["report"]["run_ticks"] / run["report"]["samples"]
    tree = scaling.barrier(run["ranks"], hop)
    alone, _ = scaling.Distribution(one["ticks"]["times"][0]).largest(run["ranks"])
    own = _independent(run["ticks"]["times"])
    together = mean(max(row) for row in zip(*run["ticks"]["times"]))
    return {"measured": measured, "barrier": tree, "predicted": alone + tree, "independent": own + tree, "together": together + tree,
            "error": _error(alone + tree, measured), "error_independent": _error(own + tree, measured),
            "error_together": _error(together + tree, measured)}  # fmt: skip


def _what(run):
    return run["variant"], run["load"], run["report"]["work"]


def works(result):
    """Of the runs with most ranks, by work: how long a phase was, in instructions and ticks."""
    most = max(run["ranks"] for run in result["runs"])
    rows = []
    for run in sorted((r for r in result["runs"] if r["ranks"] == most), key=lambda r: (r["variant"], r["load"], r["report"]["work"])):
        quiet = [max(row) for row in zip(*_quiet(run))]
        report = run["report"]
        rows.append({"variant": run["variant"], "load": run["load"], "ranks": most, "work": report["work"], "phases": report["samples"], "quiet": len(quiet),
                     "lost": mean(quiet) if quiet else None, "ticks": report["run_ticks"] / report["samples"],
                     "least_ticks": min(map(min, run["ticks"]["times"]))})  # fmt: skip
    return rows


def compare(result, traces=None):
    """Rows for each run of two ranks and more, beside the run of one rank in the same boot, with the same load, and the trace of
    fwq: traces[variant, load]."""
    rows = []
    for run in result["runs"]:
        same = {r["ranks"]: r for r in result["runs"] if _what(r) == _what(run)}
        if run["ranks"] == 1 or 1 not in same or 2 not in same:
            continue
        # the cost of a hop is that of the smallest barrier, up and down
        hop = mean(map(mean, same[2]["ticks"]["empty"])) / 2
        measured, predicted = mean(map(mean, run["ticks"]["empty"])), scaling.barrier(run["ranks"], hop)
        rows.append({"variant": run["variant"], "load": run["load"], "ranks": run["ranks"], "phases": run["report"]["samples"],
                     "instructions": _instructions(same[1], run, (traces or {}).get((run["variant"], run["load"]))),
                     "ticks": _ticks(same[1], hop, run),
                     "empty_barrier": {"measured": measured, "predicted": predicted, "error": _error(predicted, measured)}})  # fmt: skip
    return rows
