# SPDX-License-Identifier: BSD-2-Clause
"""strace, gdb and core dumps find a detached thread as they find any other, and it rides on when they have gone."""

import re

import pytest

# Shell functions: start PROGRAM… runs it detached in the background as $pid; state PID; await PID STATE.
LIBRARY = r"""
ulimit -c 0
trap 'kill -9 $pid $gdb $strace 2>/dev/null' EXIT
start() { hvctl run -- "$@" >/tmp/out & pid=$!; await $pid detached; }
state() { hvctl stat --json $1 | sed -n 's/.*"state": "\([a-z]*\)".*/\1/p' | head -1; }
await() { local i; for i in $(seq 1200); do [ "$(state $1)" = $2 ] && return 0; sleep 0.05; done; hvctl ps; exit 99; }
counter() { hvctl stat --json $1 | sed -n "s/.*\"$2\": \([0-9]*\).*/\1/p" | head -1; }
# gdb waits for its program
asleep() { local i n=0; for i in $(seq 1200); do grep -q '^State:.S' /proc/$1/status && n=$((n + 1)) || n=0; [ $n = 8 ] && return; sleep 0.02; done; }
rides_on() { await $1 detached; echo "rides on"; }
debug() { gdb -nx -batch -iex 'set auto-load no' -ex 'set pagination off' -ex 'set width 0' "$@" 2>&1; }
"""

# gdb: all registers of `debuggee registers` are as that program says.
REGISTERS = r"""
set $wrong = 0
set $i = 3
while $i <= 28
  eval "set $value = $x%d", $i
  if $value != 0x1111111100000000 + $i
    printf "WRONG: x%d is %#lx\n", $i, $value
    set $wrong = $wrong + 1
  end
  set $i = $i + 1
end
set $i = 0
while $i <= 31
  eval "set $value = $v%d.s.u[0] != 0x7f || $v%d.s.u[1] != 0x100 + %d || $v%d.s.u[3] != 0x100 + %d", $i, $i, $i, $i, $i
  if $value
    eval "print $v%d", $i
    set $wrong = $wrong + 1
  end
  set $i = $i + 1
end
if $fpcr != 0x03000000 || $fpsr != 0x10 || (unsigned long)$x0 != (unsigned long)&known
  printf "WRONG: fpcr %#x fpsr %#x x0 %#lx\n", $fpcr, $fpsr, $x0
  set $wrong = $wrong + 1
end
if $pc < (unsigned long)&known_loop_head || $pc > (unsigned long)&known_loop_head + 20
  printf "WRONG: pc %#lx\n", $pc
  set $wrong = $wrong + 1
end
printf "%d registers are wrong\n", $wrong
"""

KERNELS = ["6.1", "6.12", "rt"]
FULL = pytest.mark.parametrize("_riders", ["6.1"], indirect=True)
EACH = pytest.mark.parametrize("_riders", KERNELS, indirect=True)


def script(guest, name, text):
    return guest.put(name, text)


@EACH
def test_gdb_registers(riders):
    """Attach to a loop that makes no call: all registers are right; change some; it rides on and ends with these."""
    check = script(riders, "registers.gdb", REGISTERS)
    out = riders.ok(
        LIBRARY
        + f"start debuggee registers; runs=$(counter $pid runs)\n"
        f"debug -p $pid -x {check}; rides_on $pid\n"
        "[ $(counter $pid runs) -gt $runs ] || echo 'no new run'\n"
        # written while stopped; read by the loop's end
        "debug -p $pid -ex 'set var $x20 = 0x2020' -ex 'set var $v5.d.f[0] = 2.5' -ex 'set var known.rounds = 1000000000000'"
        " -ex 'print combine(5, 1.5)' -ex 'x/2i $pc'; rides_on $pid\n"
        f"debug -p $pid -ex 'print known.rounds > 1000000000000' -ex 'print $x20' -ex 'print $v5.d.f[0]' -ex 'print $x19 - $x18'"
        " -ex 'set var known.finish = 1'\n"
        "wait $pid; echo status $?; cat /tmp/out",
        timeout=300,
    )
    assert "0 registers are wrong" in out and "WRONG" not in out and "no new run" not in out, out
    assert out.count("rides on") == 2, out
    assert re.findall(r"^\$\d+ = (.*)$", out, re.M) == ["5015", "1", "8224", "2.5", "1"], out
    assert "x20 0x2020 d5 2.5 x28 0x111111110000001c\nPASS" in out and "status 0" in out, out


@EACH
def test_gdb_steps(riders):
    """Single steps go through the loop, instruction by instruction, and each counts once in memory."""
    steps = 60
    check = script(riders, "steps.gdb", f"""
set $before = known.rounds
printf "at %d\\n", $pc - (long)&known_loop_head
set $i = 0
while $i < {steps}
  stepi
  printf "\\n%d\\n", $pc - (long)&known_loop_head
  set $i = $i + 1
end
printf "rounds %d\\n", known.rounds - $before
set var known.finish = 0
""")  # fmt: skip
    out = riders.ok(
        LIBRARY + f"start debuggee registers\ndebug -p $pid -x {check}; rides_on $pid; kill -9 $pid; wait $pid; true", timeout=300
    )
    start = int(re.search(r"^at (\d+)$", out, re.M).group(1))
    offsets = [int(line) for line in re.findall(r"^(\d+)$", out, re.M)]
    assert offsets == [(start + 4 * (i + 1)) % 24 for i in range(steps)], out
    assert f"rounds {steps // 6}" in out and "rides on" in out, out


@EACH
def test_gdb_breakpoints(riders):
    """A breakpoint in a loop that rides: each hit is seen, with the right argument; conditions, finish, deletion."""
    out = riders.ok(
        LIBRARY
        + "start debuggee functions\n"
        "debug -p $pid -ex 'break visited' -ex continue -ex 'set $first = round' -ex 'ignore 1 20' -ex continue"
        " -ex 'printf \"distance %d\\n\", round - $first' -ex 'info breakpoints' -ex finish -ex 'printf \"visits %d\\n\", visits - $first'"
        " -ex 'delete' -ex 'break visited if round % 50 == 7' -ex continue -ex 'printf \"remainder %d\\n\", round % 50'"
        " -ex bt -ex 'delete' -ex detach; rides_on $pid\n"
        "debug -p $pid -ex 'set var finish = 1'; wait $pid; echo status $?; cat /tmp/out",
        timeout=300,
    )
    assert "distance 21" in out and "breakpoint already hit 22 times" in out, out
    assert "visits 21" in out and "remainder 7" in out, out
    assert re.search(r"#1 .* functions", out) and "rides on" in out and "status 0" in out and "PASS" in out, out


@EACH
def test_gdb_watchpoint(riders):
    """A hardware watchpoint triggers at each change, with the old and the new value."""
    hits = 12
    out = riders.ok(
        LIBRARY
        + "start debuggee functions\n"
        f"debug -p $pid -ex 'watch watched' {hits * '-ex continue '} -ex 'info watchpoints' -ex delete -ex detach; rides_on $pid\n"
        "debug -p $pid -ex 'set var finish = 1'; wait $pid; echo status $?; cat /tmp/out",
        timeout=300,
    )
    assert "Hardware watchpoint 1: watched" in out, out
    values = [(int(old), int(new)) for old, new in re.findall(r"Old value = (\d+)\nNew value = (\d+)", out)]
    assert len(values) == hits and all(new == old + 3 for old, new in values), out
    assert all(values[i][1] == values[i + 1][0] for i in range(hits - 1)), values
    assert f"already hit {hits} times" in out and "rides on" in out and "status 0" in out, out


@FULL
def test_attached_while_watched(riders):
    """As long as a watchpoint is set the thread runs in Linux, and no longer than that."""
    out = riders.ok(
        LIBRARY
        + "start debuggee functions\n"
        "env --default-signal=INT gdb -nx -batch -ex 'set pagination off' -p $pid -ex 'watch visits if visits == 0' -ex 'watch finish'"
        " -ex 'delete 1' -ex 'printf \"before %d\\n\", visits' -ex 'shell touch /tmp/watching' -ex continue"
        " -ex 'printf \"after %d\\n\", visits' -ex delete -ex 'shell touch /tmp/unwatched' -ex continue -ex detach >/tmp/gdb 2>&1 & gdb=$!\n"
        "for i in $(seq 1200); do [ -e /tmp/watching ] && break; sleep 0.05; done\n"
        # it computes in Linux: user time grows
        "ticks() { cut -d' ' -f14 /proc/$pid/stat; }\n"
        "t=$(ticks); for i in $(seq 1200); do [ $(ticks) -gt $((t + 20)) ] && break; sleep 0.05; done\n"
        "[ $(ticks) -gt $((t + 20)) ] && state $pid; asleep $gdb; kill -INT $gdb\n"
        "for i in $(seq 1200); do [ -e /tmp/unwatched ] && break; sleep 0.05; done; rides_on $pid\n"
        "asleep $gdb; kill -INT $gdb; wait $gdb; cat /tmp/gdb; rides_on $pid; kill -9 $pid; wait $pid; rm -f /tmp/watching /tmp/unwatched; true",
        timeout=300,
    )
    assert out.startswith("attached\n") and out.count("rides on") == 2, out
    before, after = (int(re.search(rf"^{word} (\d+)$", out, re.M).group(1)) for word in ("before", "after"))
    assert after > before, out


@EACH
def test_gdb_interrupts(riders):
    """Between `continue` and Ctrl-C the thread of a debugged program rides; then its registers are right."""
    check = script(riders, "registers.gdb", REGISTERS)
    out = riders.ok(
        LIBRARY
        + "start debuggee registers\n"
        "env --default-signal=INT gdb -nx -batch -ex 'set pagination off' -p $pid -ex 'shell touch /tmp/stopped; until [ -e /tmp/seen ]; do sleep 0.05; done' -ex continue"
        f" -x {check} -ex continue -x {check} -ex 'p $_siginfo.si_signo' -ex 'signal 0' -x {check} -ex detach >/tmp/gdb 2>&1 & gdb=$!\n"
        "for i in $(seq 1200); do [ -e /tmp/stopped ] && break; sleep 0.05; done; [ $(state $pid) = attached ] || echo 'not stopped'; touch /tmp/seen\n"
        "for i in 1 2 3; do await $pid detached; asleep $gdb; kill -INT $gdb; await $pid attached || break; done\n"
        "wait $gdb; cat /tmp/gdb; rides_on $pid; kill -9 $pid; wait $pid; rm -f /tmp/stopped /tmp/seen; true",
        timeout=300,
    )
    assert out.count("0 registers are wrong") == 3 and out.count("received signal SIGINT") == 3, out
    assert "not stopped" not in out and "rides on" in out and "= 2" in out, out


@FULL
def test_gdb_from_the_beginning(riders):
    """A program that is detached from its start, under gdb: through hvctl's exec to breakpoints in the program."""
    out = riders.ok(
        LIBRARY
        + "debug -ex 'set startup-with-shell off' -ex 'set breakpoint pending on' -ex 'break visited' -ex run -ex 'info program'"
        " -ex 'shell hvctl ps' -ex 'ignore 1 4' -ex continue -ex 'print round' -ex 'set var finish = 1' -ex delete -ex continue"
        " --args hvctl run -- debuggee functions",
        timeout=300,
    )
    assert re.search(r"is executing new program: .*/debuggee", out), out
    assert re.search(r"^ +\d+ +\d+ .*attached .*debuggee", out, re.M), out
    assert "$1 = 6" in out and "PASS" in out and "exited normally" in out, out


@FULL
def test_gdb_rides(riders):
    """gdb itself is detached, and what it debugs is not; then both are."""
    out = riders.ok(
        LIBRARY
        + "hvctl run --json --stat=/tmp/stat -- gdb -nx -batch -ex 'set pagination off' -ex 'break visited' -ex run -ex 'ignore 1 9'"
        " -ex continue -ex 'print round' -ex delete -ex 'set var finish = 1' -ex continue --args $(which debuggee) functions 2>&1\n"
        "grep -c . /tmp/stat; start debuggee functions\n"
        "hvctl run -- gdb -nx -batch -ex 'set pagination off' -p $pid -ex 'break visited' -ex continue -ex 'ignore 1 9' -ex 'set $first = round'"
        " -ex continue -ex 'print round - $first' -ex delete -ex detach 2>&1; rides_on $pid; kill -9 $pid; wait $pid; true",
        timeout=300,
    )
    assert "$1 = 11" in out and "exited normally" in out, out
    assert "$1 = 10" in out and "rides on" in out, out


@EACH
def test_core_dumps(riders):
    """gcore's dump of a thread that rides on, and the kernel's when it is killed: registers and memory are right."""
    check = script(riders, "registers.gdb", REGISTERS)
    out = riders.ok(
        LIBRARY
        + "mkdir -p /tmp/cores; cd /tmp/cores; rm -f core*; pattern=$(cat /proc/sys/kernel/core_pattern)\n"
        "start debuggee registers; gcore -o core.gcore $pid >/tmp/gcore 2>&1 || cat /tmp/gcore; rides_on $pid\n"
        "echo core.kernel >/proc/sys/kernel/core_pattern; ulimit -c unlimited; prlimit --core=unlimited --pid $pid\n"
        "kill -ABRT $pid; wait $pid; echo status $?; echo \"$pattern\" >/proc/sys/kernel/core_pattern\n"
        f"for core in core.gcore.$pid core.kernel*; do debug $(which debuggee) $core -x {check} -ex 'print known.rounds > 1000'; done; rm -f core*",
        timeout=300,
    )
    assert out.count("0 registers are wrong") == 2 and out.count("$1 = 1") == 2, out
    assert "rides on" in out and "status 134" in out and "SIGABRT" in out, out


# --- strace

# What differs between two runs of the same program: addresses, random bytes, pids, times
VARIES = [
    (r"0x[0-9a-f]{6,}", "ADDRESS"), (r"getrandom\(.*", "getrandom"), (r"sysinfo\(.*", "sysinfo"), (r"/tmp/[a-zA-Z]*\d[^\"]*", "PATH"),
    (r"\b(si_pid|si_utime|si_stime|parent_tid|child_tid)=[^,}]*", r"\1"), (r"^(set_tid_address|get\w*id)(\(.*= )\d+", r"\1\2PID"),
    (r"^(kill|tgkill)\([\d, ]*", r"\1("), (r"^(read\(\d+, ).*, 4\) += 4$", r"\1RANDOM"), (r"^wait4\(\d+", "wait4("),
]  # fmt: skip
# names of programs whose calls are compared one by one, with arguments
TRACED = {
    "ls": "ls -l /etc /usr/lib/gcc /nonexistent",
    "sort": "sort -k2 /etc/services",
}


def calls(text, program, varies=True):
    """The calls of a trace by strace -f, from the program's own execve on."""
    lines = [re.sub(r"^\d+ +", "", line) for line in text.splitlines()]
    starts = [i for i, line in enumerate(lines) if line.startswith("execve(") and f'/{program}"' in line and line.endswith("= 0")]
    assert starts, text
    lines = lines[starts[0] :]
    for pattern, replacement in VARIES if varies else []:
        lines = [re.sub(pattern, replacement, line) for line in lines]
    return lines


@FULL
def test_strace_shows_the_same(riders):
    """All calls of a program, with arguments and results, detached as attached."""
    names = [n for n in TRACED]
    text = "cd /tmp\n"
    for name in names:
        text += f"for run in 'env' 'hvctl run --'; do setarch -R strace -f -o /mnt/host/io/trace.{name}.${{run%% *}} $run {TRACED[name]} >/dev/null 2>&1\n"
        text += f"echo {name} $run $?; done\n"
    out = riders.ok(text, timeout=600)
    status = dict(re.findall(r"^(\S+) env (\d+)$", out, re.M))
    assert status == dict(re.findall(r"^(\S+) hvctl run -- (\d+)$", out, re.M)) and len(status) == len(names), out
    for name in names:
        program = TRACED[name].split()[0]
        attached, detached = (calls((riders.io / f"trace.{name}.{how}").read_text(), program) for how in ("env", "hvctl"))
        assert detached == attached, f"{name}\n" + "\n".join(
            f"{a}\n  {d}" for a, d in zip(attached + ["-"] * 999, detached) if a != d
        )
        assert len(attached) > 20, attached


@FULL
def test_strace_follows_children(riders):
    """A shell with pipes and children: the same calls in each process, and the thread rides between them."""
    job = "bash -c 'for i in 1 2 3; do echo $i | cat | wc -c; (exit $i); done; x=$(date -u -d @0 +%s); exec true $x'"
    out = riders.ok(
        f"cd /tmp; for run in env 'hvctl run --'; do setarch -R strace -f -qq -o /mnt/host/io/job.${{run%% *}} $run {job}; done",
        timeout=600,
    )
    assert out == "2\n2\n2\n" * 2, out

    def processes(how):
        """Counts of each process's calls; processes without order, interrupted waits and their signals left out."""
        text = (riders.io / f"job.{how}").read_text()
        first = next(line.split()[0] for line in text.splitlines())
        started = False
        result = {}
        for line in text.splitlines():
            pid, rest = line.split(None, 1)
            if pid == first and rest.startswith("execve(") and '/bash"' in rest and rest.endswith("= 0"):
                started = True
                result = {}
            name = re.match(r"(\w+)\(", rest)
            if started and name and name.group(1) not in ("wait4", "rt_sigreturn", "restart_syscall"):
                counts = result.setdefault(pid, {})
                counts[name.group(1)] = counts.get(name.group(1), 0) + 1
        return sorted(sorted(counts.items()) for counts in result.values())

    assert processes("hvctl") == processes("env")
    assert len(processes("env")) > 10, processes("env")


# $1: hvctl run … or nothing; $2: the trace; $3: the program. strace comes when it has stopped itself, before its exec.
COUNTED = r"""
export PERL_HASH_SEED=0
counted() {
  $1 setarch -R sh -c 'echo $$ >/tmp/pid; kill -STOP $$; exec "$@"' sh $3 >/tmp/out 2>&1 & job=$!
  for i in $(seq 1200); do pid=$(cat /tmp/pid 2>/dev/null) && grep -q '^State:.T' /proc/$pid/status && break; sleep 0.05; done
  strace -c -f -qq -o $2 -p $pid & strace=$!
  for i in $(seq 1200); do grep -q "^TracerPid:.$strace" /proc/$pid/status && asleep $strace && break; sleep 0.05; done
  kill -CONT $pid; wait $job; echo status $?; wait $strace; echo strace $?; cat /tmp/out; rm /tmp/pid
}
"""
COUNTED_PROGRAMS = ["ls -lR /etc/perl /etc/init.d /nonexistent", "sort -k2 /etc/services", "perl /mnt/host/io/lengths.pl"]


def table(text):
    """{call: (calls, errors)} of strace -c."""
    rows = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(\d+)? +(\w+)$", text, re.M)
    return {name: (int(count), int(errors or 0)) for count, errors, name in rows}


@EACH
def test_strace_counts(riders):
    """strace -c counts the same calls, with as many errors, detached as attached."""
    script(riders, "lengths.pl", "for $f (</etc/*>) { open(F, $f) && print(length(join('', <F>)), $f) }")
    for program in COUNTED_PROGRAMS:
        out = []
        for how in ("", "hvctl run --json --stat=/tmp/stat --"):
            out.append(riders.ok(LIBRARY + COUNTED + f"counted '{how}' /mnt/host/io/counts '{program}'", timeout=300))
            out.append(table((riders.io / "counts").read_text()))
        assert out[2] == out[0] and "strace 0" in out[0], out
        assert out[3] == out[1] and out[1].pop("total")[0] == sum(count for count, _ in out[1].values()) > 30, out
        assert riders.json("cat /tmp/stat")["stats"]["runs"] > 20


@EACH
def test_strace_of_a_rider(riders):
    """strace -p: of a program that has been detached for long, every call from then on; it rides on afterwards."""
    out = riders.ok(
        LIBRARY
        + "start debuggee writes 1000000000\n"
        "env --default-signal=INT strace -o /tmp/trace -p $pid >/tmp/strace 2>&1 & strace=$!\n"
        "for i in $(seq 1200); do [ $(wc -l </tmp/trace) -gt 600 ] && break; sleep 0.05; done; kill -INT $strace; wait $strace\n"
        "rides_on $pid; calls=$(counter $pid syscalls)\n"
        "for i in $(seq 1200); do [ $(counter $pid syscalls) -gt $((calls + 100)) ] && echo counts && break; sleep 0.05; done\n"
        "kill -9 $pid; wait $pid; cat /tmp/trace",
        timeout=300,
    )
    assert "rides on\ncounts\n" in out, out[:2000]
    numbers = [int(n) for n in re.findall(r'^write\(3, "line (\d+)", \d+\) += \d+$', out, re.M)]
    assert len(numbers) > 500, out[:2000]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    others = [line for line in out.splitlines() if not line.startswith("write(3")]
    assert len(others) <= 5, others
