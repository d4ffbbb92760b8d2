# SPDX-License-Identifier: BSD-2-Clause
"""What the tests use of ci/guest: one run of a command, or a guest that stays up for many commands."""

import itertools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pexpect

TOP = Path(__file__).resolve().parents[2]
CI_GUEST = TOP / "ci" / "guest"
TESTS = "/usr/local/lib/outrider/tests"  # our programs, in the guest
BENCH = "/usr/local/lib/outrider/bench"  # those of bench/
BUILD = os.environ.get("OUTRIDER_BUILD")  # another build folder than build/
PROMPT = "@ready@ "
BOOT_TIMEOUT = 240  # hang detection only; nothing is asserted about seconds


@dataclass
class Result:
    """What a command did."""

    command: str
    status: int
    out: str
    err: str

    def explain(self):
        text = f"$ {self.command}\nstatus {self.status}\n--- stdout\n{tail(self.out)}\n--- stderr\n{tail(self.err)}"
        return text

    def ok(self):
        assert self.status == 0, self.explain()
        return self

    def json(self):
        try:
            return json.loads(self.out)
        except json.JSONDecodeError as error:
            raise AssertionError(f"no JSON: {error}\n{self.explain()}") from error


def tail(text, lines=60):
    parts = text.rstrip("\n").split("\n")
    cut = [f"… {len(parts) - lines} lines …"] if len(parts) > lines else []
    return "\n".join(cut + parts[-lines:])


def read(path):
    try:
        return Path(path).read_bytes().decode(errors="replace").replace("\r", "")
    except FileNotFoundError:
        return ""


def _argv(options):
    build = ["--build", BUILD] if BUILD else []
    return [str(CI_GUEST), *build, *map(str, options)]


@dataclass
class Run(Result):
    """A whole run of ci/guest with what the two consoles said."""

    guest_log: str = ""
    hypervisor_log: str = ""

    def explain(self):
        return (
            super().explain()
            + f"\n--- guest console\n{tail(self.guest_log, 30)}"
            + f"\n--- hypervisor console\n{tail(self.hypervisor_log, 30)}"
        )


def run_guest(*options, command=("true",), timeout=300):
    """Boot, run a command (a list, or a string for bash), end."""
    words = ["bash", "-c", f"PATH=$PATH:{TESTS}\n{command}"] if isinstance(command, str) else list(command)
    with tempfile.TemporaryDirectory(prefix="outrider-test.") as folder:
        argv = _argv([*options, "--timeout", timeout, "--keep-log", folder])
        done = subprocess.run(
            [*argv, "--", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=timeout + BOOT_TIMEOUT, check=False,
        )  # fmt: skip
        return Run(
            shlex.join([*map(str, argv), "--", *words]), done.returncode,
            done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"),
            read(f"{folder}/guest.log"), read(f"{folder}/hypervisor.log"),
        )  # fmt: skip


class GuestLost(AssertionError):
    """The guest hangs or is gone."""


class Guest:
    """A guest that stays up: commands run one after the other in its shell, which has a terminal.

    A command's output goes to files that the guest and the tests share, so it arrives as it was written.
    """

    def __init__(self, *options):
        self.options = options
        self.child = None
        self.number = itertools.count()
        self.boots = 0
        self.left = None  # what conftest.look() saw last, until the next test has it

    # --- life

    def start(self):
        if self.child and self.child.isalive():
            return self
        self.close()
        self.work = Path(tempfile.mkdtemp(prefix="outrider-test."))
        self.io = self.work / "io"
        self.io.mkdir()
        argv = _argv([*self.options, "--shell", "--add", self.io, "--keep-log", self.work / "log"])
        shell = ["env", f"PS1={PROMPT}", "bash", "--noprofile", "--norc", "--noediting"]
        self.child = pexpect.spawn(argv[0], [*argv[1:], "--", *shell], timeout=BOOT_TIMEOUT, dimensions=(50, 400))
        self.child.delaybeforesend = None
        self._expect(re.escape(PROMPT), BOOT_TIMEOUT, "boot")
        self.boots += 1
        self.left = None
        self._type(f"stty -echo -onlcr; cd /root; PATH=$PATH:{TESTS}; set +m; trap : INT; PS1=; PS2=; echo @up$((40 + 2))@")
        self._expect("@up42@", 60, "shell")
        return self

    def close(self):
        if self.child:
            if self.child.isalive():
                os.kill(self.child.pid, signal.SIGTERM)  # ci/guest ends QEMU and cleans up
            try:
                self.child.expect(pexpect.EOF, timeout=30)
            except pexpect.TIMEOUT:
                pass
            self.child.close(force=True)
            shutil.rmtree(self.work, ignore_errors=True)
        self.child = None

    def logs(self):
        return (
            f"--- guest console\n{tail(read(self.work / 'log/guest.log'), 30)}\n"
            f"--- hypervisor console\n{tail(read(self.work / 'log/hypervisor.log'), 30)}"
        )

    def hypervisor_log(self):
        return read(self.work / "log/hypervisor.log")

    def guest_log(self):
        return read(self.work / "log/guest.log")

    def _lost(self, what, command):
        shown = self.child.before if isinstance(self.child.before, bytes) else b""
        text = f"{what}\n$ {command}\n--- terminal\n{tail(shown.decode(errors='replace'))}\n{self.logs()}"
        self.close()
        raise GuestLost(text)

    def _type(self, text):
        self.child.send(text + "\n")

    def _expect(self, pattern, timeout, command):
        try:
            self.child.expect(pattern, timeout=timeout)
        except pexpect.TIMEOUT:
            self._lost(f"no answer after {timeout} s", command)
        except pexpect.EOF:
            self._lost("the guest has ended", command)

    # --- commands

    def _begin(self, command, terminal):
        """Start a command; returns its name, under which its files lie."""
        self.start()
        name = f"c{next(self.number)}"
        (self.io / name).write_text(command + "\n")
        path = f"/mnt/host/io/{name}"
        plumbing = "" if terminal else f"</dev/null >{path}.out 2>{path}.err"
        self._type(f"bash {path} {plumbing}; echo @{name}@=$?@")
        return name

    def _end(self, name, command, timeout):
        self._expect(rf"@{name}@=(\d+)@", timeout, f"{command}\n{self._partial(name)}")
        status = int(self.child.match.group(1))
        return Result(command, status, read(self.io / f"{name}.out"), read(self.io / f"{name}.err"))

    def _partial(self, name):
        out, err = read(self.io / f"{name}.out"), read(self.io / f"{name}.err")
        return f"--- stdout so far\n{tail(out)}\n--- stderr so far\n{tail(err)}"

    def run(self, command, timeout=120):
        """Run a bash script; its result, whatever its status is. A hang is GuestLost, and the next run boots anew."""
        name = self._begin(command, terminal=False)
        try:
            return self._end(name, command, timeout)
        except GuestLost as lost:
            raise GuestLost(f"{lost}") from None

    def ok(self, command, timeout=120):
        """Run a bash script that must succeed; what it printed."""
        return self.run(command, timeout).ok().out

    def json(self, command, timeout=120):
        return self.run(command, timeout).ok().json()

    def terminal(self, command, keys, timeout=120):
        """Run a script on the terminal; keys: [(pattern to wait for, what to type then)]. Status and text shown."""
        name = self._begin(command, terminal=True)
        shown = b""
        for pattern, text in keys:
            self._expect(pattern, timeout, command)
            shown += self.child.before + self.child.after
            self.child.send(text)
        self._expect(rf"@{name}@=(\d+)@", timeout, command)
        shown += self.child.before
        status = int(self.child.match.group(1))
        return Result(command, status, shown.decode(errors="replace").replace("\r", ""), "")

    def put(self, name, text):
        """A file for the guest; returns its path there."""
        self.start()
        (self.io / name).write_text(text)
        return f"/mnt/host/io/{name}"
