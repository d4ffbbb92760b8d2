# SPDX-License-Identifier: BSD-2-Clause
"""Wrong use and bad input: a clear error, nobody else disturbed."""

import subprocess

import pytest
from machine import BUILD, TOP, run_guest

CRASHED = 125  # of ci/guest, and hvctl's status for its own failures, as env and timeout have it


def test_ioctl(guest):
    guest.ok("ioctl-errors")


@pytest.mark.parametrize(
    "options, words",
    [
        ("--core 99", ["99", "no such core|no core|does not exist"]),
        ("--core 0", ["0", "Linux"]),
        ("--core nonsense", ["nonsense"]),
        ("--core -1", ["-1"]),
        ("--prio 0", ["prio"]),
        ("--prio 256", ["prio"]),
        ("--prio x", ["x"]),
        ("--nonsense", ["nonsense"]),
    ],
)
def test_run_refuses(guest, options, words):
    result = guest.run(f"hvctl run {options} -- touch /tmp/ran")
    assert result.status == CRASHED or result.status == 2, result.explain()
    for word in words:
        assert any(w.lower() in result.err.lower() for w in word.split("|")), result.explain()
    assert guest.run("[ -e /tmp/ran ]").status != 0, "it ran all the same"


def test_run_without_command(guest):
    result = guest.run("hvctl run; hvctl run --; true")
    assert "usage" in result.err.lower() or "command" in result.err.lower(), result.explain()


def test_command_not_found(guest):
    assert guest.run("hvctl run -- /nonexistent").status == 127
    assert guest.run("hvctl run -- nonexistent-program").status == 127
    assert guest.run("hvctl run -- /etc/passwd").status == 126


def test_busy_core(guest, hvctl):
    core = hvctl.host_cores()[-1]
    result = guest.run(
        f"hvctl run --core {core} -- busy-loop >/tmp/loop & pid=$!\n"
        "for i in $(seq 200); do hvctl ps --json | grep -q '\"detached\"' && break; sleep 0.05; done\n"
        f"hvctl run --core {core} -- touch /tmp/ran; status=$?\n"
        "[ -e /tmp/ran ] && echo ran; kill -0 $pid && echo alive; kill -9 $pid; wait $pid; exit $status"
    )
    assert result.status == CRASHED and result.out == "alive\n", result.explain()
    assert "busy" in result.err.lower() or "taken" in result.err.lower() or "in use" in result.err.lower(), result.explain()


def test_no_free_core(guest, hvctl):
    loops = len(hvctl.host_cores())
    result = guest.run(
        f"for i in $(seq {loops}); do hvctl run -- busy-loop >/dev/null & pids=\"$pids $!\"; done\n"
        f"for i in $(seq 200); do [ $(hvctl ps --json | grep -o '\"detached\"' | wc -l) = {loops} ] && break; sleep 0.05; done\n"
        "hvctl run -- touch /tmp/ran; status=$?; [ -e /tmp/ran ] && echo ran; kill -9 $pids; wait; exit $status"
    )
    assert result.status == CRASHED and result.out == "", result.explain()


def test_not_allowed_for_everyone(guest):
    result = guest.run("setpriv --reuid 65534 --regid 65534 --clear-groups hvctl run -- true")
    assert result.status == CRASHED, result.explain()
    assert "permi" in result.err.lower() or "allowed" in result.err.lower(), result.explain()


def test_stat_of_nobody(guest):
    result = guest.run("hvctl stat 1; hvctl stat 99999999; hvctl stat x; hvctl stat; hvctl nonsense; echo end")
    assert result.out.endswith("end\n") and len(result.err.splitlines()) >= 5, result.explain()
    assert all(guest.run(f"hvctl {words}").status for words in ("stat 1", "stat x", "stat", "nonsense", ""))


def test_help(guest):
    for verb in ("", "info", "run", "ps", "stat"):
        out = guest.ok(f"hvctl {verb} --help")
        assert "usage" in out.lower() and "--" in out, out


def test_module_without_outrider():
    run = run_guest("--native", command="modprobe hvdetach; echo status $?; hvctl info; echo status $?; dmesg | tail -3")
    assert run.status == 0, run.explain()
    assert "No such device" in run.err and "Outrider" in run.out, run.explain()
    assert "status 0" not in run.out, run.explain()
    assert "hvdetach" in run.err, run.explain()


# ---- Boot ------------------------------------------------------------------------------------------------


def boot_fails(*options, words, timeout=60):
    """The machine ends by itself with a reason on the hypervisor's console."""
    run = run_guest(*options, timeout=timeout)
    assert run.status == CRASHED, run.explain()
    for word in words:
        assert word.lower() in run.hypervisor_log.lower(), f"no '{word}'\n{run.explain()}"
    assert "Linux version" not in run.guest_log, run.explain()


def test_no_vmm():
    boot_fails("--boot", "vmm=", words=["vmm"])


def test_no_kernel():
    boot_fails("--boot", "linux=", words=['boot module "linux"'])


def test_no_ramdisk():
    """Not needed by the hypervisor: Linux says that it has no root file system."""
    run = run_guest("--boot", "ramdisk=", timeout=60)
    assert run.status == CRASHED and "unable to mount root" in run.guest_log.lower(), run.explain()


@pytest.fixture
def scratch(tmp_path):
    def write(name, data):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


def build_file(name):
    return (TOP / "build" if BUILD is None else type(TOP)(BUILD)) / name


def test_corrupt_kernel(scratch):
    boot_fails("--boot", f"linux={scratch('zeros', bytes(1 << 20))}", words=["image"])
    boot_fails("--boot", f"linux={scratch('short', b'MZ')}", words=["image"])


def test_corrupt_vmm(scratch):
    data = bytearray(build_file("vmm/vmm.elf").read_bytes())
    boot_fails("--boot", f"vmm={scratch('zeros', bytes(4096))}", words=["vmm"])
    boot_fails("--boot", f"vmm={scratch('short', bytes(data[:100]))}", words=["vmm"])
    data[32:40] = b"\xff" * 8  # e_phoff
    boot_fails("--boot", f"vmm={scratch('phoff', bytes(data))}", words=["vmm"])


def test_corrupt_config(scratch):
    boot_fails("--boot", f"config={scratch('text', b'host-cores = <3>;')}", words=["configuration", "device tree"])


@pytest.mark.parametrize(
    "line, words",
    [
        ("host-cores = <9>;", ["host-cores", "9"]),
        ("host-cores = <0>;", ["host-cores", "boot core"]),
        ("host-cores = <0 1 2 3>;", ["host-cores"]),
        ("host-cores = <3 3>;", ["host-cores", "twice"]),
        ('host-cores = "3";', ["host-cores"]),
        ("host-core = <3>;", ["host-core"]),
        ("host-cores = <3>; shared-cores = <3>;", ["core 3", "host-cores", "shared-cores"]),
        ("shared-cores = <1>; budget = <100001>;", ["budget", "100001"]),
        ('on-reset = "maybe";', ["on-reset", "maybe"]),
        ('hide = "/nonexistent";', ["hide", "/nonexistent"]),
    ],
)
def test_wrong_configuration(tmp_path, line, words):
    source = tmp_path / "config.dts"
    source.write_text(f'/dts-v1/;\n/ {{\n compatible = "outrider,config";\n {line}\n}};\n')
    boot_fails("--config", source, words=words)


def test_too_little_memory():
    boot_fails("--mem", "128M", words=["cannot start", "memory"])


def test_corrupt_device_tree(tmp_path):
    """A machine whose device tree is cut short: the hypervisor says so and stops."""
    blob = tmp_path / "machine.dtb"
    base = ["qemu-system-aarch64", "-machine", f"virt,virtualization=on,gic-version=3,dumpdtb={blob}", "-cpu",
            "neoverse-n1", "-smp", "4", "-m", "2048", "-nodefaults", "-display", "none"]  # fmt: skip
    subprocess.run(base, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    data = bytearray(blob.read_bytes())
    data[8:12] = (0x7FFFFFF0).to_bytes(4, "big")  # off_dt_struct
    blob.write_bytes(data)
    run = run_guest("--qemu=-dtb", f"--qemu={blob}", timeout=30)
    assert run.status in (CRASHED, 124) and "Linux version" not in run.guest_log, run.explain()
