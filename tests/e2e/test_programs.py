# SPDX-License-Identifier: BSD-2-Clause
"""Unmodified programs print the same, and end with the same status, detached and attached."""

import pytest

# {run} is replaced by nothing, or by `hvctl run …`. They run in a new folder with the files of PREPARE.
PREPARE = r"""
rm -rf /tmp/w; mkdir /tmp/w; cd /tmp/w
seq 1 60000 | sed 's/.*/& the quick brown fox & jumps/' >text
od -An -v -tx4 -w8 /usr/bin/perl | head -100000 >hex
head -c 3000000 /usr/bin/gdb >binary
cat >script.sh <<'END'
for i in $(seq 15); do echo $i | sed s/1/x/ | tr 0-9 a-j; done | sort | uniq -c | sort -rn
find /etc -type f 2>/dev/null | sort | xargs -n 7 cat 2>/dev/null | sha256sum
for f in text hex binary; do (exec md5sum <$f) & done >parallel; wait; sort parallel
x=$(sh -c 'echo $((6 * 7))'; exit 3); echo "$x $?"
trap 'echo got usr1' USR1; kill -USR1 $$
mkfifo pipe; cat pipe & head -3 text >pipe; wait
coproc rev; echo stressed >&"${COPROC[1]}"; exec {COPROC[1]}>&-; cat <&"${COPROC[0]}"
time -p true 2>/dev/null; ulimit -n; exit 5
END
cat >primes.pl <<'END'
my @p = (2); N: for (my $n = 3; @p < 3000; $n += 2) { for (@p) { last if $_ * $_ > $n; next N unless $n % $_ } push @p, $n }
print "$p[-1]\n"; my %h; open F, "<text"; while (<F>) { $h{$_}++ for /(\w)\w*7/g } print "$_ $h{$_}\n" for sort keys %h;
printf "%.15g\n", sin(1) ** 2 + cos(1) ** 2 + sqrt(2) * exp(1); print scalar reverse(`echo backtick`), "\n"; exit 9
END
cat >mix.py <<'END'
import hashlib, math, os, subprocess, threading, zlib
data = open("binary", "rb").read(); print(hashlib.sha3_256(data).hexdigest(), zlib.crc32(data), math.fsum(1 / n for n in range(1, 99999)))
total = []; ts = [threading.Thread(target=lambda n=n: total.append(sum(i * n for i in range(9999)))) for n in range(5)]
[t.start() for t in ts]; [t.join() for t in ts]; print(sorted(total))
print(subprocess.run(["sh", "-c", "echo $PPID >/dev/null; cat"], input=b"piped", stdout=subprocess.PIPE).stdout)
pid = os.fork()
if not pid: os._exit(21)
print(os.WEXITSTATUS(os.waitpid(pid, 0)[1]))
END
"""

PROGRAMS = {
    "sha256sum": "{run} sha256sum /usr/bin/*",
    "gzip": "{run} gzip -9 -n -c binary >z.{mode}; sha256sum <z.{mode}; {run2} gzip -dc z.{mode} | sha256sum",
    "xz": "{run} xz -2 -T1 -c hex | sha256sum",
    "bzip2": "{run} bzip2 -c hex | sha256sum",
    "sort": "{run} sort -k2 hex | sha256sum",
    "sort threads": "{run} sort --parallel=3 -S 2M -T . -k1 hex | sha256sum",
    "perl": "{run} perl primes.pl",
    "python": "{run} python3 mix.py",
    "awk": "{run} gawk '{{ s += $1 * 1.5; c[length($0)]++ }} END {{ print s; for (i in c) print i, c[i] }}' text",
    "sed and grep": "head -9000 text | {run} sed -nE 's/([0-9])(.*)\\1/<\\2>/p' | sha256sum; {run2} grep -c fox text",
    "bc": "echo 'scale=300; 4*a(1); e(1); sqrt(2)' | {run} bc -l",
    "openssl digest": "{run} openssl dgst -sha512 binary",
    "openssl cipher": "{run} openssl enc -aes-256-ctr -K 00112233445566778899aabbccddeeff -iv 00 -in binary 2>/dev/null"
    " | sha256sum",
    "openssl speed": "{run} openssl speed -elapsed -seconds 1 -bytes 1024 -evp chacha20-poly1305 >/dev/null 2>&1",
    "openssl prime": "{run} openssl prime -hex $(printf 'F%.0s' $(seq 8)) 618970019642690137449562111",
    "tar": "{run} tar --sort=name --mtime=@0 -cf - -C /etc . 2>/dev/null | sha256sum; {run2} tar tf /dev/null; echo $?",
    "find": "{run} find /usr/lib/python3 -name '*.py' -newermt 2000-01-01 -printf '%f %s\\n' | sort | sha256sum",
    "shell script": "{run} bash script.sh",
    "dash": "{run} dash -c 'i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; echo $i; exit 4'",
    "stress-ng": "{run} stress-ng --quiet --matrix 1 --matrix-ops 100 --verify; echo $?",
    "stress-ng fp": "{run} stress-ng --quiet --vecmath 1 --vecmath-ops 20 --verify; echo $?",
    "environment": "{run} env -i A=1 B='two words' printenv",
    "arguments": "{run} printf '<%s>' '' 'a b' \"$(printf '\\303\\244')\" '*'",
    "input": "head -1000 text | {run} sha256sum",
    "not found by exec": "{run} sh -c 'exec /nonexistent' 2>/dev/null",
    "own status": "{run} sh -c 'exit 77'",
    "own signal": "{run} sh -c 'kill -TERM $$'",
    "fp-heavy": "{run} fp-heavy 400",
    "faults": "{run} faults",
    "threads": "{run} threads 3000",
    "sysmix": "{run} sysmix 20",
}


@pytest.fixture(scope="module")
def prepared():
    return {}


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_output(guest, hvctl, prepared, name):
    if prepared.get("boots") != guest.boots:
        guest.ok(PREPARE)
        prepared["boots"] = guest.boots
    command = PROGRAMS[name]
    attached = guest.run("cd /tmp/w\n" + command.format(run="", run2="", mode="a"), timeout=300)
    run = "hvctl run --json --stat=stat.json --"
    detached = guest.run("cd /tmp/w\nrm -f stat.json\n" + command.format(run=run, run2="hvctl run --", mode="d"), timeout=300)
    assert detached.status == attached.status, f"{attached.explain()}\n{detached.explain()}"
    assert detached.out == attached.out, f"{attached.explain()}\n{detached.explain()}"
    if "sh -c 'kill" not in command:
        stats = guest.json("cat /tmp/w/stat.json")
        assert stats["core"] in hvctl.host_cores()
        assert stats["stats"]["runs"] > 0 and stats["stats"]["syscalls"] > 0, stats


def test_same_output_under_load(guest, load):
    """The issue's own example, while Linux is busy."""
    guest.ok("hvctl run -- sha256sum /usr/bin/* >/tmp/a; sha256sum /usr/bin/* >/tmp/b; cmp /tmp/a /tmp/b", timeout=300)


def test_exec_stays_detached(guest):
    guest.ok("hvctl run -- exec-self --detached 100")
    guest.ok("exec-self 20")
    # through a script's #! line, and through sh and env
    guest.ok("printf '#!/bin/sh\\nexec hostcall-fuzz --detached 200\\n' >/tmp/s; chmod +x /tmp/s; hvctl run -- /tmp/s")
    guest.ok("hvctl run -- env X=1 sh -c 'exec hostcall-fuzz --detached 200'")


def test_children_start_attached(guest):
    guest.ok("hvctl run -- sh -c 'hostcall-fuzz --attached 200; exit $?'")


def test_many_short_runs(guest):
    guest.ok("for i in $(seq 50); do hvctl run -- true || exit 1; hvctl run -- false && exit 2; done; exit 0", timeout=300)
