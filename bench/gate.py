# SPDX-License-Identifier: BSD-2-Clause
"""The hot paths against a checked-in table: one that became longer fails.

Each figure is the least count of all measurements, of one core and level: the path by itself, without ticks and other
interrupts; the most frequent one where the least is of another path; the median of wake-ups. What a core does behind the path
is no part of it: on a busy machine the other core comes later, and sees more of that. So an IPI is counted until its function runs,
and an answer if the one who asked sleeps already. The table has the longest of
several runs of the same code, and how far these were apart (bench/README.md).

What disturbs a measurement only adds to it. So a path is longer only if it is longer in each of TRIES runs, by more than the
runs of the table differed, or by more than WITHIN. The table is of one compiler and one kernel: another one's instructions are
others, and may be a little more.
"""

import json
from statistics import median_high

TRIES = 3
WITHIN = 5  # per cent that a path may be longer if the runs of the table differed by as much
OTHER = 10  # per cent that a path may be longer if it was compiled by another compiler, or is of another kernel

# name: label, whose core, level; which if not the least; of what if not of the whole interval (report.results())
PATHS = {
    "hypercall": ("hvbench//hypercall-info", "begin", "hypervisor"),
    "hypercall, refused": ("hvbench//hypercall-refused", "begin", "hypervisor"),
    "hypercall, counters read": ("hvbench//hypercall-core-stats", "begin", "hypervisor"),
    "call answered by the VMM": ("hvbench//call-to-vmm", "begin", "hypervisor"),
    "trapped register": ("hvbench//trapped-register", "begin", "hypervisor"),
    "MMIO read: hypervisor": ("hvbench//mmio-read", "begin", "hypervisor"),
    "MMIO read: VMM": ("hvbench//mmio-read", "begin", "vmm"),
    # the least has come before it was waited for
    "timer interrupt": ("hvbench//timer", "begin", "hypervisor", "mode"),
    "timer out of WFI": ("hvbench//timer-wfi", "begin", "hypervisor", "mode"),
    "IPI: sender": ("hypercall/idle/ipi-to-idle", "begin", "hypervisor", "mode", "events"),
    "IPI: receiver in WFI": ("hypercall/idle/ipi-to-idle", 1, "hypervisor", "mode", "events"),
    "getppid, attached: kernel": ("syscall-rtt/attached/getppid", "begin", "kernel"),
    "getppid beside a detached thread: kernel": ("syscall-rtt/beside/getppid", "begin", "kernel"),
    # these contain the polls of an idle core until it sleeps, unless Linux's core answers before that
    "forward of getppid: host core": ("syscall-rtt/detached-spinning/getppid", "begin", "hypervisor"),
    "forward of a page fault: host core": ("fault-rtt/detached-spinning/first-store", "begin", "hypervisor"),
    # from the core's last WFI to the instruction behind the call
    "wake-up from clock_nanosleep": ("control-loop/detached/clock_nanosleep", "begin", "hypervisor", "wakes"),
    "wake-up from sleep_until()": ("control-loop/detached/sleep_until", "begin", "hypervisor", "wakes"),
    "wake-up by a device's interrupt": ("irq-user/detached/alarm", "begin", "hypervisor", "wakes"),
    # of those in which the core of the thread that waits for it sleeps; another path if it polls, a third one if it does not wait yet
    "echo of a host task: its core": ("notify-rtt/detached/echo", 4, "hypervisor", "mode", "slept"),
    # … or from the interrupt, which stops Linux there
    "wake-up, shared core": ("wake/shared+computing/nanosleep", "begin", "hypervisor", "wakes"),
}

def _sometimes(name):
    """On a machine that runs the two cores at other speeds it may be that none of a run's 50 is of that path."""
    return PATHS.get(name, ())[4:] == ("slept",)


def figures(result):
    """{name: instructions} of a result of bench/run --gate."""
    (run,) = result["runs"]
    out = {}
    for name, (label, core, level, *which) in PATHS.items():
        item = run["results"][label]
        if which == ["wakes"]:
            out[name] = int(median_high(item["wakes"]))
            continue
        cores = item.get(which[1] if len(which) > 1 else "interval")
        if cores:
            out[name] = cores[item["begin_core"] if core == "begin" else core][level][which[0] if which else "min"]
    return out


def allowances(known, made):
    """{level: per cent} that paths of that level may be longer, as table and build are of one kernel and compiler or not."""
    other = 0 if known.get("compiler") == made["compiler"] else OTHER
    return {"hypervisor": other, "vmm": other, "kernel": 0 if known.get("kernel") == made["kernel"] else OTHER}


def compare(table, now, allowed=None):
    """Complaints about figures {name: count}, against the table {name: {count, within}}."""
    bad = []
    for name, known in table.items():
        percent = (allowed or {}).get(PATHS[name][2], 0) if name in PATHS else 0
        if name not in now and _sometimes(name):
            continue
        if name not in now:
            bad.append(f"{name}: was not measured")
        elif now[name] > known["count"] * (100 + percent) // 100 + min(known["within"], known["count"] * WITHIN // 100):
            bad.append(f"{name}: {now[name]:,}, was {known['count']:,} at most (runs differed by {known['within']:,})")
    return bad + [f"{name}: {now[name]:,}, not in the table" for name in now if name not in table and not _sometimes(name)]


def _by_path(runs):
    return {name: [run[name] for run in runs if name in run] for name in dict.fromkeys(name for run in runs for name in run)}


def least(runs):
    """Each path's shortest of several runs."""
    return {name: min(found) for name, found in _by_path(runs).items()}


def shorter(table, now):
    """Paths that are shorter than the table says, by more than runs differ."""
    return [name for name, known in table.items() if name in now and now[name] < known["count"] - known["within"]]


def merge(runs):
    """A table of several runs' figures: the longest, and by how much they differ."""
    return {name: {"count": max(found), "within": max(found) - min(found)} for name, found in _by_path(runs).items()}


def read(path):
    return json.loads(path.read_text())


def write(path, document):
    head = json.dumps({k: v for k, v in document.items() if k != "paths"}, indent=1)[:-2]
    rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in document["paths"].items())
    path.write_text(head + ',\n "paths": {\n' + rows + "\n }\n}\n")
