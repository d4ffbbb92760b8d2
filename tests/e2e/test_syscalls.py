# SPDX-License-Identifier: BSD-2-Clause
"""Every system call does the same attached and detached, and doc/compatibility.md says so."""

import os
import re
from pathlib import Path

import matrix
import pytest
from machine import TOP, run_guest

SOURCES = sorted((TOP / "tests/guest").glob("syscalls_*.c"))


def cases():
    """{number: call} of the guest program."""
    text = "".join(path.read_text() for path in SOURCES)
    return {int(number): name for number, name in re.findall(r"^CASE\((\d+), (\w+),", text, re.M)}


def cache():
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(os.environ.get("OUTRIDER_CACHE", base / "outrider"))


@pytest.mark.kernels("6.1", "6.12", "rt")
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "rt"])
def test_no_call_is_missing(kernel):
    """All calls that the kernel's headers know have a case, and a row in the document."""
    known, own = matrix.headers_of(cache(), kernel), cases()
    assert len(known) > 300
    assert {number: name for number, name in known.items() if own.get(number) != name} == {}
    rows = matrix.rows_of_doc()
    assert [name for name in known.values() if name not in rows] == []


def check_lines(lines, column):
    """Same results, every call counted by the hypervisor, and the document's column is up to date."""
    assert {line["call"] for line in lines.values()} == {*cases().values(), "unknown"}
    assert [line for line in lines.values() if not line["same"]] == []
    assert [line for line in lines.values() if not matrix.forwarded(line)] == []
    rows = matrix.rows_of_doc()
    stale = {}
    for line in lines.values():
        cells = rows.get("others" if line["number"] == matrix.UNKNOWN else line["call"], [""] * 6)
        seen = ("yes", matrix.outcome(line), line["remark"])
        if (cells[2], cells[column], cells[5]) != seen:
            stale[line["call"]] = seen
    assert stale == {}, "doc/compatibility.md is out of date: tests/e2e/matrix.py"


def test_every_call(guest):
    result = guest.run("syscalls", timeout=900)
    check_lines(matrix.parse(result.out), 3)
    assert result.status == 0, result.explain()


@pytest.mark.kernels("6.12")  # rt has 6.1's column
@pytest.mark.parametrize("kernel, column", [("6.12", 4), ("rt", 3)])
def test_every_call_on(kernel, column):
    run = run_guest("--kernel", kernel, command="syscalls", timeout=900)
    check_lines(matrix.parse(run.out), column)
    assert run.status == 0, run.explain()


def test_rseq(guest):
    """A detached thread has no CPU; sequences are aborted or complete, never captured inside."""
    guest.ok("rseq 300", timeout=300)
    guest.ok("GLIBC_TUNABLES=glibc.pthread.rseq=0 rseq --own 300", timeout=300)


def test_membarrier(guest):
    """It reaches threads that are not on a CPU of Linux's, whoever calls it: in each kind, and from another process.
    And none of another process that has not asked for that."""
    guest.ok("membarrier 200", timeout=300)


HOOKS = """
cd /sys/kernel/tracing 2>/dev/null || cd /sys/kernel/debug/tracing || { mount -t tracefs t /sys/kernel/tracing; cd /sys/kernel/tracing; }
hooks() { grep -c '^syscall_trace_exit\\|^__arm64_sys_membarrier\\|^__arm64_sys_seccomp' enabled_functions; }
await() { for i in $(seq 200); do [ $(hooks) = $1 ] && break; sleep 0.1; done; hooks; }
await 0; hvctl run -- busy-loop --quiet & await 3; kill $!; wait $!; await 0; true
"""


def test_hooks(guest):
    """Linux's system calls are hooked while there is a detached thread, and not for longer."""
    assert guest.ok(HOOKS, timeout=120).split() == ["0", "3", "0"]


# A static 32-bit program: seccomp(SECCOMP_GET_ACTION_AVAIL, 0, NULL), then getppid() for ever.
ARM32 = (
    "7f454c4601010100000000000000000002002800010000007400010034000000000000000002000534002000020028000000000001000000"
    "0000000000000100000001009400000094000000050000000010000051e57464000000000000000000000000000000000000000006000000"
    "100000000200a0e30010a0e30020a0e37f7100e3000000ef4070a0e3000000effcffffea"
)


def test_seccomp_leaves_no_mark(guest):
    """A task that has called seccomp() takes the short way out of its calls again, also a 32-bit one."""
    guest.ok(f"printf '{''.join(chr(92) + 'x' + ARM32[i : i + 2] for i in range(0, len(ARM32), 2))}' >/tmp/arm32; chmod +x /tmp/arm32")
    out = guest.ok(
        "cd /sys/kernel/tracing 2>/dev/null || cd /sys/kernel/debug/tracing || { mount -t tracefs t /sys/kernel/tracing; cd /sys/kernel/tracing; }\n"
        "hvctl run -- busy-loop --quiet & loop=$!; for i in $(seq 200); do hvctl ps | grep -q detached && break; sleep 0.05; done\n"
        "/tmp/arm32 & pid=$!; sleep 1\n"
        "echo syscall_trace_exit >set_ftrace_filter; echo $pid >set_ftrace_pid; echo function >current_tracer; sleep 1\n"
        "kill -0 $pid && echo runs; grep -c syscall_trace_exit trace; echo nop >current_tracer; echo >set_ftrace_pid; echo >set_ftrace_filter\n"
        "kill -9 $pid $loop; wait; true",
        timeout=120,
    )
    assert out.split() == ["runs", "0"], out


def test_workers(guest, hvctl):
    """Threads that never leave the kernel are refused, and hvctl leaves them out."""
    guest.ok(
        "workers >/tmp/workers & pid=$!; for i in $(seq 200); do grep -q computing /tmp/workers && break; sleep 0.05; done\n"
        "cat /tmp/workers; [ $(ls /proc/$pid/task | wc -l) = 2 ] && hvctl detach $pid && hvctl ps --json | grep -c '\"tid\"' | grep -x 1; s=$?\n"
        "kill -9 $pid; wait $pid; exit $s",
        timeout=60,
    )
    hvctl.wait_gone()
