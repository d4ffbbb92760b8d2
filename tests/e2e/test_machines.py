# SPDX-License-Identifier: BSD-2-Clause
"""Other numbers of cores, other processors, other kernels, other divisions: boot, detach, end."""

import json

import pytest
from conftest import LONG
from machine import BUILD, TOP, run_guest

SMOKE = """
set -e
sha256sum /usr/bin/[a-f]* >/tmp/a
hvctl run -- sha256sum /usr/bin/[a-f]* >/tmp/b
cmp /tmp/a /tmp/b
hvctl run -- regs-intact 200
mm-race --detach-worker --rounds 500
hvctl run -- sysmix 1
hvctl run -- sig 10
detach-cycle 20
timeout 1 hvctl run -- busy-loop || [ $? = 124 ]
hvctl info --json >&2
nproc
"""
BOTH = """
threads --detach 300
for c in 4 5 6 7; do hvctl run --core $c -- fp-heavy 200 >/tmp/fp$c & pids="$pids $!"; done
for p in $pids; do wait $p; done
cat /tmp/fp? | sort -u | wc -l | grep -qx 2
hvctl info"""


def smoke(*options, cpus, host_cores, command=SMOKE):
    run = run_guest(*options, command=command, timeout=400)
    assert run.status == 0, run.explain()
    assert run.out.split()[-1] == str(cpus), run.explain()
    info = json.loads(run.err[run.err.index("{") : run.err.rindex("}") + 1])
    assert [core["core"] for core in info["cores"] if core["host"]] == host_cores, run.explain()


@pytest.mark.parametrize("smp", [2, 3, 5, 6, 7] if LONG else [2, 5])
def test_smp(smp):
    smoke("--smp", smp, cpus=smp - 1, host_cores=[smp - 1])


def test_smp_8_half_and_half():
    """As many detached threads as host cores, at the same time."""
    command = SMOKE.replace("\nhvctl info", BOTH)
    smoke("--smp", 8, "--host-cores", "4-7", cpus=4, host_cores=[4, 5, 6, 7], command=command)


def test_scattered_cores():
    smoke("--smp", 4, "--host-cores", "1,3", cpus=2, host_cores=[1, 3])


def test_no_host_core():
    """A VM without host cores is only a VM."""
    run = run_guest("--host-cores", "none", command="nproc; hvctl run -- true; echo $?; hvctl info --json")
    lines = run.out.splitlines()
    assert run.status == 0 and lines[0] == "4" and lines[1] == "125", run.explain()


@pytest.mark.parametrize("cpu", ["cortex-a72", "max"])
@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_processor(cpu, kernel):
    smoke("--cpu", cpu, "--kernel", kernel, cpus=3, host_cores=[3])


@pytest.mark.kernels("6.12", "rt")
@pytest.mark.parametrize("kernel", ["6.12", "rt"])
def test_kernel(kernel):
    smoke("--kernel", kernel, cpus=3, host_cores=[3])


def test_much_memory():
    smoke("--mem", "4G", cpus=3, host_cores=[3])


def test_little_memory():
    smoke("--mem", "768M", cpus=3, host_cores=[3])


PROTECTED = """
/memreserve/ 0x46000000 0x3000;
/ {
    reserved-memory {
        #address-cells = <2>;
        #size-cells = <2>;
        ranges;
        secure@46100000 { no-map; reg = <0 0x46100000 0 0x1000>; };
        pool@46200000 { reg = <0 0x46200000 0 0x100000>; };
    };
    etm@9030000 { compatible = "arm,coresight-etm4x"; reg = <0 0x9030000 0 0x1000>; };
};
"""


def test_protected(tmp_path):
    """Firmware's memory is not the guest's, the debug registers of cores are nobody's."""
    (tmp_path / "tree.dts").write_text(PROTECTED)
    command = (
        "grep 'System RAM' /proc/iomem; ls /proc/device-tree >&2; hvctl run -- sysmix 5 >&2 && modprobe -r hvdetach"
        " && modprobe hvdetach_attack attack=addresses address=0x46100000,0x46000000,0x46002000"
    )
    run = run_guest("--tree", tmp_path / "tree.dts", command=command)
    assert run.status == 0, run.explain()
    ram = [[int(end, 16) for end in line.split()[0].split("-")] for line in run.out.splitlines()]
    for start, end in ((0x46000000, 0x46002FFF), (0x46100000, 0x46100FFF)):
        assert not [r for r in ram if r[0] <= end and start <= r[1]], run.explain()
    for page in (0x45FFF000, 0x46003000, 0x460FF000, 0x46101000, 0x46200000):
        assert [r for r in ram if r[0] <= page and page + 0xFFF <= r[1]], run.explain()
    assert "pl031@9010000" in run.err.split() and "etm@9030000" not in run.err.split(), run.explain()
    assert "pl061@9030000 stays with the hypervisor" in run.hypervisor_log, run.explain()


# Two devices of the machine are firmware's alone then; the hypervisor's console is one of them.
SECURE = "/ { /delete-node/ pl011@9040000; /delete-node/ flash@0; };"
GIVEN = """/dts-v1/;
/ {
    compatible = "outrider,config";
    host-cores = <3>;
    firmware-calls = <0x82000010 0x8200001f 0x80008000 0x80008000>;
};
"""


def test_firmware_calls(tmp_path):
    """With firmware at EL3 (tests/guest/firmware.S): calls of the list reach it, all others do not."""
    build = TOP / "build" if BUILD is None else type(TOP)(BUILD)
    (tmp_path / "tree.dts").write_text(SECURE)
    (tmp_path / "config.dts").write_text(GIVEN)
    load = f"loader,file={build / 'hypervisor/outrider.img'},addr=0x40200000,force-raw=on"
    machine = ("-machine", "secure=on,acpi=off", "-bios", build / "tests/guest/firmware.bin", "-device", load)
    command = "hvctl run -- sysmix 5 >&2 && modprobe -r hvdetach\n" + "\n".join(
        f"modprobe hvdetach_attack attack=firmware given={given} refused={refused} && modprobe -r hvdetach_attack || exit"
        for given, refused in ((0x82000010, 0x82000020), (0x8200001F, 0x8200000F), (0x82000018, 0x83000018), (0x82000010, 0xC2000010))
    )
    run = run_guest("--tree", tmp_path / "tree.dts", "--config", tmp_path / "config.dts",
                    *(f"--qemu={word}" for word in machine), command=command)  # fmt: skip
    assert run.status == 0, run.explain()
