# SPDX-License-Identifier: BSD-2-Clause
"""Linux dies: a detached thread that needs nothing of it goes on until the VM's policy ends it.

heartbeat counts in a page whose physical address it prints; the tests look at that page from outside, through
QEMU's monitor, as nobody in the guest can any more.
"""

import re
import socket
import sys
import time
from pathlib import Path

import pytest
from machine import BENCH, BUILD, TOP, Guest, read
from test_insn import HYPERVISOR, plugin

sys.path[:0] = [str(TOP / "ci"), str(TOP / "bench/insn")]
from outrider.qmp import Qmp  # noqa: E402
from records import LEVELS, Records, Symbols  # noqa: E402

PANIC = "echo c >/proc/sysrq-trigger"
HOST_CORE = 3


class Machine:
    """A guest that may die, and the machine that it leaves behind."""

    def __init__(self, folder, properties="", *options, host_cores=str(HOST_CORE)):
        config = folder / "config.dts"
        config.write_text(
            f'/dts-v1/;\n/ {{ compatible = "outrider,config"; host-cores = <{host_cores}>; {properties} }};\n'
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

    def start_program(self, name, words):
        """A program of bench/ in the background; the page that it shows."""
        out = f"/tmp/{name}"
        self.guest.ok(f"{BENCH}/{words} >{out} 2>&1 &\nfor i in $(seq 400); do grep -q ^page {out} && exit 0; sleep 0.05; done; cat {out}; exit 1")
        page = int(re.search(r"page (0x[0-9a-f]+)", self.guest.ok(f"cat {out}")).group(1), 16)
        assert page, "the page's address is not known"
        return page

    def word_beyond(self, page, more, what):
        """Its first word is larger by so many than it is now."""
        first = self.words(page, 1)[0]
        self.wait(lambda: self.words(page, 1)[0] > first + more, what)

    def explain(self):
        if not self.page:
            return f"{self.where()}\n{self.guest.logs()}"
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

    def make(*words, **more):
        made.append(Machine(tmp_path, *words, **more))
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


def uio(guest):
    """The real-time clock is for programs from now on."""
    guest.ok("modprobe hvdetach_uio; D=9010000.pl031\n"
             "echo $D >/sys/bus/amba/drivers/rtc-pl031/unbind; echo outrider-uio >/sys/bus/amba/devices/$D/driver_override\n"
             "echo $D >/sys/bus/amba/drivers_probe; [ \"$(cat /sys/class/uio/uio0/name)\" = outrider-uio ]")  # fmt: skip


def test_panic_and_loops(machine):
    """Control loops, by POSIX and by libdetach, and a handler of a device's interrupts miss nothing."""
    m = machine('on-reset = "keep";', host_cores="1 2 3")
    uio(m.guest)
    loops = {how: m.start_program(f"loop{how}", f"control-loop {how} --core {core} --count 0 --page") for core, how in ((1, ""), (2, "-l"))}
    alarm = m.start_program("alarm", "irq-user --core 3 --count 0 /dev/uio0 page")
    for page in loops.values():
        m.word_beyond(page, 100, "a control loop does not run")
    m.word_beyond(alarm, 1, "no alarm")
    m.die(PANIC)
    m.wait_hypervisor("guest asked for reset: vCPUs stop, detached threads run on")
    m.wait(lambda: m.level(0) == "EL2", "core 0 still runs Linux")
    alarms = m.words(alarm, 1)[0]
    for how, page in loops.items():
        m.word_beyond(page, 1000, f"the control loop stands still: {how}")
        cycles, _, _, failed = m.words(page, 4)
        assert not failed, f"{how}: its sleep failed after {cycles} cycles: {failed}"
    m.word_beyond(alarm, 3, "the device's interrupts do not come any more")
    now, failed = m.words(alarm, 2)
    assert not failed and now > alarms, m.explain()
    assert m.events() == [], "the machine has ended or was reset"


def behind_interrupt(interval, core):
    """What each core has executed from when the hypervisor has an interrupt on `core` until the next alarm is set."""
    came = next(counts for where, counts in interval.events if where == core)
    return [{level: after[level] - before[level] for level in LEVELS} for before, after in zip(came, interval.period, strict=True)]


def others(cores, levels=LEVELS):
    return sum(counts[level] for core, counts in enumerate(cores) for level in levels if core != HOST_CORE)


def test_interrupt_without_linux(machine, tmp_path):
    """A device's interrupt and its handling take no instruction of Linux; by the plugin, which counts all cores.

    Each time the core executes the same instructions, none of them at EL1, whether Linux is alive or dead. While it is alive and
    idle, mostly no other core executes anything from the interrupt until long after the acknowledgement; at times one has
    something of its own to do, and the emulator may be late with what was caused, so one time without proves little. When Linux is
    dead no other core has anything of its own: there it is none in all of the time.
    """
    path = tmp_path / "insn.txt"
    deliver = Symbols(Path(BUILD or TOP / "build"), 0x40200000).address("irq_deliver")
    m = machine('on-reset = "keep";', *plugin(path, f"hv={HYPERVISOR},mark=5@{deliver:#x}"))
    uio(m.guest)
    program = "irq-user --gap 1000000"
    m.guest.ok(f"{BENCH}/{program} --config attached --cpu 0 --count 3 /dev/uio0", timeout=300)
    m.guest.ok(f"{BENCH}/{program} --config alive --core {HOST_CORE} --count 15 /dev/uio0", timeout=300)
    page = m.start_program("alarm", f"{program} --config dead --core {HOST_CORE} --count 0 /dev/uio0 page")
    m.word_beyond(page, 2, "no alarm")
    m.die(PANIC)
    m.wait_hypervisor("guest asked for reset: vCPUs stop, detached threads run on")
    m.word_beyond(page, 7, "the device's interrupts do not come any more")
    m.qmp.command("quit")
    m.wait_end()
    for _ in range(100):
        records = Records(path)
        if records.complete:
            break
        time.sleep(0.1)
    assert records.complete, "the plugin's file has no end"
    # those that were waited for, and ended; the last have begun when Linux was dead
    attached, alive, dead = (
        [i for i in records.intervals[f"irq-user/{name}/alarm"] if i.period and i.own("wfi") and i.events] for name in ("attached", "alive", "dead")
    )
    dead = dead[-5:]
    assert len(attached) >= 2 and len(alive) >= 10 and len(dead) == 5
    # that it would be seen
    for i in attached:
        assert sum(core["kernel"] for core in behind_interrupt(i, 0)) > 1000
    # the same each time, dead or alive, and the hypervisor's
    ways = {tuple(i.since_wfi.items()) for i in alive + dead}
    print(f"from the interrupt to the program: {ways}")
    assert len(ways) == 1
    assert all(i.begin_core == i.end_core == HOST_CORE and i.period[HOST_CORE]["kernel"] == 0 for i in alive + dead)
    # nobody else
    quiet = [others(behind_interrupt(i, HOST_CORE)) for i in alive]
    print(f"all other cores meanwhile: {quiet}")
    assert quiet.count(0) > len(quiet) / 2
    assert [others(i.period, ("user", "kernel", "vmm")) for i in dead] == [0] * 5
    # the hypervisor's: an interrupt of another device may still come at some time, but not with each alarm
    assert [others(i.period) for i in dead].count(0) > 2


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
