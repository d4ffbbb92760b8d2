# SPDX-License-Identifier: BSD-2-Clause
"""QEMU's machine protocol, as far as it is needed here, and where each core is."""

import json
import os
import re
import select
import shutil
import subprocess
import time


class Qmp:
    """One connection to QEMU; never blocks longer than its deadline."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.setblocking(False)
        self.buffer = b""
        self.events = []
        self.greeted = False
        self.closed = False

    def fileno(self):
        return self.sock.fileno()

    def _lines(self):
        try:
            while True:
                data = self.sock.recv(65536)
                if not data:
                    self.closed = True
                    break
                self.buffer += data
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.closed = True
        *lines, self.buffer = self.buffer.split(b"\n")
        return [json.loads(line) for line in lines if line.strip()]

    def poll(self):
        """Take in what QEMU said; events are kept."""
        answer = None
        for item in self._lines():
            if "event" in item:
                self.events.append(item)
            elif "QMP" in item:
                self.greeted = True
            else:
                answer = item
        return answer

    def command(self, name, timeout=10, **arguments):
        """Send a command; its return value, or None if there is none in time."""
        deadline = time.monotonic() + timeout
        if not self.greeted:
            while not self.greeted and not self.closed and time.monotonic() < deadline:
                select.select([self.sock], [], [], 0.5)
                self.poll()
            if not self._send({"execute": "qmp_capabilities"}, deadline):
                return None
        answer = self._send({"execute": name, "arguments": arguments}, deadline)
        return (answer or {}).get("return")

    def _send(self, message, deadline):
        try:
            self.sock.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            return None
        while time.monotonic() < deadline and not self.closed:
            select.select([self.sock], [], [], 0.5)
            answer = self.poll()
            if answer is not None:
                return answer
        return None

    def human(self, line, timeout=10):
        return self.command("human-monitor-command", timeout, **{"command-line": line}) or ""


def symbol(elf, address):
    """FUNCTION at FILE:LINE of an address, or an empty string."""
    tool = shutil.which("aarch64-linux-gnu-addr2line")
    if not tool or not os.path.exists(elf):
        return ""
    done = subprocess.run([tool, "-f", "-s", "-e", str(elf), hex(address)], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False)
    lines = done.stdout.split("\n")
    if len(lines) < 2 or lines[0] == "??":
        return ""
    return f"{lines[0]} at {lines[1]}"


# The image is position-independent, linked at 0; QEMU loads it 2 MiB behind the start of RAM.
HYPERVISOR_BASE = 0x40200000


def where(qmp, build):
    """One line per core: PC, exception level, and the function if it is one of ours."""
    text = qmp.human("info registers -a")
    result = []
    for part in re.split(r"CPU#(\d+)", text)[1:]:
        if part.isdigit():
            core = part
            continue
        pc = re.search(r"\bPC=([0-9a-f]+)", part)
        pstate = re.search(r"PSTATE=([0-9a-f]+)\s+(\S*)\s*(?:\w+\s+)?(EL\d\w?)", part)
        lr = re.search(r"X30=([0-9a-f]+)", part)
        if not pc:
            continue
        level = pstate.group(3) if pstate else "?"
        line = f"core {core}: {level} pc={pc.group(1)}"
        elf = {"EL2h": "hypervisor/outrider.elf", "EL2t": "hypervisor/outrider.elf", "EL0t": "vmm/vmm.elf"}.get(level)
        if elf:
            base = HYPERVISOR_BASE if level.startswith("EL2") else 0
            name = symbol(build / elf, int(pc.group(1), 16) - base)
            line += f"  {name}" if name else ""
            caller = symbol(build / elf, int(lr.group(1), 16) - base) if lr and name else ""
            line += f"  (lr: {caller})" if caller else ""
        if pstate:
            line += f"  pstate={pstate.group(1)}"
        result.append(line)
    return result or ["(QEMU did not answer)"]
