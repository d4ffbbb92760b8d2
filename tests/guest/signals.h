/* SPDX-License-Identifier: BSD-2-Clause */
/* The cases of signals.c. */
#ifndef TESTS_GUEST_SIGNALS_H
#define TESTS_GUEST_SIGNALS_H

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "both.h"

struct signal_case {
    const char *name;
    void (*function)(void);
};

#define CASE(name)                                                                                           \
    static void case_##name(void);                                                                           \
    static const struct signal_case entry_##name                                                             \
        __attribute__((used, section("cases"))) = {#name, case_##name};                                      \
    static void case_##name(void)

void install(int number, void (*handler)(int, siginfo_t *, void *), int flags);

/* In a handler: notes "UNPROVED" unless the signal has recalled the computing thread, without a call of its.
 */
void prove(void);

/* Tells the others that the thread computes from here on, and computes until the word is not 0. */
void compute(volatile uint64_t *word);

/* What a sender of both_when_computing() is to them. */
void note_info(const siginfo_t *info);

/* --kill: children that detach themselves and are killed at random moments. */
int kill_main(uint64_t rounds, uint64_t seed);

#endif
