# SPDX-License-Identifier: BSD-2-Clause
"""Results of bench/run: from records to JSON, from JSON to Markdown.

Schema "outrider-bench-1":

    schema, command, commit, qemu, cpu, count   how it was measured
    reported_by                                 commit of the code that made this report, maybe later
    runs[]                                      one per boot
      kernel, name, native
      results{"PROGRAM/CONFIG/WHAT"}            one per label
        count                                   intervals
        begin_core, end_core                    of the last of them
        interval, period[core]{counter}         minimum, median, most frequent value (mode), maximum; from begin to
                                                end, and to the next begin
        disturbed                               those that took more than the shortest: how many, how much more
        disturbed_without_polls                 the same, without those in which somebody polled (README, on spinning)
        since_wfi                               executed at the end since the core's last WFI, where it waited
        events[]                                the same, per core, at the first event marker in between
        shortest_event[core]{counter}           of the interval whose kernel and hypervisor did least until then
        functions[]                             [core, level, function, instructions per operation], most first

Counters are instructions by level (user, kernel, hypervisor, vmm), wfi and spin (WFE and YIELD executed), and
under Outrider hv-sync and hv-irq: exceptions taken by the hypervisor.
"""

import json
from collections import defaultdict
from statistics import median, mode

from records import LEVELS

SCHEMA = "outrider-bench-1"

# What executes only because somebody waits: not a part of a path's length.
WAITING = {
    "hypervisor": ("idle", "arch_core_poll", "arch_core_irq_pending", "arch_core_sleep", "close_context",
                   "core_barrier"),
    # arch_counter_get_cntvct is what the module's loops call in each round; others use it little
    "kernel": ("park_wait [hvdetach]", "park_wanted [hvdetach]", "park_recall [hvdetach]", "arch_counter_get_cntvct",
               "queued_spin_lock_slowpath"),
}
LEAST = 1  # instructions per operation that a function must have to be listed


def _spread(values):
    values = sorted(values)
    return {"min": values[0], "median": median(values), "mode": mode(values), "max": values[-1]}


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
        if all(i.begin_core == i.end_core for i in intervals):
            totals = [sum(i.cores[i.begin_core][level] for level in LEVELS) for i in intervals]
            extra = [t - min(totals) for t in totals]
            polls = [i.cores[i.begin_core]["spin"] for i in intervals]
            item["disturbed"] = _spread([e for e in extra if e] or [0]) | {"count": sum(map(bool, extra))}
            item["disturbed_without_polls"] = _spread([e for e, p in zip(extra, polls) if e and not p] or [0])
        waited = sorted(sum(i.since_wfi.values()) for i in intervals if i.cores[i.end_core]["wfi"])
        if waited:
            item["since_wfi"] = _spread(waited) | {"count": len(waited), "p99": waited[len(waited) * 99 // 100]}
        periods = [i.period for i in intervals if i.period]
        if periods:
            item["period"] = _cores(periods)
        events = [i.events[0] for i in intervals if i.events]
        if events:
            item["event_core"] = events[-1][0]
            item["events"] = _cores([delta for _, delta in events])
            shortest = min(events, key=lambda e: sum(core[level] for core in e[1] for level in LEVELS[1:3]))
            item["shortest_event"] = shortest[1]
        if label in records.histograms:
            item["functions"] = _functions(records.histograms[label], symbols, len(intervals))
        out[label] = item
    return out


# ---- figures that are made of these ----


def dump(result):
    """JSON with one line for each label."""
    runs = []
    for run in result["runs"]:
        lines = [f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in run["results"].items()]
        head = json.dumps({k: v for k, v in run.items() if k != "results"})[:-1]
        runs.append(head + ', "results": {\n' + ",\n".join(lines) + "\n}}")
    head = json.dumps({k: v for k, v in result.items() if k != "runs"}, indent=1)[:-2]
    return head + ',\n "runs": [\n' + ",\n".join(runs) + "\n]}\n"


def waiting(level, function):
    return function.split(".")[0] in WAITING.get(level, ())


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
            for core, counts in enumerate(item["shortest_event"]):
                all_of = item["events"][core]
                if not any(all_of[level]["median"] for level in LEVELS[:3]):
                    continue
                role = {item["begin_core"]: "sender", 3: "host core"}.get(core, "Linux")
                if core == item["event_core"]:
                    role = "runs the handler"
                polls = counts["spin"] if core != item["begin_core"] else ""  # the sender's are its own loop
                rows.append([name, config, f"{core}: {role}", f"**{counts['kernel']:,}**", f"**{counts['hypervisor']:,}**",
                             polls, f"{all_of['kernel']['median']:,.0f}", f"{all_of['hypervisor']['median']:,.0f}"])  # fmt: skip
    return _table(["kernel", "thread", "core", "kernel", "hypervisor", "polls in it", "kernel, median",
                   "hypervisor, median"], rows)  # fmt: skip


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
                both = core["hypervisor"]["mode"] + core["vmm"]["mode"]
                exits = core["hv-sync"]["mode"] + core["hv-irq"]["mode"]
                rows.append([name, what, f"{exits:.0f}", f"**{both:,.0f}**", f"{core['hypervisor']['median']:,.0f}",
                             f"{core['vmm']['median']:,.0f}", f"< {aim:,}" if aim else "", kvm])  # fmt: skip
        for key, what in (("ipi-to-computing", "IPI to a CPU that computes"), ("ipi-to-idle", "IPI to a CPU in WFI")):
            item = own.get(f"hypercall/idle/{key}")
            if item:
                count = [c["hypervisor"]["mode"] for c in item["interval"]]
                sender = item["begin_core"]
                rest = sum(count) - count[sender]
                exits = sum(c["hv-sync"]["mode"] + c["hv-irq"]["mode"] for c in item["interval"])
                rows.append([name, what + ", sender + receiver", f"{exits:.0f}", f"**{count[sender] + rest:,.0f}**",
                             f"{count[sender]:,.0f} + {rest:,.0f}", "0", "< 1,500",
                             "4,287–5,077" if "computing" in key else ""])  # fmt: skip
    return _table(["kernel", "what", "exits", "in all", "hypervisor", "VMM", "aim", "KVM (facts measured before, A72–A76)"], rows)


def _quanta(result, names):
    rows = []
    for name in names:
        for native in (True, False):
            for config in ("attached", "detached"):
                item = _find(result, name, native).get(f"fwq/{config}/fwq")
                if item:
                    d, q = item["disturbed"], item["disturbed_without_polls"]
                    rows.append([name, "native" if native else f"in the VM, {config}", item["count"], f"**{d['count']}**",
                                 f"{d['median']:,.0f} / {d['max']:,}", f"{q['max']:,}"])  # fmt: skip
    return _table(["kernel", "thread", "quanta", "disturbed", "extra instructions, median / maximum",
                   "maximum without polling"], rows)  # fmt: skip


def _wake(result, names):
    rows = []
    for name in names:
        for native in (True, False):
            for config in ("attached", "attached-loaded"):
                item = _find(result, name, native).get(f"wake/{config}/nanosleep")
                if item and "since_wfi" in item:
                    w = item["since_wfi"]
                    rows.append([name, "native" if native else "in the VM", "hackbench" if "loaded" in config else "idle",
                                 *[f"{w[k]:,.0f}" for k in ("count", "min", "median", "p99", "max")]])
    return _table(["kernel", "thread", "load", "wake-ups out of WFI", "minimum", "median", "99 %", "maximum"], rows)


def poll_cost(result, name):
    """What one look of an idle host core at its mailbox executes, from a forward."""
    item = _find(result, name, False)["syscall-rtt/detached-spinning/getppid"]
    core = item["begin_core"]
    waits = sum(n for c, level, function, n in item["functions"] if c == core and waiting(level, function))
    return waits / max(1, item["interval"][core]["spin"]["median"])


def _detach(result, names):
    rows = []
    for name in names:
        own = _find(result, name, False)
        for key in ("detach", "attach"):
            item = own.get(f"detach-rtt/detached/{key}")
            if item:
                total = {level: sum(c[level]["mode"] for c in item["interval"]) for level in LEVELS}
                polls = item["interval"][3]["spin"]["mode"]
                less = total["hypervisor"] - polls * poll_cost(result, name)
                rows.append([name, key, f"{total['kernel']:,}", f"{total['hypervisor']:,}", polls, f"**{less:,.0f}**"])
    return _table(["kernel", "what", "kernel", "hypervisor", "polls of the host core", "hypervisor without polls"], rows)


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
           + f". Instructions; {result['count']} measurements of each kind."]  # fmt: skip
    for title, table in (
        ("A system call of another task (kernel's instructions, median)", _beside(result, names)),
        ("A forward, without waiting (mean)", _forwards(result, names)),
        ("A signal to a thread that computes: from tgkill to the handler's first instruction (the shortest)", _signals(result, names)),
        ("Detach and attach, all cores (most frequent value of each core)", _detach(result, names)),
        ("The VM's own costs (most frequent value)", _micro(result, names)),
        ("Fixed work quanta of 1,048,576 instructions, hackbench on all CPUs of Linux", _quanta(result, names)),
        ("Wake-up from clock_nanosleep: from the core's last WFI to the instruction behind the call", _wake(result, names)),
    ):
        if table:
            out += ["", f"## {title}", *table]
    for name in names[:1]:
        for how in ("spinning", "sleeping"):
            table = functions(result, name, f"syscall-rtt/detached-{how}/getppid")
            if table:
                out += ["", f"## Where a forwarded getppid goes: Linux {name}, parked thread {how} (mean)", *table]
    return "\n".join(out).replace("\n\n\n", "\n\n") + "\n"
