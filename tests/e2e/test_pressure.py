# SPDX-License-Identifier: BSD-2-Clause
"""Linux does to memory what it likes while a detached thread uses it: all contents stay right.

Each test looks at a counter of Linux's that what it means has happened.
"""

import pytest
from heart import HEART

CG = "/sys/fs/cgroup/outrider-memory"
MM = "/sys/kernel/mm"
VMSTAT = 'vmstat() { awk -v name="$1" \'$1 == name { print $2 }\' /proc/vmstat; }\nvm_beyond() { [ "$(vmstat $1)" -gt "$2" ]; }\n'


@pytest.fixture
def sh(guest):
    def run(script, timeout=600):
        return guest.ok(f"{HEART}\n{VMSTAT}\nset -e\n{script}", timeout=timeout)

    yield run
    if guest.child:
        guest.ok(
            "pkill -KILL -x pressure; pkill -KILL -x heartbeat; swapoff /dev/zram0; modprobe -r zram; rm -f /dev/shm/pressure\n"
            f"echo 0 >/proc/sys/vm/nr_hugepages; echo 2 >{MM}/ksm/run; echo 0 >{MM}/ksm/run\n"
            f"for i in $(seq 100); do [ -d {CG} ] || break; rmdir {CG} && break; sleep 0.1; done; true"
        )


SWAP = """modprobe zram num_devices=1; echo 256M >/sys/block/zram0/disksize; mkswap /dev/zram0 >/dev/null; swapon /dev/zram0
"""


@pytest.mark.parametrize("kind", ["plain", "shared"])
def test_swap(sh, kind):
    """Less memory than it needs: what it touches has been swapped out."""
    sh(
        f"""{SWAP} echo +memory >/sys/fs/cgroup/cgroup.subtree_control; mkdir {CG}; echo 12M >{CG}/memory.high
        out=$(vmstat pswpout); in=$(vmstat pswpin)
        (echo $BASHPID >{CG}/cgroup.procs; exec hvctl run -- pressure --file /dev/shm/pressure --mib 24 --kind {kind}) >/run/pressure.out 2>&1 & pid=$!
        waits grep -q running /run/pressure.out
        waits vm_beyond pswpout $((out + 2000)); waits vm_beyond pswpin $((in + 2000)); pressure_on 2; pressure_stop"""
    )


@pytest.mark.parametrize("words", ["", "--lock"])
def test_compaction(sh, words):
    """Pages move, also locked ones."""
    sh(
        f"""pressure_start --mib 32 {words}; moved=$(vmstat pgmigrate_success)
        moves() {{ head -c 20000000 /dev/zero >/dev/shm/fill; rm /dev/shm/fill; echo 1 >/proc/sys/vm/compact_memory; vm_beyond pgmigrate_success $((moved + 200)); }}
        for i in 1 2; do moved=$(vmstat pgmigrate_success); waits moves; pressure_on 1; done; pressure_stop"""
    )


def test_hugetlb(sh):
    sh(
        """echo 16 >/proc/sys/vm/nr_hugepages; pressure_start --mib 16 --kind hugetlb
        grep -q 'HugePages_Free: *[0-8]$' /proc/meminfo; pressure_on 3; pressure_stop"""
    )


@pytest.mark.parametrize("words", ["", "--lock"])
def test_merged_pages(sh, words):
    """KSM merges equal pages, which become read-only; writing to them gives copies."""
    sh(
        f"""echo 5000 >{MM}/ksm/pages_to_scan; echo 10 >{MM}/ksm/sleep_millisecs; echo 1 >{MM}/ksm/run
        pressure_start --mib 8 --kind merge {words}
        merged() {{ [ $(cat {MM}/ksm/pages_sharing) -gt 200 ]; }}
        for i in 1 2 3; do waits merged; copies=$(vmstat cow_ksm); pressure_on 2; waits vm_beyond cow_ksm $copies; done; pressure_stop"""
    )


def test_userfaultfd(sh):
    """Another thread of the process gives it its pages."""
    sh("pressure_start --mib 2 --kind fault; pressure_on 3; pressure_stop")


def test_out_of_memory(sh):
    """The kernel's OOM killer ends a detached program; its core and memory are free again."""
    sh(
        f"""echo +memory >/sys/fs/cgroup/cgroup.subtree_control; mkdir {CG}; echo 16M >{CG}/memory.max
        for i in 1 2 3; do
            kills=$(awk '/^oom_kill / {{ print $2 }}' {CG}/memory.events); s=0
            (echo $BASHPID >{CG}/cgroup.procs; exec hvctl run -- pressure --mib 64) || s=$?
            [ $s = 137 ]; [ $(awk '/^oom_kill / {{ print $2 }}' {CG}/memory.events) -gt $kills ]
        done; dmesg -C; hvctl run -- true"""
    )


def test_locked_memory_is_left_alone(sh):
    """mlockall keeps reclaim away: no fault and no recall, whatever happens to others' memory."""
    sh(
        f"""{SWAP} heart_start; faults=$(_field faults $pid); recalls=$(_field recalls $pid); out=$(vmstat pgsteal_anon)
        head -c 60000000 /dev/urandom >/dev/shm/fill
        for i in 1 2 3 4 5 6; do echo 20M >/sys/fs/cgroup/memory.reclaim || true; done; rm /dev/shm/fill
        vm_beyond pgsteal_anon $out; heart_on; [ "$(_field faults $pid)" = "$faults" ]; [ "$(_field recalls $pid)" = "$recalls" ]; heart_stop"""
    )
