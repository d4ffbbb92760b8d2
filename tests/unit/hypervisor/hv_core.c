/* SPDX-License-Identifier: BSD-2-Clause */
/* Scheduler, mailbox, idle protocol, barrier. */
#include "fixture.h"

#include "atomic.h"
#include "console.h"
#include "string.h"
#include "thread.h"
#include <arch/thread.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#define THREADS 24

static struct task *task;
static struct thread *thread[THREADS];

static void start(uint32_t core_total)
{
    fixture_start(core_total, 1024);
    task = fixture_task();
    for (int i = 0; i < THREADS; i++)
        thread[i] = fixture_thread(task, 0, 10);
}

/* Into the hypervisor, as an exception does it. */
static void enter(struct core *c)
{
    CHECK_EQUAL(c->mode, CORE_USER);
    c->mode = CORE_HYP;
    arch_core_irqs(c);
}

static void test_priorities(void)
{
    struct core *c;
    uint64_t random = 9, order[THREADS] = {0}, now = 0;
    bool in[THREADS] = {false};

    start(1);
    c = core_self();
    CHECK(!core_pick(c));
    /* The extremes, and the edges of the map's words. */
    static const uint8_t edge[] = {1, 63, 64, 127, 128, 191, 192, 255, 0};
    for (size_t i = 0; i < ARRAY_SIZE(edge); i++) {
        thread[i]->prio = edge[i];
        thread_wake(thread[i]);
    }
    for (int i = 7; i >= 0; i--) {
        CHECK(core_pick(c) == thread[i]);
        thread_block(thread[i]);
    }
    CHECK(core_pick(c) == thread[8]);
    thread_block(thread[8]);
    CHECK(!core_pick(c));

    for (int step = 0; step < 100000; step++) {
        uint64_t r = random_next(&random);
        unsigned i = (r >> 8) % THREADS;
        struct thread *t = thread[i], *best = NULL;
        if (!in[i]) {
            t->prio = (uint8_t)(1 + (r >> 16) % (r & 1 ? 255 : 3));
            thread_wake(t);
            order[i] = ++now;
            in[i] = true;
        } else if (r & 2) {
            thread_wake(t); /* awake: stays where it is */
        } else {
            thread_block(t);
            thread_block(t);
            in[i] = false;
        }
        uint64_t first = 0;
        for (int k = 0; k < THREADS; k++)
            if (in[k] && (!best || thread[k]->prio > best->prio ||
                          (thread[k]->prio == best->prio && order[k] < first))) {
                best = thread[k];
                first = order[k];
            }
        CHECK(core_pick(c) == best);
        CHECK(t->state == (in[i] ? THREAD_READY : THREAD_BLOCKED));
    }
}

static void test_leave(void)
{
    struct core *c;
    struct thread *low, *high, *equal;

    start(2);
    c = core_self();
    low = thread[0];
    high = thread[1];
    equal = thread[2];
    high->prio = 20;
    thread_wake(low);
    CHECK(scheduler_leave(c) == low && c->current == low && c->mode == CORE_USER && c->runs == 1);
    CHECK_EQUAL(low->arch.loads, 1);
    /* One of the same priority does not preempt; nor does it when the first one comes back. */
    enter(c);
    thread_post(equal, THREAD_OP_WAKE);
    CHECK_EQUAL(c->arch.kicks, 0); /* own core: no interrupt */
    CHECK(scheduler_leave(c) == low);
    CHECK(equal->state == THREAD_READY);
    /* From another core: an interrupt, and the higher one runs. */
    on_core(1);
    thread_post(high, THREAD_OP_WAKE);
    CHECK_EQUAL(c->arch.kicks, 1);
    on_core(0);
    enter(c);
    CHECK_EQUAL(c->irqs, 1);
    CHECK(scheduler_leave(c) == high);
    enter(c);
    thread_block(high);
    CHECK(scheduler_leave(c) == low);
    enter(c);
    thread_block(low);
    CHECK(scheduler_leave(c) == equal);
    /* A core in the hypervisor or not started needs no interrupt. */
    c->mode = CORE_HYP;
    on_core(1);
    thread_post(high, THREAD_OP_WAKE);
    c->mode = CORE_OFF;
    thread_post(low, THREAD_OP_WAKE);
    CHECK_EQUAL(c->arch.kicks, 1);
    on_core(0);
    CHECK(scheduler_leave(c) == high);
}

static void test_stop(void)
{
    start(1);
    struct core *c = core_self();
    thread_wake(thread[0]);
    thread_wake(thread[1]);
    thread_post(thread[0], THREAD_OP_STOP);
    thread_post(thread[2], THREAD_OP_STOP | THREAD_OP_WAKE);
    CHECK(scheduler_leave(c) == thread[1]);
    CHECK(thread[0]->state == THREAD_DEAD && thread[2]->state == THREAD_DEAD);
    enter(c);
    for (uint32_t op = 1; op <= THREAD_OP_STOP; op <<= 1)
        thread_post(thread[0], op);
    CHECK(scheduler_leave(c) == thread[1]);
    CHECK(thread[0]->state == THREAD_DEAD && !thread[0]->ops);
}

static void test_end(void)
{
    start(2);
    task->thread_count = 2;
    CHECK(task_cap_insert(task, 9, CAP_THREAD, thread[2], 0) == ORD_OK);
    thread_wake(thread[0]);
    thread_wake(thread[1]);
    CHECK(task_cap_insert(task, 10, CAP_THREAD, thread[1], 0) == ORD_OK);
    task_thread_end(thread[0]);
    CHECK(thread[0]->state == THREAD_DEAD && !task->dead && task->thread_count == 1);
    CHECK_EQUAL(FAKE_RUN(task_thread_end(thread[1])), FAKE_OFF);
    CHECK(task->dead && thread[1]->state == THREAD_DEAD);
    scheduler_drain(core_self());
    CHECK(thread[2]->state == THREAD_DEAD && !core_pick(core_self()));
}

static void test_kill(void)
{
    start(2);
    thread[1]->core = &cores[1];
    CHECK(task_cap_insert(task, 9, CAP_THREAD, thread[1], 0) == ORD_OK);
    thread_wake(thread[0]);
    CHECK_EQUAL(FAKE_RUN(task_thread_kill(thread[0], "a reason")), FAKE_OFF);
    CHECK(thread[0]->state == THREAD_DEAD && task->dead);
    on_core(1);
    scheduler_drain(core_self());
    CHECK(thread[1]->state == THREAD_DEAD);
    on_core(0);
    task_thread_kill(thread[2], "again"); /* is dead already: does not end the machine twice */
    console_init(&uart_table[0], pa(0));
    CHECK(strstr(fake_console(), "thread of task 'test' on core 0: a reason"));
}

/* ---- one core against several ---- */

#define POSTERS 3
#define POSTS   10000u

static uint32_t work[THREADS]; /* asked for and not done */
static uint32_t posted, done;
static bool polling; /* the idle core waits for the store */
static bool patient; /* threads stay in user mode until they are interrupted */

static void *poster(void *arg)
{
    uint64_t random = (uint64_t)arg + 77;

    on_core((uint32_t)(uint64_t)arg);
    for (uint32_t i = 0; i < POSTS; i++) {
        uint64_t r = random_next(&random);
        struct thread *t = thread[r % THREADS];
        atomic_add(&work[r % THREADS], 1u);
        atomic_add(&posted, 1u);
        thread_post(t, r & 256 ? THREAD_OP_WAKE : THREAD_OP_WAKE | THREAD_OP_NOTIFY);
        if (r >> 60 == 0)
            sched_yield();
        if (patient && r >> 58 == 0)
            usleep(1);
    }
    return NULL;
}

/* Runs whatever is ready until all the work has been done. */
static void serve(struct core *c, uint32_t total)
{
    while (done < total) {
        struct thread *t = scheduler_leave(c);
        uint32_t i = 0;
        while (thread[i] != t)
            i++;
        /* A thread that waits for work: blocks, then looks; whoever adds work wakes it behind that. */
        enter(c);
        thread_block(t);
        done += atomic_exchange(&work[i], 0u);
        if (patient && done < total && core_pick(c)) {
            /* Stay in a thread until somebody wants something. */
            struct thread *other = scheduler_leave(c);
            CHECK(other != t || t->state == THREAD_READY);
            for (int spins = 0; spins < 50 && !READ_ONCE(c->arch.interrupted); spins++)
                sched_yield();
            enter(c);
        }
    }
}

static void race(void)
{
    pthread_t id[POSTERS];

    start(POSTERS + 1);
    alarm(110);
    cores[0].contexts = polling;
    for (uint64_t i = 0; i < POSTERS; i++)
        CHECK(!pthread_create(&id[i], NULL, poster, (void *)(i + 1)));
    serve(&cores[0], POSTERS * POSTS);
    for (int i = 0; i < POSTERS; i++)
        pthread_join(id[i], NULL);
    CHECK_EQUAL(posted, done);
    for (int i = 0; i < THREADS; i++)
        CHECK(!work[i]);
    scheduler_drain(&cores[0]);
    CHECK(!cores[0].mail);
}

/* Waits for the store only, as WFE does. */
static void test_race_poll(void)
{
    polling = true;
    race();
}

/* Goes to sleep each time: an interrupt must come. */
static void test_race_sleep(void)
{
    race();
}

static void test_race_user(void)
{
    patient = true;
    race();
}

/* A thread that is in user mode and has nothing to wait for comes out by an interrupt only. */
static void *interrupter(void *arg)
{
    on_core(1);
    for (uint32_t i = 0; i < 1500; i++) {
        uint32_t before = atomic_load(&done);
        thread_post(thread[1], THREAD_OP_WAKE);
        while (atomic_load(&done) == before)
            sched_yield();
    }
    return arg;
}

static void test_user(void)
{
    pthread_t id;

    start(2);
    struct core *c = core_self();
    alarm(110);
    thread[1]->prio = 20;
    thread_wake(thread[0]);
    CHECK(!pthread_create(&id, NULL, interrupter, NULL));
    while (done < 1500) {
        struct thread *t = scheduler_leave(c);
        if (t == thread[1]) {
            enter(c);
            thread_block(t);
            atomic_add(&done, 1u);
            continue;
        }
        while (!READ_ONCE(c->arch.interrupted))
            sched_yield();
        enter(c);
    }
    pthread_join(id, NULL);
}

/* ---- the idle protocol, step by step ---- */

static int polls, sleeps;

static void late_poll(struct core *c)
{
    polls++;
    if (polls == 3) {
        on_core(1);
        thread_post(thread[0], THREAD_OP_WAKE);
        CHECK(c->arch.event && !c->arch.kicks);
        on_core(0);
    }
}

static void test_idle_poll(void)
{
    start(2);
    core_self()->contexts = 1;
    fake.poll = late_poll;
    CHECK(scheduler_leave(core_self()) == thread[0]);
    CHECK(polls == 3);
}

static void late_sleep(struct core *c)
{
    if (++sleeps == 2) {
        on_core(1);
        thread_post(thread[0], THREAD_OP_WAKE);
        CHECK_EQUAL(c->arch.kicks, 1);
        on_core(0);
    }
}

static void count_poll(struct core *c UNUSED)
{
    polls++;
}

static void test_idle_sleep(void)
{
    start(2);
    fake.poll = count_poll;
    fake.sleep = late_sleep;
    CHECK(scheduler_leave(core_self()) == thread[0]);
    CHECK(sleeps == 2 && polls == 0);
    /* Reserved for a context: polls first. */
    core_self()->contexts = 1;
    enter(core_self());
    thread_block(thread[0]);
    core_self()->arch.kicks = 0;
    sleeps = 1;
    CHECK(scheduler_leave(core_self()) == thread[0]);
    CHECK(sleeps == 2 && polls > 1);
    CHECK_EQUAL(core_self()->irqs, 2);
}

/* A post at any of the barriers of scheduler_leave() is seen or comes with an interrupt or an event. */
static int combination, barrier_at, barriers;
static bool told;

static void post_at(void)
{
    struct core *c = &cores[0];

    if (fake_core != c || barriers++ != barrier_at)
        return;
    on_core(1);
    uint32_t kicks = c->arch.kicks;
    c->arch.event = false;
    thread_post(thread[0], THREAD_OP_WAKE);
    told = c->arch.kicks > kicks || c->arch.event;
    on_core(0);
}

static void must_be_told(struct core *c)
{
    CHECK(told || READ_ONCE(c->mail) == NULL);
    if (barriers <= barrier_at)
        barriers = barrier_at, post_at(); /* it waits for us */
}

static void test_idle_steps(void)
{
    start(2);
    for (combination = 0; combination < 64; combination++) {
        barrier_at = combination / 4;
        barriers = 0;
        told = false;
        thread[1]->prio = 5;
        thread_block(thread[0]);
        thread_block(thread[1]);
        if (combination & 1)
            thread_wake(thread[1]);
        cores[0].mode = CORE_HYP;
        cores[0].arch.interrupted = false;
        cores[0].contexts = !!(combination & 2);
        fake.point = post_at;
        fake.poll = fake.sleep = must_be_told;
        struct thread *t = scheduler_leave(&cores[0]);
        fake.point = NULL;
        CHECK(t == thread[0] || (t == thread[1] && (told || barriers <= barrier_at)));
    }
}

/* ---- other cores that ask for more and more ---- */

static uint32_t flood;

/* Whenever core 0 is about to leave, another core has one more request for it. */
static void flood_at(void)
{
    if (fake_core != &cores[0] || cores[0].mode != CORE_USER || flood == 100000)
        return;
    flood++;
    on_core(1);
    thread_post(thread[1 + flood % 8], THREAD_OP_WAKE);
    on_core(0);
}

static void test_flood(void)
{
    start(2);
    struct core *c = core_self();

    thread_wake(thread[0]);
    for (int i = 1; i <= 8; i++)
        thread[i]->state = THREAD_DEAD; /* does nothing */
    fake.point = flood_at;
    struct thread *t = scheduler_leave(c);
    fake.point = NULL;
    CHECK(t == thread[0] && flood < 100);
    /* What is left is done at once, behind the interrupts that wait. */
    CHECK(c->mode == CORE_USER && c->mail && c->arch.interrupted);
    enter(c);
    CHECK(scheduler_leave(c) == t && !c->mail);
}

/* Many requests at one time are done in parts. */
static void test_parts(void)
{
    start(2);
    struct core *c = core_self();
    uint32_t left = 0;

    on_core(1);
    for (int i = 0; i < THREADS; i++)
        thread_post(thread[i], THREAD_OP_WAKE);
    on_core(0);
    scheduler_drain(c);
    for (int i = 0; i < THREADS; i++)
        left += thread[i]->state != THREAD_READY;
    CHECK(left && left < THREADS && c->mail);
    for (int i = 0; i < THREADS && c->mail; i++)
        scheduler_drain(c);
    for (int i = 0; i < THREADS; i++)
        CHECK(thread[i]->state == THREAD_READY && !thread[i]->ops);
    CHECK(scheduler_leave(c) && !c->mail);
}

/* ---- core_barrier ---- */

/* Both have been asked before one is waited for. */
static void all_asked(void)
{
    for (uint32_t i = 1; i <= 2; i++) {
        CHECK(cores[i].barrier_asked == 1 && cores[i].arch.interrupted);
        cores[i].barrier_done = 1;
    }
}

static void test_barrier_all(void)
{
    start(3);
    cores[1].mode = cores[2].mode = CORE_USER;
    fake.relax = all_asked;
    core_barrier(BIT(1) | BIT(2));
    CHECK(cores[1].barrier_done == 1 && cores[2].barrier_done == 1);
}

static int spins;

static void answer_at_10(void)
{
    if (++spins == 10) {
        on_core(1);
        cores[1].mode = CORE_HYP;
        scheduler_drain(&cores[1]);
        cores[1].mode = CORE_USER;
        on_core(0);
    }
}

static void leave_at_5(void)
{
    if (++spins == 5)
        cores[1].mode = CORE_HYP;
}

static void test_barrier(void)
{
    start(4);
    cores[1].mode = cores[2].mode = CORE_USER;
    fake.relax = answer_at_10;
    core_barrier(BIT(1));
    CHECK_EQUAL(spins, 10);
    CHECK_EQUAL(cores[1].arch.kicks, 1);
    CHECK_EQUAL(cores[2].arch.kicks, 0);
    cores[1].barrier_asked = cores[1].barrier_done = ~0u; /* the count wraps */
    spins = 0;
    core_barrier(BIT(1));
    CHECK_EQUAL(spins, 10);
    /* Coming into the hypervisor is enough. */
    spins = 0;
    fake.relax = leave_at_5;
    core_barrier(BIT(1));
    CHECK_EQUAL(spins, 5);
    /* Not for itself, and nobody who is not in user mode. */
    static const enum core_mode modes[] = {CORE_HYP, CORE_POLL, CORE_SLEEP, CORE_OFF};
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        cores[1].mode = modes[i];
        cores[0].mode = CORE_USER;
        spins = 0;
        core_barrier(BIT(0) | BIT(1) | BIT(3) | BIT(31));
        CHECK_EQUAL(spins, 0);
    }
    /* What was asked for wakes an idle core's loop. */
    cores[0].mode = CORE_HYP;
}

/* Store, barrier, load against store, load in user mode: one of the two sees the other's store. */
static uint32_t x, y, round_no, seen_x;
static bool quit;

static void *user(void *arg UNUSED)
{
    struct core *c = on_core(1);

    thread[0]->core = c;
    thread_wake(thread[0]);
    while (!atomic_load(&quit)) {
        CHECK(scheduler_leave(c) == thread[0]);
        while (!READ_ONCE(c->arch.interrupted) && !READ_ONCE(quit)) {
            uint32_t r = READ_ONCE(round_no);
            if (READ_ONCE(y) != r) {
                WRITE_ONCE(y, r);
                seen_x = READ_ONCE(x);
            }
        }
        enter(c);
    }
    return NULL;
}

static void test_barrier_race(void)
{
    pthread_t id;

    start(2);
    alarm(110);
    CHECK(!pthread_create(&id, NULL, user, NULL));
    for (uint32_t r = 1; r <= 8000; r++) {
        WRITE_ONCE(round_no, r);
        for (uint32_t i = r % 64; i; i--)
            __asm__ volatile("");
        WRITE_ONCE(x, r);
        core_barrier(BIT(1));
        uint32_t saw = READ_ONCE(y);
        while (atomic_load(&y) != r)
            sched_yield();
        core_barrier(BIT(1));
        CHECK(saw == r || atomic_load(&seen_x) == r);
    }
    atomic_store(&quit, true);
    pthread_join(id, NULL);
}

int main(void)
{
    test_case("priorities and order", test_priorities);
    test_case("leaving: preemption, interrupts", test_leave);
    test_case("stopped threads", test_stop);
    test_case("a task ends with its last thread", test_end);
    test_case("a thread that is killed takes its task with it", test_kill);
    test_case("idle: woken by the store", test_idle_poll);
    test_case("idle: woken by an interrupt", test_idle_sleep);
    test_case("idle: a post at every step", test_idle_steps);
    test_case("mailbox: several cores, owner polls", test_race_poll);
    test_case("mailbox: several cores, owner sleeps", test_race_sleep);
    test_case("mailbox: several cores, owner in user mode", test_race_user);
    test_case("user mode is left for the mailbox", test_user);
    test_case("a flood of requests", test_flood);
    test_case("many requests in parts", test_parts);
    test_case("barrier asks all first", test_barrier_all);
    test_case("barrier: who is waited for", test_barrier);
    test_case("barrier: order of memory", test_barrier_race);
    return 0;
}
