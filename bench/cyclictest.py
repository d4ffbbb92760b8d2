# SPDX-License-Identifier: BSD-2-Clause
"""Debian's cyclictest in the configurations of the 2017 paper: its histograms, and proof of who woke it up."""

import json
import re
from statistics import median

import noise

# A. Lackorzynski, C. Weinhold, H. Härtig: Predictable Low-Latency Interrupt Response with General-Purpose Systems (2017),
# figures 3 to 8: worst case in microseconds, by (who runs the thread, loaded): (x86, Arm)
PAPER = {
    ("fifo", False): ("6", "56"), ("fifo", True): ("304", "146,500"),
    ("detached", False): ("1.1", "2.2"), ("detached", True): ("2.4", "5.1"),
    ("shared", False): ("1.2", "3.9"), ("shared", True): ("2.5", "31"),
}  # fmt: skip
PUBLISHED = (
    "",
    "Published: worst cases of the 2017 paper, measured on other hardware: x86 is a Core i7-4770 at 3 GHz, Linux 4.10 with PREEMPT; Arm an NXP "
    "LS1021A (Cortex-A7, 1.2 GHz), Linux-rt 4.1, with smaller messages (`hackbench -s 100`) on Linux itself. Detached is “decoupled” there: from "
    "L4Linux 4.10 to L4Re, with a program of their own instead of cyclictest. The paper's 12 configurations are these six on two "
    "architectures; here they are six on each kernel.",
    "",
    "Microseconds are those of an emulator on a shared host, while it counts instructions: they say how the machine was loaded, and "
    "nothing about hardware. “Served” are wake-ups of cyclictest's thread that the hypervisor has counted as its own (`hvctl run --stat`: "
    "sleeps), and its system calls that went to Linux. Instructions: of `wake` beside the same load, from the end of the core's WFI, or the "
    "interrupt's entry to the hypervisor, to the instruction behind `clock_nanosleep`; as everywhere in these tables. Native Linux's are those out of a "
    "WFI alone, which are few beside hackbench on all CPUs: there it is interrupted, and how long a wake-up is then was not counted.",
)
NAMES = {"fifo": "native, FIFO", "attached": "in the VM, attached, FIFO", "detached": "**detached**, dedicated core",
         "shared": "**detached**, shared core", "other": "native, SCHED_OTHER"}  # fmt: skip


def parse(text):
    """What cyclictest -q -h N prints of one thread."""
    counts = {int(us): int(n) for us, n in re.findall(r"^(\d{6}) (\d+)$", text, re.M) if int(n)}

    def number(what):
        return int(re.search(rf"^# {what}: 0*(\d+)\s*$", text, re.M).group(1))

    return {"loops": number("Total") + number("Histogram Overflows"), "min": number("Min Latencies"), "avg": number("Avg Latencies"),
            "max": number("Max Latencies"), "overflows": number("Histogram Overflows"), "histogram": counts}  # fmt: skip


def read(folder):
    """{VARIANT+LOAD: …} of what bench/guest/measure left; with what the hypervisor has counted of a detached one."""
    found = {}
    for path in sorted(folder.glob("*+*")):
        if path.suffix == ".stat":
            continue
        item = parse(path.read_text())
        stat = path.with_name(f"{path.name}.stat")
        if stat.exists():
            thread = json.loads(stat.read_text())
            item["served"] = {key: thread["stats"][key] for key in ("sleeps", "syscalls", "faults", "recalls", "throttled")}
            item["served"]["core"] = thread["core"]
        found[path.name] = item
    return found


def complaints(run, loops):
    """Configurations whose figures are not what they are called: too few wake-ups, or not the hypervisor's."""
    bad = []
    for key, item in run["cyclictest"].items():
        served = item.get("served")
        if item["loops"] < loops:
            bad.append(f"cyclictest {key}: {item['loops']} wake-ups of {loops}")
        if key.split("+")[0] in ("detached", "shared") and (not served or served["sleeps"] < loops - loops // 100 or served["syscalls"] > 200):
            bad.append(f"cyclictest {key}: the hypervisor served {served} of {loops} wake-ups")
    return bad


def rows(result):
    """[(run, variant, load, item)], a configuration after the other."""
    out = []
    for run in result["runs"]:
        for key, item in run.get("cyclictest", {}).items():
            variant, load = key.split("+")
            out.append((run, variant, load, item))
    order = list(NAMES)
    return sorted(out, key=lambda r: ([run["name"] for run in result["runs"]].index(r[0]["name"]), order.index(r[1]), r[2] != "idle"))


def paper_table(result):
    lines = []
    for run, variant, load, item in rows(result):
        wakes = run["results"].get(f"wake/{variant}+{load}/nanosleep", {}).get("wakes")
        served = item.get("served")
        x86, arm = PAPER.get((variant, load != "idle"), ("", ""))
        lines.append([
            f"{run['name']} {NAMES[variant]}", "–" if load == "idle" else noise.LOADS[load].split(",")[0].replace(" on all of Linux's CPUs", ""), item["loops"],
            f"{served['sleeps']:,}, {served['syscalls']} calls forwarded" if served else "–",
            f"{wakes[0]:,} / {median(wakes):,.0f} / {noise.percentile(wakes, 99):,} / {wakes[-1]:,} of {len(wakes)}" if wakes else "–",
            f"{item['min']} / {item['avg']} / {item['max']}", x86, arm,
        ])  # fmt: skip
    head = ["configuration", "load", "wake-ups", "served by the hypervisor", "instructions per wake-up: minimum / median / 99 % / maximum",
            "cyclictest here, µs of the emulator: minimum / average / maximum", "published, x86: worst µs", "published, Arm: worst µs"]  # fmt: skip
    return head, lines


def files(result):
    """{name: text} of histograms as cyclictest writes them: microseconds, how many; lines of 0 left out."""
    out = {}
    for run, variant, load, item in rows(result):
        lines = ["# SPDX-License-Identifier: BSD-2-Clause",
                 f"# {result['command']}, commit {result['commit']}; Linux {run['kernel']}, {variant}, {load}; microseconds of the emulator, wake-ups",
                 *(f"{int(us):06} {n:06}" for us, n in item["histogram"].items()),
                 f"# Total: {item['loops']}", f"# Max Latencies: {item['max']}", f"# Histogram Overflows: {item['overflows']}"]  # fmt: skip
        out[f"{run['name']}-{variant}-{load}"] = "\n".join(lines) + "\n"
    return out
