# SPDX-License-Identifier: BSD-2-Clause
"""What disturbs a loop and delays a wake-up: from intervals to JSON (schema: bench/README.md), and to tables."""

from statistics import median

from records import LEVELS

LOADS = {
    "idle": "nothing else runs",
    "hackbench": "hackbench on all other CPUs of Linux",
    "forks": "processes start and end on all other CPUs",
    "memory": "memory is short and reclaimed, on all other CPUs",
}
OPERATIONS = {
    "static-key": "a static key on, off (kernel.sched_schedstats)",
    "module": "a module in, out",
    "tracepoints": "all scheduler tracepoints on, off",
    "ftrace": "function tracer on, off",
    "trace-buffer": "trace buffer larger, smaller",
    "hotplug": "CPU 1 off, on",
    "settime": "the clock is set",
    "drop-caches": "page cache dropped",
    "compaction": "memory compacted",
}
VARIANTS = {
    ("native", "fifo"): "{} native, FIFO",
    ("isolated", "fifo"): "{} isolated, FIFO",
    ("isolated", "other"): "{} isolated, SCHED_OTHER",
    ("kvm", "kvm"): "{} in KVM on isolated, vCPU FIFO",
    ("outrider", "attached"): "{} in the VM, attached, FIFO",
    ("outrider", "detached"): "{} in the VM, **detached**",
}


def variant_name(run, variant):
    """What a table calls it."""
    return VARIANTS[run["config"], variant].format(run["name"])


def quanta(intervals, counter_hz):
    """Of fwq: each quantum that something else took instructions in, by level, and how long all took in the guest.

    The quantum's own work is the same each time and in user mode, and at times nobody else is there: so it is the
    least that user mode ever executed.
    """
    core = intervals[0].begin_core
    own = min(i.cores[core]["user"] for i in intervals)
    stolen = []
    for number, interval in enumerate(intervals):
        counts = interval.cores[core]
        row = [counts["user"] - own, counts["kernel"], counts["hypervisor"], counts["vmm"]]
        if any(row):
            stolen.append([number, *row, counts["spin"]])
    ticks = intervals[-1].x0 - intervals[0].x0
    return {"quanta": len(intervals), "own": own, "stolen": stolen,
            "guest_seconds": round(ticks / counter_hz, 6) if counter_hz else None}  # fmt: skip


def wakes(intervals):
    """Of wake: what the core executed since its last WFI, for each time that it waited; apart those in which a kernel polled."""
    found = {False: [], True: []}
    for i in intervals:
        if i.cores[i.end_core]["wfi"]:
            # The hypervisor polls before its WFI only.
            polled = i.cores[i.end_core]["spin"] > 0 and i.cores[i.end_core]["kernel"] > 0
            found[polled].append(sum(i.since_wfi.values()))
    return sorted(found[False]), sorted(found[True])


def percentile(values, percent):
    """Of a sorted list."""
    return values[-(-len(values) * percent // 100) - 1]


# ---- tables ----


MEASURED = {"fwq": "fwq", "wake": "nanosleep", "syscall-rtt": "getppid"}


def items(result, program, load):
    """(run, variant, item) of all runs with this load, in the order of VARIANTS."""
    found = []
    for run in result["runs"]:
        for config, variant in VARIANTS:
            item = run["results"].get(f"{program}/{variant}+{load}/{MEASURED[program]}")
            if item and config == run["config"]:
                found.append((run, variant, item))
    return found


def disturbances(item):
    """Figures of a fwq item: count, totals by level, and the size of each, with and without those that poll."""
    rows = item["noise"]["stolen"]
    sizes = [sum(row[1:5]) for row in rows]
    quiet = [sum(row[1:5]) for row in rows if not row[5]]
    return {"count": len(rows), "quanta": item["noise"]["quanta"], "sizes": sizes, "quiet": quiet,
            "levels": [sum(row[1 + i] for row in rows) for i in range(len(LEVELS))]}  # fmt: skip


def loads_table(result, load):
    rows = []
    for run, variant, item in items(result, "fwq", load):
        d = disturbances(item)
        seconds = item["noise"]["guest_seconds"]
        worst = f"{median(d['sizes']):,.0f} / {max(d['sizes']):,}" if d["count"] else "–"
        rows.append([variant_name(run, variant), d["quanta"], f"**{d['count']}**", f"{100 * d['count'] / d['quanta']:.1f} %",
                     worst, f"{max(d['quiet']):,}" if d["quiet"] else "–",
                     " / ".join(f"{n:,}" for n in d["levels"][:3]),
                     f"{d['count'] / seconds:.1f}" if seconds else "–"])  # fmt: skip
    head = ["configuration", "quanta", "disturbed", "", "stolen instructions, median / maximum", "maximum without polling",
            "stolen in all, by user / kernel / hypervisor", "disturbances per guest second"]  # fmt: skip
    return head, rows


def operations_table(result):
    """Each operation, each configuration: whether it ended while the loop ran, and what the loop lost."""
    columns = [(run, variant) for run in result["runs"] for config, variant in VARIANTS
               if config == run["config"] and any(o[0] == variant for o in run.get("operations", []))]  # fmt: skip
    rows = []
    for name, what in OPERATIONS.items():
        cells = []
        for run, variant in columns:
            done = [count for v, n, count in run["operations"] if v == variant and n == name]
            item = run["results"].get(f"fwq/{variant}+{name}/fwq")
            if not done:
                cells.append("")
                continue
            rounds = run["rounds"]
            text = "" if done[0] == rounds else f"**{done[0]} of {rounds} ended**; "
            d = disturbances(item) if item else None
            if not d:
                text += "0 of 0"
            else:
                text += f"{d['count']} of {d['quanta']}, max. {max(d['sizes']):,}" if d["count"] else f"**0** of {d['quanta']}"
            cells.append(text)
        if any(cells):
            rows.append([f"{name}: {what}", *cells])
    return ["operation on the other CPUs", *[variant_name(*column) for column in columns]], rows


def hangs(result):
    """[(run, variant, operation)] that did not end while the loop ran."""
    return [(run, variant, name) for run in result["runs"] for variant, name, done in run.get("operations", [])
            if done < run["rounds"]]  # fmt: skip


def wakes_table(result, load):
    rows = []
    for run, variant, item in items(result, "wake", load):
        values, polling = item.get("wakes"), item.get("wakes_polling")
        if values:
            rows.append([variant_name(run, variant), len(values),
                         *[f"{v:,.0f}" for v in (values[0], median(values), percentile(values, 99), values[-1])],
                         f"{len(polling)}: {max(polling):,}" if polling else "–"])  # fmt: skip
    return ["configuration", "wake-ups", "minimum", "median", "99 %", "maximum", "those in which a kernel polled: maximum"], rows


def calls_table(result, load):
    rows = []
    for run, variant, item in items(result, "syscall-rtt", load):
        if variant == "detached":
            continue  # its kernel is on another core: see the forwards
        cells = []
        for call in ("getppid", "write", "futex-wake"):
            other = run["results"].get(f"syscall-rtt/{variant}+{load}/{call}")
            cells.append(f"{other['interval'][other['begin_core']]['kernel']['median']:,.0f}" if other else "")
        rows.append([variant_name(run, variant), *cells])
    return ["configuration", "getppid", "write", "futex-wake"], rows


JOBS = {
    "hackbench": "hackbench -g 1 -f 8 -l 200",
    "fork-exec": "a shell that starts 20 programs",
    "compute": "gzip -c /bin/bash \\| sha256sum",
    "disk": "dd of 12.5 MiB, O_DIRECT, virtio",
    "network": "ping, 100 packets, virtio",
    "compile": "gcc -O2 of hypervisor/kern/context.c",
}


def throughput_table(result):
    rows = []
    for name in dict.fromkeys(run["name"] for run in result["runs"]):
        runs = {run["config"]: run for run in result["runs"] if run["name"] == name}
        if "native" not in runs or "outrider" not in runs:
            continue
        for job, what in JOBS.items():
            both = [runs[c]["results"].get(f"count/{c}/{job}") for c in ("native", "outrider")]
            if not all(both):
                continue
            native, own = [item["total"] for item in both]
            more = own["hypervisor"]["median"] + own["vmm"]["median"]
            least = sum(native[level]["min"] for level in LEVELS)
            rows.append([name, f"{job}: {what}", *[f"{t['user']['min']:,}" for t in (native, own)],
                         *[f"{t['kernel']['min']:,} to {t['kernel']['max']:,}" for t in (native, own)],
                         *[f"{item['kernel_without_waiting']:,}" if "kernel_without_waiting" in item else "" for item in both],
                         f"{own['hypervisor']['median']:,.0f} + {own['vmm']['median']:,.0f}", f"**{100 * more / least:.2f} %**"])  # fmt: skip
    head = ["kernel", "job", "programs, native", "programs, in the VM", "kernel, native", "kernel, in the VM",
            "the same without spinning, native", "without spinning, in the VM", "hypervisor + VMM", "of all that is executed natively"]  # fmt: skip
    return head, rows
