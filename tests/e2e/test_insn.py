# SPDX-License-Identifier: BSD-2-Clause
"""bench/insn counts exactly: known numbers of instructions, an injected disturbance; and what that shows."""

import sys

from machine import BENCH, BUILD, TOP, run_guest

sys.path.insert(0, str(TOP / "bench/insn"))

from records import Records  # noqa: E402

HYPERVISOR = "0x40200000-0x40600000"
COUNT = 20
KNOWN = [0, 601, 1000]


def plugin(path, options):
    build = BUILD or TOP / "build"
    return ["--append", "nokaslr", "--qemu=-plugin", f"--qemu={build}/bench/insn.so,out={path},{options}"]


def own(records, label, level):
    return [i.own(level) for i in records.intervals[label]]


def test_others_do_not_pay(tmp_path):
    """While a thread is detached, a system call of another task executes the same in the kernel, or nearly."""
    path = tmp_path / "insn.txt"
    call = f"{BENCH}/syscall-rtt --cpu 0 --count {COUNT}"
    run_guest(
        *plugin(path, f"hv={HYPERVISOR}"),
        command=f"{call} && {{ hvctl run --core 3 -- busy-loop & }}; until hvctl ps | grep -q ' detached '; do sleep 1; done"
        f"; {call} --config beside && hvctl ps | grep ' detached '",
        timeout=400,
    ).ok()
    records = Records(path)
    for name in ("getppid", "write", "futex-wake"):
        least = [min(own(records, f"syscall-rtt/{config}/{name}", "kernel")) for config in ("attached", "beside")]
        assert least[0] > 100  # a system call has been counted
        assert 0 <= least[1] - least[0] < 50, name


def test_known_counts(tmp_path):
    """0, 601 and 1,000 instructions are counted as such; 1,000 more in the kernel as 1,000 more there."""
    path = tmp_path / "insn.txt"
    run = run_guest(
        *plugin(path, f"hv={HYPERVISOR},verify=on"),
        command=f"modprobe hvbench && {BENCH}/insn-test --cpu 0 --count {COUNT}"
        f" && {BENCH}/insn-test --config detached --core 3 --count {COUNT}",
        timeout=400,
    )
    run.ok()
    records = Records(path)
    assert records.complete

    for config in ("attached", "detached"):
        assert own(records, f"insn-test/{config}/known", "user") == KNOWN * COUNT
    # nothing else is on the detached thread's core
    for level in ("kernel", "hypervisor", "vmm"):
        assert set(own(records, "insn-test/detached/known", level)) == {0}

    # The svc is the user's one instruction. The least of each is what no interrupt has hit.
    for label in ("disturb-0", "disturb-1000"):
        assert set(own(records, f"insn-test/attached/{label}", "user")) == {1}
    least = [min(own(records, f"insn-test/attached/{label}", "kernel")) for label in ("disturb-0", "disturb-1000")]
    assert least[1] - least[0] == 1000

    # who executes was told rightly, at each block, by comparison with PSTATE
    assert set(records.verified) == {"user", "kernel", "hypervisor", "vmm"}
    for level, (checked, wrong, example) in records.verified.items():
        assert checked > 1000, level
        assert wrong == 0, f"{level}: {example}"
