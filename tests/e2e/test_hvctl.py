# SPDX-License-Identifier: BSD-2-Clause
"""hvctl, as people use it: where threads go, what it says of them, what it says when something is wrong."""

import json
import re

import pytest
from conftest import unharmed
from hvctl import Hvctl
from machine import TOP

FAILED = 125  # hvctl itself, not the program
NO_VERDICT = 3  # of check
NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups"

# wait_threads N: until there are N detached threads, each on its core.
# wait_ps PATTERN: until `hvctl ps` has it.
HELPERS = r"""
wait_threads() {
    for try in $(seq 400); do
        [ "$(hvctl ps --json | grep -c '"detached"')" = "$1" ] && return
        sleep 0.05
    done
    echo "no $1 threads:" >&2; hvctl ps >&2; exit 99
}
wait_ps() {
    for try in $(seq 400); do
        hvctl ps | grep -Eq "$1" && return
        sleep 0.05
    done
    echo "not in ps: $1" >&2; hvctl ps >&2; exit 99
}
"""


@pytest.fixture(scope="module")
def _two_cores(two_host_cores):
    return two_host_cores("6.1")


@pytest.fixture
def guest(_two_cores):
    """A guest with two host cores, left as it was found."""
    with unharmed(_two_cores) as guest:
        yield guest


@pytest.fixture
def hvctl(guest):
    return Hvctl(guest)


def parts(text):
    """The JSON documents in a text, one after the other."""
    decoder, found = json.JSONDecoder(), []
    text = text.strip()
    while text:
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:].strip()
    return found


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


# ---- run -------------------------------------------------------------------------------------------------


def test_cyclictest(guest):
    """Debian's, as it is: its measuring threads detached, its main thread in Linux."""
    out = guest.ok(
        HELPERS + "hvctl run --threads new --cores 2,3 --stat=/tmp/stat --json -- "
        "cyclictest -t2 -m -p80 -i 1000 -l 1000 -q >/tmp/cyclictest & pid=$!\n"
        "for try in $(seq 400); do [ $(hvctl ps --json | grep -c '\"tid\"') = 2 ] && break; sleep 0.02; done\n"
        "hvctl ps --json; hvctl info --json; wait $pid || exit 1; cat /tmp/stat; tail -2 /tmp/cyclictest >&2",
        timeout=300,
    )
    ps, info, last = parts(out)
    threads = sorted(ps["threads"], key=lambda t: t["tid"])
    assert [t["core"] for t in threads] == [2, 3], threads
    assert len({t["pid"] for t in threads}) == 1 and all(t["tid"] != t["pid"] for t in threads), threads
    assert all(t["flags"] == ["shared"] and t["comm"] == "cyclictest" for t in threads), threads
    cores = {core["core"]: core for core in info["cores"]}
    assert all(cores[n]["contexts"] == 1 and cores[n]["shared"] for n in (2, 3)), cores
    assert all(cores[n]["contexts"] == 0 and not cores[n]["shared"] for n in (0, 1)), cores
    header = (TOP / "abi/outrider/detach.h").read_text()
    features = {name.lower().replace("_", "-") for name in re.findall(r"#define ORD_FEATURE_(\w+)", header)}
    assert set(info["features"]) == features, info["features"]
    # one sleep per loop, at least
    assert last["exit_status"] == 0 and last["state"] == "ended" and last["tid"] != last["pid"], last
    assert last["stats"]["sleeps"] >= 500, last
    # the summary has both
    assert {t["tid"] for t in last["threads"]} == {t["tid"] for t in threads} and last["lost"] == 0, last
    assert all(t["stats"]["sleeps"] >= 500 for t in last["threads"]), last
    assert last["totals"]["stats"]["sleeps"] == sum(t["stats"]["sleeps"] for t in last["threads"]), last


@pytest.mark.parametrize("which, cores", [("all", [2, 3, 2, 3, 2]), ("new", [2, 3, 2, 3])])
def test_threads(guest, which, cores):
    """Threads go to the list's cores in turn, whether there are enough of them or not."""
    ps, info, stat = parts(
        guest.ok(
            HELPERS + f"hvctl run --threads {which} --cores 2-3 --prio 77 -- steady --threads 4 --seconds 600 >/dev/null & pid=$!\n"
            f"for try in $(seq 400); do [ $(hvctl ps --json | grep -c '\"tid\"') = {len(cores)} ] && break; sleep 0.05; done\n"
            "hvctl ps --json; hvctl info --json; hvctl stat --json $pid; kill $pid; wait $pid; true",
            timeout=300,
        )
    )
    threads = sorted(ps["threads"], key=lambda t: t["tid"])
    assert [t["core"] for t in threads] == cores, threads
    assert {t["prio"] for t in threads} == {77}, threads
    assert (threads[0]["tid"] == threads[0]["pid"]) == (which == "all"), threads
    counts = {core["core"]: core["contexts"] for core in info["cores"]}
    assert [counts[n] for n in (0, 1, 2, 3)] == [0, 0, cores.count(2), cores.count(3)], counts
    # a process's threads, and their sums
    assert {t["tid"] for t in stat["threads"]} == {t["tid"] for t in threads}, stat
    totals = stat["totals"]
    assert totals["threads"] == len(cores), totals
    for key in ("forwards", "recaptures", "sigdebugs"):
        assert totals[key] == sum(t[key] for t in stat["threads"]), key
    for key in totals["stats"]:
        assert totals["stats"][key] == sum(t["stats"][key] for t in stat["threads"]), key
    for key in totals["causes"]:
        assert totals["causes"][key]["count"] == sum(t["causes"][key]["count"] for t in stat["threads"]), key


def test_threads_results(guest):
    """Six threads on two cores, with mutexes, conditions, barriers: nothing gets lost."""
    guest.ok("hvctl run --threads all -- threads 200", timeout=300)
    guest.ok("hvctl run --threads all --cores 3 -- threads 100", timeout=300)


def test_summary_of_many_threads(guest):
    """130 threads that live for a moment, and 10 before them: the last 128 are in the summary, with the number of the others."""
    stat = guest.json("hvctl run --threads new --cores 2,3 --stat=/tmp/stat --json -- threads 2600 >/dev/null; cat /tmp/stat", timeout=300)
    assert stat["in_linux"] == 0, stat
    assert stat["exit_status"] == 0, stat
    assert len(stat["threads"]) == 128 and stat["lost"] == 12, (len(stat["threads"]), stat["lost"])
    assert len({t["tid"] for t in stat["threads"]}) == 128 and all(t["state"] == "ended" for t in stat["threads"])
    assert all(t["stats"]["runs"] for t in stat["threads"]), stat["threads"]
    text = guest.ok("hvctl run --threads all --stat -- steady --threads 2 --calls 5 2>&1 >/dev/null")
    assert text.count("state                      ended") == 3 and "all threads                3" in text, text
    assert "in Linux" not in text, text


def test_summary_of_threads_in_linux(guest):
    """With only the first thread detached the summary says that there were others."""
    out = guest.ok("for how in '--json' ''; do hvctl run --stat=/tmp/stat $how -- steady --threads 3 --seconds 2 >/dev/null && cat /tmp/stat; done")
    stat, end = json.JSONDecoder().raw_decode(out)
    assert stat["in_linux"] == 3 and len(stat["threads"]) == 1, stat
    assert re.search(r"other threads, in Linux +3 or more; --threads=all", out[end:]), out


@pytest.mark.parametrize(
    "arguments, words",
    [
        ("--cores 2,9 -- touch", ["core 9", "no core"]),
        ("--cores 2,1 -- touch", ["core 1", "Linux"]),
        ("--threads new --cores 0,2 -- touch", ["core 0", "Linux"]),
        ("--cores 2,x -- touch", ["'x'", "list"]),
        ("--cores 3-2 -- touch", ["'3-2'", "list"]),
        ("--cores 2,2 -- touch", ["'2'", "list"]),
        ("--cores 2, -- touch", ["list"]),
        ("--cores 0-99 -- touch", ["list"]),
        ("--threads some -- touch", ["main", "new", "all", "'some'"]),
        ("--prefault -- busybox touch", ["static", "mlockall"]),
        ("--mlock -- $(f=/tmp/owner; cp /bin/touch $f; chown 65534 $f; chmod 4755 $f; echo $f)", ["rights of its own"]),
        ("--mlock -- $(f=/tmp/group; cp /bin/touch $f; chgrp 65534 $f; chmod 2755 $f; echo $f)", ["rights of its own"]),
    ],
)
def test_run_refuses(guest, arguments, words):
    """Before anything starts, with the reason."""
    result = guest.run(f"rm -f /tmp/ran; hvctl run {arguments} /tmp/ran")
    assert result.status == FAILED, result.explain()
    for word in words:
        assert word in result.err, result.explain()
    assert guest.run("[ -e /tmp/ran ]").status != 0, "it ran all the same"


def test_busy_core(guest):
    """A core with a thread that does not share it is refused before the program starts."""
    result = guest.run(
        HELPERS + "hvctl run --core 3 -- busy-loop >/dev/null & pid=$!; wait_threads 1\n"
        "hvctl run --threads new --cores 2,3 -- touch /tmp/ran; echo $?; hvctl run --shared --core 3 -- touch /tmp/ran; echo $?\n"
        "hvctl run --cores 3,2 -- echo second; kill -9 $pid; wait $pid; [ -e /tmp/ran ] && echo ran; true"
    )
    assert result.out == f"{FAILED}\n{FAILED}\nsecond\n", result.explain()
    assert len(re.findall(r"core 3 is busy", result.err)) == 2, result.explain()


def test_mlock(guest):
    """The program's memory is locked; its children's is not."""
    out = guest.ok(
        "locked() { sed -n 's/VmLck:\\s*\\([0-9]*\\) kB/\\1/p' /proc/self/status; }\n"
        "hvctl run -- sed -n 's/VmLck:\\s*\\([0-9]*\\) kB/\\1/p' /proc/self/status\n"
        "hvctl run --mlock -- sed -n 's/VmLck:\\s*\\([0-9]*\\) kB/\\1/p' /proc/self/status\n"
        "hvctl run --prefault -- sed -n 's/VmLck:\\s*\\([0-9]*\\) kB/\\1/p' /proc/self/status\n"
        "cat >/tmp/script <<'END'\n#!/bin/sh\ngrep VmLck /proc/self/status | grep -o '[0-9]*'\n"
        "exec sed -n 's/VmLck:\\s*\\([0-9]*\\) kB/\\1/p' /proc/self/status\nEND\n"
        "chmod +x /tmp/script; hvctl run --mlock -- /tmp/script"
    )
    plain, mlock, prefault, child, executed = map(int, out.split())
    assert plain == 0 and child == 0 and mlock > 1000 and executed > 1000, out
    assert prefault >= mlock + 4096, out
    # What brought the lock does not go on to children, by whichever way they begin: fork() in a shell, and in front of a
    # static program. The user's own list stays.
    env = "sh -c 'env; (env); timeout 60 busybox env'"
    clean = guest.ok(f"LD_PRELOAD=libm.so.6 hvctl run --mlock -- {env} | grep -c '^LD_PRELOAD=libm.so.6$'; hvctl run --mlock -- {env} | grep -c 'HVCTL_PREFAULT\\|LD_PRELOAD'; hvctl run --mlock -- timeout 60 busybox env | grep -c 'HVCTL_PREFAULT\\|LD_PRELOAD'; true")
    assert clean.split() == ["3", "0", "0"], clean
    result = guest.run("ulimit -l 64; setpriv --bounding-set -ipc_lock --inh-caps -ipc_lock hvctl run --mlock -- echo ran")
    assert result.status == FAILED and result.out == "" and "ulimit -l" in result.err, result.explain()


def test_mlock_and_capabilities(guest):
    """The dynamic linker ignores LD_PRELOAD for a program with file capabilities: another user is told so. Root gains nothing by them."""
    out = guest.run(
        "f=/tmp/capable; cp /bin/echo $f\n"
        # setxattr(): capabilities of version 2, effective: CAP_NET_RAW
        "perl -e '($f = shift, $n = \"security.capability\", $v = pack(\"V5\", 0x02000001, 1 << 13, 0, 0, 0)); syscall(5, $f, $n, $v, 20, 0) and die' $f || exit 1\n"
        "chmod 666 /dev/hvdetach; ulimit -l unlimited\n"
        f"{NOBODY} hvctl run --mlock -- $f ran; echo $?; {NOBODY} --no-new-privs hvctl run --mlock -- $f ran; echo $?; hvctl run --mlock -- $f ran; chmod 664 /dev/hvdetach; rm $f"
    )
    assert out.out == f"{FAILED}\nran\n0\nran\n" and "rights of its own" in out.err, out.explain()


def test_takes_over(guest):
    """An hvctl in a process that another one has detached: its options hold, with the same flags or others."""
    under = "hvctl run --core 3 -- "
    out = guest.ok(
        HELPERS + "show() { wait_threads 1; hvctl ps --json; kill -9 $pid; wait $pid; wait_threads 0; }\n"
        f"{under} hvctl run -- busy-loop >/dev/null & pid=$!; show\n"
        f"{under} hvctl run --core 2 --prio 7 -- busy-loop >/dev/null & pid=$!; show\n"
        f"{under} hvctl run --shared --sigdebug --core 3 -- busy-loop >/dev/null & pid=$!; show\n"
    )
    seen = [(t["core"], t["prio"], t["flags"]) for t in (p["threads"][0] for p in parts(out))]
    assert seen == [(3, 100, []), (2, 7, []), (3, 100, ["shared", "sigdebug"])], out
    # One that stays as the program's parent leaves its core to it.
    stat = guest.json(f"{under} hvctl run --core 3 --stat=/tmp/stat --json -- true; cat /tmp/stat")
    assert stat["core"] == 3 and stat["exit_status"] == 0, stat
    guest.ok(f"{under} hvctl run --threads all --cores 3 -- threads 50 && {under} hvctl run --threads new --cores 3 -- threads 50")
    guest.ok(f"chmod 666 /dev/hvdetach; hvctl run -- {NOBODY} hvctl run -- true; s=$?; chmod 664 /dev/hvdetach; exit $s")


def test_names_are_escaped(guest):
    """What a thread calls itself cannot act on a terminal, nor can a file's name, of which a part is in the trace."""
    name = "a\x1b[31m\\\x07\xffü"
    shell = "$'/tmp/a\\e[31m\\\\\\a\\xff\\xc3\\xbc'"
    out = guest.run(
        HELPERS + f"cp $(command -v steady) {shell}; hvctl run -- {shell} --seconds 100 >/dev/null & pid=$!; wait_threads 1\n"
        f"hvctl ps; hvctl stat $pid; hvctl ps --json; kill -9 $pid; wait $pid; hvctl trace --json -o /tmp/trace -- {shell} --faults 3 >/dev/null; cat /tmp/trace; rm {shell}"
    )
    shown = r"a\x1b[31m\\\x07\xffü"
    assert out.status == 0 and name not in out.out and not re.search(r"[\x00-\x09\x0b-\x1f\x7f]|\\u00|\ufffd", out.out), repr(out.out)
    assert re.search(re.escape(shown) + "$", out.out.splitlines()[1]), out.out
    assert f"command                    {shown}\n" in out.out, out.out
    assert f'"comm": {json.dumps(shown, ensure_ascii=False)}' in out.out, out.out
    assert json.dumps(shown + "+0x", ensure_ascii=False)[:-1] in out.out, out.out


JOB = """set -m
state() { sed 's/.*) //; s/ .*//' /proc/$1/stat 2>/dev/null; }
hvctl $how sleep 1000 & job=$!
for try in $(seq 600); do pid=$(pgrep -x sleep) && hvctl ps | grep -q ' sleep$' && break; sleep 0.05; done
for signal in TSTP CONT INT; do
    kill -$signal -- -$job
    for try in $(seq 600); do
        case $signal:$(state $job):$(state $pid) in
        TSTP:T:[tT] | CONT:[SR]:[SRD] | INT:Z: | INT::) echo $signal; break ;;
        esac
        sleep 0.05
    done
done
kill -KILL -- -$job 2>/dev/null; wait $job
"""


@pytest.mark.parametrize("how", ["run --stat=/tmp/o --", "trace -o /tmp/o --", "check -o /tmp/o --"])
def test_job_control(guest, how):
    """Ctrl-Z stops both, for the shell to see, and they go on together; Ctrl-C ends both."""
    script = guest.put("job.sh", JOB)
    assert guest.run(f"how='{how}' bash {script} 2>/dev/null").out.split() == ["TSTP", "CONT", "INT"]


def test_sigdebug(guest):
    """A handler hears of each cause; who has none is left alone."""
    out = guest.ok("STEADY_XCPU=1 hvctl run --sigdebug --stat=/tmp/stat --json -- steady --calls 20 --faults 10 --exceptions 5; cat /tmp/stat")
    told, stat = out.split("\n", 1)
    stat = json.loads(stat)
    (count,) = map(int, re.findall(r"(\d+) SIGXCPU", told))
    assert stat["flags"] == ["sigdebug"] and count >= 20, out
    assert count <= stat["sigdebugs"], out  # of its end it cannot tell any more
    stat = guest.json("STEADY_XCPU=1 hvctl run --stat=/tmp/stat --json -- steady --calls 20 >/dev/null; cat /tmp/stat")
    assert stat["sigdebugs"] == 0 and stat["flags"] == [], stat
    stat = guest.json("hvctl run --sigdebug --stat=/tmp/stat --json -- steady --calls 20 >/dev/null; cat /tmp/stat")
    assert stat["sigdebugs"] == 0 and stat["exit_status"] == 0, stat


# ---- detach, attach, set ---------------------------------------------------------------------------------


def test_detach_and_attach(guest):
    """A process that runs, with its threads, there and back; one thread of it; those that it starts later."""
    out = guest.ok(
        HELPERS + "mkfifo /tmp/go; steady --wait --threads 3 --seconds 300 </tmp/go >/tmp/out & pid=$!; exec 3>/tmp/go\n"
        "for try in $(seq 200); do grep -q waiting /tmp/out && break; sleep 0.05; done\n"
        # It waits in a call: it is ours, and in Linux until that has ended. A second time changes nothing.
        "hvctl detach --prio 9 $pid || exit 1; hvctl ps --json; hvctl detach $pid || exit 2; hvctl attach $pid || exit 3; hvctl ps --json\n"
        "hvctl detach --threads all --cores 3,2 $pid || exit 4; echo >&3; wait_threads 3; hvctl ps --json\n"
        "hvctl attach $pid || exit 5; hvctl ps --json; hvctl attach $pid || exit 6\n"
        # Four threads, two cores: all of them or none.
        "hvctl detach $pid 2>/tmp/err && exit 7; hvctl ps --json\n"
        "tid=$(ls /proc/$pid/task | tail -1); hvctl detach --core 2 $pid/$tid || exit 8; wait_threads 1; hvctl ps --json\n"
        "hvctl set --core 3 --prio 200 $tid || exit 9; wait_threads 1; hvctl ps --json\n"
        "hvctl set --core 2 $pid || exit 10; wait_threads 1; hvctl ps --json\n"
        "hvctl attach $pid/$tid || exit 11; hvctl ps --json; cat /tmp/err >&2; kill -9 $pid; wait $pid; rm /tmp/go",
        timeout=300,
    )  # fmt: skip
    waits, none, group, none2, none3, one, moved, back, none4 = [p["threads"] for p in parts(out)]
    assert none == none2 == none3 == none4 == [], out
    assert [(t["state"], t["prio"], t["tid"] == t["pid"]) for t in waits] == [("attached", 9, True)], waits
    new = sorted((t for t in group if t["tid"] != t["pid"]), key=lambda t: t["tid"])
    assert [t["core"] for t in new] == [3, 2, 3] and len(group) == 4, group
    assert all(t["flags"] == ["shared"] for t in group), group
    assert [(t["core"], t["prio"], t["flags"]) for t in one] == [(2, 100, [])], one
    assert [(t["core"], t["prio"]) for t in moved] == [(3, 200)], moved
    assert [(t["core"], t["prio"]) for t in back] == [(2, 200)], back


def test_running_loop(guest):
    """A loop that makes no call is taken out of user mode, and brought back there."""
    out = guest.ok(
        HELPERS + "busy-loop --iterations 3000000000 >/tmp/out & pid=$!\n"
        "for try in $(seq 200); do grep -q looping /tmp/out && break; sleep 0.05; done\n"
        "for i in 1 2 3; do hvctl detach $pid || exit 1; wait_threads 1; hvctl attach $pid || exit 2; done\n"
        "hvctl ps --json; kill -9 $pid; wait $pid; true"
    )
    assert json.loads(out)["threads"] == [], out


@pytest.mark.parametrize(
    "command, status, words",
    [
        ("detach 999999", 1, ["no process 999999"]),
        ("detach 1/999999", 1, ["no thread 999999"]),
        ("detach x", 1, ["'x'", "PID/TID"]),
        ("detach 1/", 1, ["'1/'", "PID/TID"]),
        ("detach", 2, ["which process"]),
        ("detach 2", 1, ["kernel thread"]),
        ("detach --cores 2,7 $$", 1, ["core 7"]),
        ("detach --cores 0 $$", 1, ["core 0", "Linux"]),
        ("detach --threads all $$/$$", 2, ["whole process"]),
        ("attach 999999", 1, ["no process 999999"]),
        ("set --prio 3 $$", 1, ["no detached thread"]),
        ("set $$", 2, ["--core", "--prio"]),
        ("set --prio 999 $$", 2, ["999"]),
        ("stat $$", 1, ["no detached thread"]),
        ("stat 999999", 1, ["no process 999999"]),
        ("trace $$", 1, ["no detached thread"]),
        ("trace sleep 1", 2, ["--"]),
        ("trace", 2, ["which"]),
        ("check", 2, ["which program"]),
        ("check --after-marker=nonsense -- true", 2, ["nonsense"]),
        ("log x", 2, ["argument"]),
    ],
)
def test_errors(guest, command, status, words):
    result = guest.run(f"hvctl {command}")
    assert result.status == status and result.out == "", result.explain()
    for word in words:
        assert word in result.err, result.explain()


def test_permissions(guest):
    """Another user may look; to change anything he needs the device for writing, and then acts on his own alone."""
    script = guest.put(
        "user.sh",
        "hvctl ps >/dev/null; echo $?; hvctl run -- true; echo $?; sleep 100 & pid=$!; hvctl detach $pid; echo $?\n"
        "hvctl detach 1; echo $?; hvctl log; echo $?; kill $pid\n",
    )
    user = f"setpriv --reuid 65534 --regid 65534 --clear-groups sh {script}"
    closed, opened = (
        guest.run(user),
        guest.run(f"chmod 666 /dev/hvdetach; {user}; chmod 664 /dev/hvdetach"),
    )
    assert closed.out.split() == ["0", "125", "1", "1", "1"], closed.explain()
    assert opened.out.split()[:4] == ["0", "0", "0", "1"] and "Outrider, ABI" in opened.out and opened.out.endswith("\n0\n"), opened.explain()
    assert all("not permitted" in line for line in closed.err.splitlines()), closed.explain()
    assert len(closed.err.splitlines()) == 4 and len(opened.err.splitlines()) == 1, opened.explain()


def test_no_module(guest):
    verbs = ["run -- true", "detach $$", "attach $$", "set --prio 3 $$", "ps", "stat $$", "info", "log", "trace $$", "check -- true"]
    result = guest.run("rmmod hvdetach; " + "".join(f"hvctl {verb}; echo $?; " for verb in verbs) + "modprobe hvdetach")
    assert "0" not in result.out.split() and len(result.out.split()) == len(verbs), result.explain()
    assert result.err.count("modprobe hvdetach") == len(verbs), result.explain()


# ---- stat, trace, check ----------------------------------------------------------------------------------


def test_causes(guest):
    """What a program leaves its core for is counted by cause, with what it costs."""
    stat = guest.json(
        "hvctl run --stat=/tmp/stat --json -- steady --calls 50 --faults 30 --exceptions 20 --signals 5 >/dev/null; cat /tmp/stat"
    )
    causes, stats = stat["causes"], stat["stats"]
    assert causes["syscall"]["count"] >= 50 and causes["exception"]["count"] >= 1 and causes["signal"]["count"] >= 1, stat
    assert causes["fault"]["count"] + causes["native"]["count"] >= 30 and causes["debug"]["count"] == 0, stat
    # The hypervisor has counted the same.
    assert causes["syscall"]["count"] == stats["syscalls"] and causes["exception"]["count"] == stats["exceptions"], stat
    assert causes["fault"]["count"] + causes["native"]["count"] == stats["faults"], stat
    assert causes["signal"]["count"] == stats["recalls"], stat
    assert all((c["us"] > 0) == (c["count"] > 0) for c in causes.values()), stat


def test_trace_program(guest):
    """Every event of a program, from its first instruction to its exit, with what it was."""
    result = guest.run("hvctl trace --json -o /tmp/trace -- steady --calls 7 --faults 5 --exceptions 3 --signals 2; echo $?; cat /tmp/trace")
    out = result.ok().out.splitlines()
    assert out[0].startswith("PASS") and out[1] == "0", result.explain()
    events = lines("\n".join(out[2:]))
    summary = events.pop()["summary"]
    assert summary["events"] == len(events) and summary["lost"] == 0, summary
    for cause, count in summary["causes"].items():
        assert count == sum(e["cause"] == cause for e in events), summary
    last = events[-1]
    assert last["syscall"] == "exit_group" and last["number"] == 94 and last["us"] is None, last
    assert all(e["us"] > 0 for e in events[:-1]), events
    assert [e["time"] for e in events] == sorted(e["time"] for e in events)
    marks = [i for i, e in enumerate(events) if e.get("syscall") == "sched_yield"]
    assert len(marks) == 2, events
    inner = events[marks[0] + 1 : marks[1]]
    # Whether the end of a handler is one depends on the timer, too.
    calls = [e["syscall"] for e in inner if e["cause"] == "syscall" and e["syscall"] != "rt_sigreturn"]
    assert calls == ["getppid"] * 7, inner
    # Arguments by their types; the call of steady.c in front of its loop is as the source has it.
    arguments = [(e["syscall"], e["arguments"]) for e in events if e["cause"] == "syscall"]
    assert arguments[-1] == ("exit_group", ["0"]) and ("getppid", []) in arguments, arguments
    flags = "MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE"
    assert ("mmap", ["NULL", str(6 * 4096), "PROT_READ|PROT_WRITE", flags, "-1", "0"]) in arguments, arguments
    assert ["AT_FDCWD", "O_RDONLY|O_CLOEXEC"] in [[a[0], a[2]] for c, a in arguments if c == "openat"], arguments
    assert ["1", "SIGALRM"] == [[a[0] for c, a in arguments if c == "write"][-1], [a[0] for c, a in arguments if c == "rt_sigaction"][0]], arguments
    faults = [e for e in inner if e["cause"] in ("fault", "native") and e["mapping"] == "anonymous memory"]
    addresses = [int(e["address"], 16) for e in faults]
    assert len(faults) == 5 and [a - addresses[0] for a in addresses] == [i * 4096 for i in range(5)], faults
    assert {e["access"] for e in faults} == {"write"} and all(e["place"].startswith("steady+0x") for e in faults), faults
    # Behind these two a thread stays in Linux until the timer brings it back: the next one may be there.
    exceptions = [e for e in inner if e["cause"] == "exception"]
    assert 1 <= len(exceptions) <= 3 and all(e["place"].startswith("steady+0x") for e in exceptions), inner
    signals = [e["signal"] for e in inner if e["cause"] == "signal"]
    assert 1 <= len(signals) <= 3 and set(signals) == {"SIGALRM"}, inner


def test_trace_threads(guest):
    """The threads that a program starts, each to its exit."""
    out = guest.ok("hvctl trace --json -o /tmp/trace --threads new --cores 2,3 -- steady --threads 3 --calls 4 >/dev/null; cat /tmp/trace")
    events = lines(out)
    summary = events.pop()["summary"]
    tids = {e["tid"] for e in events}
    assert len(tids) == 3 and summary["lost"] == 0, out
    for tid in tids:
        calls = [e["syscall"] for e in events if e["tid"] == tid and e["cause"] == "syscall"]
        assert calls.count("getppid") == 4 and calls.count("sched_yield") == 2 and calls[-1] == "exit", calls


def test_trace_process(guest):
    """A process that runs: N events; then until it ends."""
    out = guest.ok(
        HELPERS + "rm -f /tmp/loops; hvctl run -- sh -c '>/tmp/loops; while :; do echo x >/dev/null; done' & pid=$!\n"
        "for i in $(seq 600); do [ -e /tmp/loops ] && break; sleep 0.1; done; wait_ps ' sh$'\n"
        "hvctl trace -n 20 --json $pid; hvctl trace -n 3 $pid >/tmp/text; (sleep 1; kill $pid) & hvctl trace --json $pid | tail -1; cat /tmp/text"
    )
    found = out.splitlines()
    events, ended, text = lines("\n".join(found[:21])), json.loads(found[21]), found[22:]
    summary = events.pop()["summary"]
    assert len(events) == 20 and summary["events"] == 20, out
    assert {"openat", "write"} & {e.get("syscall") for e in events}, out
    assert ended["summary"]["events"] > 0, out
    assert len(text) == 4 and text[3].startswith("3 events"), text
    assert all(re.fullmatch(r" *[\d.]+ +\d+ (syscall|fault|native|signal) +([\d.]+|-) us  \S.* at \S+", line) for line in text[:3]), text


def test_trace_is_a_tracer_for_signals(guest):
    """A program under trace stops, continues, handles signals and dies of them as ever."""
    result = guest.run(
        "ulimit -c 0; hvctl trace -o /tmp/t -- sig 20; echo $?; hvctl trace -o /tmp/t -- sh -c 'kill -SEGV $$'; echo $?\n"
        "hvctl trace -o /tmp/t -- sh -c 'exit 7'; echo $?; hvctl trace -o /tmp/t -- /nonexistent; echo $?\n"
        "timeout 60 hvctl trace -o /tmp/t -- sh -c '(sleep 0.3; kill -CONT $$) & kill -STOP $$; exit 8'; echo $?\n"
        "timeout -s INT 2 hvctl trace -o /tmp/t -- busy-loop >/dev/null; echo $?",
        timeout=300,
    )
    assert [x for x in result.out.split("\n") if x.isdigit()] == ["0", "139", "7", "127", "8", "124"], result.explain()


CHECK = "hvctl check --json -o /tmp/check {} >/dev/null; echo $?; cat /tmp/check"


def check(guest, arguments):
    out = guest.ok(CHECK.format(arguments), timeout=300)
    status, report = out.split("\n", 1)
    return int(status), json.loads(report)


def by_name(report):
    return {(f["cause"], f["name"]): f["count"] for f in report["findings"]}


def test_check_undisturbed(guest):
    status, report = check(guest, "--after-marker -- steady --seconds 1")
    assert status == 0 and report["undisturbed"] and report["events"] == report["lost"] == 0, report
    assert report["findings"] == [] and report["warmup_events"] > 10 and report["seconds"] >= 1, report
    assert report["verdict"].startswith("undisturbed") and report["locked_kib"] == 0, report
    status, report = check(guest, "--warmup 1 --duration 1 -- busy-loop")
    assert status == 0 and report["undisturbed"] and 0.99 < report["seconds"] < 1.01, report


def test_check_disturbed(guest):
    """Each kind of disturbance is found, counted, and comes with advice."""
    status, report = check(guest, "--after-marker -- steady --calls 12 --exceptions 4")
    assert status == 1 and not report["undisturbed"] and report["verdict"].startswith("DISTURBED"), report
    assert by_name(report)[("syscall", "getppid")] == 12 and report["lost"] == 0, report
    assert 1 <= sum(n for (cause, _), n in by_name(report).items() if cause == "exception") <= 4, report
    assert report["events"] == sum(f["count"] for f in report["findings"]) and all(f["advice"] for f in report["findings"]), report
    assert "before the loop" in [f for f in report["findings"] if f["name"] == "getppid"][0]["advice"], report
    status, report = check(guest, "--after-marker -- steady --signals 3")
    assert status == 1 and 1 <= by_name(report)[("signal", "SIGALRM")] <= 4, report


def test_check_memory(guest):
    """A program that does not lock its memory is told so; locked, it runs undisturbed."""
    status, report = check(guest, "--after-marker -- steady --faults 9")
    (finding,) = [f for f in report["findings"] if f["name"] == "anonymous memory"]
    assert status == 1 and finding["count"] == 9 and "mlockall" in finding["advice"] and len(finding["addresses"]) == 4, report
    status, report = check(guest, "--after-marker --prefault -- steady --faults 9")
    assert status == 0 and report["undisturbed"] and report["locked_kib"] > 1000, report


def test_check_compaction(guest):
    """Locked memory may be moved, unless the system says no."""
    run = "f=/proc/sys/vm/compact_unevictable_allowed; was=$(cat $f); echo {} >$f; hvctl check --after-marker --prefault -- steady 2>&1; s=$?; echo $was >$f; exit $s"
    assert "sysctl vm.compact_unevictable_allowed=0" in guest.ok(run.format(1))
    assert "note:" not in guest.ok(run.format(0))


def test_check_in_linux(guest):
    """Who sleeps all the time has no event in it, but is not undisturbed."""
    status, report = check(guest, "--warmup 1 --duration 1 -- sleep 100")
    assert status == 1 and by_name(report) == {("syscall", "clock_nanosleep"): 1}, report
    assert report["in_linux"] and report["away_us"] == pytest.approx(1e6), report


def test_check_no_verdict(guest):
    """Nothing observed, no verdict: said in both forms, with a status of its own."""
    runs = {
        "--warmup 600 -- true": (NO_VERDICT, "it ended before the warm-up of 600 s was over"),
        "--after-marker=reboot -- busy-loop --iterations 1000": (NO_VERDICT, "it has never called reboot"),
        "--threads new -- true": (NO_VERDICT, "no thread of it was ever detached"),
        "-- /nonexistent": (127, None),
        "--core 0 -- true": (FAILED, None),
    }
    for arguments, (status, why) in runs.items():
        result = guest.run(f"rm -f /tmp/check; hvctl check --json -o /tmp/check {arguments} >/dev/null; s=$?; cat /tmp/check; exit $s")
        assert result.status == status and (not why or f"no verdict: {why}" in result.err), result.explain()
        if why:
            report = json.loads(result.out)
            assert report["undisturbed"] is None and report["verdict"] == f"none: {why}" and report["seconds"] == 0, report
    result = guest.run("hvctl check --warmup 600 -- true")
    assert result.status == NO_VERDICT and result.err == "verdict: none: it ended before the warm-up of 600 s was over\n", result.explain()
    # Its last call but the one that ends it: what is observed is the moment between them, unless the emulator was not
    # scheduled in it.
    for _ in range(20):
        status, report = check(guest, "--prefault --after-marker=write -- steady")
        assert (status == NO_VERDICT) == (report["undisturbed"] is None) == (report["seconds"] < 0.001), report
        if status == NO_VERDICT:
            break
    assert report["verdict"] == "none: it ended with the warm-up: nothing was observed", report
    text = guest.run("hvctl check --after-marker -- steady --faults 9 --calls 3 2>&1; echo $?").out.splitlines()
    assert text[-1] == "1" and text[-2].startswith("verdict: DISTURBED"), text
    assert "system calls:" in text and "page faults:" in text, text


# ---- log, completion -------------------------------------------------------------------------------------


def test_log(guest):
    """What was on the hypervisor's console can be read in the guest."""
    text = guest.ok("hvctl log").splitlines()
    console = guest.hypervisor_log().splitlines()
    assert len(text) > 5 and any("Outrider, ABI" in line for line in text) and any(line.startswith("vmm:") for line in text), text
    assert [line.strip() for line in text] == [line.strip() for line in console[: len(text)]], (text, console)
    assert [entry["line"] for entry in lines(guest.ok("hvctl log --json"))] == [line.strip("\r") for line in text]


def test_log_follow(guest):
    """-f shows the same, and goes on."""
    out = guest.ok(
        "stdbuf -oL hvctl log -f >/tmp/log & pid=$!; hvctl log >/tmp/before\n"
        "for try in $(seq 200); do [ $(wc -c </tmp/log) -ge $(wc -c </tmp/before) ] && break; sleep 0.05; done\n"
        "kill -0 $pid && echo follows; kill $pid; wait $pid; cmp /tmp/before /tmp/log && echo same"
    )
    assert out.split() == ["follows", "same"], out


def test_completion(guest):
    """bash completes all verbs and options that there are."""
    path = guest.put("completion", (TOP / "guest-driver/hvctl/hvctl.bash-completion").read_text())
    complete = f'. {path}; c() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _hvctl; echo "${{COMPREPLY[@]}}"; }}\n'
    verbs = re.findall(r"^  (\w+) ", guest.ok("hvctl --help").split("Verbs:")[1], re.M)
    out = guest.ok(complete + "c hvctl ''; c hvctl st; " + "".join(f"c hvctl {verb} --; " for verb in verbs)).splitlines()
    assert set(verbs) == {word for word in out[0].split() if not word.startswith("-")}, out
    assert out[1] == "stat", out
    for verb, options in zip(verbs, out[2:]):
        known = set(re.findall(r"--[\w-]+", guest.ok(f"hvctl {verb} --help").split("Mandatory")[0]))
        known -= {"--usage", "--version", "--summary"}
        assert {re.sub("=.*", "", word) for word in options.split()} - {"--"} == known, (verb, options, known)
    # Behind the program's name it is the program's turn, with and without --.
    lines = ["run ec", "run --core 2 ec", "run --core = 2 --shared ec", "run --stat = /tmp/o -p 3 ec", "check --warmup 1 ec", "trace -- ec"]
    for line in lines:
        assert "echo" in guest.ok(complete + f"c hvctl {line}").split(), line
    for line in ("run ls", "run --core = 2 ls", "run -- ls", "check --output f ls"):
        assert "/etc/hostname" in guest.ok(complete + f"touch /etc/hostname; c hvctl {line} /etc/hostn").split(), line
        assert not {"--core=", "--json"} & set(guest.ok(complete + f"c hvctl {line} -").split()), line


def test_papers_script(guest):
    """The wrapper script of the papers, with only its path changed."""
    guest.put("detach.sh", 'SYSFS=/sys/kernel/outrider/detach\nCORE=$1\nshift\necho $$ >$SYSFS/detach\necho $CORE >$SYSFS/$$/cpu\nexec "$@"\n')
    out = guest.ok(
        HELPERS + "bash /mnt/host/io/detach.sh 3 busy-loop >/dev/null & pid=$!; wait_ps ' 3 .*detached.* busy-loop$'\n"
        "hvctl ps --json; cat /sys/kernel/outrider/detach/$pid/cpu; kill -9 $pid; wait $pid; ls /sys/kernel/outrider/detach"
    )
    (thread,), rest = json.loads(out[: out.rindex("}") + 1])["threads"], out[out.rindex("}") + 1 :].split()
    assert thread["core"] == 3 and thread["tid"] == thread["pid"], out
    assert rest[0] == "3" and str(thread["pid"]) not in rest[1:] and "detach" in rest[1:], out
