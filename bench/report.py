# SPDX-License-Identifier: BSD-2-Clause
"""Results of bench/run: from records to JSON, from JSON to Markdown, plots and HTML. The schema is in bench/README.md."""

import json
from collections import defaultdict
from statistics import median, mode

import cyclictest
import noise
import page
import plot
from records import LEVELS

SCHEMA = "outrider-bench-2"

WAKES = ("wake/", "control-loop/", "irq-user/")  # programs that sleep between begin and end
ANSWERED = ("notify-rtt/detached",)  # programs that are woken by an answer, if that does not come first

# What executes only because somebody waits: not a part of a path's length.
WAITING = {
    "hypervisor": ("idle", "arch_core_poll", "arch_core_irq_pending", "arch_core_sleep", "close_context",
                   "core_barrier"),
    # arch_counter_get_cntvct is what the module's loops call in each round; others use it little
    "kernel": ("park_wait [hvdetach]", "park_wanted [hvdetach]", "park_recall [hvdetach]", "arch_counter_get_cntvct",
               "queued_spin_lock_slowpath"),
}
# What Linux's cores execute while they wait for one that the emulator does not run: locks, seqcounts, calls of others.
SPINNING = ("queued_spin_lock_slowpath", "queued_read_lock_slowpath", "queued_write_lock_slowpath", "ktime_get",
            "ktime_get_update_offsets_now", "smp_call_function_many_cond", "smp_call_function_single", "rt_spin_lock",
            "rwsem_spin_on_owner", "mutex_spin_on_owner", "osq_lock", "arch_counter_get_cntvct")  # fmt: skip
LEAST = 1  # instructions per operation that a function must have to be listed


def _spread(values):
    values = sorted(values)
    return {"min": values[0], "median": median(values), "mode": mode(values), "max": values[-1]}


def _cores(snapshots):
    """[core]{counter: spread} of a list of [core]{counter}."""
    return [{name: _spread([s[core][name] for s in snapshots]) for name in snapshots[0][core]} for core in range(len(snapshots[0]))]


def _functions(histogram, symbols, count, least=LEAST):
    table = defaultdict(int)
    symbols.resolve(address for _, address in histogram)
    for (core, address), instructions in histogram.items():
        table[core, symbols.level(address), symbols.name(address)] += instructions
    rows = [[*key, round(value / count, 2)] for key, value in table.items() if value / count >= least]
    return sorted(rows, key=lambda row: -row[3])


def results(records, symbols, counter_hz=None, host=()):
    """host: cores that are not Linux's, and no part of what Linux's work costs."""
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
        if label.startswith("fwq/") and label.endswith("/fwq"):
            item["noise"] = noise.quanta(intervals, counter_hz)
        if label.startswith("count/"):
            item["total"] = {level: _spread([sum(c[level] for n, c in enumerate(i.cores) if n not in host) for i in intervals])
                             for level in LEVELS}  # fmt: skip
        if label.startswith(WAKES):
            if label.startswith(("wake/shared", "control-loop/shared")):
                item["wakes"], item["wakes_polling"] = noise.wakes_shared(intervals), []
            else:
                item["wakes"], item["wakes_polling"] = noise.wakes(intervals)
        if "+" in label:  # under loads, only the core that is measured is of interest
            item["interval"] = [core if number == item["begin_core"] else {} for number, core in enumerate(item["interval"])]
            out[label] = item
            continue
        periods = [i.period for i in intervals if i.period]
        if periods:
            item["period"] = _cores(periods)
        if label.startswith(ANSWERED):
            # Who answers finds a core that sleeps. Other paths: one that polls still; a thread that does not wait yet.
            slept = [i.cores for i in intervals if i.own("wfi")]
            if slept:
                item["slept"] = _cores(slept)
        events = [i.events[0] for i in intervals if i.events]
        if events:
            item["event_core"] = events[-1][0]
            item["events"] = _cores([delta for _, delta in events])
            shortest = min(events, key=lambda e: sum(core[level] for core in e[1] for level in LEVELS[1:3]))
            item["shortest_event"] = shortest[1]
        if label.startswith("count/") and label in records.histograms:
            item["kernel_without_waiting"] = sum(
                n for (core, address), n in records.histograms[label].items()
                if core not in host and symbols.level(address) == "kernel" and symbols.name(address) not in SPINNING
            )  # fmt: skip
        if label in records.histograms:
            # of a command that is counted: one run more; of all others, as many as there are intervals
            item["functions"] = (_functions(records.histograms[label], symbols, 1, 10000) if label.startswith("count/")
                                 else _functions(records.histograms[label], symbols, len(intervals)))  # fmt: skip
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
        if run["name"] == name and run["config"] == ("native" if native else "outrider"):
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
                which = "mode" if key.startswith("timer") else "min"  # at times it has come before the WFI, or the wait
                both = core["hypervisor"][which] + core["vmm"][which]
                exits = core["hv-sync"][which] + core["hv-irq"][which]
                rows.append([name, what, f"{exits:.0f}", f"**{both:,.0f}**", f"{core['hypervisor'][which]:,.0f}",
                             f"{core['vmm'][which]:,.0f}", f"< {aim:,}" if aim else "", kvm])  # fmt: skip
        for key, what in (("ipi-to-computing", "IPI to a CPU that computes"), ("ipi-to-idle", "IPI to a CPU in WFI")):
            item = own.get(f"hypercall/idle/{key}")
            if item:
                count = [c["hypervisor"]["min"] for c in item["interval"]]
                sender = item["begin_core"]
                rest = sum(count) - count[sender]
                exits = sum(c["hv-sync"]["min"] + c["hv-irq"]["min"] for c in item["interval"])
                rows.append([name, what + ", sender + receiver", f"{exits:.0f}", f"**{count[sender] + rest:,.0f}**",
                             f"{count[sender]:,.0f} + {rest:,.0f}", "0", "< 1,500",
                             "4,287–5,077" if "computing" in key else ""])  # fmt: skip
    return _table(["kernel", "what", "exits", "in all", "hypervisor", "VMM", "aim", "KVM (facts measured before, A72–A76)"], rows)


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


WAITS = (
    ("control-loop/detached/clock_nanosleep", "clock_nanosleep until a time", "detached"),
    ("control-loop/detached/sleep_until", "libdetach's detach_sleep_until() on the counter", "detached"),
    ("control-loop/shared/clock_nanosleep", "clock_nanosleep until a time, on a core on which Linux computes", "detached"),
    ("irq-user/detached/alarm", "a device's interrupt (PL031), detach_irq_wait()", "detached"),
    ("irq-user/attached/alarm", "the same by Linux's UIO", "attached"),
)


def _waits(result, names):
    rows = []
    for name in names:
        for label, what, thread in WAITS:
            item = _find(result, name, False).get(label)
            if item and item.get("wakes"):
                values, core = item["wakes"], item["interval"][item["begin_core"]]
                rows.append([name, what, thread, len(values), f"{values[0]:,}", f"**{median(values):,.0f}**", f"{values[-1]:,}",
                             f"{core['kernel']['min']:,} to {core['kernel']['max']:,}"])  # fmt: skip
    return _table(["kernel", "waits for", "thread", "times", "minimum", "median", "maximum",
                   "kernel's instructions on its core, from before the call"], rows)  # fmt: skip


TASK_CORE = 4  # of the host task "echo": bench/run


def _notify(result, names):
    rows = []
    for name in names:
        for config in ("detached", "attached"):
            item = _find(result, name, False).get(f"notify-rtt/{config}/echo")
            if item:
                core = item["begin_core"]
                parts = [path(item, *key) for key in ((core, "hypervisor"), (core, "kernel"), (TASK_CORE, "hypervisor"), (TASK_CORE, "user"))]
                rows.append([name, config, *[f"{n:,.0f}" for n in parts], f"**{sum(parts):,.0f}**"])
    return _table(["kernel", "thread", "its core: hypervisor", "its core: kernel", "the task's core: hypervisor", "the task", "all"], rows)


def functions(result, name, label, cores=None, levels=("kernel", "hypervisor", "vmm"), limit=40):
    """cores: if not the thread's and that of its parked one."""
    item = _find(result, name, False).get(label)
    if not item or "functions" not in item:
        return []
    cores = cores or (item["begin_core"], parked(item))
    rows = [[core, level, f"`{function}`", f"{n:,.1f}", "waits" if waiting(level, function) else ""]
            for core, level, function, n in item["functions"] if n >= 3 and level in levels and core in cores]  # fmt: skip
    return _table(["core", "level", "function", "instructions", ""], rows[:limit])


def _paths(result):
    """[(title, table)] of the lengths of paths."""
    names = [n for n in dict.fromkeys(run["name"] for run in result["runs"])
             if "syscall-rtt/attached/getppid" in _find(result, n, False)]  # fmt: skip
    out = [
        ("A system call of another task (kernel's instructions, median)", _beside(result, names)),
        ("A forward, without waiting (mean)", _forwards(result, names)),
        ("A signal to a thread that computes: from tgkill to the handler's first instruction (the shortest)", _signals(result, names)),
        ("Detach and attach, all cores (most frequent value of each core)", _detach(result, names)),
        ("From the end of a core's sleep to the instruction behind the call (all levels)", _waits(result, names)),
        ("A signal to a host task through a channel, and its answer, without waiting (mean)", _notify(result, names)),
        ("The VM's own costs (the least of all measurements; of timers, the most frequent)", _micro(result, names)),
    ]
    for name in names[:1]:
        for how in ("spinning", "sleeping"):
            out.append((f"Where a forwarded getppid goes: Linux {name}, parked thread {how} (mean)",
                        functions(result, name, f"syscall-rtt/detached-{how}/getppid")))  # fmt: skip
        for config, where in (("detached", "a dedicated core"), ("shared", "a core on which Linux computes: the hypervisor")):
            label = f"control-loop/{config}/clock_nanosleep"
            core = _find(result, name, False).get(label, {}).get("begin_core")
            out.append((f"Where a round of a control loop goes, falling asleep and waking up, on {where}: Linux {name} (mean)",
                        functions(result, name, label, (core,), ("hypervisor",))))  # fmt: skip
    return out


# Published on other hardware, in time or cycles: to be seen beside, not to be compared in value.
PUBLISHED = {
    "fwq": "FWQ of 4.25 million cycles, most extra cycles in a quantum: batch node of a supercomputer 450,000; "
           "L4Linux, decoupled, on another core: idle 4 to 60 (lecture); Linux 4.6 PREEMPT, real-time priority, I/O load: "
           "18 % of the quantum; L4Linux decoupled: I/O load 1,152 cycles, build load 6,500, idle 21 (2016 paper).",
    "wake": "cyclictest's worst case: x86, Linux 6 µs idle and 304 µs beside hackbench; L4Linux, decoupled thread on another core 1.1 and "
            "2.4 µs. Arm, Linux 56 µs and 146,500 µs; decoupled 2.2 and 5.1 µs (2017 paper).",
}  # fmt: skip


def _published(key):
    return ["", f"Published, measured on other hardware: {PUBLISHED[key]}", ""]


def _plain(text):
    return text.replace("**", "").replace("`", "")


def _caption(result):
    return [f"{result['command']}; commit {result['commit']}; {result['qemu']}",
            f"emulated {result['cpu']}, {result['runs'][0]['cores']} cores; kernels "
            + ", ".join(dict.fromkeys(run["kernel"] for run in result["runs"]))]  # fmt: skip


def plots(result):
    """{name: SVG}"""
    out = {}
    for load, what in noise.LOADS.items():
        panels = [(_plain(noise.variant_name(run, variant)), item["noise"]["quanta"],
                   [(row[0], sum(row[1:5])) for row in item["noise"]["stolen"]])
                  for run, variant, item in noise.items(result, "fwq", load)]  # fmt: skip
        if panels:
            out[f"fwq-{load}"] = plot.scatter(
                f"Instructions stolen from each quantum of 1,048,576: {_plain(what)}", panels,
                [*_caption(result), "measured on other hardware: see the text; 0 is on the lowest line"])  # fmt: skip
        series = [(_plain(noise.variant_name(run, variant)), item["wakes"])
                  for run, variant, item in noise.items(result, "wake", load) if item.get("wakes")]  # fmt: skip
        if series:
            out[f"wake-{load}"] = plot.histogram(f"Wake-up from clock_nanosleep: {_plain(what)}", series, _caption(result))
    return out


def markdown(result, images=()):
    isolated = dict.fromkeys(f"`{r['append']}`" for r in result["runs"] if r["config"] == "isolated")
    out = ["<!-- SPDX-License-Identifier: BSD-2-Clause -->", f"# {result['command']}", "", "\n".join(_caption(result)) + ".",
           "Instructions, counted by QEMU's plugin; nothing here is a time.",
           *(["Linux's command line of the isolated one:", "".join(isolated) + "."] if isolated else []), "", "FIFO: `chrt -f 10` with `kernel.sched_rt_runtime_us=-1`. In the VM, the attached loop runs on CPU 2 and the load on CPUs 0 and 1; "
           "in all others, the loop runs on core 3 and the load on 0 to 2; on a core of Linux: loop on core 2, load on CPUs 0 to 2. "
           "A wake-up is counted from the core's last WFI to the instruction behind the call; on a core of Linux, which may not wait in one, from the last "
           "WFI or entry to the hypervisor, whichever is later."]  # fmt: skip

    def picture(name):
        return ["", f"![{name}]({name}.svg)", ""] if name in images else []

    def add(title, table, *more):
        lines = _table(*table) if isinstance(table, tuple) else table
        if lines:
            out.extend(["", f"## {title}", *lines, *more])

    add("The configurations of the 2017 paper", cyclictest.paper_table(result), *([*cyclictest.PUBLISHED, ""] if any("cyclictest" in r for r in result["runs"]) else []))
    for load, what in noise.LOADS.items():
        add(f"Fixed work quanta: {what}", noise.loads_table(result, load), *picture(f"fwq-{load}"), *_published("fwq"))
    add("A loop on a core that also runs a CPU of Linux", noise.shared_table(result), "",
        "The loop runs before Linux's CPU, for 95 ms of each 100 ms at most while that wants to run (`budget` in doc/config.md, its default). What is "
        "lost beside that is the budget's own interrupts, the switches between the two, and interrupts that the hypervisor keeps for that CPU.")  # fmt: skip
    add("Fixed work quanta while Linux is worked on from its other CPUs", noise.operations_table(result),
        "", "Disturbed quanta, of those that ran until the operations had ended, and the most instructions that one lost. “0 of 3 ended”: the "
        "operation did not end before the loop did, after as many quanta as are shown.")  # fmt: skip
    for load, what in noise.LOADS.items():
        add(f"Wake-up from clock_nanosleep: {what}", noise.wakes_table(result, load), *picture(f"wake-{load}"),
            *_published("wake"))
        add(f"A system call: {what} (kernel's instructions on the core of the program, median)", noise.calls_table(result, load))
    add("What Linux's own work costs (instructions of all of Linux's cores)", noise.throughput_table(result))
    add("What Linux's own work costs in all, without what only spins (of one run)", noise.throughput_totals(result))
    for title, table in _paths(result):
        add(title, table)
    return "\n".join(out).replace("\n\n\n", "\n\n") + "\n"


def write(folder, name, result):
    """NAME.json, NAME.md, NAME.html, and the plots NAME-PLOT.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    images = {f"{name}-{key}": svg for key, svg in plots(result).items()}
    text = markdown(result, {key.removeprefix(f"{name}-") for key in images})
    text = text.replace("](fwq-", f"]({name}-fwq-").replace("](wake-", f"]({name}-wake-")
    (folder / f"{name}.json").write_text(dump(result))
    for key, text_of in cyclictest.files(result).items():
        (folder / f"{name}-{key}.hist").write_text(text_of)
    (folder / f"{name}.md").write_text(text)
    (folder / f"{name}.html").write_text(page.html(result["command"], text, {f"{key}.svg": svg for key, svg in images.items()}))
    for key, svg in images.items():
        (folder / f"{key}.svg").write_text(svg)
