# SPDX-License-Identifier: BSD-2-Clause
"""Host tasks that the configuration starts, and channels between them and Linux."""

import re
import time
from pathlib import Path

import pytest
from machine import BUILD, TOP, Guest, run_guest

TASKS = Path(BUILD or TOP / "build") / "tasks"
LOG = "/usr/local/lib/outrider/tasks/sample-log"
CRASHED = 125


def configuration(folder, tasks, channels="", properties="host-cores = <3>;"):
    path = folder / "config.dts"
    path.write_text(
        f'/dts-v1/;\n/ {{ compatible = "outrider,config"; {properties}\n'
        f"tasks {{ {tasks} }};\nchannels {{ {channels} }};\n}};\n"
    )
    return path


def modules(*names):
    return [word for name in names for word in ("--task", f"{name}={TASKS / name}.elf")]


@pytest.fixture
def boot(tmp_path):
    made = []

    def start(tasks, channels, names, *options, properties="host-cores = <3>;"):
        config = configuration(tmp_path, tasks, channels, properties)
        made.append(Guest("--config", config, *modules(*names), *options))
        return made[-1].start()

    yield start
    for guest in made:
        guest.close()


def wait_log(guest, words, count=1):
    for _ in range(600):
        if guest.hypervisor_log().count(words) >= count:
            return
        time.sleep(0.1)
    raise AssertionError(f"the hypervisor's console does not say {count} times: {words}\n{guest.logs()}")


KERNELS = pytest.mark.parametrize("kernel", ["6.1", "6.12", "rt"])


@KERNELS
def test_samples_are_complete(boot, kernel):
    """The example: each sample of the task arrives in Linux's file, in order, and none was taken before its time."""
    guest = boot(
        'sampler { core = <2>; priority = <200>; args = "2000"; console; };',
        'samples { task = "sampler"; size = <0x400000>; };', ["sampler"], "--kernel", kernel,
    )  # fmt: skip
    guest.ok(f"{LOG} 3000 /tmp/log && cp /tmp/log /mnt/host/io/log", timeout=300)
    rows = [tuple(map(int, line.split())) for line in (guest.io / "log").read_text().splitlines()]
    assert [row[0] for row in rows] == list(range(3000))
    assert all(taken >= due for _, due, taken in rows), "woken early"
    period = rows[1][1] - rows[0][1]
    assert all(b[1] - a[1] == period for a, b in zip(rows, rows[1:])), "the times drift"
    # A second reader goes on where the first one stopped.
    guest.ok(f"{LOG} 10 /tmp/more && cp /tmp/more /mnt/host/io/more")
    assert [int(line.split()[0]) for line in (guest.io / "more").read_text().splitlines()] == list(range(3000, 3010))
    assert re.search(r"samples, 0 lost", guest.hypervisor_log()), guest.logs()


@KERNELS
def test_channel(boot, kernel):
    """The device in all ways, by a program in Linux and detached; the module goes and comes back."""
    guest = boot(
        'echo { core = <2>; console; }; template { core = <2>; priority = <50>; console; };',
        'echo { task = "echo"; size = <0x10000>; }; between { task = "echo", "template"; };', ["echo", "template"],
        "--kernel", kernel,
    )  # fmt: skip
    assert guest.ok("stat -c %a:%F /dev/outrider/echo").strip() == "660:character special file"
    assert guest.ok("ls /dev/outrider").split() == ["echo"], "a channel between tasks is none of Linux's"
    guest.ok("channel", timeout=300)
    guest.ok("hvctl run -- channel", timeout=300)
    guest.ok("libdetach channel && libdetach channel refused", timeout=300)
    wait_log(guest, "echo: task between has answered")
    held = guest.run("exec 3<>/dev/outrider/echo; rmmod hvdetach")
    assert held.status and "in use" in held.err, held.explain()
    guest.ok("rmmod hvdetach; test ! -e /dev/outrider/echo; modprobe hvdetach; channel", timeout=300)
    assert "an answer is lost" not in guest.hypervisor_log()
    assert "not valid" not in guest.hypervisor_log()
    # Of all vCPUs the one that has the interrupt goes off.
    guest.ok("echo 0 >/sys/devices/system/cpu/cpu1/online; channel; echo 1 >/sys/devices/system/cpu/cpu1/online; channel",
             timeout=300)  # fmt: skip
    guest.ok("echo 2 >/proc/irq/$(awk -F: '/outrider-echo/ {print $1 + 0}' /proc/interrupts)/smp_affinity; channel\n"
             "echo 0 >/sys/devices/system/cpu/cpu1/online; channel", timeout=300)  # fmt: skip


def test_crash_of_linux(boot):
    """Linux panics; a task's heart beats on, and another one still gets the interrupts of its device."""
    guest = boot(
        'template { core = <2>; console; }; alarm { core = <2>; devices = "/pl031@9010000"; console; };',
        'echo { task = "template"; };', ["template", "alarm"], "--stay",
        properties='host-cores = <3>; on-reset = "keep";',
    )  # fmt: skip
    wait_log(guest, "alarm: /pl031@9010000, irq 0")
    assert not guest.run("ls -d /sys/bus/amba/devices/9010000.pl031").out, "Linux has the task's device, too"
    wait_log(guest, "template: heartbeat")
    guest._type("echo c >/proc/sysrq-trigger")
    wait_log(guest, "guest asked for reset: vCPUs stop")
    beats = guest.hypervisor_log().count("heartbeat")
    wait_log(guest, "template: heartbeat", beats + 5)
    numbers = list(map(int, re.findall(r"heartbeat (\d+)", guest.hypervisor_log())))
    assert numbers == list(range(1, len(numbers) + 1)), guest.logs()
    alarms = re.findall(r"alarm (\d+), pending (\d)", guest.hypervisor_log())
    wait_log(guest, f"alarm: alarm {len(alarms) + 3}, pending 1")
    alarms = re.findall(r"alarm (\d+), pending (\d)", guest.hypervisor_log())
    assert alarms == [(str(i + 1), "1") for i in range(len(alarms))], "one interrupt for each alarm"


def test_bad_tasks(boot):
    """One faults, one spins, one asks for what it was not given: nobody else notices."""
    faults = "".join(
        f'{name} {{ core = <1>; module = "faulty"; args = "{name}"; console; }};' for name in ("guest", "device", "null")
    )
    guest = boot(
        f"{faults} greedy {{ core = <1>; console; }}; spinner {{ core = <2>; priority = <255>; console; }};"
        "template { core = <3>; console; };",
        "", ["faulty", "greedy", "spinner", "template"], "--smp", "5", properties="host-cores = <4>;",
    )  # fmt: skip
    for name, address in (("guest", "40000000"), ("device", "8000000"), ("null", "0")):
        wait_log(guest, f"{name}: reads {address}")
        wait_log(guest, f"thread of task '{name}' on core 1: an exception that it cannot handle")
        wait_log(guest, f"task '{name}' has ended,")
    assert "it says" not in guest.hypervisor_log()
    wait_log(guest, "greedy: got 0 things that it should not have")
    wait_log(guest, "task 'greedy' has ended,")
    wait_log(guest, "has ended, 3 others go on")  # the last one of the four
    wait_log(guest, "template: heartbeat", guest.hypervisor_log().count("template: heartbeat") + 3)
    assert guest.ok("nproc").strip() == "1"
    assert guest.ok("hvctl run -- echo hello") == "hello\n"


@pytest.mark.parametrize(
    ("tasks", "channels", "properties", "names", "says"),
    [
        ("ghost { core = <2>; };", "", "", [], 'task ghost: there is no boot module "ghost"'),
        ("template { core = <3>; };", "", "host-cores = <3>;", ["template"], "core 3 is a task's and cannot be in host-cores"),
        ("template { core = <2>; };", 'c { task = "tempate"; };', "", ["template"], 'channel c: there is no task "tempate"'),
        ('template { core = <2>; devices = "/virtio_mmio@a000000"; };', "", "", ["template"],
         "task template cannot have /virtio_mmio@a000000: it shares a page with memory or a device of Linux"),
        ('t { core = <2>; module = "config"; };', "", "", [], 'boot module "config" cannot be loaded: it is not a static ELF64'),
    ],
)  # fmt: skip
def test_bad_configuration(tmp_path, tasks, channels, properties, names, says):
    run = run_guest("--config", configuration(tmp_path, tasks, channels, properties), *modules(*names))
    assert run.status == CRASHED and "no VM was started" in run.err, run.explain()
    assert says in run.hypervisor_log, run.explain()
