# SPDX-License-Identifier: BSD-2-Clause
"""Shell functions around heartbeat and pressure: what counts, what stands still. They wait for counts and states."""

HEART = r"""
waits() { for _ in $(seq 900); do "$@" && return 0; sleep 0.1; done; echo "not so: $*" >&2; hvctl ps >&2; return 1; }
die() { echo "$*" >&2; exit 1; }
word() { od -An -tu8 -j$((8 * $2)) -N8 "$1" | tr -d ' '; }

# heart_start [WORDS…]: a detached heartbeat, its process in $pid, and at work
heart_start() {
    rm -f /dev/shm/heart
    hvctl run -- heartbeat --file /dev/shm/heart "$@" >/run/heart.out 2>&1 & pid=$!
    waits grep -q beating /run/heart.out && heart_on || die "heartbeat does not start: $(cat /run/heart.out)"
}
_beyond() { [ "$(word /dev/shm/heart 0)" -gt "$1" ]; }
# many beats from now on, and no memory lost
heart_on() {
    waits _beyond $(($(word /dev/shm/heart 0) + 20000)) || return 1
    [ "$(word /dev/shm/heart 1)" = 0 ] || { echo "wrong memory" >&2; return 1; }
}
_calls_beyond() { [ "$(word /dev/shm/heart 2)" -gt "$1" ]; }
heart_calls_on() { waits _calls_beyond $(($(word /dev/shm/heart 2) + ${1:-20})) && heart_on; }
# no beat, however often one looks
heart_still() {
    local beats; beats=$(word /dev/shm/heart 0)
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        sleep 0.05
        [ "$(word /dev/shm/heart 0)" = "$beats" ] || { echo "it beats" >&2; return 1; }
    done
}
# field [PID]: of its entry of `hvctl stat`
_field() { hvctl stat "$2" --json | perl -0777 -ne 'print $1 if /"'"$1"'":\s*"?([\w.]+)/'; }
is_state() { [ "$(_field state "${2:-$pid}")" = "$1" ]; }
heart_rides() { waits is_state detached && heart_on; }
heart_stop() { kill -KILL "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; unset pid; }

# pressure_start [WORDS…]: a detached pressure, its process in $pid
pressure_start() {
    rm -f /dev/shm/pressure
    hvctl run -- pressure --file /dev/shm/pressure "$@" >/run/pressure.out 2>&1 & pid=$!
    waits grep -q running /run/pressure.out && pressure_on 1 || die "pressure does not start: $(cat /run/pressure.out)"
}
_rounds_beyond() { [ "$(word /dev/shm/pressure 0)" -gt "$1" ] || ! kill -0 "$pid"; }
# N whole rounds from now on
pressure_on() {
    waits _rounds_beyond $(($(word /dev/shm/pressure 0) + ${1:-2}))
    kill -0 "$pid" || { cat /run/pressure.out >&2; return 1; }
}
# its last look at all of its memory, and its verdict
pressure_stop() {
    printf '\1' | dd of=/dev/shm/pressure bs=1 seek=8 conv=notrunc status=none
    wait "$pid" || { cat /run/pressure.out >&2; return 1; }
    grep -q ^PASS: /run/pressure.out
}
"""
