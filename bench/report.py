# SPDX-License-Identifier: BSD-2-Clause
"""Results of bench/run: from records to JSON, from JSON to Markdown.

Schema "outrider-bench-1":

    schema, command, commit, qemu, cpu, count   how it was measured
    runs[]                                      one per boot
      kernel, name, native
      results{"PROGRAM/CONFIG/WHAT"}            one per label
        count                                   intervals
        begin_core, end_core                    of the last of them
        interval, period[core]{counter}         minimum, median, maximum; from begin to end, to the next begin
        events[]                                the same, per core, at the first event marker in between
        functions[]                             [core, level, function, instructions per operation], most first

Counters are instructions by level (user, kernel, hypervisor, vmm), wfi and spin (WFE and YIELD executed), and
under Outrider hv-sync and hv-irq: exceptions taken by the hypervisor.
"""

from collections import defaultdict
from statistics import median

from records import LEVELS

SCHEMA = "outrider-bench-1"

# What executes only because somebody waits: not a part of a path's length.
WAITING = {
    "hypervisor": ("idle", "arch_core_poll", "arch_core_irq_pending", "arch_core_sleep"),
    # the second is what the module's loops call in each round; others use it little
    "kernel": ("park_wait [hvdetach]", "park_recall [hvdetach]", "arch_counter_get_cntvct",
               "queued_spin_lock_slowpath"),
}
LEAST = 0.5  # instructions per operation that a function must have to be listed


def _spread(values):
    values = sorted(values)
    return {"min": values[0], "median": median(values), "max": values[-1]}


def _cores(snapshots):
    """[core]{counter: spread} of a list of [core]{counter}."""
    return [{name: _spread([s[core][name] for s in snapshots]) for name in snapshots[0][core]} for core in range(len(snapshots[0]))]


def _functions(histogram, symbols, count):
    table = defaultdict(int)
    symbols.resolve(address for _, address in histogram)
    for (core, address), instructions in histogram.items():
        table[core, symbols.level(address), symbols.name(address)] += instructions
    rows = [[*key, round(value / count, 2)] for key, value in table.items() if value / count >= LEAST]
    return sorted(rows, key=lambda row: -row[3])


def results(records, symbols):
    out = {}
    for label, intervals in records.intervals.items():
        if label.endswith("/end"):
            continue
        item = {
            "count": len(intervals),
            "begin_core": intervals[-1].begin_core,
            "end_core": intervals[-1].end_core,
            "interval": _cores([i.cores for i in intervals]),
        }
        periods = [i.period for i in intervals if i.period]
        if periods:
            item["period"] = _cores(periods)
        events = [i.events[0] for i in intervals if i.events]
        if events:
            item["event_core"] = events[-1][0]
            item["events"] = _cores([delta for _, delta in events])
        if label in records.histograms:
            item["functions"] = _functions(records.histograms[label], symbols, len(intervals))
        out[label] = item
    return out


# ---- figures that are made of these ----


def waiting(level, function):
    return function in WAITING.get(level, ())


def path(item, core, level):
    """Instructions per operation on a core, without those of waiting."""
    return sum(n for c, where, name, n in item["functions"] if c == core and where == level and not waiting(where, name))


def parked(item):
    """The CPU of the parked thread: what the others do is not a part of it."""
    count = defaultdict(float)
    for core, _, name, n in item["functions"]:
        if "[hvdetach]" in name and not waiting("kernel", name):
            count[core] += n
    return max(count, key=count.get)


def _table(head, rows):
    if not rows:
        return []
    return ["", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head),
            *["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows], ""]  # fmt: skip


def _find(result, name, native):
    for run in result["runs"]:
        if run["name"] == name and run["native"] == native:
            return run["results"]
    return {}


CALLS = ("getppid", "write", "futex-wake")


def _beside(result, names):
    rows = []
    for name in names:
        own, native = _find(result, name, False), _find(result, name, True)
        for call in CALLS:
            alone, beside = own.get(f"syscall-rtt/attached/{call}"), own.get(f"syscall-rtt/beside/{call}")
            base = native.get(f"syscall-rtt/attached/{call}")

            def kernel(item):
                return item["interval"][item["begin_core"]]["kernel"]["median"] if item else None

            if alone and beside:
                rows.append([name, call, f"{kernel(base):,.0f}" if base else "–", f"{kernel(alone):,.0f}",
                             f"{kernel(beside):,.0f}", f"**{kernel(beside) - kernel(alone):+,.0f}**"])  # fmt: skip
    return _table(["kernel", "call", "native", "in the VM", "beside a detached thread", "difference"], rows)


def _forwards(result, names):
    rows = []
    for name in names:
        own = _find(result, name, False)
        for how in ("spinning", "sleeping"):
            for label, what in [(f"syscall-rtt/detached-{how}/{c}", c) for c in CALLS] + [
                (f"fault-rtt/detached-{how}/first-store", "page fault")
            ]:
                item = own.get(label)
                if not item:
                    continue
                host = item["begin_core"]
                guest = parked(item)
                h = path(item, host, "hypervisor")
                gh, gk = (path(item, guest, level) for level in ("hypervisor", "kernel"))
                rows.append([name, what, how, f"{h:,.0f}", f"{gh:,.0f}", f"**{h + gh:,.0f}**", f"{gk:,.0f}",
                             f"{h + gh + gk:,.0f}"])  # fmt: skip
    return _table(["kernel", "forward of", "parked thread", "host core: hypervisor", "its CPU: hypervisor",
                   "hypervisor in all", "its CPU: kernel", "all"], rows)  # fmt: skip


def _signals(result, names):
    rows = []
    for name in names:
        for config in ("attached", "detached"):
            item = _find(result, name, False).get(f"signal-rtt/{config}/tgkill")
            if not item or "events" not in item:
                continue
            for core, counts in enumerate(item["events"]):
                role = {item["begin_core"]: "sender", 3: "host core"}.get(core, "Linux")
                if core == item["event_core"]:
                    role += ", runs the handler"
                rows.append([name, config, f"{core} ({role})", *[f"{counts[level]['median']:,.0f}" for level in LEVELS[1:]]])
    return _table(["kernel", "thread", "core", "kernel", "hypervisor", "VMM"], rows)


MICRO = (
    ("hypercall-info", "hypercall, nothing done", 150, "1,064–1,481"),
    ("hypercall-core-stats", "hypercall, reads counters", None, ""),
    ("hypercall-refused", "hypercall, refused", None, ""),
    ("call-to-vmm", "call that the VMM answers", None, ""),
    ("trapped-register", "trapped ID register", None, "1,488–1,905"),
    ("mmio-read", "MMIO read, by the VMM", 1000, "6,280–6,432"),
    ("timer", "virtual timer, exit to entry", 400, "2,510–2,910"),
    ("timer-wfi", "virtual timer out of WFI", None, "8,513–8,517"),
)


def _micro(result, names):
    rows = []
    for name in names:
        own = _find(result, name, False)
        for key, what, aim, kvm in MICRO:
            item = own.get(f"hvbench//{key}")
            if item:
                core = item["interval"][item["begin_core"]]
                both = core["hypervisor"]["median"] + core["vmm"]["median"]
                exits = core["hv-sync"]["median"] + core["hv-irq"]["median"]
                rows.append([name, what, f"{exits:.0f}", f"**{both:,.0f}**", f"{core['hypervisor']['median']:,.0f}",
                             f"{core['vmm']['median']:,.0f}", f"< {aim:,}" if aim else "", kvm])  # fmt: skip
        for key, what in (("ipi-to-computing", "IPI to a CPU that computes"), ("ipi-to-idle", "IPI to a CPU in WFI")):
            item = own.get(f"hypercall/idle/{key}")
            if item:
                count = [c["hypervisor"]["median"] for c in item["interval"]]
                sender = item["begin_core"]
                rest = sum(count) - count[sender]
                exits = sum(c["hv-sync"]["median"] + c["hv-irq"]["median"] for c in item["interval"])
                rows.append([name, what + ", sender + receiver", f"{exits:.0f}", f"**{count[sender] + rest:,.0f}**",
                             f"{count[sender]:,.0f} + {rest:,.0f}", "0", "< 1,500",
                             "4,287–5,077" if "computing" in key else ""])  # fmt: skip
    return _table(["kernel", "what", "exits", "in all", "hypervisor", "VMM", "aim", "KVM (facts measured before, A72–A76)"], rows)


def _detach(result, names):
    rows = []
    for name in names:
        own = _find(result, name, False)
        for key in ("detach", "attach"):
            item = own.get(f"detach-rtt/detached/{key}")
            if item:
                counts = item["interval"]
                total = {level: sum(c[level]["median"] for c in counts) for level in LEVELS[:3]}
                real = sum(path(item, c, "hypervisor") for c in range(len(counts)))
                rows.append([name, key, f"{total['kernel']:,.0f}", f"{total['hypervisor']:,.0f}", f"{real:,.0f}"])
    return _table(["kernel", "what", "kernel", "hypervisor", "hypervisor without waiting (mean)"], rows)


def functions(result, name, label, limit=40):
    item = _find(result, name, False).get(label)
    if not item or "functions" not in item:
        return []
    cores = (item["begin_core"], parked(item))
    rows = [[core, level, f"`{function}`", f"{n:,.1f}", "waits" if waiting(level, function) else ""]
            for core, level, function, n in item["functions"] if n >= 3 and level != "user" and core in cores]  # fmt: skip
    return _table(["core", "level", "function", "instructions", ""], rows[:limit])


def markdown(result):
    names = list(dict.fromkeys(run["name"] for run in result["runs"]))
    out = ["<!-- SPDX-License-Identifier: BSD-2-Clause -->", f"# {result['command']}", "",
           f"Commit {result['commit']}, {result['qemu']}, {result['cpu']}, kernels "
           + ", ".join(dict.fromkeys(r["kernel"] for r in result["runs"]))
           + f". Instructions; {result['count']} measurements of each kind, medians unless said."]  # fmt: skip
    for title, table in (
        ("A system call of another task (kernel's instructions)", _beside(result, names)),
        ("A forward, without waiting (mean)", _forwards(result, names)),
        ("A signal to a thread that computes: from tgkill to the handler's first instruction", _signals(result, names)),
        ("Detach and attach, all cores", _detach(result, names)),
        ("The VM's own costs", _micro(result, names)),
    ):
        if table:
            out += ["", f"## {title}", *table]
    for name in names:
        for how in ("spinning", "sleeping"):
            table = functions(result, name, f"syscall-rtt/detached-{how}/getppid")
            if table:
                out += ["", f"## Where a forwarded getppid goes: Linux {name}, parked thread {how} (mean)", *table]
    return "\n".join(out).replace("\n\n\n", "\n\n") + "\n"
