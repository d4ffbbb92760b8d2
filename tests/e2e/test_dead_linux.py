# SPDX-License-Identifier: BSD-2-Clause
"""Linux dies: a detached thread that needs nothing of it goes on until the VM's policy ends it.

heartbeat counts in a page whose physical address it prints; the tests look at that page from outside, through
QEMU's monitor, as nobody in the guest can any more.
"""

import re
import socket
import sys
import time

import pytest
from machine import TOP, Guest, read

sys.path.insert(0, str(TOP / "ci"))
from outrider.qmp import Qmp  # noqa: E402

PANIC = "echo c >/proc/sysrq-trigger"
HOST_CORE = 3


class Machine:
    """A guest that may die, and the machine that it leaves behind."""

    def __init__(self, folder, properties="", *options):
        config = folder / "config.dts"
        config.write_text(
            f'/dts-v1/;\n/ {{ compatible = "outrider,config"; host-cores = <{HOST_CORE}>; {properties} }};\n'
        )
        path = folder / "qmp"
        self.guest = Guest("--config", config, "--stay", "--qemu=-qmp", f"--qemu=unix:{path},server=on,wait=off", *options)
        self.guest.start()
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(path))
        self.qmp = Qmp(sock)
        self.page = None

    def close(self):
        self.guest.close()
        self.qmp.sock.close()

    def words(self, address, count, size="g"):
        """From physical memory: xp prints 0000000040001000: 0x0000000000000001 0x…"""
        text = self.qmp.human(f"xp /{count}{size}x {address:#x}")
        return [int(word, 16) for line in text.splitlines() for word in line.split(":")[1].split()]

    def hearts(self):
        """Beats, errors, calls of heartbeat."""
        return self.words(self.page, 3)

    def start_heart(self, words=""):
        self.guest.ok(
            f"hvctl run -- heartbeat {words} >/tmp/heart 2>&1 &\n"
            "for i in $(seq 400); do grep -q beating /tmp/heart && exit 0; sleep 0.05; done; cat /tmp/heart; exit 1"
        )
        self.page = int(re.search(r"page (0x[0-9a-f]+)", self.guest.ok("cat /tmp/heart")).group(1), 16)
        assert self.page, "the page's address is not known"
        self.beats_on()

    def explain(self):
        return f"{self.hearts()}\n{self.where()}\n{self.guest.logs()}"

    def beats_on(self):
        """Many more beats than one, and nothing is lost."""
        first = self.hearts()[0]
        self.wait(lambda: self.hearts()[0] > first + 100000, "the heart does not beat")
        assert self.hearts()[1] == 0, f"memory of the thread is wrong\n{self.explain()}"

    def stands_still(self):
        """The core has left the thread, and no beat comes after that."""
        self.wait(lambda: self.level(HOST_CORE) == "EL2", "the host core does not become idle")
        beats = self.hearts()[0]
        for _ in range(20):
            assert self.hearts()[0] == beats, f"the thread runs on\n{self.explain()}"
            time.sleep(0.05)
        assert self.hearts()[1] == 0, f"memory of the thread is wrong\n{self.explain()}"

    def where(self):
        return self.qmp.human("info registers -a")

    def level(self, core):
        part = re.split(r"CPU#(\d+)", self.where())
        text = dict(zip(part[1::2], part[2::2], strict=True))[str(core)]
        return re.search(r"\b(EL[0-3])", text).group(1)

    def wait(self, condition, what, tries=600):
        for _ in range(tries):
            if condition():
                return
            time.sleep(0.1)
        raise AssertionError(f"{what}\n{self.explain()}")

    def die(self, how):
        """Nothing comes back from the guest's shell any more."""
        self.guest._type(how)

    def wait_hypervisor(self, words):
        self.wait(lambda: words in self.guest.hypervisor_log(), f"the hypervisor's console does not say: {words}")

    def wait_guest(self, words):
        self.wait(lambda: words in self.guest.guest_log(), f"the guest's console does not say: {words}")

    def events(self):
        self.qmp.poll()
        return [event["event"] for event in self.qmp.events]

    def wait_end(self):
        """The machine is off. QEMU has told why on its way out."""
        for _ in range(600):
            self.events()
            if self.qmp.closed:
                return [event["data"].get("reason") for event in self.qmp.events if event["event"] == "SHUTDOWN"]
            time.sleep(0.1)
        raise AssertionError(f"the machine does not end\n{self.explain()}")


@pytest.fixture
def machine(tmp_path):
    made = []

    def make(*words):
        made.append(Machine(tmp_path, *words))
        return made[-1]

    yield make
    for item in made:
        item.close()


def test_panic_and_keep(machine):
    """Linux asks for a reset as it panics; its vCPUs stop, the thread goes on."""
    m = machine('on-reset = "keep";')
    m.start_heart()
    m.die(PANIC)
    m.wait_hypervisor("guest asked for reset: vCPUs stop, detached threads run on; the machine stays on")
    for core in range(HOST_CORE):
        m.wait(lambda core=core: m.level(core) == "EL2", f"core {core} still runs Linux")
    m.beats_on()
    m.beats_on()
    assert m.level(HOST_CORE) in ("EL0", "EL1"), m.explain()
    assert m.events() == [], "the machine has ended or was reset"


def test_panic_and_keep_with_calls(machine):
    """The same, but the thread makes a system call: there it waits, for ever."""
    m = machine('on-reset = "keep";')
    m.start_heart("--call-every 50000")
    calls = m.hearts()[2]
    m.wait(lambda: m.hearts()[2] > calls + 4, "no system calls")
    m.die(PANIC)
    m.wait_hypervisor("guest asked for reset: vCPUs stop, detached threads run on")
    m.stands_still()
    beats, _, calls = m.hearts()
    assert beats % 50000 == 0 and calls % 2 == 1, f"it does not stand in its call\n{m.explain()}"


def test_panic_and_stop(machine):
    m = machine('on-reset = "stop";')
    m.start_heart()
    m.die(PANIC)
    m.wait_hypervisor("guest asked for reset: the VM stops with its detached threads; the machine stays on and runs nothing")
    m.stands_still()
    assert {m.level(core) for core in range(4)} == {"EL2"}, m.explain()
    assert m.events() == [], "the machine has ended or was reset"


def test_panic_and_off(machine):
    m = machine('on-reset = "off";')
    m.start_heart()
    m.die(PANIC)
    assert m.wait_end() == ["guest-shutdown"]
    assert "guest asked for reset: the machine goes off" in m.guest.hypervisor_log()


def test_panic_and_reset(machine):
    """Everything starts afresh; nobody writes to the old memory."""
    m = machine('on-reset = "reset";', "--qemu=-action", "--qemu=reboot=reset")
    m.start_heart()
    m.die(PANIC)
    m.wait_hypervisor("guest asked for reset: the machine restarts")
    m.wait(lambda: "RESET" in m.events(), "the machine is not reset")
    m.wait(lambda: m.guest.hypervisor_log().count("starting Linux") == 2, "it does not start again")
    m.stands_still()


def test_panic_without_reboot(machine):
    """panic=0: Linux stays where it panicked, so no policy is asked for. The thread goes on all the same."""
    m = machine('on-reset = "stop";', "--append", "panic=0")
    m.start_heart()
    m.die(PANIC)
    m.wait_guest("end Kernel panic - not syncing: sysrq triggered crash")
    m.beats_on()
    m.beats_on()
    assert "guest asked" not in m.guest.hypervisor_log() and m.events() == [], m.explain()


def test_emergency_reboot(machine):
    """Without a panic and without notice: no thread is taken back."""
    m = machine('on-reset = "keep";')
    m.start_heart()
    m.die("echo b >/proc/sysrq-trigger")
    m.wait_hypervisor("guest asked for reset: vCPUs stop, detached threads run on")
    m.beats_on()


@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_hang(machine, kernel):
    """All CPUs of Linux spin with interrupts masked. The VM's policy does not see that; the thread goes on."""
    m = machine("", "--kernel", kernel)
    m.start_heart()
    counter = int(m.guest.ok("modprobe hvdetach_hang delay_ms=3000; cat /sys/module/hvdetach_hang/parameters/counter"))
    m.wait(lambda: m.words(counter, 1, "w") == [HOST_CORE], "not all CPUs spin")
    m.beats_on()
    m.beats_on()
    assert {m.level(core) for core in range(HOST_CORE)} == {"EL1"}, m.explain()
    assert m.words(counter, 1, "w") == [HOST_CORE]


def test_hang_with_calls(machine):
    """The same, but the thread makes a system call: it waits there, its core is free."""
    m = machine("")
    m.start_heart("--call-every 50000")
    counter = int(m.guest.ok("modprobe hvdetach_hang delay_ms=3000; cat /sys/module/hvdetach_hang/parameters/counter"))
    m.wait(lambda: m.words(counter, 1, "w") == [HOST_CORE], "not all CPUs spin")
    m.stands_still()
    beats, _, calls = m.hearts()
    assert beats % 50000 == 0 and calls % 2 == 1, f"it does not stand in its call\n{m.explain()}"


@pytest.mark.parametrize("command, words", [("poweroff", "guest powered off"), ("reboot", "guest asked for reset")])
def test_orderly_end_takes_threads_back(machine, command, words):
    """`keep` finds none after an orderly end: the guest's module brings all threads back before."""
    m = machine('on-reset = "keep"; on-poweroff = "keep";')
    m.start_heart()
    m.die(f"busybox {command} -f")
    m.wait_hypervisor(f"{words}: vCPUs stop, detached threads run on; the machine stays on")
    m.stands_still()
    assert read(m.guest.work / "log/guest.log").count("does not answer") == 0
