# SPDX-License-Identifier: BSD-2-Clause
"""Bulk-synchronous work of many ranks: a model that is fed with measured noise.

Each rank does a phase of work, which takes `work` instructions and what is stolen from it; then all meet in a barrier.
A phase ends when its last rank is done, so it takes work + the largest of P delays + the barrier. The delays are
independent draws from what was measured of one core; ranks of a group are disturbed together. The barrier is a tree,
up and down. Noise that falls into the barrier is left out.

The largest of n independent draws has the distribution function F^n, so its mean and variance follow from the measured
distribution exactly, for any n, without a draw. simulate() draws each rank all the same, to check that.
"""

from bisect import bisect_left
from collections import Counter
from itertools import accumulate
from math import sqrt


def delays(noise, polls=False):
    """What each quantum of a trace (bench/README.md: noise) lost, in its order. Without polls, quanta are left out in which
    somebody polled: that is how long the emulator let another core wait, and says nothing about a machine."""
    found = [0] * noise["quanta"]
    for number, user, kernel, hypervisor, vmm, polled in noise["stolen"]:
        found[number] = user + kernel + hypervisor + vmm if polls or not polled else None
    return [delay for delay in found if delay is not None]


def windows(values, length):
    """The sums of so many values that follow each other, from each on; behind the last comes the first."""
    total = [0, *accumulate(values[i % len(values)] for i in range(len(values) + length))]
    return [total[i + length] - total[i] for i in range(len(values))]


class Distribution:
    """An empirical distribution: distinct values in order, and the share of samples up to each of them."""

    def __init__(self, samples):
        count = Counter(samples)
        self.values = sorted(count)
        self.shares = [n / len(samples) for n in accumulate(count[v] for v in self.values)]

    def thinned(self, rate):
        """Only this share of what is not 0, and 0 instead of the rest."""
        other = Distribution([0])
        if self.values != [0]:
            pairs = [(v, 1 - (1 - share) * rate) for v, share in zip(self.values, self.shares)]
            if pairs[0][0] != 0:
                pairs.insert(0, (0, 1 - rate))
            other.values, other.shares = [v for v, _ in pairs], [share for _, share in pairs]
        return other

    def largest(self, count):
        """(mean, standard deviation) of the largest of so many draws."""
        mean = square = before = 0.0
        for value, share in zip(self.values, self.shares):
            weight = share**count - before
            before += weight
            mean += value * weight
            square += value * value * weight
        return mean, sqrt(max(0.0, square - mean * mean))

    def draw(self, random):
        return self.values[min(bisect_left(self.shares, random.random()), len(self.values) - 1)]


def simulate(distribution, count, phases, random):
    """The largest of so many draws, for each phase."""
    return [max(distribution.draw(random) for _ in range(count)) for _ in range(phases)]


def depth(ranks, radix=2):
    """Levels of a tree with so many leaves."""
    levels, leaves = 0, 1
    while leaves < ranks:
        leaves *= radix
        levels += 1
    return levels


def barrier(ranks, hop, radix=2):
    """All say that they are there, level by level, and hear that all are."""
    return 2 * hop * depth(ranks, radix)


def phase(distribution, ranks, work, hop, radix=2, group=1):
    """One phase and its barrier: mean and standard deviation, in instructions, and how much longer than without noise.
    `group`: ranks that are always disturbed together; 0: all of them."""
    draws = -(-ranks // group) if group else 1
    mean, deviation = distribution.largest(draws)
    still = work + barrier(ranks, hop, radix)
    return {"ranks": ranks, "mean": still + mean, "deviation": deviation, "undisturbed": still, "longer": mean / still}


def bound(quanta, confidence=0.95):
    """None of so many quanta was disturbed: the share of disturbed ones that would be seen at least once with this confidence."""
    return 1 - (1 - confidence) ** (1 / quanta)


def by_time(noise, rate):
    """How many of a trace's disturbances a core has that executes `rate` instructions per second, which is faster than the
    emulator: they come by time, so fewer fall into a quantum."""
    if not noise["guest_seconds"]:
        return None
    return min(1.0, noise["own"] / rate / (noise["guest_seconds"] / noise["quanta"]))
