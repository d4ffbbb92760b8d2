/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A signal to a thread that computes, detached or not: from the sender's tgkill (begin) to the handler's
 * first instruction (event), and to the end of the sender's wait for it. The thread computes again, where it
 * is meant to, before the next signal.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

static struct bench bench;
static _Atomic int thread_tid;
static atomic_bool handled, stop;
static _Atomic uint64_t rounds;

static void handler(int number)
{
    insn_event();
    (void)number;
    atomic_store(&handled, true);
}

static void *compute(void *unused)
{
    if (bench.cpu >= 0)
        bench_pin(1);
    bench_detach(&bench);
    atomic_store(&thread_tid, gettid());
    while (!atomic_load_explicit(&stop, memory_order_relaxed))
        atomic_fetch_add_explicit(&rounds, 1, memory_order_relaxed);
    return unused;
}

/* The thread goes on in its loop; a detached one on its core. Gives up after a number of looks. */
static void wait_computing(int tid)
{
    struct ord_ioc_thread thread;
    bool detached = bench.core == ORD_CORE_ANY;

    for (int i = 0; i < 2000 && !detached; i++) {
        usleep(2000);
        detached = !thread_stat(tid, &thread) && thread.state == ORD_THREAD_DETACHED;
    }
    if (!detached)
        test_fail("the thread stays attached");
    for (uint64_t seen = atomic_load(&rounds); atomic_load(&rounds) < seen + 1000;)
        usleep(1000);
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = handler};
    pthread_t thread;
    int pid = getpid(), tid;

    bench_options(&bench, argc, argv);
    CHECK(!sigaction(SIGUSR1, &action, NULL));
    CHECK(!pthread_create(&thread, NULL, compute, NULL));
    while (!(tid = atomic_load(&thread_tid)))
        usleep(1000);
    bench_label(&bench, "tgkill");
    /* Every other one for the histogram, whose start takes so long that a tick is likely to follow. */
    for (uint64_t i = 0; i < 2 * bench.count; i++) {
        bool hist = i % 2;
        wait_computing(tid);
        atomic_store(&handled, false);
        uint64_t start = counter();
        if (hist)
            insn_hist_start();
        else
            insn_begin();
        call4_plain(SYS_tgkill, pid, tid, SIGUSR1, 0);
        while (!atomic_load_explicit(&handled, memory_order_relaxed))
            __asm__ volatile("yield");
        if (hist) {
            insn_hist_stop();
        } else {
            insn_end();
            bench_ticks(counter() - start);
        }
    }
    bench_label(&bench, "end");
    bench_report("tgkill to handler");
    atomic_store(&stop, true);
    CHECK(!pthread_join(thread, NULL));
    return test_pass("%s", bench.config);
}
