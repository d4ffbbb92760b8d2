# SPDX-License-Identifier: BSD-2-Clause
"""OpenMP and MPI programs: the same result detached as attached, with one thread detached and with all of them."""

import json
import subprocess

import pytest
from conftest import LONG, PACKAGES
from hvctl import Hvctl
from machine import BUILD, TOP, run_guest

EACH = pytest.mark.parametrize("_riders", ["6.1", "6.12", "rt"], indirect=True)
FULL = pytest.mark.parametrize("_riders", ["6.1"], indirect=True)

# libride detaches each process and thread; what they did is in its log
RIDE = "env LD_PRELOAD=/usr/local/lib/outrider/tests/libride.so RIDE_LOG=/tmp/ride"
RIDES = r"""
python3 -c '
import json, struct
data = open("/tmp/ride", "rb").read()
count, refused = struct.unpack_from("II", data)
rides = [struct.unpack_from("16siIIIQQQQ", data, 128 + 64 * i) for i in range(min(count, 2046))]
print(json.dumps([[r[0].split(b"\0")[0].decode(), r[2], r[6]] for r in rides]))'
"""


def rides(guest, comm):
    """[(core, runs)] of the riders of that name; no runs are known of one that another thread or process has ended."""
    return [(core, runs) for name, core, runs in guest.json(RIDES + "\nrm -f /tmp/ride") if name == comm]


@pytest.fixture
def sequences(riders):
    """Protein sequences for Clustal Omega, made by a fixed rule."""
    riders.ok(
        "python3 - >/tmp/proteins <<'END'\n"
        "state, letters, base = 7, 'ACDEFGHIKLMNPQRSTVWY', None\n"
        "def random(n):\n"
        "    global state\n"
        "    state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1\n"
        "    return (state >> 33) % n\n"
        "base = [letters[random(20)] for i in range(40)]\n"
        "for n in range(8):\n"
        "    text = [letters[random(20)] if random(5) == 0 else c for c in base if random(12)]\n"
        "    print(f'>s{n}', ''.join(text), sep='\\n')\nEND"
    )
    return "/tmp/proteins"


@FULL
def test_openmp(riders):
    """Each construct of OpenMP, four threads: the first one detached; all of them, on a core each."""
    command = "rm -f /tmp/ride; OMP_NUM_THREADS=4 {} openmp 1500 2>/tmp/err; cat /tmp/err"
    attached = riders.ok(command.format(""), timeout=300)
    assert "PASS" in attached and "threads 4" in attached
    assert riders.ok(command.format("hvctl run --"), timeout=300) == attached
    before = Hvctl(riders).cores()
    assert riders.ok(command.format(RIDE), timeout=300) == attached
    after = Hvctl(riders).cores()
    cores = {core for core, runs in rides(riders, "openmp")}
    assert len(cores) == 4 and all(after[core]["runs"] > before[core]["runs"] for core in cores), (cores, before, after)


@EACH
@pytest.mark.parametrize("program", ["openmp", "clustalo"])
def test_openmp_by_hvctl(riders, sequences, program):
    """`hvctl run` detaches all threads, or all but the first, each onto the next core of the list, and no other."""
    line = {"openmp": "openmp 1500 2>/tmp/err; cat /tmp/err", "clustalo": f"clustalo --threads=4 -i {sequences} --outfmt=clu --iter=1"}[program]
    attached = riders.ok(f"OMP_NUM_THREADS=4 {line}", timeout=300)
    assert len(attached) > 20
    for threads, cores in (("all", {3, 5, 6, 8}), ("new", {4, 7, 9})):
        before = Hvctl(riders).cores()
        run = f"hvctl run --threads {threads} --cores {','.join(map(str, sorted(cores)))} --"
        assert riders.ok(f"OMP_NUM_THREADS=4 {run} {line}", timeout=300) == attached, threads
        after = Hvctl(riders).cores()
        ran = {core for core in after if after[core]["host"] and after[core]["runs"] > before[core]["runs"]}
        assert ran == cores, (threads, before, after)


@FULL
def test_openmp_of_debian(riders, sequences):
    """Clustal Omega, as packaged."""
    command = "rm -f /tmp/ride; {} clustalo --threads=4 -i " + sequences + " --outfmt=clu --iter=1"
    attached = riders.ok(command.format(""), timeout=300)
    assert attached.startswith("CLUSTAL") and "s7" in attached
    assert riders.ok(command.format("hvctl run --"), timeout=300) == attached
    assert riders.ok(command.format(RIDE), timeout=300) == attached
    assert len(rides(riders, "clustalo")) == 4


MPI = "mpirun --allow-run-as-root --oversubscribe --mca btl self,vader --mca orte_base_help_aggregate 0 -n {ranks} {run} {program}"


@FULL
def test_mpi(riders):
    """Python's MPI bindings over Open MPI, as packaged: point to point, collective, one-sided; all ranks detached."""
    program = riders.put(
        "mpi.py",
        "from mpi4py import MPI\n"
        "import array\n"
        "w = MPI.COMM_WORLD; n, me = w.size, w.rank\n"
        "ring = me\n"
        "for i in range(40): ring = w.sendrecv(ring * 3 + i & 0xffff, dest=(me + 1) % n, source=(me - 1) % n)\n"
        "total = w.allreduce(sum(k * k for k in range(me, 30000, n)))\n"
        "data = array.array('d', [me + i * 0.5 for i in range(20000)]); out = array.array('d', bytes(8 * 20000))\n"
        "for i in range(5): w.Allreduce(data, out, MPI.SUM); w.Barrier()\n"
        "window = MPI.Win.Allocate(64, 8, comm=w); window.Fence()\n"
        "window.Accumulate(array.array('q', [me + 1]), 0, op=MPI.SUM); window.Fence()\n"
        "seen = array.array('q', [0]); window.Get(seen, 0); window.Fence(); window.Free()\n"
        "everyone = w.gather((me, ring, total, sum(out), seen[0]))\n"
        "if me == 0: print(n, everyone)\n",
    )
    command = "rm -f /tmp/ride; " + MPI.format(ranks=3, run="{}", program=f"python3 {program}")
    attached = riders.ok(command.format(""), timeout=300)
    assert attached.startswith("3 [(0, "), attached
    assert riders.ok(command.format("hvctl run --"), timeout=300) == attached
    assert riders.ok(command.format(RIDE), timeout=300) == attached
    found = rides(riders, "python3")
    assert len([core for core, runs in found if runs > 1000]) >= 3, found


FWQ = "/usr/local/lib/outrider/bench/mpi-fwq --samples 40 --work 14 -o /tmp/fwq"
# What a rank waits by in a barrier is memory: no look at sockets, no yield.
MPI_FWQ = "mpirun --allow-run-as-root --oversubscribe --bind-to none --mca btl self,vader --mca mpi_event_tick_rate 0 --mca mpi_yield_when_idle {idle}"


def fwq_report(text, ranks):
    """What mpi-fwq says: each rank has done each quantum, and each barrier was one for all of them."""
    lines = text.splitlines()
    report = json.loads(lines[0])
    assert lines[-1].startswith(f"PASS: mpi-fwq: {ranks} ranks"), text
    assert report["samples"] == report["barriers_held"] == 40 and report["work"] == 2 << 14
    assert [rank["rank"] for rank in report["ranks"]] == list(range(ranks))
    assert all(rank["quanta"] == 40 and rank["barriers"] == 80 for rank in report["ranks"]), report
    return report["ranks"]


def fwq_files(guest, ranks):
    """Each sample is recorded, by the rank that took it."""
    for rank in ranks:
        for name, key in (("times", "work_ticks"), ("barriers", "barrier_ticks"), ("empty", "empty_ticks")):
            samples = list(map(int, guest.ok(f"cat /tmp/fwq-{rank['rank']}_{name}.dat").split()))
            assert len(samples) == 40 and min(samples) > 0 and sum(samples) == rank[key], (name, rank, samples)
            if name == "times":
                assert (min(samples), max(samples)) == (rank["least"], rank["most"])
    guest.ok("rm /tmp/fwq-*")


@FULL
def test_mpi_fwq(riders):
    """Bulk-synchronous work: two ranks in Linux, one detached, which does not leave its core for a barrier; then all detached."""
    core = Hvctl(riders).host_cores()[-1]
    line = f"{MPI_FWQ.format(idle=0)} -n 1 taskset -c 0 {FWQ} : -n 1 taskset -c 1 {FWQ} : -n 1 hvctl run --core {core} -- {FWQ}"
    ranks = fwq_report(riders.ok(line, timeout=300), 3)
    assert [(rank["detached"], rank["core"]) for rank in ranks] == [(False, 0), (False, 1), (True, core)]
    assert all(ranks[2][count] == 0 for count in ("syscalls", "faults", "recalls", "irqs")), ranks[2]
    fwq_files(riders, ranks)

    ranks = fwq_report(riders.ok(f"{MPI_FWQ.format(idle=0)} -n 3 hvctl run -- {FWQ}", timeout=300), 3)
    assert all(rank["detached"] and rank["syscalls"] == 0 for rank in ranks) and len({rank["core"] for rank in ranks}) == 3
    fwq_files(riders, ranks)

    # the calls are counted: a rank that yields while it waits is forwarded each time
    ranks = fwq_report(riders.ok(f"{MPI_FWQ.format(idle=1)} -n 2 hvctl run --threads all -- {FWQ}", timeout=300), 2)
    assert all(rank["detached"] for rank in ranks) and sum(rank["syscalls"] for rank in ranks) > 0
    fwq_files(riders, ranks)


def test_mpi_fwq_native():
    """The same program without Outrider."""
    run = run_guest("--native", "--smp", "3", "--packages", PACKAGES, command=f"{MPI_FWQ.format(idle=0)} -n 2 {FWQ}").ok()
    assert not any(rank["detached"] or rank["syscalls"] for rank in fwq_report(run.out, 2))


def measure(path, *options):
    """What bench/scale --measure finds."""
    build = ["--build", BUILD] if BUILD else []
    done = subprocess.run([str(TOP / "bench/scale"), "--measure", *options, "--configs", "outrider", "--loads", "idle", "--mpi", str(path),
                           "--packages", PACKAGES, *build],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout
    return json.loads(path.read_text())["runs"]


@pytest.mark.slow
@pytest.mark.skipif(not LONG, reason="two machines: with OUTRIDER_STRESS=all")
def test_nodes(tmp_path):
    """Two machines with a network between them, a rank on each: both are counted; a detached one's calls to the network are forwarded."""
    runs = measure(tmp_path / "mpi.json", "--nodes", "2", "--samples", "5", "--runs", "2:17")
    lost = {}
    for run in runs:
        ranks = run["report"]["ranks"]
        assert run["nodes"] == run["ranks"] == len(run["stolen"]) == 2 and run["report"]["barriers_held"] == 5, run
        assert run["report"]["clock_error"] > 0, "the ranks have one clock, so they are on one machine"
        assert all(rank["detached"] == (run["variant"] == "detached") for rank in ranks), ranks
        assert run["variant"] == "attached" or all(rank["syscalls"] > 0 for rank in ranks), ranks
        assert all(len(rank) == 5 for rank in (*run["stolen"], *run["ticks"]["times"])), run
        lost[run["variant"]] = sum(stolen for rank in run["stolen"] for stolen, _ in rank)
    assert set(lost) == {"attached", "detached"} and lost["detached"] == 0, lost


@pytest.mark.slow
def test_mpi_fwq_counted(tmp_path):
    """bench/scale --measure: by the plugin's count, detached ranks lose nothing, others do; each quantum of each rank is counted."""
    samples = 12
    runs = measure(tmp_path / "mpi.json", "--samples", str(samples), "--runs", "1:17,3:19")
    assert {(run["variant"], run["ranks"], run["report"]["work"]) for run in runs} == {(v, *r) for v in ("attached", "detached") for r in ((1, 1 << 18), (3, 1 << 20))}
    lost = {"attached": 0, "detached": 0}
    for run in runs:
        assert run["report"]["barriers_held"] == samples and len(run["stolen"]) == run["ranks"] == len(run["ticks"]["times"])
        assert all(len(rank) == samples for rank in (*run["stolen"], *run["ticks"]["times"], *run["ticks"]["empty"])), run
        assert all(rank["detached"] == (run["variant"] == "detached") for rank in run["report"]["ranks"])
        lost[run["variant"]] += sum(stolen for rank in run["stolen"] for stolen, _ in rank)
    assert lost["detached"] == 0 and lost["attached"] > 0, lost
