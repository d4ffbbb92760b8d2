# SPDX-License-Identifier: BSD-2-Clause
"""What disturbs a loop and delays a wake-up: from intervals to JSON (schema: bench/README.md), and to tables."""

from statistics import median

from records import LEVELS

LOADS = {
    "idle": "nothing else runs",
    "hackbench": "hackbench on all other CPUs of Linux",
    "forks": "processes start and end on all other CPUs",
    "memory": "memory is short and reclaimed, on all other CPUs",
    "disk": "files are written and a disk is read (virtio), on all other CPUs",
    "network": "packets over loopback and virtio, on all other CPUs",
    "compile": "gcc compiles files, on all other CPUs",
    "computing": "a loop on each other CPU",
    "pipes": "`hackbench --pipe -s 10000 -l 10000` on all of Linux's CPUs, as in the 2017 paper",
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
    ("outrider", "shared"): "{} in the VM, **detached**, on a core of Linux",
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


def wakes_shared(intervals):
    """The same, of a core that also runs a CPU of Linux: since its last WFI or entry to the hypervisor, whichever was later."""
    found = []
    for i in intervals:
        core = i.cores[i.end_core]
        if core["hv-irq"] or core["wfi"]:
            both = [sum(since.values()) for since in (i.since_wfi, i.since_entry)]
            found.append(min(both) if core["wfi"] else both[1])
    return sorted(found)


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


def shared_table(result):
    """What a thread loses on a core that also runs a CPU of Linux: to the hypervisor, and to Linux by its budget."""
    rows = []
    for load, what in LOADS.items():
        for run, variant, item in items(result, "fwq", load):
            if variant != "shared":
                continue
            stolen, quanta = item["noise"]["stolen"], item["noise"]["quanta"]
            alone = [row[3] for row in stolen if not row[1] + row[2] + row[4]]
            linux = [row for row in stolen if row[1] + row[2] + row[4]]
            rows.append([f"{run['name']}: {what}", quanta, quanta - len(stolen),
                         f"{len(alone)}: {median(alone):,.0f} / {max(alone):,}" if alone else "–",
                         f"{len(linux)}: {median(r[3] for r in linux):,.0f} / {max(r[3] for r in linux):,}" if linux else "–",
                         f"{sum(r[1] + r[2] + r[4] for r in linux) / (quanta * item['noise']['own']):.1%}"])  # fmt: skip
    head = ["load", "quanta", "undisturbed", "by the hypervisor alone: how many, its instructions, median / maximum",
            "Linux ran in between, by its budget: how many, the hypervisor's instructions, median / maximum",
            "Linux's instructions, of the loop's own"]  # fmt: skip
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
        if variant in ("detached", "shared"):
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


def throughput_totals(result):
    """Each job, on all cores and levels but for what only spins: natively, under Outrider, in a VM of KVM."""
    configs = {"native": "native", "outrider": "in the VM", "kvm": "in KVM's"}
    rows = []
    for name in dict.fromkeys(run["name"] for run in result["runs"]):
        runs = {run["config"]: run for run in result["runs"] if run["name"] == name}
        for job, what in JOBS.items():
            items = {c: runs[c]["results"].get(f"count/{c}/{job}", {}) for c in configs if c in runs}
            totals = {c: sum(item["total"][level]["min"] for level in ("user", "hypervisor", "vmm")) + item["kernel_without_waiting"]
                      for c, item in items.items() if "kernel_without_waiting" in item}  # fmt: skip
            if "native" in totals and len(totals) > 1:
                rows.append([name, f"{job}: {what}", f"{totals['native']:,}", *[
                    f"{totals[c]:,} ({100 * (totals[c] / totals['native'] - 1):+.1f} %)" if c in totals else "" for c in ("outrider", "kvm")]])  # fmt: skip
    return ["kernel", "job", *configs.values()], rows


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
