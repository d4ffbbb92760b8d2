# SPDX-License-Identifier: BSD-2-Clause
"""Debian's stress-ng with --verify: the same result attached and detached, workers, their children and threads included.

tests/guest/libride.c detaches what stress-ng forks. Stressors run in groups, one stress-ng for each group.
"""

import json
import re

import pytest
from conftest import LONG, kernel_warnings
from machine import TOP

# Of each class: name:operations, few enough for an emulator. More options of a stressor are in OPTIONS. A stressor
# that stress-ng itself lists in several classes stands in the first of them; `signal` are those of its class
# `interrupt`, the others of its classes are called as they are here.
STRESSORS = {
    "cpu": """
        atomic:4 branch:20 bsearch:2 cpu:6 crypt:1 fp:1 fp-error:4 funccall:1 funcret:1 getrandom:4 goto:20
        hash:2 heapsort:1 hsearch:2 judy:1 list:1 longjmp:1 matrix:20 matrix-3d:4 mergesort:1 nop:2 opcode:2
        prefetch:1 qsort:1 radixsort:1 rotate:2 regs:2 shellsort:1 sparsematrix:1 str:2 stream:1 syncload:2
        tree:1 tsearch:1 vecfp:1 vecmath:2 vecshuf:1 vecwide:1 wcs:2 zlib:1 context:2 numa:1 uprobe:1 jpeg:2
        lsearch:2 priv-instr:20 rseq:2 skiplist:1 waitcpu:4 af-alg:1""",
    "memory": """
        full:4 malloc:20 mcontend:4 membarrier:2 memcpy:1 memfd:1 memrate:1 memthrash:2 mincore:4 misaligned:1
        null:20 pipe:50 bad-altstack:20 randlist:1 remap:1 rmap:4 stack:2 stackmmap:2 tlb-shootdown:4 vm:20
        vm-addr:4 vm-rw:4 vm-segv:4 zero:20 resources:1""",
    "vm": """
        mprotect:10 mremap:2 msync:4 munmap:2 pagemove:1 bigheap:20 brk:200 dev-shm:1 env:1 mlock:4 mmap:2
        mmapaddr:20 mmapmany:50 pageswap:10 physpage:10 shm:1 shm-sysv:1 userfaultfd:10 vm-splice:50""",
    "signal": """
        aio:10 aiol:4 alarm:4 clock:4 fault:20 itimer:20 kill:20 nanosleep:4 pidfd:4 schedpolicy:10 sigabrt:4
        sigchld:10 sigfd:20 signal:50 signest:20 sigpending:20 sigpipe:20 sigq:20 sigrt:20 sigsegv:20
        sigsuspend:20 sigtrap:20 sleep:4 timer:20 timerfd:20""",
    "pipe": """
        fifo:20 ring-pipe:50 sendfile:4 splice:10 tee:10""",
    "scheduler": """
        affinity:20 clone:10 close:4 cyclic:4 daemon:4 dnotify:2 eventfd:20 exit-group:2 fork:10 futex:20
        inotify:2 mq:20 msg:20 mutex:10 netlink-proc:2 netlink-task:4 nice:2 poll:10 pthread:10 race-sched:4
        resched:2 sem:20 sem-sysv:20 session:4 switch:50 vfork:10 vforkmany:10 wait:4 yield:50 zombie:10
        loadavg:2""",
    "filesystem": """
        access:4 chattr:2 chdir:1 chmod:4 chown:4 copy-file:2 dentry:50 dir:50 dirdeep:10 dirmany:20 dup:10
        fallocate:1 fcntl:20 file-ioctl:4 filename:20 flock:20 fpunch:2 fsize:2 fstat:10 getdent:4 handle:20
        hdd:4 locka:20 lockf:20 lockofd:20 mknod:4 open:20 procfs:2 rename:20 sync-file:1 touch:20 utime:10
        fanotify:4 io:1 ioprio:1 lease:1 iomix:1""",
    "network": """
        epoll:4 icmp-flood:20 netdev:4 rawpkt:10 rawsock:20 rawudp:20 sock:4 sockabuse:2 sockdiag:4 sockfd:10
        sockpair:20 sockmany:2 tun:2 udp:50 udp-flood:20 sctp:4""",
}

OPTIONS = {
    "bsearch": "--bsearch-size 2048", "copy-file": "--copy-file-bytes 128M", "fallocate": "--fallocate-bytes 1M",
    "hdd": "--hdd-bytes 2M", "heapsort": "--heapsort-size 2048", "hsearch": "--hsearch-size 1024", "iomix": "--iomix-bytes 1M",
    "jpeg": "--jpeg-width 256 --jpeg-height 256", "judy": "--judy-size 1024", "lsearch": "--lsearch-size 1024",
    "matrix-3d": "--matrix-3d-size 32", "memfd": "--memfd-bytes 2M --memfd-fds 8", "memrate": "--memrate-bytes 1M",
    "mergesort": "--mergesort-size 2048", "mmap": "--mmap-bytes 1M", "mremap": "--mremap-bytes 1M",
    "prefetch": "--prefetch-l3-size 64K", "qsort": "--qsort-size 2048", "radixsort": "--radixsort-size 2048",
    "randlist": "--randlist-items 1000", "shellsort": "--shellsort-size 2048", "shm": "--shm-bytes 1M --shm-objs 4",
    "shm-sysv": "--shm-sysv-bytes 1M --shm-sysv-segs 2", "skiplist": "--skiplist-size 1024", "sparsematrix":
    "--sparsematrix-items 500 --sparsematrix-size 100", "stream": "--stream-l3-size 64K", "tree": "--tree-size 1000",
    "tsearch": "--tsearch-size 1024", "vm": "--vm-bytes 2M", "vm-rw": "--vm-rw-bytes 1M", "zlib": "--zlib-stream-bytes 64K",
    "list": "--list-size 100", "memthrash": "--memthrash-method swap", "loadavg": "--loadavg-max 8",
    "bigheap": "--bigheap-growth 64K", "sync-file": "--sync-file-bytes 1M",
}  # fmt: skip

# Stressors of these classes that are left out, and why.
EXCLUDED = {
    "bind-mount": "may hang the machine, says stress-ng, and wants --pathological",
    "binderfs": "Debian's kernel is built without it",
    "cpu-online": "takes CPUs away from all that runs; tests/e2e/test_boot.py does that on its own",
    "dccp": "the guest's kernel has no DCCP",
    "exec": "refuses to run as root",
    "fiemap": "not supported by the guest's file system in memory",
    "forkheavy": "does not come to an end in time in an emulator, attached neither",
    "hrtimers": "counts what its eight processes got done in time: 4 to 12 of 10 operations, attached",
    "inode-flags": "does not come to an end in time in an emulator, attached neither",
    "ioport": "x86 only",
    "ipsec-mb": "x86 only",
    "link": "one operation makes 8,192 links: up to a minute in an emulator",
    "lockbus": "x86 only",
    "madvise": "its threads block SIGBUS and read pages that the others poison: dies of that now and then, attached too",
    "mlockmany": "may hang the machine, says stress-ng, and wants --pathological",
    "mmapfixed": "one operation makes some 200,000 calls: takes minutes in an emulator",
    "mmapfork": "takes half of the memory that is free, too much beside its group; passes alone",
    "mmaphuge": "touches a gigabyte, which transparent huge pages make half of the guest's memory; passes alone",
    "msyncmany": "one operation syncs 32,768 mappings: takes minutes in an emulator",
    "oom-pipe": "may hang the machine, says stress-ng, and wants --pathological",
    "ping-sock": "Debian does not allow its socket to root",
    "pipeherd": "ends by its time limit alone, and counts nothing then, attached neither",
    "pkey": "x86 and POWER only",
    "plugin": "calls a library that the user has to write",
    "rdrand": "x86 and POWER only",
    "secretmem": "Debian's kernel has it switched off",
    "sigfpe": "does not end on arm64, attached neither: no floating-point traps",
    "sigio": "counts nothing if its pipe is full before it has asked for signals: a race of its own; tests/guest/signals_io.c has O_ASYNC",
    "smi": "x86 only",
    "softlockup": "a real-time loop on each CPU, until Linux complains",
    "spawn": "refuses to run as root",
    "swap": "the guest's file systems are in memory and cannot hold swap space",
    "symlink": "one operation makes 8,192 links: up to a minute in an emulator",
    "tmpfs": "does not come to an end in time in an emulator, attached neither",
    "tsc": "not on arm64",
    "verity": "not supported by the guest's file system in memory",
    "watchdog": "the machine has none",
    "x86cpuid": "x86 only",
    "xattr": "not supported by the guest's file system in memory",
}

GROUP = 6  # stressors at the same time

# In the guest: runs groups of stressors one after the other, and prints what came out as JSON.
RUNNER = r"""
import json, os, re, shutil, struct, subprocess, sys, time
groups, ride = json.load(open(sys.argv[1])), len(sys.argv) > 2
LOG = "/tmp/ride"

def rides():
    data = open(LOG, "rb").read()
    count, refused = struct.unpack_from("II", data)
    result = {}
    for i in range(min(count, 2046)):
        comm, tid, core, ended, _, forwards, runs, calls, faults = struct.unpack_from("16siIIIQQQQ", data, 128 + 64 * i)
        entry = result.setdefault(comm.split(b"\0")[0].decode(), [0, 0, 0, 0])
        for n, add in enumerate((1, runs, calls, faults)):
            entry[n] += add
    return {"count": count, "refused": refused, "names": result}

results = []
subprocess.run(["modprobe", "-a", "sctp", "dccp", "tun"])
if not os.path.exists("/etc/mtab"):
    os.symlink("/proc/self/mounts", "/etc/mtab")  # as Debian's installer does; stress-ng looks for mounts there
for group in groups:
    shutil.rmtree("/tmp/stress", ignore_errors=True)
    os.mkdir("/tmp/stress")
    command = ["stress-ng", "--verify", "--metrics-brief", "-t", "120", "--temp-path", "/tmp/stress"]
    for name, operations, options in group:
        command += ["--" + name, "1", f"--{name}-ops", str(operations), *options.split()]
    environment = dict(os.environ, GLIBC_TUNABLES="glibc.pthread.rseq=0" if "rseq" in [item[0] for item in group] else "")
    if ride:
        if os.path.exists(LOG):
            os.unlink(LOG)
        command = ["env", "LD_PRELOAD=/usr/local/lib/outrider/tests/libride.so", "RIDE_LOG=" + LOG, *command]
    begin = time.time()
    done = subprocess.run(["timeout", "-s", "KILL", "180", *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, cwd="/tmp/stress", env=environment)
    text = done.stdout.decode(errors="replace")
    print(f"{time.time() - begin:.1f} s, status {done.returncode}:", *(item[0] for item in group), file=sys.stderr, flush=True)
    results.append({
        "status": done.returncode, "text": text,
        "operations": {name: int(n) for name, n in re.findall(r"^stress-ng: metrc: \[\d+\] (\S+) +(\d+) +[\d.]+ +[\d.]+ +[\d.]+ ", text, re.M)},
        "rides": rides() if ride else None,
    })
json.dump(results, sys.stdout)
"""


def groups(text):
    """[[(name, operations, options), …], …] of a class."""
    items = [(name, int(count), OPTIONS.get(name, "")) for name, count in (item.split(":") for item in text.split())]
    return [items[i : i + GROUP] for i in range(0, len(items), GROUP)]


def results(guest, work, ride):
    runner, path = guest.put("runner.py", RUNNER), guest.put("groups.json", json.dumps(work))
    return guest.json(f"python3 {runner} {path} {'ride' if ride else ''}", timeout=3600)


def messages(guest):
    """What Linux has to complain of, without numbers; some stressors provoke it. Forgotten then."""
    lines = kernel_warnings(guest)
    guest.ok("dmesg -C")
    return {re.sub(r"0x[0-9a-f]+|\d+", "N", line) for line in lines}


def compare(guest, work):
    """Runs groups attached, then detached; every difference is reported."""
    wrong = []
    messages(guest)
    all_attached = results(guest, work, False)
    provoked = messages(guest)
    all_detached = results(guest, work, True)
    new = messages(guest) - provoked
    if new:
        wrong.append(f"kernel messages only when detached: {new}")
    for group, attached, detached in zip(work, all_attached, all_detached):
        texts = f"--- attached\n{attached['text']}\n--- detached\n{detached['text']}"
        if attached["status"] or detached["status"]:
            wrong.append(f"status {attached['status']}, detached {detached['status']}\n{texts}")
        for name, count, _ in group:
            before, now = attached["operations"].get(name, 0), detached["operations"].get(name, 0)
            # those above the limit depend on how fast children, threads or timers are; a slow attached run says nothing
            if not now or now < min(before, count):
                wrong.append(f"{name}: {before} operations attached, {now} detached\n{texts}")
            # the worker's name; Linux cuts it
            rides, runs = detached["rides"]["names"].get(f"stress-ng-{name}"[:15], (0, 0, 0, 0))[:2]
            if runs < 10:
                wrong.append(f"{name}: {rides} workers rode, {runs} runs: {detached['rides']}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", STRESSORS)
@pytest.mark.parametrize("_riders", ["6.1", "6.12", "rt"], indirect=True)  # in one line with the name, each class would boot
def test_class(riders, name):
    """The first of a class; with OUTRIDER_STRESS=all, all of it, which takes an hour for all classes of a kernel."""
    work = groups(STRESSORS[name])
    compare(riders, work if LONG else [work[0][:2]])


def documentation():
    """The table in doc/compatibility.md."""
    lines = ["| class | stressors |", "| --- | --- |"]
    for name, text in STRESSORS.items():
        lines.append(f"| {name} | {', '.join(item.split(':')[0] for item in text.split())} |")
    lines += ["", "Left out:", "", "| stressor | why |", "| --- | --- |"]
    lines += [f"| {name} | {reason} |" for name, reason in sorted(EXCLUDED.items())]
    return "\n".join(lines) + "\n"


def test_documentation():
    """`python3 tests/e2e/test_stress.py` prints what has to be there."""
    assert documentation() in (TOP / "doc/compatibility.md").read_text()


@pytest.mark.parametrize("_riders", ["6.1"], indirect=True)
def test_none_is_forgotten(riders):
    """Each stressor of the classes is tested, or excluded."""
    known = {item.split(":")[0] for text in STRESSORS.values() for item in text.split()} | set(EXCLUDED)
    for name in STRESSORS:
        out = riders.run(f"stress-ng --class {'interrupt' if name == 'signal' else name}?").out
        found = set(re.search(r"stressors: (.*)", out).group(1).split())
        assert found and found - known == set(), (name, found - known)


if __name__ == "__main__":
    print(documentation(), end="")
