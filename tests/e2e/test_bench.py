# SPDX-License-Identifier: BSD-2-Clause
"""bench/run: each program measures what it says, shown with disturbances of a known size; and the claim about noise."""

import json
import subprocess
import sys

import pytest
from machine import BUILD, TOP

sys.path[:0] = [str(TOP / "bench"), str(TOP / "bench/insn")]

import report  # noqa: E402

MORE = 1000  # instructions of the disturbance
QUANTUM = 1 << 20
FTQ_UNIT = 71  # instructions; bench/programs/fwq.c


def bench_run(*words):
    build = ["--build", BUILD] if BUILD else []
    return subprocess.run([str(TOP / "bench/run"), *map(str, words), *build], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)  # fmt: skip


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """One run of bench/run --check: (the JSON file, the folder with the reports, what was left in the guest)."""
    folder = tmp_path_factory.mktemp("bench")
    done = bench_run("--check", "--out", folder / "out", "--keep", folder / "keep")
    assert done.returncode == 0, done.stdout
    return json.loads((folder / "out/check.json").read_text()), folder / "out", folder / "keep/6.1-outrider/share"


@pytest.fixture
def results(checked):
    return checked[0]["runs"][0]["results"]


def own(item, level):
    """Spread of the core that is measured."""
    return item["interval"][item["begin_core"]][level]


def test_system_call_disturbed(results):
    """1,000 instructions more in the kernel are 1,000 more."""
    for call in ("getppid", "write", "futex-wake"):
        least = [own(results[f"syscall-rtt/attached/{call}+{n}"], "kernel")["min"] for n in (0, MORE)]
        assert least[1] - least[0] == MORE, call
        # a detached thread's core takes no part in it, but leaves twice
        detached = results[f"syscall-rtt/detached/{call}+0"]
        assert own(detached, "kernel")["max"] == 0
        assert own(detached, "hv-sync")["min"] >= 2


def test_wake_disturbed(results):
    """Waking up is not the same each time, so the least of each differs by a little more or less."""
    least = [results[f"wake/attached/nanosleep+{n}"]["wakes"][0] for n in (0, MORE)]
    assert abs(least[1] - least[0] - MORE) < MORE // 10


def test_waits_disturbed(results):
    """What a detached thread executes behind its core's sleep is the same each time: 1,000 instructions more are 1,000 more."""
    for label in ("control-loop/detached-{}/clock_nanosleep", "irq-user/detached/alarm+{}"):
        least = [results[label.format(n)]["wakes"][0] for n in (0, MORE)]
        assert least[1] - least[0] == MORE, label
    least = [own(results[f"notify-rtt/detached/echo+{n}"], "user")["min"] for n in (0, MORE)]
    assert least[1] - least[0] == MORE
    assert own(results["notify-rtt/detached/echo+0"], "kernel")["max"] == 0


def test_quantum_disturbed(results):
    """What is stolen from a quantum is reported as stolen, with its size; of attached and of detached loops.

    The kernel's way in and out is a few instructions longer where the machine is busy."""
    least = []
    for more in (0, MORE):
        for variant in ("attached", "detached"):
            noise = results[f"fwq/{variant}-{more}/fwq"]["noise"]
            assert noise["own"] - QUANTUM in (1, 2)  # the call itself is the program's
            assert [row[0] for row in noise["stolen"]] == list(range(noise["quanta"])), variant
            assert all(sum(row[1:5]) > 500 for row in noise["stolen"])
        least.append(min(row[2] for row in results[f"fwq/attached-{more}/fwq"]["noise"]["stolen"]))
    assert abs(least[1] - least[0] - MORE) < MORE // 20


def test_fixed_time(checked, results):
    """Each sample of ftq executes the units of work that it says it does."""
    for variant in ("attached", "detached"):
        item = results[f"fwq/{variant}/ftq"]
        counts = [int(line) for line in (checked[2] / f"ftq-{variant}_counts.dat").read_text().splitlines()]
        assert len(counts) == item["count"] and min(counts) > 0
        assert own(item, "user")["max"] == max(counts) * FTQ_UNIT
        if variant == "detached":
            assert own(item, "kernel")["max"] == own(item, "hypervisor")["max"] == 0


def test_command_counted(results):
    """A million rounds more of a command's work are two million instructions more, on all cores together."""
    least = []
    for gap in (0, 1000000):
        item = results[f"count/attached/known-{gap}"]
        least.append(item["total"]["user"]["min"])
        assert item["total"]["kernel"]["min"] > 100000  # fork, exec, exit
    assert abs(least[1] - least[0] - 2 * 1000000) < 1000


def test_one_exit_each(results):
    """Each of the hypervisor's paths is one exit, of the kind that it should be; each IPI arrives."""
    for label in ("hypercall-info", "hypercall-core-stats", "hypercall-refused", "call-to-vmm", "trapped-register", "mmio-read"):
        item = results[f"hvbench//{label}"]
        assert own(item, "hv-sync")["mode"] in ((1,) if "vmm" not in label and "mmio" not in label else (2,)), label
        assert (own(item, "vmm")["mode"] > 0) == (label in ("call-to-vmm", "mmio-read")), label
    assert own(results["hvbench//timer"], "hv-irq")["mode"] >= 1  # on a slow machine one has come before it is waited for
    for label in ("ipi-to-idle", "ipi-to-computing"):
        assert len(results[f"hypercall/idle/{label}"]["events"]) > 0


def test_noise(checked, results):
    """A detached loop loses nothing while Linux is loaded or worked on, and holds nothing up; an attached one does lose."""
    for load in ("hackbench", "trace-buffer"):
        noise = results[f"fwq/detached+{load}/fwq"]["noise"]
        assert noise["own"] == QUANTUM and noise["quanta"] > 0
        assert noise["stolen"] == [], load
    assert results["fwq/attached+hackbench/fwq"]["noise"]["stolen"]
    run = checked[0]["runs"][0]
    assert ["detached", "trace-buffer", run["rounds"]] in run["operations"]


def test_shared_core(results):
    """Beside a CPU of Linux: that CPU gets its share out of the loop's quanta, and a wake-up is the hypervisor's, a little longer."""
    item = results["fwq/shared+hackbench/fwq"]
    assert item["noise"]["own"] == QUANTUM
    assert results["wake/shared+hackbench/nanosleep"]["begin_core"] == item["begin_core"] == 2
    least = [results[f"wake/{variant}+hackbench/nanosleep"]["wakes"][0] for variant in ("detached", "shared", "attached")]
    assert 100 < least[0] < least[1] < least[2], least


def test_paper2017(tmp_path):
    """Debian's cyclictest beside the paper's hackbench: a histogram of each, and proof that the hypervisor woke it up."""
    done = bench_run("--paper2017", "--kernels", "6.1", "--configs", "outrider", "--loops", 200, "--wakes", 20, "--out", tmp_path)
    assert done.returncode == 0, done.stdout
    found = json.loads((tmp_path / "paper2017.json").read_text())["runs"][0]["cyclictest"]
    assert set(found) == {f"{variant}+{load}" for variant in ("detached", "shared") for load in ("idle", "pipes")}
    for key, item in found.items():
        assert item["loops"] == 200 and item["served"]["sleeps"] >= 198 and item["served"]["syscalls"] < 100, (key, item)
        assert item["served"]["core"] == (3 if key.startswith("detached") else 2), key
        histogram = (tmp_path / f"paper2017-6.1-{key.replace('+', '-')}.hist").read_text()
        assert sum(int(line.split()[1]) for line in histogram.splitlines() if line[0] != "#") == 200 - item["overflows"]


def test_gate(tmp_path):
    """No hot path is longer than the checked-in table says; one that had become longer would be seen."""
    done = bench_run("--gate", "--keep", tmp_path)
    assert done.returncode == 0, done.stdout
    table = json.loads((TOP / "bench/results/gate.json").read_text())
    for name, path in table["paths"].items():
        line = next(line for line in done.stdout.splitlines() if line.startswith(f"{name}  "))
        path["count"] = int(line[45:].split()[0].replace(",", ""))
    # the same measurement against tables in which a path was a fifth shorter
    for name in ("hypercall", "wake-up, shared core"):
        shorter = {**table["paths"], name: {"count": table["paths"][name]["count"] * 4 // 5, "within": 0}}
        (tmp_path / "gate.json").write_text(json.dumps({**table, "paths": shorter}))
        again = bench_run("--gate", "--again", "--keep", tmp_path, "--out", tmp_path)
        assert again.returncode == 1, again.stdout
        assert [line for line in again.stdout.splitlines() if "LONGER" in line and f": {name}: " in line], again.stdout


def test_reports(checked):
    result, folder, _ = checked
    assert result["schema"] == report.SCHEMA
    page = (folder / "check.html").read_text()
    plots = sorted(folder.glob("*.svg"))
    assert plots and page.count("<svg ") == len(plots)
    assert result["command"] in (folder / "check.md").read_text()
