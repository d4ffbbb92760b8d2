# SPDX-License-Identifier: BSD-2-Clause
"""A loop that makes no system call is still a Linux process: signals, terminal, debugger, freezer."""

import json

import pytest

# Starts a detached busy loop in the background and waits until it runs on its core: its pid is in $pid.
LOOP = """
hvctl run -- busy-loop >/tmp/loop & pid=$!
for i in $(seq 200); do hvctl ps --json | grep -q '"detached"' && grep -q looping /tmp/loop && break; sleep 0.05; done
hvctl ps | grep -q busy-loop || { hvctl ps; exit 99; }
"""


def core_is_free(guest):
    guest.ok("hvctl run -- true")


@pytest.mark.parametrize("signal, number", [("KILL", 9), ("INT", 2), ("TERM", 15), ("HUP", 1), ("SEGV", 11)])
def test_signal_ends_loop(guest, hvctl, signal, number):
    # a script's background job ignores SIGINT: `env --default-signal` takes that back
    loop = LOOP.replace("hvctl run", "env --default-signal=INT hvctl run")
    result = guest.run(f"ulimit -c 0\n{loop}\nkill -{signal} $pid; wait $pid")
    assert result.status == 128 + number, result.explain()
    hvctl.wait_gone()
    core_is_free(guest)


def test_timeout(guest, hvctl):
    assert guest.run("timeout 1 hvctl run -- busy-loop").status == 124
    assert guest.run("timeout -s KILL 1 hvctl run -- busy-loop").status == 137
    hvctl.wait_gone()
    core_is_free(guest)


def test_ctrl_c(guest, hvctl):
    result = guest.terminal("hvctl run -- busy-loop", [("looping", "\x03")])
    assert result.status == 130, result.explain()
    hvctl.wait_gone()
    core_is_free(guest)


def test_ctrl_backslash(guest, hvctl):
    result = guest.terminal("ulimit -c 0; hvctl run -- busy-loop", [("looping", "\x1c")])
    assert result.status == 131, result.explain()
    hvctl.wait_gone()


def test_handlers(guest):
    guest.ok("hvctl run -- sig 200", timeout=300)


def test_handlers_under_load(guest, load):
    guest.ok("hvctl run -- sig 50", timeout=300)


def test_stop_and_continue(guest, hvctl):
    out = guest.ok(
        LOOP + "state() { sed 's/.*) //; s/ .*//' /proc/$pid/stat; }\n"
        "kill -STOP $pid; for i in $(seq 100); do [ $(state) = T ] && break; sleep 0.05; done; state\n"
        "hvctl ps --json; kill -CONT $pid\n"
        "for i in $(seq 100); do hvctl ps --json | grep -q '\"detached\"' && break; sleep 0.05; done\n"
        "hvctl ps --json | grep -q '\"detached\"' && echo again; kill -9 $pid; wait $pid; true"
    )
    assert out.startswith("T\n") and out.endswith("again\n"), out


def test_stop_and_continue_with_summary(guest):
    """Somebody stops and continues the program alone: hvctl, which waits for it with --stat, is not left behind."""
    guest.ok(
        "timeout -s KILL 60 hvctl run --stat=/tmp/stat -- busy-loop --iterations 300000000 & pid=$!\n"
        "for i in $(seq 200); do hvctl ps | grep -q detached && break; sleep 0.05; done\n"
        "for i in 1 2 3; do pkill -STOP -x busy-loop; sleep 0.2; pkill -CONT -x busy-loop; sleep 0.1; done; wait $pid"
    )


def test_freezer(guest, hvctl):
    out = guest.ok(
        LOOP + "f=/sys/fs/cgroup/frozen; mkdir $f; echo $pid >$f/cgroup.procs; echo 1 >$f/cgroup.freeze\n"
        "for i in $(seq 100); do grep -q 'frozen 1' $f/cgroup.events && echo frozen && break; sleep 0.05; done\n"
        "hvctl ps --json | grep -q '\"detached\"' && echo 'still detached'\n"
        "echo 0 >$f/cgroup.freeze\n"
        "for i in $(seq 100); do hvctl ps --json | grep -q '\"detached\"' && echo again && break; sleep 0.05; done\n"
        "kill -9 $pid; wait $pid; for i in $(seq 50); do rmdir $f && break; sleep 0.1; done"
    )
    assert out.split() == ["frozen", "again"], out


def test_gdb(guest, hvctl):
    """Attach to the loop, look at its registers and memory, step, go away: it is detached again."""
    out = guest.ok(
        LOOP + "gdb -nx -batch -p $pid -ex 'info registers pc sp' -ex 'x/2i $pc' -ex stepi -ex stepi -ex detach 2>&1\n"
        "for i in $(seq 100); do hvctl ps --json | grep -q '\"detached\"' && echo detached-again && break; sleep 0.05; done\n"
        "kill -9 $pid; wait $pid; true",
        timeout=300,
    )
    assert "detached-again" in out and "main" in out and "sp " in out, out


def test_gdb_breakpoint(guest):
    """A program is started under gdb, detached, and stops at a breakpoint."""
    out = guest.ok(
        "gdb -nx -batch -ex 'set startup-with-shell off' -ex 'set breakpoint pending on'"
        " -ex 'break fflush' -ex run -ex bt -ex 'info breakpoints' -ex 'delete' -ex continue"
        " --args hvctl run -- fp-heavy 5 2>&1",
        timeout=300,
    )
    assert "checksum" in out and "exited normally" in out, out


def test_strace(guest):
    """strace sees the calls of a detached program as of any other."""
    out = guest.ok(
        "cd /tmp; strace -f -o /tmp/trace hvctl run -- cat /etc/hostname; grep -c . /tmp/trace; grep openat /tmp/trace | tail -1"
    )
    assert "guest" in out and "/etc/hostname" in out, out
    out = guest.ok(
        LOOP.replace("busy-loop >", "sh -c 'while :; do echo x >/dev/null; done' >").replace("&& grep -q looping /tmp/loop", "")
        .replace("grep -q busy-loop", "grep -q sh")
        + "timeout 2 strace -o /tmp/trace -p $pid; grep -c 'write(1' /tmp/trace; kill -9 $pid; wait $pid; true"
    )
    assert int(out.split()[0]) > 0, out


def test_end_by_other_thread(guest):
    """exit_group and execve by another thread end the detached one."""
    guest.ok(
        "cat >/tmp/x.py <<'END'\nimport os, threading, sys, time\n"
        "def other():\n"
        "    time.sleep(0.3)\n"
        "    os._exit(33) if sys.argv[1] == 'exit' else os.execv('/bin/sh', ['sh', '-c', 'exit 34'])\n"
        "threading.Thread(target=other).start()\nwhile True: pass\nEND\n"
        "hvctl run -- python3 /tmp/x.py exit; [ $? = 33 ] || exit 1\n"
        "hvctl run -- python3 /tmp/x.py exec; [ $? = 34 ] || exit 2\n"
    )


def test_core_dump(guest):
    """The dump of a killed detached loop holds its registers."""
    out = guest.ok(
        "cd /tmp; rm -f core*; echo core >/proc/sys/kernel/core_pattern; ulimit -c unlimited\n"
        + LOOP + "kill -ABRT $pid; wait $pid; gdb -nx -batch $(which busy-loop) core* -ex bt 2>&1; rm -f core*"
    )
    assert "main" in out and "SIGABRT" in out, out

def lines_of(result):
    return [json.loads(line) for line in result.out.splitlines() if line.startswith("{")]


def test_same_signals(guest):
    """Handlers, stacks, contexts, queues, timers, faults, interrupted calls: the same attached and detached."""
    result = guest.run("signals", timeout=900)
    lines = lines_of(result)
    assert [line for line in lines if not line["same"]] == [], result.explain()
    assert len(lines) > 50 and result.status == 0, result.explain()


def test_killed_in_any_state(guest):
    """SIGKILL while it computes, calls, faults, sleeps, forks, is stopped, attaches, executes."""
    guest.ok("signals --kill 100 4711", timeout=600)
