/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one thread does to all of its process, while the main thread (in one half detached) computes; and
 * SIGKILL at any time.
 */
#include "signals.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

extern char **environ;

static volatile uint64_t done;

/* An attached thread of the process, which goes on when main computes. */
static void *(*action)(void *);
static pid_t main_tid;

static void *when_computing(void *argument)
{
    for (;;) {
        if (__atomic_load_n(&both_shared->word[15], __ATOMIC_ACQUIRE) &&
            (!both_detached || (thread_stat(main_tid, &both_shared->before) == 0 &&
                                both_shared->before.state == ORD_THREAD_DETACHED)))
            return action(argument);
        usleep(1000);
    }
}

static pthread_t start(void *(*function)(void *))
{
    pthread_t thread;

    action = function;
    main_tid = gettid();
    CHECK(pthread_create(&thread, NULL, when_computing, NULL) == 0);
    return thread;
}

static void *do_exit_group(void *argument)
{
    exit(33);
    return argument;
}

CASE(exit_by_other)
{
    start(do_exit_group);
    compute(&done);
}

static void *do_exec(void *argument)
{
    /* It takes the leader's place, which was detached: the new program is an ordinary one. */
    execl("/proc/self/exe", "signals", "--executed", "0", NULL);
    return argument;
}

CASE(exec_by_other)
{
    start(do_exec);
    compute(&done);
}

static void *do_abort(void *argument)
{
    abort();
    return argument;
}

CASE(abort_by_other)
{
    start(do_abort);
    compute(&done);
}

static void *do_crash(void *argument)
{
    volatile char *volatile nowhere = argument;

    *nowhere = 1; /* NULL */
    return argument;
}

CASE(crash_of_other)
{
    start(do_crash);
    compute(&done);
}

static uint64_t recalls(void)
{
    struct ord_ioc_thread thread;

    if (!both_detached)
        return 0;
    CHECK(thread_stat(main_tid, &thread) == 0);
    return thread.stats.recalls;
}

/* glibc makes each thread do it, by a signal. */
static void *do_setuid(void *argument)
{
    uint64_t before = recalls();

    (void)argument;
    CHECK(setresgid(77, 77, 77) == 0 && setresuid(77, 77, 77) == 0);
    if (both_detached && recalls() == before)
        note("UNPROVED");
    done = 1;
    return NULL;
}

CASE(setuid_by_other)
{
    pthread_t thread = start(do_setuid);

    compute(&done);
    CHECK(pthread_join(thread, NULL) == 0);
    note("%u %u %u", getuid(), geteuid(), getgid());
}

static void *do_seccomp(void *argument)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENXIO),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {4, code};

    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) == 0);
    done = 1;
    return argument;
}

CASE(seccomp_by_other)
{
    pthread_t thread;

    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    thread = start(do_seccomp);
    compute(&done);
    R(SYS_getppid);
    CHECK(pthread_join(thread, NULL) == 0);
}

/* Changes of the address space, as the computing thread sees them. */
static volatile uint64_t *page;

static void *do_remap(void *argument)
{
    uint64_t *fresh =
        mmap((void *)page, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    CHECK(fresh == page);
    fresh[0] = 1;
    return argument;
}

CASE(memory_by_other)
{
    pthread_t thread;

    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    page[1] = 5;
    thread = start(do_remap);
    compute(page);
    note("%lu %lu", (unsigned long)page[0], (unsigned long)page[1]);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void cleaned(void *argument)
{
    note("%s", (const char *)argument);
}

static pthread_t main_thread;

static void *do_cancel(void *argument)
{
    void *result;

    (void)argument;
    CHECK(pthread_cancel(main_thread) == 0);
    CHECK(pthread_join(main_thread, &result) == 0);
    note("cancelled=%d", result == PTHREAD_CANCELED);
    exit(34);
}

CASE(cancel_by_other)
{
    main_thread = pthread_self();
    CHECK(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL) == 0);
    start(do_cancel);
    pthread_cleanup_push(cleaned, (char *)"cleanup");
    compute(&done);
    pthread_cleanup_pop(1);
}

/* Threads of a detached one. */
static void *add(void *argument)
{
    return (char *)argument + (is_detached() ? 1000 : 1);
}

CASE(create_and_join)
{
    pthread_t threads[20];
    uint64_t sum = 0;
    void *result;

    for (uint64_t i = 0; i < 20; i++)
        CHECK(pthread_create(&threads[i], NULL, add, (void *)i) == 0);
    for (int i = 0; i < 20; i++) {
        CHECK(pthread_join(threads[i], &result) == 0);
        sum += (uint64_t)result;
    }
    note("%lu", (unsigned long)sum);
    if (both_detached && !becomes_detached())
        note("ATTACHED");
}

/* A mutex whose owner dies, and one that lends its priority. */
static pthread_mutex_t mutex;
static pthread_barrier_t barrier;

static void *die_with_lock(void *argument)
{
    CHECK(pthread_mutex_lock(&mutex) == 0);
    return argument;
}

static void new_mutex(bool robust)
{
    pthread_mutexattr_t attr;

    CHECK(pthread_mutexattr_init(&attr) == 0);
    if (robust)
        CHECK(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0);
    CHECK(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT) == 0 || robust);
    CHECK(pthread_mutex_init(&mutex, &attr) == 0);
}

static void *see_dead(void *argument)
{
    int result;

    (void)argument;
    pthread_barrier_wait(&barrier);
    result = pthread_mutex_lock(&mutex);
    note("lock=%s", result_name(-result));
    exit(35);
}

CASE(robust)
{
    pthread_t thread;
    int result;

    new_mutex(true);
    CHECK(pthread_create(&thread, NULL, die_with_lock, NULL) == 0 && pthread_join(thread, NULL) == 0);
    result = pthread_mutex_lock(&mutex);
    note("lock=%s", result_name(-result));
    CHECK(pthread_mutex_consistent(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0);
    /* Now the other way round: main dies. */
    CHECK(pthread_barrier_init(&barrier, NULL, 2) == 0);
    CHECK(pthread_mutex_lock(&mutex) == 0);
    CHECK(pthread_create(&thread, NULL, see_dead, NULL) == 0);
    pthread_barrier_wait(&barrier);
    C(SYS_exit, 0);
}

static uint64_t counted;

static void *count(void *argument)
{
    for (int i = 0; i < 2000; i++) {
        CHECK(pthread_mutex_lock(&mutex) == 0);
        counted++;
        if (i % 50 == 0)
            sched_yield();
        CHECK(pthread_mutex_unlock(&mutex) == 0);
    }
    return argument;
}

CASE(priority_inheritance)
{
    pthread_t threads[2];

    new_mutex(false);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, count, NULL) == 0);
    count(NULL);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    note("%lu", (unsigned long)counted);
}

static __attribute__((noinline)) pid_t vforked(void)
{
    pid_t child = vfork();

    if (!child)
        _exit(21);
    return child;
}

CASE(spawn)
{
    char *const argv[] = {(char *)"signals", (char *)"--executed", (char *)"0", NULL};
    pid_t child;

    for (int i = 0; i < 5; i++) {
        CHECK(posix_spawn(&child, "/proc/self/exe", NULL, NULL, argv, environ) == 0);
        note("%d", both_wait(child));
    }
    note("%s", result_name(-posix_spawn(&child, "none", NULL, NULL, argv, environ)));
    note("%d", both_wait(vforked()));
    if (both_detached && !becomes_detached())
        note("ATTACHED");
}

/* The main thread ends; the process goes on without it. */
static void *remain(void *argument)
{
    void *result;

    (void)argument;
    CHECK(pthread_join(main_thread, &result) == 0);
    note("joined=%d", (int)(intptr_t)result);
    exit(36);
}

CASE(main_exits)
{
    pthread_t thread;

    main_thread = pthread_self();
    CHECK(pthread_create(&thread, NULL, remain, NULL) == 0);
    pthread_exit((void *)(intptr_t)77);
}

/* SIGKILL in all states */

static void on_signal(int number)
{
    (void)number;
}

static _Noreturn void busy_in(unsigned int state, char *memory)
{
    signal(SIGUSR1, on_signal);
    for (;;)
        switch (state) {
        case 0: /* computes */
            break;
        case 1:
            getppid();
            break;
        case 2: /* faults */
            memory[random() % 64 * 4096] = 1;
            if (random() % 8 == 0)
                madvise(memory, 64 * 4096, MADV_DONTNEED);
            break;
        case 3:
            pause();
            break;
        case 4:
            raise(SIGUSR1);
            break;
        case 5: /* waits in vfork() */
            waitpid(vforked(), NULL, 0);
            break;
        case 6:
            raise(SIGSTOP);
            break;
        case 7: /* attached and detached */
            attach_self();
            detach_self(ORD_CORE_ANY, ORD_PRIO_DEFAULT);
            break;
        case 8: /* a second thread */
        {
            pthread_t thread;

            if (!pthread_create(&thread, NULL, add, NULL))
                pthread_join(thread, NULL);
            break;
        }
        case 9:
            is_detached();
            break;
        default:
            execl("/proc/self/exe", "signals", "--kill", "0", "0", NULL);
        }
}

#define STATES 11

int kill_main(uint64_t rounds, uint64_t seed)
{
    char *memory = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    volatile uint64_t *ready = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t random_state = seed;
    int status;

    if (!rounds) /* after exec */
        for (;;)
            getppid();
    CHECK(memory != MAP_FAILED && ready != MAP_FAILED && seed);
    for (uint64_t round = 0; round < rounds; round++) {
        unsigned int state = (unsigned int)(random_next(&random_state) >> 33) % STATES;
        uint64_t wait = (random_next(&random_state) >> 33) % 20000;
        pid_t child;

        *ready = 0;
        child = fork();
        CHECK(child >= 0);
        if (!child) {
            int error = detach_self(ORD_CORE_ANY, ORD_PRIO_DEFAULT);

            if (error || !becomes_detached())
                test_fail("round %lu of seed %lu: detach: %s", (unsigned long)round, (unsigned long)seed,
                          strerror(-error));
            *ready = 1;
            busy_in(state, memory);
        }
        while (!*ready)
            if (waitpid(child, &status, WNOHANG))
                test_fail("round %lu of seed %lu, state %u: ended by itself", (unsigned long)round,
                          (unsigned long)seed, state);
        for (volatile uint64_t i = 0; i < wait; i++)
            ;
        CHECK(kill(child, SIGKILL) == 0);
        CHECK(waitpid(child, &status, 0) == child);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
            test_fail("round %lu of seed %lu, state %u: status %x", (unsigned long)round, (unsigned long)seed,
                      state, (unsigned int)status);
    }
    return test_pass("%lu times killed, seed %lu", (unsigned long)rounds, (unsigned long)seed);
}
