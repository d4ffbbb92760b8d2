# SPDX-License-Identifier: BSD-2-Clause
"""The hot paths against a checked-in table: one that became longer fails.

Each figure is the most frequent count of all measurements, on one core and level, which polls and ticks leave alone. `within`
is how much it differed between runs of the same code (bench/README.md).
"""

import json

# name: label, whose core, level
PATHS = {
    "hypercall": ("hvbench//hypercall-info", "begin", "hypervisor"),
    "hypercall, refused": ("hvbench//hypercall-refused", "begin", "hypervisor"),
    "hypercall, counters read": ("hvbench//hypercall-core-stats", "begin", "hypervisor"),
    "call answered by the VMM": ("hvbench//call-to-vmm", "begin", "hypervisor"),
    "trapped register": ("hvbench//trapped-register", "begin", "hypervisor"),
    "MMIO read: hypervisor": ("hvbench//mmio-read", "begin", "hypervisor"),
    "MMIO read: VMM": ("hvbench//mmio-read", "begin", "vmm"),
    "timer interrupt": ("hvbench//timer", "begin", "hypervisor"),
    "timer out of WFI": ("hvbench//timer-wfi", "begin", "hypervisor"),
    "IPI: sender": ("hypercall/idle/ipi-to-computing", "begin", "hypervisor"),
    "IPI: receiver": ("hypercall/idle/ipi-to-computing", 1, "hypervisor"),
    "getppid, attached: kernel": ("syscall-rtt/attached/getppid", "begin", "kernel"),
    "getppid beside a detached thread: kernel": ("syscall-rtt/beside/getppid", "begin", "kernel"),
    "forward of getppid: host core": ("syscall-rtt/detached-sleeping/getppid", "functions", "hypervisor"),
    "forward of a page fault: host core": ("fault-rtt/detached-sleeping/first-store", "functions", "hypervisor"),
}


def figures(result, path):
    """{name: instructions} of a result of bench/run --gate; path() leaves waiting out."""
    (run,) = result["runs"]
    out = {}
    for name, (label, core, level) in PATHS.items():
        item = run["results"][label]
        if core == "functions":
            out[name] = round(path(item, item["begin_core"], level))
        else:
            out[name] = item["interval"][item["begin_core"] if core == "begin" else core][level]["mode"]
    return out


def compare(table, now):
    """Complaints about figures {name: count}, against the table {name: {count, within}}."""
    bad = []
    for name, known in table.items():
        if name not in now:
            bad.append(f"{name}: was not measured")
        elif now[name] > known["count"] + known["within"]:
            bad.append(f"{name}: {now[name]:,}, was {known['count']:,} (runs differ by {known['within']:,})")
    return bad + [f"{name}: {now[name]:,}, not in the table" for name in now if name not in table]


def merge(runs):
    """A table of several runs' figures: the least count, and by how much they differ."""
    return {name: {"count": min(r[name] for r in runs), "within": max(r[name] for r in runs) - min(r[name] for r in runs)}
            for name in runs[0]}  # fmt: skip


def read(path):
    return json.loads(path.read_text())


def write(path, document):
    head = json.dumps({k: v for k, v in document.items() if k != "paths"}, indent=1)[:-2]
    rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in document["paths"].items())
    path.write_text(head + ',\n "paths": {\n' + rows + "\n }\n}\n")
