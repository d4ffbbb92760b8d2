#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Explores the models of the guest module's state machine (run.pml, life.pml) with spin, exhaustively.

Each must hold with all cures, and fail with any one of them left out: a model that cannot fail says nothing.

usage: check.py [--all] [--trace CURE]
  --all         also what takes more than a few seconds
  --trace CURE  how it goes wrong without that cure, step by step (the shortest way)
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Bits of `config` in the two models.
SIGNALS, OFFLINE, STOP, LEAVE, NAP, RECAPTURE, PATIENCE = (1 << n for n in range(7))
SELF, DETACHER, DETACHERS, ATTACHER, ATTACHERS, TIMER, READER, GROUP = (1 << n for n in range(8))

# Model, options of its compiler, options of its search. `live`: the thread gets back to its core again and again.
SEARCHES = {
    "run": ("run", ["-DSAFETY", "-DNOFAIR", "-DNOCLAIM"], ["-E"]),
    "life": ("life", ["-DSAFETY", "-DNOFAIR"], ["-E"]),
    "live": ("run", ["-DNFAIR=3"], ["-a", "-f"]),
}

# What must hold: search, who takes part, events that the program causes.
HOLDS = [
    ("live", RECAPTURE | PATIENCE, 1),
    ("live", RECAPTURE | PATIENCE | NAP | SIGNALS, 0),
    ("run", RECAPTURE, 2),
    ("run", RECAPTURE | NAP, 1),
    ("run", RECAPTURE | SIGNALS, 1),
    ("run", OFFLINE, 2),
    ("run", STOP, 1),
    ("run", LEAVE, 2),
    ("life", SELF | ATTACHER | ATTACHERS, 0),
    ("life", SELF | TIMER | READER, 0),
    ("life", DETACHER | DETACHERS, 0),
    ("life", DETACHER | ATTACHER | ATTACHERS, 0),
    ("life", DETACHER | TIMER | READER, 0),
    ("life", GROUP | ATTACHER | ATTACHERS | TIMER, 0),
]
HOLDS_ALL = [
    ("live", RECAPTURE | PATIENCE | SIGNALS, 1),
    ("run", RECAPTURE | SIGNALS | NAP, 1),
    ("run", RECAPTURE | SIGNALS, 2),
    ("run", STOP, 2),
    ("run", OFFLINE | LEAVE, 1),
    ("run", STOP | LEAVE, 1),
    ("life", DETACHER | ATTACHER | ATTACHERS | READER, 0),
    ("life", DETACHER | ATTACHER | TIMER | READER, 0),
    ("life", SELF | ATTACHER | ATTACHERS | TIMER | READER, 0),
]

# Cure: where its lack is felt, and what it is in the code.
CURES = {
    "ARM_AFTER_SYSCALL": ("run", RECAPTURE | SIGNALS, 1, "park_return() arms the timer after SYSCALL, too"),
    "ARM_BARRIER": ("run", RECAPTURE | SIGNALS, 2, "hvd_recapture_arm(): barrier between state and `armed`"),
    "ATTACH_ASKS_PARKING": ("run", LEAVE, 1, "hvd_thread_attach() ends no thread in park()"),
    "DROP_ARMS": ("run", RECAPTURE, 1, "park_drop() arms the timer"),
    "DROP_IS_NO_QUEUE": ("live", RECAPTURE | PATIENCE | SIGNALS, 0, "park_drop() does not queue the work again"),
    "EVENT_BEFORE_WAIT": ("run", RECAPTURE, 1, "context_event(): barrier between event word and wait word"),
    "IDLE_BEFORE_EVENT": ("run", RECAPTURE, 1, "context_event(): state IDLE before the event word"),
    "LEAVE_AT_END": ("run", LEAVE, 1, "hvd_thread_park_end() looks at LEAVE"),
    "LEAVE_WANTED": ("run", LEAVE, 1, "park_wanted() looks at LEAVE"),
    "NAP_ASKS_DROPPED": ("run", RECAPTURE | NAP | SIGNALS, 1, "recapture_goes_on() looks at DROPPED"),
    "OFFLINE_WAITS": ("run", OFFLINE, 1, "hvd_event_wait_prepare() with preemption off"),
    "OFFLINE_WAKES": ("run", OFFLINE, 1, "event_cpu_offline() wakes those that wait for the CPU"),
    "OVER_LOOKS_AGAIN": ("run", RECAPTURE | SIGNALS, 2, "recapture_is_over() asks again after `armed` is cleared"),
    "PARK_PERMITTED_ASKED": ("run", RECAPTURE | SIGNALS, 1, "park_permitted()"),
    "RECALL_IS_AWAITED": ("run", RECAPTURE | SIGNALS, 1, "park_recall() waits for the event word"),
    "REGISTERS_BEFORE_EVENT": ("run", RECAPTURE, 1, "context_event(): registers before the event word"),
    "STATE_BEFORE_EVENT": ("run", RECAPTURE, 1, "park_wait(): task state before the event word is looked at"),
    "STATE_BEFORE_WAIT": ("run", OFFLINE, 1, "park_wait(): task state before the wait word is set"),
    "STOP_BARRIER": ("run", STOP, 1, "park_run(): barrier between state and `hvd_stopping`"),
    "WAIT_BEFORE_EVENT": ("run", RECAPTURE, 1, "park_wait(): barrier between wait word and event word"),
    "WAIT_BEFORE_FLAGS": ("run", LEAVE, 1, "park_wait(): barrier between wait word and flags"),
    "ATTACH_HOLDS_REF": ("life", SELF | ATTACHER, 0, "hvd_thread_get() in the ioctls"),
    "CHASE_HOLDS_REF": ("life", SELF | TIMER, 0, "recapture_send() takes a reference"),
    "CLAIM_ONCE": ("life", SELF | ATTACHER, 0, "thread_claim() tests and sets ENDED"),
    "CONTEXTS_WITH_HASH": ("life", DETACHER, 0, "hvd_thread_publish(): both tables under one lock"),
    "EXITING_AFTER_PUBLISH": ("life", DETACHER, 0, "hvd_thread_start() asks for PF_EXITING after it has published"),
    "EXIT_BARRIER": ("life", DETACHER, 0, "Linux: a barrier between PF_EXITING and the exit tracepoint"),
    "GET_UNLESS_ZERO": ("life", SELF | ATTACHER, 0, "hvd_thread_get(): refcount_inc_not_zero()"),
    "PROBES_IN_RCU": ("life", SELF | ATTACHER, 0, "probes find and use current's thread in an RCU section"),
    "PUBLISH_ASKS_HASH": ("life", DETACHER | DETACHERS, 0, "hvd_thread_publish(): EBUSY is decided under the lock"),
    "QUEUED_HOLDS_REF": ("life", SELF, 0, "thread_finish() leaves its reference to a queued work"),
    "QUEUED_UNDER_LOCK": ("life", SELF | ATTACHER, 0, "thread_claim() asks for QUEUED with ENDED"),
    "QUEUE_ASKS_ENDED": ("life", SELF | ATTACHER, 0, "hvd_park_queue_locked() looks at ENDED"),
    "RELEASE_AFTER_RCU": ("life", SELF | ATTACHER, 0, "thread_release() after a grace period"),
    "RELEASE_CANCELS_TIMER": ("life", SELF | TIMER, 0, "thread_release(): hvd_recapture_cancel()"),
    "START_ASKS_EXITING": ("life", DETACHER, 0, "hvd_thread_start() asks for PF_EXITING"),
    "START_HOLDS_REF": ("life", DETACHER, 0, "hvd_thread_start() has a reference of its own"),
    "TIMER_ASKS_ENDED": ("life", SELF | TIMER, 0, "recapture_is_void() looks at ENDED"),
    "WORK_ASKS_ENDED": ("life", SELF, 0, "park_step() looks at ENDED"),
}
NUMBERS = {name: number for number, name in enumerate(CURES, 1)}
DEPTH = 200000


def build(folder, search, *more):
    """spin's verifier; the cure that is left out and who takes part are asked for at run time."""
    model, flags, _ = SEARCHES[search]
    where = folder / search
    where.mkdir()
    (where / "cures.h").write_text("".join(f"#define {name} {number}\n" for name, number in NUMBERS.items()))
    shutil.copy(HERE / f"{model}.pml", where)
    subprocess.run(["spin", "-a", f"{model}.pml"], cwd=where, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["gcc", "-O2", "-w", *flags, *more, "-o", "pan", "pan.c"], cwd=where, check=True)
    return where / "pan"


def explore(pan, search, config, events, cure=None):
    """Errors, states, whether it was all, the first error, the way there."""
    env = {**os.environ, "WITHOUT": str(NUMBERS.get(cure, 0)), "CONFIG": str(config), "EVENTS": str(events)}
    with tempfile.TemporaryDirectory() as folder:
        argv = [str(pan), f"-m{DEPTH}", "-w22", *SEARCHES[search][2]]
        text = subprocess.run(argv, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
        trails = list(Path(folder).glob("*.trail"))
        steps = ""
        if trails:
            steps = subprocess.run([str(pan), "-r", trails[0].name, "-v"], cwd=folder, env=env, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True).stdout  # fmt: skip
    errors, states = re.search(r"errors: (\d+)", text), re.search(r"(\d+) states, stored", text)
    complete = "Search not completed" not in text and "max search depth too small" not in text
    if not errors or not states:
        raise SystemExit(f"spin's verifier failed:\n{text}")
    why = re.search(r"pan:1: (.*)", text)
    return int(errors.group(1)), int(states.group(1)), complete, why.group(1) if why else "", steps


def show(steps):
    """Process, line, step of spin's long listing."""
    for line in steps.splitlines():
        found = re.match(r"\s*\d+:\s*proc\s+\d+ \(([\w:]+)\)\s+(\S+?)(\w+\.pml):(\d+) .*?\[(.*)", line)
        found = found or re.match(r"\s*\d+:\s*proc\s+\d+ \(([\w:]+)\)\s+()(\w+\.pml):(\d+) .*?\[(.*)", line)
        if found and found.group(1) != ":init:":
            print(f"  {found.group(1):18} {found.group(3)}:{found.group(4):5} {found.group(5).rstrip(']')}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--trace", metavar="CURE", choices=CURES)
    options = parser.parse_args()
    if not shutil.which("spin"):
        raise SystemExit("spin is not installed: run ci/setup")

    used = {name for model in ("run", "life") for name in re.findall(r"CURE\((\w+)\)", (HERE / f"{model}.pml").read_text())}
    used.discard("name")
    if used != set(CURES):
        raise SystemExit(f"cures of the models and of this table differ: {sorted(used ^ set(CURES))}")

    failed = 0
    with tempfile.TemporaryDirectory(prefix="model.") as name, ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        folder = Path(name)
        if options.trace:
            search, config, events, what = CURES[options.trace]
            shortest = [] if search == "live" else ["-DBFS"]
            *_, why, steps = explore(build(folder, search, *shortest), search, config, events, options.trace)
            print(f"without {options.trace}: {what}")
            show(steps)
            print(why)
            return 0
        pans = dict(zip(SEARCHES, pool.map(lambda search: build(folder, search), SEARCHES)))

        wanted = HOLDS + (HOLDS_ALL if options.all else [])
        results = pool.map(lambda case: explore(pans[case[0]], *case), wanted)
        for case, (errors, states, complete, why, steps) in zip(wanted, results):
            good = not errors and complete
            failed += not good
            print(f"{'ok  ' if good else 'FAIL'} {case[0]} {case[1]:#x}, {case[2]} events: {states} states {why}", flush=True)
            if errors:
                show(steps)
        results = pool.map(lambda item: explore(pans[item[1][0]], *item[1][:3], item[0]), CURES.items())
        for (cure, (*_, what)), (errors, *_) in zip(CURES.items(), results):
            failed += not errors
            print(f"{'ok  ' if errors else 'FAIL'} without {cure} ({what}): {'fails' if errors else 'holds all the same'}")
    print(f"{failed} wrong")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
