# SPDX-License-Identifier: BSD-2-Clause
"""Threads that others detach, move and attach; new threads that start detached; cores that are shared."""

import pytest

from machine import Guest


@pytest.fixture(scope="module", params=["6.1", "6.12", "rt"])
def two(request):
    """A guest with two host cores."""
    guest = Guest("--host-cores", "2-3", "--kernel", request.param)
    guest.start()
    guest.ok("modprobe hvdetach; dmesg -C")
    yield guest
    guest.close()


def clean(guest):
    assert guest.ok("dmesg -l warn,err,crit,alert,emerg | grep -v 'hrtimer: interrupt took'; true") == ""


def test_remote(two):
    two.ok("remote 60", timeout=400)
    clean(two)


def test_remote_by_tracepoint(two):
    """Kernels without ftrace have to do with the tracepoint."""
    two.ok("rmmod hvdetach; modprobe hvdetach use_tracepoint=1; remote 20; detach-cycle 50", timeout=400)
    two.ok("rmmod hvdetach; modprobe hvdetach")
    clean(two)
