# SPDX-License-Identifier: BSD-2-Clause
"""What the plugin insn.so writes, as intervals by label, and histograms by function.

Lines of the plugin's file:

    I cores=N counters=N addresses=N       first line
    L TEXT                                 the label of what follows
    M SEQUENCE CORE ID X0 COUNTER… SINCE… ENTRY…
                                           a marker: for each core `counters + addresses` counters since the start,
                                           then by level what CORE has executed since its last WFI began,
                                           and since it last came to an entry=ADDRESS
    H CORE ADDRESS COUNT                   histogram: instructions of groups that start at ADDRESS; 0: user mode
    T CORE COUNTER…                        totals at the end
    V LEVEL CHECKED WRONG EXAMPLE          verify=on: blocks whose level was compared with PSTATE
    E end                                  last line
"""

import bisect
import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field

BEGIN, END, LABEL, HIST_START, HIST_STOP, EVENT = range(6)
LEVELS = ("user", "kernel", "hypervisor", "vmm")
COUNTERS = (*LEVELS, "wfi", "spin")


@dataclass
class Interval:
    """From a begin marker to the next end: counts by core, and the core that began and ended it."""

    begin_core: int
    end_core: int
    cores: list  # of {counter: count}
    events: list = field(default_factory=list)  # (core, cores since begin) for each event marker between
    since_wfi: dict = None  # what the core that ended it had executed since its last WFI, by level
    since_entry: dict = None  # … since its last entry to the hypervisor
    x0: int = 0  # at the begin marker
    period: list = None  # counts by core until the next interval of the label begins

    def own(self, name):
        return self.cores[self.begin_core][name]

    def total(self, name):
        return sum(core[name] for core in self.cores)


def _delta(then, now):
    return [{k: b[k] - a[k] for k in b} for a, b in zip(then, now)]


class Records:
    """All that one run of the machine has left."""

    def __init__(self, path, addresses=()):
        self.names = [*COUNTERS, *addresses]
        self.intervals = defaultdict(list)  # by label
        self.histograms = defaultdict(lambda: defaultdict(int))  # label -> {(core, address): instructions}
        self.totals = {}
        self.verified = {}
        self.complete = False
        self._read(path)

    def _cores(self, words):
        width = len(self.names)
        values = list(map(int, words))
        return [dict(zip(self.names, values[i : i + width])) for i in range(0, len(values), width)]

    def _read(self, path):
        label, began, events, previous = "", None, [], None
        with open(path, encoding="utf-8", errors="replace") as handle:
            for line in handle:
                kind, _, rest = line.rstrip("\n").partition(" ")
                words = rest.split(" ")
                if kind == "L":
                    label, began, previous = rest, None, None
                elif kind == "M":
                    core, mark = int(words[1]), int(words[2])
                    width = len(LEVELS)
                    since, entry = (dict(zip(LEVELS, map(int, w))) for w in (words[-2 * width : -width], words[-width:]))
                    words = words[: -2 * width]
                    if mark == BEGIN:
                        now = self._cores(words[4:])
                        if previous:
                            interval, then = previous
                            interval.period = _delta(then, now)
                            previous = None
                        began, events = (core, now, int(words[3], 16)), []
                    elif mark in (END, EVENT) and began:
                        now = self._cores(words[4:])
                        delta = _delta(began[1], now)
                        if mark == EVENT:
                            events.append((core, delta))
                        else:
                            interval = Interval(began[0], core, delta, events, since, entry, began[2])
                            self.intervals[label].append(interval)
                            previous, began = (interval, began[1]), None
                elif kind == "H":
                    self.histograms[label][int(words[0]), int(words[1], 16)] += int(words[2])
                elif kind == "T":
                    self.totals[int(words[0])] = self._cores(words[1:])[0]
                elif kind == "V":
                    self.verified[words[0]] = (int(words[1]), int(words[2]), words[3])
                elif kind == "E" and rest == "end":
                    self.complete = True


class Symbols:
    """Functions by address: of the hypervisor and the VMM from their images, of Linux from its kallsyms."""

    def __init__(self, build, load_address, kallsyms=None, module=None):
        table = []
        self.module, self.module_start, self.module_end = module, 0, 0
        for path, offset in ((build / "hypervisor/outrider.elf", load_address), (build / "vmm/vmm.elf", 0)):
            text = subprocess.run(["aarch64-linux-gnu-nm", str(path)], stdout=subprocess.PIPE, text=True, check=True).stdout
            for line in text.splitlines():
                address, kind, name = line.split(" ", 2)  # debugging symbols have none
                if kind in "tT" and not name.startswith("$"):
                    table.append((int(address, 16) + offset, name))
        for line in kallsyms or ():
            found = re.match(r"([0-9a-f]{16}) [tTwW] (\S+)(?:\s+\[(\w+)\])?", line)
            if found and not found.group(2).startswith("$"):
                name = found.group(2) + (f" [{found.group(3)}]" if found.group(3) else "")
                table.append((int(found.group(1), 16), name))
        table.sort()
        self.addresses = [a for a, _ in table]
        self.names = [n for _, n in table]
        self.load_address = load_address
        if module and module.exists():
            self._module_place(module)
        self.image = build / "hypervisor/outrider.elf"
        self.inlined = {}

    def _module_place(self, module):
        """Where the text of hvdetach.ko is: a function's address less its offset."""
        nm = subprocess.run(["aarch64-linux-gnu-nm", str(module)], stdout=subprocess.PIPE, text=True, check=True).stdout
        offset = int(re.search(r"^([0-9a-f]+) [tT] park_work$", nm, re.M).group(1), 16)
        own = [a for a, n in zip(self.addresses, self.names) if n.endswith(" [hvdetach]")]
        if own:
            self.module_start = self.address("park_work [hvdetach]") - offset
            self.module_end = max(own) + 1

    def _chains(self, addresses, offset, *image):
        """The functions that are inlined at these addresses, innermost first, all looked up at once."""
        wanted = sorted(set(addresses) - set(self.inlined))
        lines = "".join(f"{a - offset:#x}\n" for a in wanted)
        text = subprocess.run(["aarch64-linux-gnu-addr2line", "-a", "-f", "-i", *image], input=lines,
                              stdout=subprocess.PIPE, text=True, check=True).stdout  # fmt: skip
        for address, part in zip(wanted, re.split(r"^0x[0-9a-f]+\n", text, flags=re.M)[1:]):
            self.inlined[address] = part.splitlines()[::2]

    def resolve(self, addresses):
        addresses = set(addresses)
        self._chains([a for a in addresses if self.level(a) == "hypervisor" and a < 1 << 63], self.load_address,
                     "-e", str(self.image))  # fmt: skip
        self._chains([a for a in addresses if self.module_start <= a < self.module_end], self.module_start,
                     "-j", ".text", "-e", str(self.module))  # fmt: skip

    def name(self, address):
        if not address:
            return "user mode"
        index = bisect.bisect_right(self.addresses, address) - 1
        if index < 0:
            return "?"
        name = self.names[index]
        if name == "stub_page" or address >= 0xFFFFFFFFFFFFF000:
            return "stub"
        for inlined, shown in (("idle", "idle"), ("park_wait", "park_wait [hvdetach]"),
                               ("park_recall", "park_recall [hvdetach]")):  # fmt: skip
            if inlined in self.inlined.get(address, ()):
                return shown
        return name

    def address(self, name):
        return self.addresses[self.names.index(name)]

    def level(self, address):
        if not address:
            return "user"
        if self.load_address <= address < self.load_address + (4 << 20) or address >= 0xFFFFFFFFFFFFF000:
            return "hypervisor"
        if 0x7000000000 <= address < 0x7400000000:
            return "vmm"
        return "kernel"
