#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The guest's side of ci/demo: runs each program attached, then detached, and leaves what was counted in the
# folder OUT: NAME.attached, NAME.detached (outputs), NAME.json (hvctl run --stat), cores.*.json.
set -u
out=$1
work=/tmp/demo
tests=/usr/local/lib/outrider/tests
mkdir -p $work
cd $work || exit 1

say() { echo "$*"; }

# Text with a known content, from Debian's own files.
find /usr/bin /usr/share -type f 2>/dev/null | sort | head -n 4000 >names
xargs -a names cat 2>/dev/null | head -c 8000000 >data

cat >job.sh <<'SH'
#!/bin/sh
# fork, exec, pipes, files: what build scripts do
for i in 1 2 3 4 5; do
    head -n $((i * 100)) names | sed 's|.*/||' | tr a-z A-Z | sort -u | tail -n 3
    (echo "sub $i"; wc -l <names) | cat
done
SH
chmod +x job.sh

run() {
    local name=$1
    shift
    "$@" >"$out/$name.attached" 2>&1
    hvctl run --json --stat="$out/$name.json" -- "$@" >"$out/$name.detached" 2>&1
    local status=$?
    echo $status >"$out/$name.status"
    if cmp -s "$out/$name.attached" "$out/$name.detached"; then
        say "  $name: same output"
    else
        say "  $name: OUTPUT DIFFERS"
    fi
}

say "programs, attached and detached:"
run sha256sum sh -c 'exec sha256sum /usr/bin/[a-m]*'
run gzip sh -c 'exec gzip -c data'
run sort sort -r names
run perl perl -e 'my %n; open my $f, "<", "data"; while (<$f>) { $n{$_}++ for /\w{4,8}/g } print "$_ $n{$_}\n" for (sort { $n{$b} <=> $n{$a} || $a cmp $b } keys %n)[0..20]'
run openssl openssl enc -aes-256-ctr -pbkdf2 -S 0123456789abcdef -k demo -in data -out /dev/stdout
run script sh ./job.sh
run fp-simd $tests/fp-heavy

say "a compute loop, while hackbench loads every CPU of Linux:"
printf 0 >stop
mkfifo ready
hvctl run --json --stat="$out/compute.json" -- $tests/compute-loop --seconds 600 --until stop >ready 2>&1 &
loop=$!
exec 7<ready
read -r line <&7
say "  $line"
# It has left when its core says so.
until hvctl ps | grep -q 'detached.*compute-loop'; do :; done
hackbench -l 5 -g 4 >/dev/null 2>&1
hvctl info --json >"$out/cores.before.json"
date +%s.%N >"$out/time.before"
for i in 1 2 3; do
    say "  hackbench, round $i of 3"
    hackbench -l 30 -g 4 >"$out/hackbench.$i" 2>&1
done
date +%s.%N >"$out/time.after"
hvctl info --json >"$out/cores.after.json"
# Not truncated: the program has it mapped.
printf 1 1<>stop
cat <&7 >"$out/compute.text"
wait $loop
say "  done"
