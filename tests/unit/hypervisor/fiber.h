/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Explorer of interleavings: each core is a fiber of one thread. At every point (fake_point()) the core that
 * runs goes on, or another one does. One run is one sequence of such choices:
 *
 *   exhaustive: all sequences with at most `preemptions` switches that nothing forces, or to another core
 * than the next one random:     switches with some probability, from a fixed seed
 */
#ifndef FIBER_H
#define FIBER_H

#include "atomic.h"
#include "fake.h"

#define FIBERS_MAX 6

/* A new run starts: no fibers, no choices taken back. */
void fiber_reset(void);
/* A fiber on that core. `needed`: the run is over when all these have returned. */
void fiber_add(uint32_t core, void (*body)(void), bool needed);
/* Runs them. False: nobody can go on and a needed one has not returned, or it takes too long. */
bool fiber_run(void);

/* For the fibers: wait until `ready` says so; one of `n` choices; whether this is a core of the run. */
void fiber_wait(bool (*ready)(void));
uint32_t fiber_choose(uint32_t n);

/* Exhaustive: before the first run; then after each one, false if there are no more. */
void fiber_explore(uint32_t preemptions);
bool fiber_next(void);
/* Random: from now on. */
void fiber_random(uint64_t seed, uint32_t one_in);

/* The choices of this run, for a report. */
void fiber_report(void);

#endif
