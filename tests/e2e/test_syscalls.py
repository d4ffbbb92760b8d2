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
    """It reaches threads that are not on a CPU of Linux's, whoever calls it: in each kind, and from another process."""
    guest.ok("membarrier 200", timeout=300)
