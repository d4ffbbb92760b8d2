# SPDX-License-Identifier: BSD-2-Clause
"""The longest stays at EL2: what the plugin writes with stay=, by kind of core and reason, and as tables.

Lines of the plugin's file:

    I … kinds=LETTERS                          a letter per core: g guest, h host, s shared
    S CORE KIND DETAIL COUNT MAX X1            KIND: sync, irq, serror, idle; DETAIL: insn.c, sync_detail()
    E end
"""

import json
import re

KINDS = {"g": "guest", "h": "host", "s": "shared"}
AIMS = {"guest": 20000, "host": 3000, "shared": 3000}

HYPERCALLS = {1: "INFO", 2: "CORE_INFO", 3: "POOL_INFO", 4: "SETUP", 5: "CREATE", 6: "RUN", 7: "RECALL", 8: "DESTROY", 9: "SET",
              10: "FLUSH", 11: "BARRIER", 12: "CORE_STATS", 13: "LOG", 14: "TIME", 15: "IRQ_GRANT", 16: "IRQ_REVOKE",
              0x18: "NOTIFY_SIGNAL", 0x19: "NOTIFY_TAKE"}  # fmt: skip
HOSTCALLS = {0: "INFO", 1: "SLEEP_UNTIL", 2: "IRQ_WAIT", 3: "IRQ_ACK", 16: "NOTIFY_SIGNAL", 17: "NOTIFY_WAIT", 18: "NOTIFY_POLL"}
CLASSES = {0x01: "WFI", 0x07: "FP trap", 0x18: "trapped register", 0x20: "stage-2 abort, instruction", 0x24: "stage-2 abort, MMIO"}


def calls(abi):
    """{number: name} of host tasks' calls, of abi/outrider/task.h."""
    return {int(number): name for name, number in re.findall(r"^\s*ORD_CALL_(\w+) = (\d+),", abi, re.M)}


def reason(kind, detail, names):
    """What a person calls it."""
    if kind != "sync":
        return {"irq": "interrupt", "serror": "SError", "idle": "idle core wakes"}[kind]
    of_class, of, number = detail >> 56, detail >> 32 & 0xFF, detail & 0xFFFFFFFF
    if of_class == 0x15:
        return f"host task: {names.get(number, 'unknown call').lower()}"
    if of & 0x80:
        at_el1 = of & 0x3F
        if at_el1 == 0x15:
            return f"detached: host call {HOSTCALLS.get(number & 0xFF, 'unknown')}" if number else "detached: system call"
        return {0x20: "detached: page fault", 0x24: "detached: page fault"}.get(at_el1, "detached: other exception")
    if of_class in (0x16, 0x17):
        if number >> 16 == 0xC600:
            return f"hypercall {HYPERCALLS.get(number & 0xFFFF, 'unknown')}"
        return "PSCI and other calls"
    return CLASSES.get(of_class, f"exception class {of_class:#x}")


def read(path, names, into):
    """Adds a file's stays to {kind of core: {reason: {count, longest}}}. False: it is not complete."""
    letters, complete = "", False
    with open(path, encoding="utf-8", errors="replace") as handle:
        for line in handle:
            words = line.split()
            if words[:1] == ["I"]:
                letters = next((w[6:] for w in words if w.startswith("kinds=")), "")
            elif words[:1] == ["S"]:
                core, detail, count, longest = int(words[1]), int(words[3], 16), int(words[4]), int(words[5])
                kinds = into.setdefault(KINDS[letters[core]], {})
                known = kinds.setdefault(reason(words[2], detail, names), {"count": 0, "longest": 0})
                known["count"] += count
                known["longest"] = max(known["longest"], longest)
            elif words[:2] == ["E", "end"]:
                complete = True
    return complete


def over(stays):
    """[(kind, reason, longest, aim)] of what is longer than it should be."""
    return [(kind, name, known["longest"], AIMS[kind]) for kind, reasons in sorted(stays.items())
            for name, known in sorted(reasons.items(), key=lambda item: -item[1]["longest"]) if known["longest"] > AIMS[kind]]  # fmt: skip


def markdown(document):
    lines = ["<!-- made by bench/run --longest: do not edit -->", "# The longest stays at EL2", "",
             f"`{document['command']}` at {document['commit']}, {document['qemu']}, {document['cpu']}, Linux {document['kernel']}: "
             "instructions at EL2 from an exception to the return or to a WFI, after Linux has started its first program. "
             f"Aims: {AIMS['host']:,} on cores that detached threads use, {AIMS['guest']:,} elsewhere.", ""]  # fmt: skip
    for kind, reasons in sorted(document["stays"].items()):
        lines += [f"## {kind} cores (aim: {AIMS[kind]:,})", "", "| reason | stays | longest | |", "| --- | ---: | ---: | --- |"]
        for name, known in sorted(reasons.items(), key=lambda item: -item[1]["longest"]):
            mark = f"{known['longest'] / AIMS[kind]:.1f} times the aim" if known["longest"] > AIMS[kind] else ""
            lines.append(f"| {name} | {known['count']:,} | {known['longest']:,} | {mark} |")
        lines.append("")
    return "\n".join(lines)


def write(path, document):
    path.with_suffix(".json").write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    path.with_suffix(".md").write_text(markdown(document))
