# SPDX-License-Identifier: BSD-2-Clause
"""What the tests read from hvctl's JSON: the one place that knows its shape."""

import time


class Hvctl:
    """hvctl in a guest."""

    def __init__(self, guest):
        self.guest = guest

    def info(self):
        return self.guest.json("hvctl info --json")

    def pools(self):
        """{name: objects in use}"""
        return {pool["name"]: pool["used"] for pool in self.info()["pools"]}

    def cores(self):
        """{core: {…}} with entries, irqs, runs, host, guest."""
        return {core["core"]: core for core in self.info()["cores"]}

    def host_cores(self):
        return sorted(number for number, core in self.cores().items() if core["host"] and not core["guest"])

    def guest_cores(self):
        return sorted(number for number, core in self.cores().items() if core["guest"])

    def threads(self):
        return self.guest.json("hvctl ps --json")["threads"]

    def stats(self, target):
        """{"threads": […], "totals": {…}} of a process or thread: PID, PID/TID or TID."""
        return self.guest.json(f"hvctl stat {target} --json")

    def stat(self, tid):
        """The one thread's entry with its counters."""
        (thread,) = self.stats(tid)["threads"]
        return thread

    def wait_detached(self, comm=None, tries=200):
        """The one detached thread (of that name), once it is on its core."""
        found = []
        for _ in range(tries):
            found = [t for t in self.threads() if comm in (None, t["comm"]) and t["state"] == "detached"]
            if found:
                return found[0]
            time.sleep(0.05)
        raise AssertionError(f"no detached thread {comm or ''}: {self.threads()}")

    def wait_gone(self, tries=200):
        for _ in range(tries):
            found = self.threads()
            if not found:
                return
            time.sleep(0.05)
        raise AssertionError(f"threads that should be gone: {found}")
