/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Detached contexts, one step after the other: what every call answers in every state.
 *
 *   cores 0, 1: vCPUs   2, 3: host cores (limits 100, 255)   4: another VM's host core   5: nobody's
 */
#include "fixture.h"

#include "string.h"
#include "wait.h"
#include <arch/thread.h>

static struct vm *vm, *other;
static struct task *task;

static void start(void)
{
    fixture_start(6, 1024);
    task = fixture_task();
    vm = fixture_vm();
    other = fixture_vm();
    fixture_vcpu(vm, task, 0);
    fixture_vcpu(vm, task, 1);
    CHECK(vm_add_core(vm, 2, 100) == ORD_OK && vm_add_core(vm, 3, 255) == ORD_OK);
    CHECK(vm_add_core(other, 4, 255) == ORD_OK);
    for (uint32_t i = 0; i < 8; i++)
        fixture_frame(i);
    on_core(0);
}

static uint32_t make(uint32_t frame, uint64_t core)
{
    uint32_t id = ~0u;

    CHECK(detach_create(vm, frame_address(frame), core, 10, 0, &id) == ORD_OK);
    return id;
}

static struct ord_frame *frame(uint32_t i)
{
    return (struct ord_frame *)(GUEST_RAM + i * PAGE_SIZE);
}

/* The host core takes what is in its mailbox; what runs on it then, or NULL. */
static struct thread *host(uint32_t core)
{
    struct thread *t = fixture_host(core);

    on_core(0);
    return t;
}

static void host_event(struct context *c, enum ord_event event)
{
    struct core *core = on_core(c->thread.core->index);

    CHECK(core_pick(core) == &c->thread);
    core->mode = CORE_HYP;
    arch_context_save(c);
    context_event(c, event, 11, 22, 33);
    on_core(0);
}

static void expect_create(status_t want, uint64_t address, uint64_t core, uint64_t prio)
{
    uint32_t id = 77, used = pools[ORD_POOL_CONTEXT].used, count = vm->context_count;
    uint32_t contexts[6];

    for (int i = 0; i < 6; i++)
        contexts[i] = cores[i].contexts;
    CHECK_EQUAL(detach_create(vm, address, core, prio, 0, &id), want);
    CHECK(want == ORD_OK || (id == 77 && vm->context_count == count && pools[ORD_POOL_CONTEXT].used == used));
    for (int i = 0; i < 6 && want != ORD_OK; i++)
        CHECK(cores[i].contexts == contexts[i]);
}

static void test_create(void)
{
    start();
    uint64_t good = frame_address(0), read_only = BIT(32), device = BIT(33);

    expect_create(ORD_BAD_ADDRESS, good + 8, 2, 10);
    expect_create(ORD_BAD_ADDRESS, GUEST_BASE - PAGE_SIZE, 2, 10);
    expect_create(ORD_BAD_ADDRESS, GUEST_BASE + GUEST_PAGES * PAGE_SIZE, 2, 10);
    expect_create(ORD_BAD_ADDRESS, ~0ull << 12, 2, 10);
    CHECK(ptab_map(&vm->ptab, read_only, ptr_pa(frame(0)), PAGE_SIZE, PTAB_READ) == ORD_OK);
    CHECK(ptab_map(&vm->ptab, device, ptr_pa(frame(0)), PAGE_SIZE, PTAB_READ | PTAB_WRITE | PTAB_DEVICE) ==
          ORD_OK);
    expect_create(ORD_BAD_ADDRESS, read_only, 2, 10);
    expect_create(ORD_BAD_ADDRESS, device, 2, 10);
    expect_create(ORD_BAD_ADDRESS, BIT(40) - PAGE_SIZE, 2, 10); /* the architecture's own page */
    frame(1)->magic++;
    expect_create(ORD_BAD_VERSION, frame_address(1), 2, 10);
    fixture_frame(1)->version += 1 << 16;
    expect_create(ORD_BAD_VERSION, frame_address(1), 2, 10);
    expect_create(ORD_CORE_OWNED, good, 0, 10);
    expect_create(ORD_CORE_OWNED, good, 1, 10);
    expect_create(ORD_BAD_CORE, good, 4, 10);
    expect_create(ORD_BAD_CORE, good, 5, 10);
    expect_create(ORD_BAD_CORE, good, 6, 10);
    expect_create(ORD_BAD_CORE, good, 2 + BIT(32), 10);
    expect_create(ORD_BAD_CORE, good, ~0ull, 10);
    expect_create(ORD_BAD_PARAM, good, 2, 0);
    expect_create(ORD_BAD_PARAM, good, 2, 101);
    expect_create(ORD_BAD_PARAM, good, 3, 256);
    expect_create(ORD_BAD_PARAM, good, 2, BIT(32) + 1);
    expect_create(ORD_BAD_PARAM, good, ORD_CORE_ANY, 0);

    frame(0)->event = 5;
    frame(0)->stats.syscalls = frame(0)->stats.waiting = 7;
    CHECK_EQUAL(make(0, 3), 0);
    CHECK(!frame(0)->stats.syscalls && !frame(0)->stats.waiting);
    CHECK(frame(0)->context == 0 && frame(0)->core == 3 && frame(0)->event == ORD_EVENT_NONE);
    CHECK(vm->context_count == 1 && cores[3].contexts == 1);
    expect_create(ORD_BUSY, frame_address(2), 3, 10);
    CHECK_EQUAL(make(2, ORD_CORE_ANY), 1);
    CHECK(frame(2)->core == 2 && frame(2)->context == 1);
    expect_create(ORD_BUSY, frame_address(3), ORD_CORE_ANY, 10);
    expect_create(ORD_BUSY, frame_address(3), 2, 10);
    /* The lowest free id again. */
    CHECK(detach_destroy(vm, 0) == ORD_OK);
    CHECK(!cores[3].contexts && vm->context_count == 1);
    CHECK_EQUAL(make(3, ORD_CORE_ANY), 0);
    CHECK_EQUAL(vm->context[0]->stats.runs, 0);
}

static void test_ids(void)
{
    start();
    static const uint64_t wrong[] = {0, 1, ORD_CONTEXT_MAX - 1, ORD_CONTEXT_MAX, BIT(32), ~0ull};

    for (int round = 0; round < 2; round++) {
        /* Never made; then destroyed. */
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
            CHECK(context_run(vm, wrong[i]) == ORD_BAD_CAP);
            CHECK(context_recall(vm, wrong[i]) == ORD_BAD_CAP);
            CHECK(detach_destroy(vm, wrong[i]) == ORD_BAD_CAP);
            CHECK(detach_set(vm, wrong[i], ORD_CORE_ANY, 10) == ORD_BAD_CAP);
        }
        make(0, 2);
        CHECK(context_run(other, 0) == ORD_BAD_CAP && context_recall(other, 0) == ORD_BAD_CAP);
        CHECK(detach_destroy(other, 0) == ORD_BAD_CAP && detach_set(other, 0, 4, 10) == ORD_BAD_CAP);
        CHECK(detach_destroy(vm, 0) == ORD_OK);
    }
}

static void test_life(void)
{
    start();
    make(0, 2);
    struct context *c = vm->context[0];
    struct ord_frame *f = frame(0);

    /* Idle: nothing to recall. */
    CHECK(context_recall(vm, 0) == ORD_OK && !host(2));
    CHECK(f->event == ORD_EVENT_NONE);
    /* Runs. */
    cores[2].mode = CORE_SLEEP;
    CHECK(context_run(vm, 0) == ORD_OK);
    CHECK(f->event == ORD_EVENT_RUNNING && cores[2].arch.kicks == 1);
    CHECK(context_run(vm, 0) == ORD_BAD_STATE);
    CHECK(detach_destroy(vm, 0) == ORD_BUSY && detach_set(vm, 0, 3, 10) == ORD_BUSY);
    CHECK(host(2) == &c->thread && c->thread.arch.context_running);
    CHECK(context_run(vm, 0) == ORD_BAD_STATE);
    CHECK(detach_destroy(vm, 0) == ORD_BUSY && detach_set(vm, 0, ORD_CORE_ANY, 10) == ORD_BUSY);
    CHECK_EQUAL(f->event, ORD_EVENT_RUNNING);
    /* Each event: registers, numbers, statistics. */
    static const enum ord_event events[] = {ORD_EVENT_SYSCALL, ORD_EVENT_FAULT, ORD_EVENT_STAGE2,
                                            ORD_EVENT_EXCEPTION};
    for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
        uint64_t saves = f->x[0];
        f->core = 99;
        host_event(c, events[i]);
        CHECK(f->event == events[i] && f->code == 11 && f->address == 22 && f->physical == 33 &&
              f->core == 2);
        CHECK_EQUAL(f->x[0], saves + 1);
        CHECK_EQUAL(f->stats.runs, i + 1);
        CHECK(!host(2));
        CHECK(context_recall(vm, 0) == ORD_OK && !host(2) && f->event == events[i]);
        CHECK(context_run(vm, 0) == ORD_OK && host(2) == &c->thread);
    }
    CHECK(f->stats.syscalls == 1 && f->stats.faults == 2 && f->stats.exceptions == 1 &&
          f->stats.recalls == 0);
    /* Recalled; twice makes one event. */
    CHECK(context_recall(vm, 0) == ORD_OK && context_recall(vm, 0) == ORD_OK);
    CHECK(f->event == ORD_EVENT_RUNNING && cores[2].arch.kicks);
    CHECK(!host(2) && f->event == ORD_EVENT_RECALLED && f->stats.recalls == 1);
    /* Run and recall before the core looks. */
    CHECK(context_run(vm, 0) == ORD_OK && context_recall(vm, 0) == ORD_OK && !host(2));
    CHECK(f->event == ORD_EVENT_RECALLED && f->stats.recalls == 2 && f->stats.runs == 6);
    /* A recall that another event has answered is void for the next run. */
    CHECK(context_run(vm, 0) == ORD_OK && host(2));
    CHECK(context_recall(vm, 0) == ORD_OK);
    host_event(c, ORD_EVENT_SYSCALL);
    CHECK(context_run(vm, 0) == ORD_OK && host(2) == &c->thread && f->event == ORD_EVENT_RUNNING);
    host_event(c, ORD_EVENT_SYSCALL);
    CHECK(detach_destroy(vm, 0) == ORD_OK && !cores[2].contexts && !vm->context_count);
}

static void test_rejected(void)
{
    start();
    make(0, 2);
    frame(0)->version = 0;
    CHECK(context_run(vm, 0) == ORD_OK && context_recall(vm, 0) == ORD_OK && !host(2));
    CHECK(frame(0)->event == ORD_EVENT_REJECTED && (int64_t)frame(0)->code == ORD_BAD_VERSION);
    CHECK(frame(0)->stats.runs == 1 && frame(0)->stats.recalls == 0 && frame(0)->x[0] == 0);
    frame(0)->version = ORD_ABI_VERSION;
    CHECK(context_run(vm, 0) == ORD_OK && host(2) == &vm->context[0]->thread);
}

static void test_set(void)
{
    start();
    make(0, 2);
    struct context *c = vm->context[0];

    CHECK(detach_set(vm, 0, ORD_CORE_ANY, 50) == ORD_OK && c->thread.prio == 50 &&
          c->thread.core == &cores[2]);
    CHECK(detach_set(vm, 0, 2, 51) == ORD_OK && c->thread.prio == 51 && cores[2].contexts == 1);
    CHECK(detach_set(vm, 0, ORD_CORE_ANY, 101) == ORD_BAD_PARAM && detach_set(vm, 0, 2, 0) == ORD_BAD_PARAM);
    CHECK(cores[2].contexts == 1 && c->thread.prio == 51);
    /* To another core: its limit counts; if it fails, all is as before. */
    CHECK(detach_set(vm, 0, 3, 256) == ORD_BAD_PARAM && cores[2].contexts == 1 && !cores[3].contexts);
    CHECK(c->thread.core == &cores[2] && c->thread.prio == 51);
    CHECK(detach_set(vm, 0, 3, 200) == ORD_OK && cores[3].contexts == 1 && !cores[2].contexts);
    CHECK(c->thread.core == &cores[3] && c->thread.prio == 200);
    CHECK(detach_set(vm, 0, 0, 10) == ORD_CORE_OWNED && detach_set(vm, 0, 4, 10) == ORD_BAD_CORE);
    CHECK(detach_set(vm, 0, 6, 10) == ORD_BAD_CORE && detach_set(vm, 0, BIT(32) + 2, 10) == ORD_BAD_CORE);
    make(1, 2);
    CHECK(detach_set(vm, 0, 2, 10) == ORD_BUSY && cores[3].contexts == 1 && cores[2].contexts == 1 &&
          c->thread.core == &cores[3]);
    CHECK(context_state(c) == CONTEXT_IDLE);
    CHECK(context_run(vm, 0) == ORD_OK && !host(2) && host(3) == &c->thread);
    host_event(c, ORD_EVENT_SYSCALL);
    CHECK_EQUAL(frame(0)->core, 3);
}

/* More contexts than there is room for. */
static void test_exhaustion(void)
{
    static struct context *taken[ORD_CONTEXT_MAX + 1];
    uint32_t n = 0;

    start();
    while ((taken[n] = pool_alloc(ORD_POOL_CONTEXT)))
        n++;
    CHECK_EQUAL(n, ORD_CONTEXT_MAX);
    expect_create(ORD_NO_MEMORY, frame_address(0), 2, 10);
    pool_free(ORD_POOL_CONTEXT, taken[0]);
    expect_create(ORD_OK, frame_address(0), 2, 10);
}

static void test_virtual_exception(void)
{
    start();
    make(0, 2);
    make(1, 3);
    struct context *c = vm->context[1];
    struct ord_frame *f = frame(1);
    struct ord_event_page *page = (struct ord_event_page *)(GUEST_RAM + 9 * PAGE_SIZE);
    vm->event_page = page;

    /* Nobody sleeps: no interrupt. */
    CHECK(context_run(vm, 1) == ORD_OK && host(3));
    host_event(c, ORD_EVENT_SYSCALL);
    CHECK(!page->pending[0] && !vm->vcpu[0]->arch.pending[0] && !vm->vcpu[1]->arch.pending[0]);
    /* Somebody does, on the second vCPU. */
    f->wait = 1;
    f->wait_cpu = 1;
    CHECK(context_run(vm, 1) == ORD_OK && host(3));
    host_event(c, ORD_EVENT_SYSCALL);
    CHECK(page->pending[0] == BIT(1) && !vm->vcpu[0]->arch.pending[0] &&
          vm->vcpu[1]->arch.pending[0] == BIT(20));
    CHECK(vm->vcpu[1]->pending_any);
    /* A vCPU that does not exist: the first one. Without a page: the interrupt alone. */
    f->wait_cpu = 2;
    vm->event_page = NULL;
    CHECK(context_run(vm, 1) == ORD_OK && host(3));
    host_event(c, ORD_EVENT_SYSCALL);
    CHECK(vm->vcpu[0]->arch.pending[0] == BIT(20) && page->pending[0] == BIT(1) && !page->pending[1]);
    f->wait_cpu = ~0u;
    CHECK(context_run(vm, 1) == ORD_OK && host(3));
    host_event(c, ORD_EVENT_SYSCALL);
    for (size_t i = 0; i < ARRAY_SIZE(page->reserved); i++)
        CHECK(!page->reserved[i]);
}

static void test_preempted(void)
{
    start();
    make(0, 2);
    struct context *c = vm->context[0];
    struct thread *high = fixture_thread(task, 2, 200);

    CHECK(context_run(vm, 0) == ORD_OK && host(2) == &c->thread);
    thread_post(high, THREAD_OP_WAKE);
    CHECK(host(2) == high);
    CHECK(context_recall(vm, 0) == ORD_OK && host(2) == high && frame(0)->event == ORD_EVENT_RECALLED);
    CHECK(context_run(vm, 0) == ORD_OK && host(2) == high);
    on_core(2);
    thread_block(high);
    CHECK(host(2) == &c->thread);
}

/* The idle core is woken by a run of context 1. */
static void slept(struct core *c)
{
    CHECK(!c->arch.timer_on && !c->slice_armed);
    on_core(0);
    CHECK(context_run(vm, 1) == ORD_OK);
    on_core(c->index);
}

static struct thread *share(uint32_t i, uint32_t core, uint64_t prio)
{
    uint32_t id;

    CHECK(detach_create(vm, frame_address(i), core, prio, ORD_CREATE_SHARED, &id) == ORD_OK && id == i);
    return &vm->context[i]->thread;
}

static status_t create(uint32_t i, uint64_t core, uint64_t flags)
{
    uint32_t id;

    return detach_create(vm, frame_address(i), core, 10, flags, &id);
}

/* Who may be where. */
static void test_shared(void)
{
    start();
    CHECK(create(0, 2, 2) == ORD_BAD_PARAM && create(0, 2, BIT(32) | 1) == ORD_BAD_PARAM);
    CHECK(create(0, 2, ~0ull) == ORD_BAD_PARAM && !vm->context_count);
    share(0, 2, 10);
    CHECK(cores[2].contexts == 1 && cores[2].shared);
    CHECK(create(1, 2, 0) == ORD_BUSY);
    share(1, 2, 10);
    CHECK(cores[2].contexts == 2);
    /* Anywhere: the free core; alone, then with the others: where there are fewer. */
    CHECK(create(2, ORD_CORE_ANY, 0) == ORD_OK && vm->context[2]->thread.core == &cores[3]);
    CHECK(!cores[3].shared && create(3, 3, ORD_CREATE_SHARED) == ORD_BUSY);
    CHECK(create(3, ORD_CORE_ANY, 0) == ORD_BUSY);
    CHECK(share(3, ORD_CORE_ANY, 10)->core == &cores[2] && cores[2].contexts == 3);
    CHECK(detach_destroy(vm, 2) == ORD_OK && share(2, ORD_CORE_ANY, 10)->core == &cores[3]);
    CHECK(share(4, ORD_CORE_ANY, 10)->core == &cores[3] && share(5, 2, 10)->core == &cores[2]);
    CHECK(cores[2].contexts == 4 && cores[3].contexts == 2);
    /* SET keeps to the same rules. */
    CHECK(detach_set(vm, 0, 3, 10) == ORD_OK && cores[2].contexts == 3 && cores[3].contexts == 3);
    CHECK(detach_set(vm, 0, 3, 256) == ORD_BAD_PARAM && detach_set(vm, 0, 2, 101) == ORD_BAD_PARAM);
    CHECK(cores[2].contexts == 3 && cores[3].contexts == 3 && vm->context[0]->thread.prio == 10);
    for (uint32_t i = 0; i < 6; i++)
        CHECK(detach_destroy(vm, i) == ORD_OK);
    CHECK(!cores[2].contexts && !cores[3].contexts);
    CHECK(create(0, 2, 0) == ORD_OK && create(1, 3, ORD_CREATE_SHARED) == ORD_OK);
    CHECK(detach_set(vm, 0, 3, 10) == ORD_BUSY && detach_set(vm, 1, 2, 10) == ORD_BUSY);
    CHECK(detach_set(vm, 0, 2, 11) == ORD_OK && detach_set(vm, 1, 3, 11) == ORD_OK);
    CHECK(cores[2].contexts == 1 && !cores[2].shared && cores[3].contexts == 1 && cores[3].shared);
}

static uint64_t slice(void)
{
    return 1000000 / 1000 * CORE_SLICE_MS; /* of the fake's counter */
}

/* As a guest computes it from the one word that it sees. */
static uint64_t run_time(uint32_t i)
{
    int64_t time = (int64_t)frame(i)->stats.run_time;

    return (uint64_t)(time < 0 ? time + (int64_t)fake.counter : time);
}

static void expect_times(uint64_t time0, uint64_t time1)
{
    CHECK_EQUAL(run_time(0), time0);
    CHECK_EQUAL(run_time(1), time1);
}

/* Counted is what a context executes: not what it waits, on no side. */
static void test_run_time(void)
{
    start();
    struct thread *a = share(0, 2, 10), *b = share(1, 2, 20);
    struct context *first = vm->context[0];

    fake.counter = 1000000;
    expect_times(0, 0);
    CHECK(context_run(vm, 0) == ORD_OK);
    fake.counter += 5; /* the core has not seen it yet */
    expect_times(0, 0);
    CHECK(host(2) == a);
    fake.counter += 7;
    expect_times(7, 0);
    CHECK(host(2) == a); /* in and out of the hypervisor: goes on */
    fake.counter += 10;
    expect_times(17, 0);
    /* Another one of its core goes first. */
    CHECK(context_run(vm, 1) == ORD_OK && host(2) == b);
    fake.counter += 100;
    expect_times(17, 100);
    host_event(vm->context[1], ORD_EVENT_SYSCALL);
    fake.counter += 3;
    expect_times(17, 100);
    CHECK(host(2) == a);
    fake.counter += 20;
    expect_times(37, 100);
    /* A wait in the hypervisor. */
    on_core(2)->mode = CORE_HYP;
    CHECK(wait_counter(first, fake.counter + 50) && !host(2));
    fake.counter += 50;
    expect_times(37, 100);
    CHECK(host(2) == a);
    fake.counter += 1;
    expect_times(38, 100);
    CHECK(context_recall(vm, 0) == ORD_OK && !host(2) && frame(0)->event == ORD_EVENT_RECALLED);
    fake.counter += 1000;
    expect_times(38, 100);
    /* Recalled while the other one executes. */
    CHECK(context_run(vm, 0) == ORD_OK && host(2) == a && context_run(vm, 1) == ORD_OK && host(2) == b);
    fake.counter += 4;
    CHECK(context_recall(vm, 0) == ORD_OK && host(2) == b);
    fake.counter += 4;
    expect_times(38, 108);
    /* What is in the frame is nothing to the hypervisor; with the VM, time stops. */
    frame(1)->stats.run_time = ~0ull;
    vm_stop(vm);
    CHECK(!host(2));
    fake.counter += 9;
    CHECK(frame(1)->stats.run_time == 108 && vm->context[1]->stats.run_time == 108);
}

/* Who runs when, who is armed when. */
static void test_turns(void)
{
    start();
    struct thread *a = share(0, 2, 10), *b = share(1, 2, 10), *c = share(2, 2, 10), *high = share(3, 2, 20);
    struct core *core = &cores[2];
    const struct ord_stats *stats = &frame(0)->stats;

    /* Alone: no timer, however long it takes. */
    CHECK(context_run(vm, 0) == ORD_OK && host(2) == a && !core->arch.timer_on);
    fake.counter += 100 * slice();
    CHECK(host(2) == a && !core->arch.timer_on && !stats->preempted);
    /* An equal one queues behind; now there are turns. */
    CHECK(context_run(vm, 1) == ORD_OK && host(2) == a);
    CHECK(core->arch.timer_on && core->arch.timer == fake.counter + slice());
    CHECK(context_run(vm, 2) == ORD_OK && host(2) == a && !stats->preempted);
    static const int order[] = {1, 2, 0, 1, 2, 0};
    for (int i = 0; i < 6; i++) {
        fake.counter += slice() - 1;
        CHECK(host(2) == &vm->context[(order[i] + 2) % 3]->thread);
        fake.counter++;
        CHECK(host(2) == &vm->context[order[i]]->thread && core->arch.timer == fake.counter + slice());
    }
    CHECK(stats->preempted == 2 && frame(1)->stats.preempted == 2 && frame(2)->stats.preempted == 2);
    /* A higher one goes first at once, without a timer, and the turn goes on behind it. */
    fake.counter += slice() - 7;
    CHECK(context_run(vm, 3) == ORD_OK && host(2) == high && !core->arch.timer_on && stats->preempted == 3);
    fake.counter += 5 * slice();
    CHECK(host(2) == high && stats->preempted == 3);
    host_event(vm->context[3], ORD_EVENT_SYSCALL);
    CHECK(host(2) == a && core->arch.timer == fake.counter + 7);
    /* Nor can it starve the others so: what is left is used up. */
    CHECK(context_run(vm, 3) == ORD_OK && host(2) == high);
    fake.counter += 99;
    host_event(vm->context[3], ORD_EVENT_SYSCALL);
    CHECK(host(2) == a && core->arch.timer == fake.counter + 7);
    fake.counter += 7;
    CHECK(host(2) == b);
    /* It leaves before its turn ends: a whole one for the next, and for itself behind the others. */
    uint64_t preempted = vm->context[1]->stats.preempted;
    fake.counter += 3;
    host_event(vm->context[1], ORD_EVENT_SYSCALL);
    CHECK(host(2) == c && core->arch.timer == fake.counter + slice());
    CHECK(context_run(vm, 1) == ORD_OK && host(2) == c);
    fake.counter += slice();
    CHECK(host(2) == a);
    fake.counter += slice();
    CHECK(host(2) == b && core->arch.timer == fake.counter + slice());
    CHECK_EQUAL(vm->context[1]->stats.preempted, preempted);
    /* Also if it had a rest of one. */
    fake.counter += slice() - 9;
    CHECK(context_run(vm, 3) == ORD_OK && host(2) == high);
    host_event(vm->context[3], ORD_EVENT_SYSCALL);
    CHECK(host(2) == b && core->arch.timer == fake.counter + 9);
    host_event(vm->context[1], ORD_EVENT_SYSCALL);
    CHECK(context_run(vm, 1) == ORD_OK && host(2) == c);
    fake.counter += slice();
    CHECK(host(2) == a);
    fake.counter += slice();
    CHECK(host(2) == b && core->arch.timer == fake.counter + slice());
    /* Recalled while it waits for the core, destroyed, set and run again. */
    CHECK(context_recall(vm, 0) == ORD_OK && host(2) == b && frame(0)->event == ORD_EVENT_RECALLED);
    CHECK(detach_destroy(vm, 0) == ORD_OK && core->contexts == 3);
    CHECK(context_recall(vm, 2) == ORD_OK && host(2) == b && frame(2)->event == ORD_EVENT_RECALLED);
    CHECK(!core->arch.timer_on && !core->slice_armed); /* alone again */
    CHECK(detach_set(vm, 2, ORD_CORE_ANY, 11) == ORD_OK && context_run(vm, 2) == ORD_OK && host(2) == c);
    CHECK(!core->arch.timer_on && detach_set(vm, 1, 3, 10) == ORD_BUSY);
    host_event(vm->context[2], ORD_EVENT_SYSCALL);
    CHECK(host(2) == b);
    host_event(vm->context[1], ORD_EVENT_FAULT);
    CHECK(!host(2) && !core->running && !core->slice_armed);
}

/* The turn of one that blocks does not fire while the core idles. */
static void test_turn_idle(void)
{
    start();
    struct thread *a = share(0, 2, 10), *b = share(1, 2, 10);

    CHECK(context_run(vm, 0) == ORD_OK && context_run(vm, 1) == ORD_OK);
    struct thread *first = host(2);
    CHECK((first == a || first == b) && cores[2].arch.timer_on);
    CHECK(context_recall(vm, 0) == ORD_OK && context_recall(vm, 1) == ORD_OK && !host(2));
    fake.sleep = slept;
    CHECK(context_run(vm, 0) == ORD_OK);
    on_core(2);
    scheduler_drain(&cores[2]);
    thread_block(a);
    cores[2].contexts = 0; /* sleeps at once */
    CHECK(scheduler_leave(&cores[2]) == b);
}

static void test_stop(void)
{
    start();
    make(0, 2);
    make(1, 3);
    CHECK(context_run(vm, 0) == ORD_OK && host(2));
    vm_stop(vm);
    CHECK(!host(2) && !host(3));
    CHECK(frame(0)->event == ORD_EVENT_RUNNING && frame(1)->event == ORD_EVENT_NONE);
    CHECK(!vm->context[0]->thread.arch.context_running);
    CHECK(context_run(vm, 0) == ORD_BAD_STATE && context_run(vm, 1) == ORD_BAD_STATE);
    CHECK(context_recall(vm, 0) == ORD_OK && !host(2) && frame(0)->event == ORD_EVENT_RUNNING);
    CHECK(detach_destroy(vm, 0) == ORD_BUSY && detach_destroy(vm, 1) == ORD_OK);
    expect_create(ORD_BAD_STATE, frame_address(2), 3, 10);
    CHECK(vcpu_run(vm->vcpu[0]) == ORD_BAD_STATE);
    vm_stop(vm);
}

/* The VM is stopped before the core has looked at the run. */
static void test_stop_before_run(void)
{
    start();
    make(0, 2);
    CHECK(context_run(vm, 0) == ORD_OK);
    vm_stop(vm);
    CHECK(!host(2) && frame(0)->event == ORD_EVENT_RUNNING && !vm->context[0]->thread.arch.context_running);
}

int main(void)
{
    test_case("create: every error, and nothing kept", test_create);
    test_case("ids", test_ids);
    test_case("create, run, event, recall, destroy", test_life);
    test_case("frame that is not valid", test_rejected);
    test_case("set", test_set);
    test_case("no room", test_exhaustion);
    test_case("virtual exception", test_virtual_exception);
    test_case("preempted", test_preempted);
    test_case("shared cores", test_shared);
    test_case("run time", test_run_time);
    test_case("turns on a shared core", test_turns);
    test_case("no turn ends on an idle core", test_turn_idle);
    test_case("VM stopped", test_stop);
    test_case("VM stopped before the run", test_stop_before_run);
    return 0;
}
